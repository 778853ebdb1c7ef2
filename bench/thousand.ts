/**
 * A thousand meters on TCP, once a minute and all at the same instant, at 300 → 9600 Bd as a real wire paces them: from
 * one daemon, bundled and started as `systemd/many_meters.conf` does, with the simulated meters in a process beside it.
 * @module
 */
import { characterMs, SIGN_ON_LINE } from "../src/line.ts";
import { sleep, startSimulator, temporaryFolder } from "./child.ts";
import { metersAt, startDaemon } from "./daemon.ts";
import { bundle, WITH_MANY_METERS } from "./footprint.ts";
import { type Measure, quantile } from "./table.ts";
import { DATA_MESSAGE, identification, telegram } from "./telegram.ts";
import { residentMb } from "./usage.ts";

const METERS = 1000;
const SLOTS = 3;
const SLOT_MS = 60_000;
/** `/?!` CR LF: what the meter has to hear before it says that it was asked. */
const REQUEST_MS = 5 * characterMs(SIGN_ON_LINE);

/** The measure `thousand`. */
export const thousand: Measure = {
  name: "thousand",
  summary: `${METERS} meters once a minute, all at the same instant (${SLOTS} minutes and what is left of this one)`,
  async run() {
    await bundle();
    await using folder = await temporaryFolder();
    const file = `${folder.path}/telegram.txt`;
    await Deno.writeFile(file, telegram());
    const asked: number[] = [];
    const read: number[] = [];
    const troubles: string[] = [];
    const listen = ["--listen", "tcp://127.0.0.1:0", "--log-level", "debug"];
    await using simulator = await startSimulator([file, ...listen], (line, atMs) => {
      if (line.includes("A request for ")) asked.push(atMs - REQUEST_MS);
    });
    await using daemon = await startDaemon({
      folder: folder.path,
      config: {
        ...metersAt(simulator.endpoint, METERS, "1m"),
        sinks: [{ type: "csv", path: `${folder.path}/readings.csv` }],
        journal: { path: `${folder.path}/journal.db` },
      },
      ...WITH_MANY_METERS,
      args: ["--log-level", "debug"],
      onStderr: (line, atMs) => {
        if (/: \d+ readings/.test(line)) read.push(atMs);
        else if (line.startsWith("<3>") || /^\S+ \S+ error /.test(line)) troubles.push(line);
      },
    });
    const firstSlot = Math.ceil((Date.now() + 1) / SLOT_MS) * SLOT_MS;
    await Promise.race([sleep(firstSlot + (SLOTS - 1) * SLOT_MS + SLOT_MS / 2 - Date.now()), daemon.done]);
    const { peak } = await residentMb(daemon.pid);
    const slots = Array.from({ length: SLOTS }, (_, at) => firstSlot + at * SLOT_MS);
    const lags = asked.map((atMs) => atMs - slots.findLast((slot) => slot <= atMs)!);
    const lastMs = slots.map((slot) => Math.max(...read.filter((atMs) => atMs < slot + SLOT_MS)) - slot);
    const missed = METERS * SLOTS - read.length;
    const lag = quantile(lags, 0.99);
    return [{
      measure: `${METERS} meters, once a minute, ${SLOTS} minutes: slots missed`,
      result: troubles.length > 0 ? `${missed} (${troubles.length} errors: ${troubles[0]})` : `${missed}`,
      bound: "none",
      met: missed === 0 && troubles.length === 0,
    }, {
      measure: "start lag, 99 of 100 (all meters due at the same instant)",
      result: `${lag.toFixed(0)} ms (median ${quantile(lags, 0.5).toFixed(0)} ms, last ${
        Math.max(...lags).toFixed(0)
      } ms)`,
      bound: "≤ 500 ms",
      met: lag <= 500,
    }, {
      measure: `${METERS} meters at the same instant, 300 → 9600 Bd: all read and committed`,
      result: `${lastMs.map(seconds).join(", ")} (the wire alone ${seconds(wireMs())})`,
      bound: "≤ 4.0 s",
      met: Math.max(...lastMs) <= 4000,
      peer: "quoted: vzlogger 4.1 s with 2 001 threads; a Python client loses nine of ten",
    }, {
      measure: "memory of the daemon meanwhile, peak",
      result: `${peak.toFixed(0)} MB`,
      bound: "≤ 150 MB",
      met: peak <= 150,
    }];
  },
};

/** Request, identification, option select at 300 Bd; data and break at 9600 Bd; four reaction times. */
function wireMs(): number {
  const slow = 5 + identification().length + 6;
  const fast = DATA_MESSAGE.length + 5;
  return slow * characterMs(SIGN_ON_LINE) + fast * characterMs({ ...SIGN_ON_LINE, baud: 9600 }) + 4 * 200;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
