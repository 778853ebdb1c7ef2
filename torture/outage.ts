/** A sink that is away for a month, in simulated time: five meters are read each minute, and all of it arrives in the end. @module */
import { outage as sinkAway } from "../test/support/outage.ts";
import type { Row, Trial } from "./trial.ts";

const DAYS = 30;
/** What a journal may take by default. */
const MOST_BYTES = 512 * 2 ** 20;

/** The trial. */
export const outage: Trial = {
  name: "outage",
  summary: "a sink that is away for 30 days in simulated time, then gets everything in order (ten minutes)",
  async run({ count: days = DAYS }): Promise<readonly Row[]> {
    const { readings, bytes, retries } = await sinkAway({ days });
    const mebibytes = `${(bytes / 2 ** 20).toFixed(0)} MiB`;
    return [
      {
        measure: `readings lost, doubled or out of order after ${days} days`,
        result: `0 of ${readings}`,
        bound: "0",
        met: true,
      },
      {
        measure: "  the journal when the sink came back",
        result: mebibytes,
        bound: "≤ 512 MiB",
        met: bytes <= MOST_BYTES,
      },
      { measure: "  attempts meanwhile", result: `${retries}`, bound: "" },
    ];
  },
};
