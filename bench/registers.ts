/**
 * The time to three wanted values, three ways: the whole readout, a readout that ends once they are in, and single
 * registers in programming mode. On a pseudo-terminal, from a simulated meter in another process that paces its characters.
 * @module
 */
import { asking } from "../src/asking.ts";
import { systemClock } from "../src/clock.ts";
import type { MeterConfig } from "../src/config.ts";
import { converse } from "../src/session.ts";
import { type Endpoint, parseEndpoint } from "../src/transport/endpoint.ts";
import { openTransport, type Transport } from "../src/transport/mod.ts";
import { startSimulator, temporaryFolder } from "./child.ts";
import type { Measure, Row } from "./table.ts";
import { telegram } from "./telegram.ts";

/** They stand among the first twenty of seventy data sets, where most meters have them. */
const WANTED = ["1.8.0", "2.8.0", "3.8.0"];

const WAYS: readonly (readonly [string, Partial<MeterConfig>])[] = [
  ["full readout", { obis: WANTED }],
  ["early end", { obis: WANTED, stopEarly: true }],
  ["registers", { registers: WANTED }],
];

/** The measure `registers`. */
export const registers: Measure = {
  name: "registers",
  summary:
    "three wanted values by full readout, early end and single registers (R1), 300 → 9600 Bd and at 300 Bd alone (2 min)",
  async run() {
    await using folder = await temporaryFolder();
    const file = `${folder.path}/telegram.txt`;
    await Deno.writeFile(file, telegram());
    await using simulator = await startSimulator([file, "--pty", `${folder.path}/meter`]);
    const rows: Row[] = [];
    for (const [speed, query] of [["300 → 9600 Bd", ""], ["300 Bd", "?max_baud=300"]] as const) {
      const times: number[] = [];
      const place = parseEndpoint(simulator.endpoint + query);
      // One after the other on an open port, as the daemon has it: a break that is on its way dies with its port.
      await using transport = await openTransport(place, { signal: AbortSignal.timeout(300_000) });
      for (const [, its] of WAYS) {
        times.push(await timeWay(transport, place, its));
        await systemClock.sleep(place.options.quiet_time);
      }
      const result = WAYS.map(([way], at) => `${way} ${(times[at]! / 1000).toFixed(1)} s`).join(" · ");
      rows.push({
        measure: `three of ${telegram().length} bytes' values, ${speed}, pseudo-terminal`,
        result,
        bound: "",
      });
    }
    return rows;
  },
};

/** From the request to the end of the break. */
async function timeWay(transport: Transport, place: Endpoint, its: Partial<MeterConfig>): Promise<number> {
  const { signal } = new AbortController();
  const meter: MeterConfig = {
    name: "m",
    line: "l",
    mode: "C",
    timeZone: "UTC",
    labels: {},
    tries: 1,
    timestamp: "readout",
    ...its,
  };
  const startMs = performance.now();
  const refused: string[] = [];
  const dialogue = asking(meter, { endpoint: place, tries: { left: 1 }, onRefused: (reason) => refused.push(reason) });
  const { block } = await converse(transport, dialogue, { signal });
  const found = WANTED.filter((code) => block.sets.some(({ address }) => address === code));
  if (found.length < WANTED.length) throw new Error(`Only ${found.join(", ")} came: ${refused.join("; ")}`);
  return performance.now() - startMs;
}
