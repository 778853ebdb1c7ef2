/**
 * The durable log of readings on disk, one cursor per sink. A readout is written there before any sink hears of it; a
 * slow or dead sink delays nobody, and nothing is kept twice. This is its door; behind it, in `journal/`:
 *
 * | what                                                   | where                                     |
 * | ------------------------------------------------------ | ----------------------------------------- |
 * | what is written when                                   | `store.ts`, `writer.ts`, `waiting.ts`     |
 * | what goes to disk together                             | `commit.ts`, `changes.ts`                 |
 * | what a sink gets next                                  | `counter.ts`, `claims.ts`, `batch.ts`     |
 * | the sinks' places and books                            | `cursors.ts`, `cursor.ts`                 |
 * | what gives way when there is too much                  | `bounds.ts`, `thin.ts`, `evictions.ts`    |
 * | readouts that came while nobody knew the time          | `held.ts`, `time.ts`, `boots.ts`          |
 * | a disk that is full, read-only, broken                 | `ring.ts`, `ballast.ts`                   |
 * | a file that is opened, again, or damaged               | `opening.ts`, `repair.ts`, `aside.ts`     |
 * | how a readout lies in the file                         | `record.ts`, `forms.ts`, `stored.ts`      |
 * | what else must be known after a restart                | `notes.ts`                                |
 * | what a destination would not take                      | `letter_box.ts`, `letters.ts`             |
 * | the file: its tables, its versions, its lock           | `file.ts`, `schema.ts`, `lock.ts`         |
 * | what of it is on disk                                  | `wal.ts`                                  |
 * | the worker that holds it, and the way there            | `worker.ts`, `port.ts`, `messages.ts`, `rows.ts` |
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import type { LetterChoice, Purged, Retried } from "./journal/messages.ts";
import { Store } from "./journal/store.ts";
import type { HostTime } from "./host_time.ts";
import type { Log } from "./log.ts";
import type { Reading } from "./reading.ts";

export type { LetterChoice, Purged, Retried } from "./journal/messages.ts";

/** When a readout came, by a clock that nobody sets: its wall time may be found out later. */
export interface Moment {
  /** Names the run of the machine, since its last start. */
  readonly bootId: string;
  /** Milliseconds of CLOCK_MONOTONIC or the like, within this boot. */
  readonly monotonicMs: number;
  /** Whether wall time was known then. */
  readonly trusted: boolean;
}

/** What a part of the program must know after a restart: kept under its name until it says otherwise. */
export interface Note {
  readonly name: string;
  readonly content: string;
}

/** What became of a readout. */
export interface Receipt {
  /** Its place in the log. */
  readonly seq: number;
  /** Whether it is on disk: a power cut loses it no more. */
  readonly durable: boolean;
}

/** Readouts that a sink has not had yet, oldest first: whole ones, at least one. */
export interface Batch {
  /** Sequence number of its last readout: what to acknowledge. */
  readonly upTo: number;
  /** Readings ever journaled up to there. */
  readonly total: number;
  readonly readings: readonly Reading[];
  /** Sequence number of each reading's readout, parallel to `readings`. */
  readonly seqs: readonly number[];
  /** These are dead letters that are offered once more, by their numbers, parallel to `readings`; absent: they are not. */
  readonly letters?: readonly number[];
}

/** A reading that its sink can never take. */
export interface DeadLetter {
  /** Which of the batch. */
  readonly index: number;
  readonly reason: string;
}

/** What a sink's destination said to a batch: what its write returned, and what it can never take. */
export interface Acknowledgement {
  readonly mark?: string;
  readonly dead?: readonly DeadLetter[];
}

/** A dead letter in the journal. */
export interface Letter {
  /** By which it is chosen. */
  readonly id: number;
  readonly sink: string;
  /** The readout that it belongs to. */
  readonly seq: number;
  /** When it was refused last, ms since 1970, and the destination's words. */
  readonly atMs: number;
  readonly reason: string;
  /** It waits to be offered once more. */
  readonly again: boolean;
  /** Absent: nothing but `text` is left of it, by damage on the disk. */
  readonly reading?: Reading;
  readonly text: string;
}

/** What can be done about dead letters. Chosen by their numbers, by their sink, or all. */
export interface Letters {
  /** The newest of them, oldest first, and how many there are. */
  list(choice: LetterChoice): Promise<{ readonly letters: Letter[]; readonly count: number }>;
  /** They are offered to their sink once more, before whatever else waits for it. */
  retry(choice: LetterChoice): Promise<Retried>;
  /** They are deleted for ever, but those that wait to be offered once more. */
  purge(choice: LetterChoice): Promise<Purged>;
}

/** One sink's books, in readings: `ingested = delivered + pending + evicted + dead`, at all times. */
export interface Book {
  readonly sink: string;
  /** Journaled since the sink came. */
  readonly ingested: number;
  readonly delivered: number;
  readonly pending: number;
  /** Dropped because the journal was full, they were too old, or dead letters and too many. */
  readonly evicted: number;
  /** Put aside because the destination can never take them. */
  readonly dead: number;
}

