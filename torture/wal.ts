/**
 * The journal's write-ahead log cut off anywhere, and bits that turn in it and in the main file. What was committed before
 * the cut is there, whole and in order; what a bit has changed is found.
 * @module
 */
import assert from "node:assert/strict";
import { type Book, type Journal, openJournal } from "../src/journal.ts";
import type { Reading } from "../src/reading.ts";
import { numbers, readout } from "../test/support/readings.ts";
import { openAgain } from "./open_again.ts";
import { temporaryBase } from "./model.ts";
import { workerHere } from "./worker_here.ts";
import type { Row, Trial } from "./trial.ts";

/** A journal's files as a power cut would leave them, and what they must hold. */
interface Written {
  readonly main: Uint8Array<ArrayBuffer>;
  readonly wal: Uint8Array<ArrayBuffer>;
  /** Where the log's frames end after each commit; readout `n` is in commit `n`, the first of all is `0`: nothing yet. */
  readonly ends: readonly number[];
  /** The last readout that the sink had done with, by what is in each commit. */
  readonly acked: readonly number[];
}

/** Bytes of the log's header, and of a frame: a page of 1 KiB and what it says of it. */
const WAL_HEADER = 32, FRAME = 24 + 1024;
const SINK = "csv";
/** Registers of each readout. */
const READINGS = 3;
/** The sink is so many readouts behind. */
const BEHIND = 4;
const MAX_BYTES = 1e9;

/** What came of a trial. */
export interface Harm {
  readonly tried: number;
  /** Readouts found damaged and put aside, in all tries. */
  readonly found: number;
  /** Tries in which the journal could not be opened, and said so. */
  readonly refused: number;
}

/** A trial of damaged files. `walBytes`: how long the log shall be; `count`: how many places are tried, absent: all. */
export interface WalOptions {
  readonly walBytes: number;
  readonly count?: number;
  /** Only the last so many commits; absent: all. */
  readonly commits?: number;
  readonly seed: number;
  readonly onProgress?: (done: number) => void;
}

/** The log cut at every byte, or at `count` of them. */
export async function cutWal(options: WalOptions): Promise<Harm> {
  return await withFiles(options, false, async (written, base) => {
    const from = options.commits === undefined ? 0 : written.ends.at(-options.commits - 1)!;
    const places = placesIn(written.wal.length + 1 - from, options);
    let tried = 0;
    for (const length of places.map((place) => from + place)) {
      const last = Math.max(0, written.ends.findLastIndex((end) => end <= length));
      await assertHolds(written, { main: written.main, wal: cut(written.wal, length), base }, [last, last]);
      tried++;
      options.onProgress?.(tried);
    }
    return { tried, found: 0, refused: 0 };
  });
}

/** Single bits of the log turned: all before them is there, nothing behind them is half there. */
export async function flipWal(options: WalOptions): Promise<Harm> {
  return await withFiles(options, false, async (written, base) => {
    const places = placesIn(written.wal.length, options);
    let tried = 0;
    for (const at of places) {
      const wal = flipped(written.wal, at, tried);
      const before = Math.max(0, written.ends.findLastIndex((end) => end <= at));
      await assertHolds(written, { main: written.main, wal, base }, [before, written.ends.length - 1]);
      tried++;
      options.onProgress?.(tried);
    }
    return { tried, found: 0, refused: 0 };
  });
}

/** Single bits of the main file turned: what is delivered is right, all else is accounted for. */
export async function flipMain(options: WalOptions): Promise<Harm> {
  return await withFiles(options, true, async ({ main, acked }, base) => {
    const harm = { tried: 0, found: 0, refused: 0 };
    const bodies = acked.map((_, number) => bodyOf(main, number));
    for (const at of placesIn(main.length, options)) {
      const inBody = bodies.findIndex((body) => body && at >= body.start && at < body.end);
      const outcome = await drainDamaged({ main: flipped(main, at, harm.tried), base });
      if (outcome === undefined) harm.refused++;
      else {
        for (const [number, readings] of outcome.delivered) {
          assert.deepEqual(readings, readout(number, READINGS), `bit ${at}: a wrong value was delivered`);
        }
        if (inBody > 0) {
          assert(!outcome.delivered.has(inBody), `bit ${at} in the body of readout ${inBody} went unnoticed`);
        }
        harm.found += outcome.dead / READINGS;
      }
      harm.tried++;
      options.onProgress?.(harm.tried);
    }
    return harm;
  });
}

