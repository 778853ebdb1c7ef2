/**
 * Processor time of the daemon for one readout more: TCP without pacing, the journal's commit and the CSV file included.
 * What start and warming up cost is left out; what the daemon does between readouts is in it.
 * @module
 */
import { sleep, startSimulator, temporaryFolder } from "./child.ts";
import { type DaemonOptions, metersAt, startDaemon } from "./daemon.ts";
import type { Measure, Row } from "./table.ts";
import { READINGS, telegram } from "./telegram.ts";
import { cpuMs } from "./usage.ts";

const METERS = 50;
/** Readouts until V8 has compiled what runs often: each further thousand cost less, down to the sixth. */
const WARM_UP = 6000;
const MEASURED = 1000;

const PEERS = "quoted: vzlogger 1.2–1.5 ms, smartmeter-obis 3.3 ms (pty), a Python client 5.1 ms";

/** The measure `cpu`. */
export const cpu: Measure = {
  name: "cpu",
  summary: `processor time per readout, ${METERS} meters once a second on TCP (three minutes)`,
  async run(): Promise<readonly Row[]> {
    await using folder = await temporaryFolder();
    const file = `${folder.path}/telegram.txt`;
    await Deno.writeFile(file, telegram(true));
    await using simulator = await startSimulator([file, "--listen", "tcp://127.0.0.1:0", "--no-pacing"]);
    const csv = `${folder.path}/readings.csv`;
    const config = {
      ...metersAt(simulator.endpoint, METERS, "1s"),
      sinks: [{ type: "csv", path: csv }],
      journal: { path: `${folder.path}/journal.db` },
    };
    const cost = await costOf({ folder: folder.path, config }, csv);
    return [{
      measure: "processor time per readout, TCP, with commit and CSV",
      result: `${cost.ms.toFixed(2)} ms (${cost.readouts} readouts more, after ${WARM_UP})`,
      bound: "≤ 1.2 ms",
      met: cost.ms <= 1.2,
      peer: PEERS,
    }];
  },
};

async function costOf(
  options: DaemonOptions,
  csv: string,
): Promise<{ readonly ms: number; readonly readouts: number }> {
  await using daemon = await startDaemon(options);
  const before = await usageAt(WARM_UP);
  const after = await usageAt(before.readouts + MEASURED);
  const readouts = after.readouts - before.readouts;
  return { ms: (after.ms - before.ms) / readouts, readouts };

  /** Once so many readouts are in the file. */
  async function usageAt(target: number): Promise<{ ms: number; readouts: number }> {
    while (true) {
      const usage = { readouts: Math.round(await linesIn(csv) / READINGS), ms: await cpuMs(daemon.pid) };
      if (usage.readouts >= target) return usage;
      await Promise.race([sleep(500), daemon.done]);
    }
  }
}

/** Lines of a file, its header not counted; none while there is no such file. */
async function linesIn(path: string): Promise<number> {
  const bytes = await Deno.readFile(path).catch(() => new Uint8Array());
  let lines = -1;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  return Math.max(0, lines);
}