/** How the journal is doing, for the status. */
export interface JournalState {
  readonly path: string;
  /** In use, and the most that may be. */
  readonly bytes: number;
  readonly maxBytes: number;
  /** Free on its disk as last seen, and below which the journal grows no more; absent: nobody can tell. */
  readonly freeBytes?: number;
  readonly minFreeBytes?: number;
  /** When the oldest readout came that some sink lacks; ms since 1970. */
  readonly oldestMs?: number;
  /** Readouts that wait for the host's clock to be synchronised. */
  readonly held: number;
  /** What the disk does not take at the moment: a power cut would lose it. */
  readonly inMemory: { readonly readouts: number; readonly bytes: number };
  /** Whether there is a file to throw off when the disk is full. */
  readonly ballast: boolean;
  /** Why nothing can be written, and since when; ms since 1970. */
  readonly trouble?: { readonly message: string; readonly sinceMs: number };
  /** A damaged file that readouts are still fetched from. */
  readonly salvaging?: string;
}

/** Room on a disk. */
export interface Space {
  /** That we may use. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** A sink's own bounds: what passes them is dropped for this sink alone. */
export interface SinkBounds {
  readonly maxBytes?: number;
  readonly maxAgeMs?: number;
}

/** The journal as the rest of the program sees it: asynchronous, for it lives in a worker. */
export interface Journal extends AsyncDisposable {
  /**
   * Resolves once the readout is committed to disk; or, while the disk takes nothing (full, read-only, broken), once it is
   * in memory, from where the sinks get it and the disk as soon as it can. `withinMs`: it may wait so long for others to
   * share a commit. `note`: is on disk if and only if the readout is.
   * @throws {Error} when it cannot be written whatever the disk does
   */
  append(readings: readonly Reading[], moment?: Moment, withinMs?: number, note?: Note): Promise<Receipt>;
  /** The same with several readouts, or none, and a note: whole or not at all. */
  appendAll(readouts: readonly (readonly Reading[])[], note: Note): Promise<void>;
  /** Whether a readout that comes while the time is unknown gets its time once it is known; else it has what there is. */
  waitsForTime(): boolean;
  /** What was noted last under a name, on its way to disk or there. */
  note(name: string): string | undefined;
  /**
   * A sink comes: a new one gets what comes from now on, one that left less than 7 days ago what it missed. One that is
   * there has other bounds from now on.
   */
  attach(sink: string, bounds?: SinkBounds): void;
  /** A sink leaves. Its place is kept for 7 days, and what it still acknowledges counts. */
  detach(sink: string): void;
  /** The next batch for a sink; waits until there is one. @throws the signal's reason, or an `Error` of the disk */
  next(sink: string, signal: AbortSignal): Promise<Batch>;
  /** The sink has done with the batch. Goes to disk with the next append, or alone after 30 s: a crash offers it again. */
  acknowledge(sink: string, batch: Batch, done?: Acknowledgement): void;
  /** What the sink's last acknowledged write returned. */
  mark(sink: string): string | undefined;
  books(): Book[];
  readonly letters: Letters;
  state(): JournalState;
  /** Compares the books with the file, once all that waits is written; what disagrees is an error in the log. */
  check(): Promise<void>;
  /** Resolves when the worker has done all it was asked before: for a watchdog. */
  ping(): Promise<void>;
}

const RETRY_MS = 30_000;

/** Where the journal lies and what bounds it. */
export interface JournalOptions {
  readonly path: string;
  /** Their names, which are their cursors'. A new one gets what comes from now on; a missing one is kept for 7 days. */
  readonly sinks: readonly string[];
  /** More than this in the file thins the oldest readouts to quarter hours, then drops them: counted, logged, kept as gaps. */
  readonly maxBytes: number;
  /** Readouts older than this are dropped likewise; absent: never. */
  readonly maxAgeMs?: number;
  /** By the sinks' names. */
  readonly sinkBounds?: Readonly<Record<string, SinkBounds>>;
  /** The room on the journal's disk; absent, or when it does not know: as if there were plenty. */
  readonly freeSpace?: () => Space | undefined;
  /** When less is free, the journal grows no more. Default: 256 MiB, or 5 % of the disk if that is more. */
  readonly minFreeBytes?: number;
  /** Size of a file that gives its room when the disk is full. Default: none. */
  readonly ballastBytes?: number;
  /** While the disk takes nothing, memory holds so much; what is more drops the oldest. Default 8 MiB. */
  readonly memoryBytes?: number;
  /** A disk that takes nothing is tried again this often. Default 30 s. */
  readonly retryMs?: number;
  readonly log?: Log;
  readonly clock?: Clock;
  /** The time, and whether it is known; absent: it always is. Hears what the journal remembers of it. */
  readonly time?: HostTime;
  /** What becomes of a readout that comes while it is not. Default `hold`: it waits until it is, within bounds. */
  readonly unsynchronised?: "hold" | "flag";
}

/**
 * The dead letters of a journal that no process has open; `sinks`: who is in the configuration. Disposing closes it.
 * @throws {ConfigError | LineError | JournalError} as {@link openJournal} would, and where the disk gives nothing
 */
export async function openLetters(path: string, sinks: readonly string[]): Promise<Letters & Disposable> {
  const { ClosedLetterBox } = await import("./journal/closed_letter_box.ts"); // which a daemon does without
  return new ClosedLetterBox(path, sinks);
}

/**
 * Opens or creates the journal. A disk that gives nothing is no error: readouts are kept in memory, and it is tried again.
 * A damaged file is set aside, never deleted, and what can be read of it is fetched.
 * @throws {ConfigError} folder missing, another program's file, a newer version's file
 * @throws {LineError} `busy`: another process has it, whose id is named
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { clock = options.time ?? systemClock, retryMs = RETRY_MS } = options;
  return await Store.open({ ...options, clock, retryMs });
}