async function withFiles(
  { walBytes }: WalOptions,
  closed: boolean,
  work: (written: Written, base: string) => Promise<Harm>,
): Promise<Harm> {
  using _worker = workerHere();
  const base = temporaryBase();
  try {
    return await work(await write(base, walBytes, closed), base);
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
}

/** A journal with a log of about this length, never closed; `closed`: the same, with all of it in the main file. */
async function write(base: string, walBytes: number, closed: boolean): Promise<Written> {
  const path = `${base}/written.db`;
  const journal = await openJournal({ path, sinks: [SINK], maxBytes: MAX_BYTES });
  const log = () => Deno.readFileSync(`${path}-wal`);
  const length = () => endOfFrames(log());
  const ends = [length()];
  const acked = [0];
  for (let number = 1; length() < walBytes; number++) {
    await acknowledgeUpTo(journal, number - BEHIND);
    await journal.append(readout(number, READINGS));
    ends.push(length());
    acked.push(Math.max(0, number - BEHIND));
  }
  if (closed) await journal[Symbol.asyncDispose]();
  const main = Deno.readFileSync(path);
  const wal = closed ? new Uint8Array() : log().subarray(0, ends.at(-1));
  if (!closed) await journal[Symbol.asyncDispose]();
  assert(ends.every((end, at) => at === 0 || end > ends[at - 1]!), "the log began anew: ask for a shorter one");
  return { main, wal, ends, acked };
}

/** Of a log's frames; what follows them is room for more (SQLite's "WAL-mode File Format"). */
function endOfFrames(log: Uint8Array): number {
  const salt = (at: number) => log.subarray(at, at + 8).join();
  let end = Math.min(WAL_HEADER, log.length);
  while (end + FRAME <= log.length && salt(end + 8) === salt(16)) end += FRAME;
  return end;
}

/** What follows the cut is missing, or was never written. */
function cut(wal: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  return length % 2 === 0 ? wal.subarray(0, length) : wal.slice().fill(0, length);
}

async function acknowledgeUpTo(journal: Journal, number: number): Promise<void> {
  if (number < 1) return;
  const batch = await journal.next(SINK, NEVER);
  const end = batch.seqs.lastIndexOf(number) + 1;
  const [readings, seqs] = [batch.readings.slice(0, end), batch.seqs.slice(0, end)];
  journal.acknowledge(SINK, { upTo: number, total: number * READINGS, readings, seqs });
}

interface Files {
  readonly main: Uint8Array;
  readonly wal?: Uint8Array;
  readonly base: string;
}

/** Each so-manieth journal must take another readout as well. */
const GO_ON = 16;

/** The journal opens, and holds a whole number of commits between two bounds, in order. */
async function assertHolds({ acked }: Written, files: Files, [least, most]: readonly [number, number]): Promise<void> {
  await using journal = await openAgain({ path: layDown(files), sinks: [SINK], maxBytes: MAX_BYTES });
  const { ingested, pending } = journal.books()[0]!;
  const last = ingested / READINGS;
  assert(last >= least && last <= most, `${last} readouts are there, not ${least} to ${most}`);
  assert.equal(pending, (last - acked[last]!) * READINGS, "the sink's cursor is of another commit");
  const left = Array.from({ length: last - acked[last]! }, (_, at) => acked[last]! + 1 + at);
  if (files.wal!.length % GO_ON === 0) {
    await journal.append(readout(0, READINGS));
    left.push(0);
  }
  if (left.length === 0) return;
  const { readings } = await journal.next(SINK, NEVER);
  assert.deepEqual(readings, left.flatMap((number) => readout(number, READINGS)));
}

const { signal: NEVER } = new AbortController();

/** What a sink still gets, by readout; `undefined`: it cannot be opened, and says why. */
async function drainDamaged(files: Files): Promise<{ delivered: Map<number, Reading[]>; dead: number } | undefined> {
  const path = layDown(files);
  const said: string[] = [];
  const log = { debug() {}, info() {}, warning() {}, error: (message: string) => void said.push(message) };
  let journal: Journal;
  try {
    journal = await openAgain({ path, sinks: [SINK], maxBytes: MAX_BYTES, log });
  } catch (error) {
    assert.match((error as Error).message, /damaged|database|newer obisd/);
    return undefined;
  }
  await using _closed = journal;
  const delivered = new Map<number, Reading[]>();
  const book = () => journal.books()[0]!;
  while (book().pending > 0) {
    const batch = await Promise.race([journal.next(SINK, AbortSignal.timeout(5000)), settled(journal)]);
    if (!batch) break;
    batch.readings.forEach((reading, at) => {
      const seq = batch.seqs[at]!;
      delivered.set(seq, [...delivered.get(seq) ?? [], reading]);
    });
    journal.acknowledge(SINK, batch);
  }
  const { dead } = book();
  assertBalanced(book());
  await journal.append(readout(0, READINGS));
  const { readings } = await journal.next(SINK, AbortSignal.timeout(5000));
  assert.deepEqual(numbers(readings), [0], "it goes on");
  await journal.check();
  assertBalanced(book());
  assert.deepEqual(
    said.filter((line) => /books are wrong.*(too many|ends with|ingested)|this is a bug/.test(line)),
    [],
    JSON.stringify(book()) + said.join("; "),
  );
  return { delivered, dead };
}

function assertBalanced({ ingested, delivered, pending, evicted, dead }: Book): void {
  const counts = [ingested, delivered, pending, evicted, dead];
  assert(counts.every((count) => Number.isSafeInteger(count) && count >= 0), `the books: ${counts}`);
  assert.equal(ingested, delivered + pending + evicted + dead, `the books: ${counts}`);
}

/** Resolves when nothing is pending any more although no batch came: all the rest was put aside. */
async function settled(journal: Journal): Promise<undefined> {
  while (journal.books()[0]!.pending > 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Where they lie now: as after a crash, in place of those before. */
function layDown({ main, wal = new Uint8Array(), base }: Files): string {
  const path = `${base}/journal.db`;
  Deno.writeFileSync(path, main);
  Deno.writeFileSync(`${path}-wal`, wal);
  return path;
}

/** All places, or so many of them, spread by a seed. */
function placesIn(length: number, { count = length, seed }: WalOptions): number[] {
  if (count >= length) return Array.from({ length }, (_, at) => at);
  const offset = seed % length;
  return Array.from({ length: count }, (_, at) => Math.floor(offset + at * length / count) % length);
}

function flipped(bytes: Uint8Array<ArrayBuffer>, at: number, bit: number): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  copy[at]! ^= 1 << bit % 8;
  return copy;
}

/** Where the body of a readout lies in a file: its digits, which no other has. */
function bodyOf(main: Uint8Array, number: number): { start: number; end: number } | undefined {
  const digits = `"${String(number).padStart(6, "0")}","${String(number).padStart(6, "0")}"`;
  const start = new TextDecoder("latin1").decode(main).lastIndexOf(digits);
  return start < 0 ? undefined : { start, end: start + digits.length };
}

/** Bytes of a log that SQLite would fold into the main file soon: 1 MiB. */
const LONG_BYTES = 1000 * 1024;
const FLIPS = 10_000;

/** The trial. */
export const wal: Trial = {
  name: "wal",
  summary: "the log cut at every byte of 1 MiB, 10 000 bits turned in it and in the main file (an hour)",
  async run({ count, seed, say }): Promise<readonly Row[]> {
    const onProgress = (what: string) => (done: number) => {
      if (done % 1000 === 0) say(`  ${what}: ${done}\n`);
    };
    const long = { walBytes: LONG_BYTES, seed };
    const flips = count ?? FLIPS;
    const cuts = await cutWal({ ...long, ...count !== undefined && { count }, onProgress: onProgress("cut") });
    const turned = await flipWal({ ...long, count: flips, onProgress: onProgress("bits of the log") });
    const main = await flipMain({ ...long, count: flips, onProgress: onProgress("bits of the main file") });
    const none = (tried: number) => ({ result: `0 of ${tried}`, bound: "0", met: true });
    return [
      { measure: "cuts of the log that lost a commit before them, or left half a one", ...none(cuts.tried) },
      { measure: "bits turned in the log that did more than end it", ...none(turned.tried) },
      { measure: "bits turned in the main file that made a wrong value", ...none(main.tried) },
      { measure: "  readouts put aside for them", result: `${main.found}`, bound: "" },
      { measure: "  files that could not be opened, and said so", result: `${main.refused}`, bound: "" },
    ];
  },
};
