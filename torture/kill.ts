/** Killed at any moment, a journal has lost nothing that it acknowledged, and the CSV files have each reading once. @module */
import assert from "node:assert/strict";
import csv from "../sinks/csv/mod.ts";
import { deliver } from "../src/delivery.ts";
import { openJournal } from "../src/journal.ts";
import { CSV_HEADER, toCsv } from "../src/sink.ts";
import { readout } from "../test/support/readings.ts";
import { isMissing } from "../test/support/influx_servers.ts";
import { killDaemons } from "./kill_daemon.ts";
import { temporaryBase } from "./model.ts";
import { workerHere } from "./worker_here.ts";
import type { Row, Trial } from "./trial.ts";

/** The sink beside the CSV files: it takes everything at once. */
export const QUICK = "quick";
/** Registers of a readout. */
export const READINGS = 5;

/** How often, and how much at a time. */
export interface KillOptions {
  /** Processes that are killed, one after the other. */
  readonly kills: number;
  /** Journals that each of them has open. */
  readonly journals: number;
  readonly seed: number;
  readonly onProgress?: (kills: number) => void;
}

/** After so many kills the files are looked through and new ones begun. */
const ROUNDS = 100;

/** Kills, opens again, goes on; at the end everything that was acknowledged must be there. Returns how much that was. */
export async function killJournals({ kills, journals, seed, onProgress }: KillOptions): Promise<number> {
  let acknowledged = 0;
  for (let done = 0; done < kills; done += ROUNDS) {
    const base = temporaryBase();
    try {
      acknowledged += await killSome(base, { kills: Math.min(ROUNDS, kills - done), journals, seed: seed + done });
    } finally {
      Deno.removeSync(base, { recursive: true });
    }
    onProgress?.(Math.min(done + ROUNDS, kills));
  }
  return acknowledged;
}

async function killSome(base: string, { kills, journals, seed }: KillOptions): Promise<number> {
  const folders = Array.from({ length: journals }, (_, at) => `${base}/${at}`);
  for (const folder of folders) Deno.mkdirSync(folder);
  const acknowledged = folders.map(() => new Set<number>());
  for (let round = 0; round < kills; round++) {
    const more = journals * (1 + (seed + round * 37) % 97);
    await appendAndDie(folders, { first: firstOf(round), more, acknowledged });
  }
  using _worker = workerHere();
  for (const [at, folder] of folders.entries()) await assertComplete(folder, acknowledged[at]!);
  return acknowledged.reduce((sum, { size }) => sum + size, 0);
}

/** Readout numbers are seconds after noon; each process begins somewhere else, near a full hour, so that files change. */
function firstOf(round: number): number {
  return 3600 * (round % 5) + 3500 + 20_000 * Math.floor(round / 5);
}

/** Appends from `first` on, until it is killed after some more acknowledgements. */
async function appendAndDie(
  folders: readonly string[],
  { first, more, acknowledged }: { first: number; more: number; acknowledged: readonly Set<number>[] },
): Promise<void> {
  const config = new URL("../deno.json", import.meta.url).pathname;
  const script = new URL("kill_child.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", "--no-check", "--config", config, script, String(first), ...folders],
    stdout: "piped",
  }).spawn();
  let [rest, count, killed] = ["", 0, false];
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    assert(!lines.some((line) => line.startsWith("!")), lines.join());
    for (const [at, number] of lines.map((line) => line.split(" ").map(Number))) acknowledged[at!]!.add(number!);
    count += lines.length;
    if (count < more || killed) continue;
    child.kill("SIGKILL");
    killed = true;
  }
  await child.status;
}

/** What is left is delivered; then the files have all that was acknowledged, whole, in order, and nothing twice. */
async function assertComplete(folder: string, acknowledged: ReadonlySet<number>): Promise<void> {
  const stop = new AbortController();
  const log = { debug() {}, info() {}, warning: assert.fail, error: assert.fail };
  const options = { path: `${folder}/journal.db`, sinks: ["csv", QUICK], maxBytes: 1e8 };
  await using journal = await openJournal(options);
  const target = { name: "csv", plugin: csv, options: { path: `${folder}/%H.csv` } };
  const delivery = deliver(journal, target, { signal: stop.signal, log });
  while (journal.books()[0]!.pending > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort();
  await delivery.done;
  const [book] = journal.books();
  assert.equal(book!.ingested, book!.delivered + book!.evicted + book!.dead, "the books");
  const found = new Set<number>();
  for (const { name } of [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".csv"))) {
    for (const number of readoutsIn(`${folder}/${name}`)) {
      assert(!found.has(number), `readout ${number} stands in two files`);
      found.add(number);
    }
  }
  assert.deepEqual([...acknowledged].filter((number) => !found.has(number)), [], "acknowledged and lost");
  assert.equal(book!.delivered, found.size * READINGS, "delivered, by the books and by the files");
}

/** The numbers of the readouts in a CSV file, each of which must be whole and there once. */
function readoutsIn(path: string): number[] {
  const [header, ...lines] = Deno.readTextFileSync(path).split("\r\n");
  assert.equal(header, CSV_HEADER);
  assert.equal(lines.pop(), "");
  assert.equal(new Set(lines).size, lines.length, `${path} has doubles`);
  const numbers: number[] = [];
  for (let at = 0; at < lines.length; at += READINGS) {
    const number = Number(lines[at]!.split(",")[5]);
    assert.deepEqual(lines.slice(at, at + READINGS), readout(number, READINGS).map(toCsv));
    numbers.push(number);
  }
  return numbers;
}

/** A tenth of it with the whole daemon. */
async function killedDaemons(kills: number, seed: number, say: (text: string) => void): Promise<Row[]> {
  if (isMissing("influxd")) {
    say("  no influxd here: no daemon is killed\n");
    return [];
  }
  const onProgress = (done: number) => done % 10 === 0 && say(`  ${done} of ${kills} daemons\n`);
  const kept = await killDaemons({ kills, seed, onProgress });
  const measure = `readouts lost or doubled in InfluxDB and CSV after ${kills} kills of the daemon`;
  return [{ measure, result: `0 of ${kept}`, bound: "0", met: true }];
}

/** The trial. */
export const kill: Trial = {
  name: "kill",
  summary:
    "kill -9 at any moment: 10 000 journals, 1000 daemons beside InfluxDB: nothing lost, no double (three hours)",
  async run({ count = 10_000, seed, say }): Promise<readonly Row[]> {
    const onProgress = (done: number) => say(`  ${done} of ${count}\n`);
    const acknowledged = await killJournals({ kills: count, journals: 1, seed, onProgress });
    return [
      {
        measure: `readouts lost or doubled in CSV after ${count} kills`,
        result: `0 of ${acknowledged}`,
        bound: "0",
        met: true,
      },
      ...await killedDaemons(Math.ceil(count / 10), seed, say),
    ];
  },
};
