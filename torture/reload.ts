/**
 * A daemon that is told to load its configuration again and again while meters speak all the time: sinks come, go and
 * change, and no reading is lost or doubled for it, no telegram missed, nothing left open.
 * @module
 */
import assert from "node:assert/strict";
import { askDaemon } from "../src/control.ts";
import { toBytes } from "../src/iec62056/characters.ts";
import { parseCaptures, startSimulator } from "../src/simulator/mod.ts";
import { CSV_HEADER } from "../src/sink.ts";
import type { Status } from "../src/status.ts";
import { type Running, startRun, until } from "../test/support/running.ts";
import { temporaryBase } from "./model.ts";
import type { Row, Trial } from "./trial.ts";

const METERS = 4;
const EVERY_MS = 100;
/** Names that come and go in turn, and paths of the sink that changes. */
const VISITORS = 7;
const PATHS = 3;
/** Each so-manieth configuration is wrong and changes nothing. */
const WRONG = 10;
/** The size of a process is looked at from here on: by then it has been through everything. */
const SETTLED = 0.3;

/** What came of it. */
export interface Reloaded {
  readonly readouts: number;
  /** What the process had open, and its memory in MB: once it had settled, and at the end. */
  readonly open: readonly [number, number];
  readonly megabytes: readonly [number, number];
}

/** Loads `count` configurations one after the other. @throws {Error} what was lost, doubled or not said */
export async function reloadDaemon(count: number, onProgress: (done: number) => void = () => {}): Promise<Reloaded> {
  const base = temporaryBase();
  try {
    return await reloadIn(base, count, onProgress);
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
}

async function reloadIn(base: string, count: number, onProgress: (done: number) => void): Promise<Reloaded> {
  const captures = parseCaptures(toBytes("/ABC5P\r\n\r\n1.8.0(000123.4*kWh)\r\n2.8.0(000001.0*kWh)\r\n!\r\n"));
  const listen = { tcp: "127.0.0.1:0" };
  const its = { meters: [{ captures }], listen, pacing: false, mode: "D", everyMs: EVERY_MS } as const;
  await using meters = new AsyncDisposableStack();
  const simulators = await Promise.all(Array.from({ length: METERS }, () => startSimulator(its)));
  for (const simulator of simulators) meters.use(simulator);
  const endpoints = simulators.map(({ endpoint }) => endpoint);
  const config = `${base}/obisd.yaml`;
  const write = (round: number) => Deno.writeTextFileSync(config, configOf(endpoints, round));
  write(0);
  await using daemon = startRun(config);
  await daemon.told(/READY=1/);
  const sizes: { readonly open: number; readonly megabytes: number }[] = [];
  const pushed = () => simulators.reduce((sum, { statistics }) => sum + statistics.pushes, 0);
  for (let round = 1; round <= count; round++) {
    const before = pushed();
    await until("a telegram between two reloads", () => pushed() > before || undefined);
    write(round);
    await hangUp(daemon, isWrong(round) ? /^.*The configuration is wrong/ : /Configuration loaded again/);
    if (round === Math.ceil(count * SETTLED) || round === count) sizes.push(await sizeOf(daemon.pid));
    onProgress(round);
  }
  write(0);
  await hangUp(daemon, /Configuration loaded again/);
  const pushes = pushed();
  await meters.disposeAsync();
  const readouts = await assertDelivered(base, daemon);
  assert(readouts >= pushes - METERS * 2, `${pushes} telegrams were pushed, ${readouts} readouts kept`);
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended, 0);
  const [first, last] = [sizes[0]!, sizes.at(-1)!];
  return { readouts, open: [first.open, last.open], megabytes: [first.megabytes, last.megabytes] };
}

const isWrong = (round: number) => round % WRONG === WRONG - 1;

/** One sink that stays, one that comes and goes, one whose options and bounds change, visitors. */
function configOf(endpoints: readonly string[], round: number): string {
  const csv = (name: string, its = {}) => ({ type: "csv", name, path: `${name}.csv`, ...its });
  const changing = csv("changing", { path: `changing-${round % PATHS}.csv`, max_bytes: `${100 + round % 5}MiB` });
  const visitors = Array.from({ length: VISITORS }, (_, at) => csv(`visitor-${at}`));
  return JSON.stringify({
    runtime_directory: "run",
    lines: Object.fromEntries(endpoints.map((url, at) => [`l${at}`, { url }])),
    meters: endpoints.map((_, at) => ({ name: `m${at}`, line: `l${at}`, mode: "D" })),
    sinks: [
      csv("steady", isWrong(round) ? { pth: "x" } : {}),
      changing,
      ...round % 2 === 0 ? [csv("guest")] : [],
      ...round === 0 ? visitors : [visitors[round % VISITORS]],
    ],
    journal: { path: "journal.db", group_commit: "0s" },
  });
}

