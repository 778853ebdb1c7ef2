/** What it takes to read the answer to a profile request: 31 days of quarter hours, two channels. @module */
import { parseDataBlock, parseProfile, zoneOf } from "../src/iec62056/mod.ts";
import { formatStamp } from "../src/iec62056/time_stamp.ts";
import { type Measure, median } from "./table.ts";

const ROUNDS = 30;
const INTERVALS = 31 * 96;
const PERIOD_MS = 900_000;
const FROM_MS = Date.UTC(2026, 2, 5); // the night of the summer time is in it

/** The measure `profile`. */
export const profile: Measure = {
  name: "profile",
  summary: "a profile of 31 days and two channels, from text to rows with their times (2 s)",
  run() {
    const zone = zoneOf("Europe/Berlin");
    const header = (at: number) =>
      `P.01(${formatStamp(FROM_MS + at * PERIOD_MS, zone, 13)})(00)(15)(2)(1.5)(kW)(2.5)(kW)`;
    const row = (at: number) => `(${(at % 97 / 40).toFixed(3)})(0.000)\r\n`;
    const once = `${header(0)}\r\n${Array.from({ length: INTERVALS }, (_, at) => row(at)).join("")}`;
    const always = Array.from({ length: INTERVALS }, (_, at) => header(at) + row(at)).join("");
    const time = (text: string) =>
      median(Array.from({ length: ROUNDS }, () => {
        const startMs = performance.now();
        const { rows } = parseProfile(parseDataBlock(text).sets, zoneOf("Europe/Berlin"));
        if (rows.length !== INTERVALS) throw new Error(`${rows.length} rows instead of ${INTERVALS}`);
        return performance.now() - startMs;
      }));
    const [oneMs, eachMs] = [time(once), time(always)];
    const result = `${oneMs.toFixed(1)} ms with one header, ${eachMs.toFixed(1)} ms with one in each row`;
    const measure = `a profile of 31 days, two channels, ${2 * INTERVALS} values`;
    return Promise.resolve([{ measure, result, bound: "≤ 50 ms", met: eachMs <= 50 }]);
  },
};