/** One SIGHUP, until it is done. */
async function hangUp(daemon: Running, wanted: RegExp): Promise<void> {
  const readies = () => daemon.notified.filter((word) => word === "READY=1").length;
  const [before, said] = [readies(), daemon.stderr.length];
  daemon.kill("SIGHUP");
  await until(() => `${wanted} after SIGHUP, but:\n${daemon.stderr.slice(said).join("\n")}`, () => {
    daemon.told(/READY=1/).catch(() => {}); // reads what the service manager was told
    return readies() > before && daemon.stderr.slice(said).some((line) => wanted.test(line)) || undefined;
  });
}

/** What a process has open for longer than a sink that leaves takes to close its file, and how large it is. */
async function sizeOf(pid: number): Promise<{ readonly open: number; readonly megabytes: number }> {
  const counts: number[] = [];
  for (let look = 0; look < 10; look++) {
    counts.push([...Deno.readDirSync(`/proc/${pid}/fd`)].length);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return {
    open: Math.min(...counts),
    megabytes: Math.round(Number(/VmRSS:\s*(\d+)/.exec(status)![1]) / 1024),
  };
}

/** Every sink gets all since it first came; who was there from the start, everything, in order and once. */
async function assertDelivered(base: string, daemon: Running): Promise<number> {
  const status = () => askDaemon<Status>(`${base}/run/control.sock`, { ask: "status" });
  const { sinks, counts } = await until("all to be delivered", async () => {
    const its = await status();
    return its.sinks.every(({ pending }) => pending === 0) ? its : undefined;
  });
  for (const { name, balanced, evicted, dead, ingested, delivered } of sinks) {
    assert(balanced && evicted === 0 && dead === 0, `the books of ${name}`);
    assert.equal(delivered, ingested, name);
  }
  assert.equal(counts.lost_slots + counts.dropped_telegrams, 0, daemon.stderr.join("\n"));
  const steady = linesOf(`${base}/steady.csv`);
  assert.equal(steady.length, counts.readings, "readings in the file of the sink that stayed");
  assert.deepEqual(linesOf(`${base}/guest.csv`), steady, "what came and went has had the same");
  const changing = Array.from({ length: PATHS }, (_, at) => linesOf(`${base}/changing-${at}.csv`)).flat();
  assert.deepEqual(changing.toSorted(), steady.toSorted(), "and what changed");
  assert.equal(new Set(steady).size, steady.length, "doubles");
  return counts.readouts;
}

function linesOf(path: string): string[] {
  const [header, ...lines] = Deno.readTextFileSync(path).split("\r\n");
  assert.equal(header, CSV_HEADER);
  assert.equal(lines.pop(), "");
  return lines;
}

/** Growth that is none: what V8 has not cleaned up yet. */
const GROWTH_MB = 16;

/** The trial. */
export const reload: Trial = {
  name: "reload",
  summary: "a thousand reloads while meters speak: sinks come, go and change (five minutes)",
  async run({ count = 1000, say }): Promise<readonly Row[]> {
    const { readouts, open, megabytes } = await reloadDaemon(
      count,
      (done) => done % 100 === 0 && say(`  ${done} of ${count}\n`),
    );
    const [openBefore, openAfter] = open;
    const [before, after] = megabytes;
    return [
      { measure: `readouts lost or doubled over ${count} reloads`, result: `0 of ${readouts}`, bound: "0", met: true },
      {
        measure: "  descriptors open, after 30 % of them and at the end",
        result: `${openBefore}, ${openAfter}`,
        bound: "no more",
        met: openAfter <= openBefore + 2, // one sink more or less at that moment
      },
      {
        measure: "  memory of the daemon likewise",
        result: `${before}, ${after} MB`,
        bound: `+${GROWTH_MB} MB`,
        met: after <= before + GROWTH_MB,
      },
    ];
  },
};
