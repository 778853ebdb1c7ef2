/**
 * The durable log of readings on disk, one cursor per sink. A readout is written there before any sink hears of it; a
 * slow or dead sink delays nobody, and nothing is kept twice. This is its door; behind it, in `journal/`:
 *
 * | what                                                   | where                                 |
 * | ------------------------------------------------------ | ------------------------------------- |
 * | what is written when, what a sink gets next            | `store.ts`                            |
 * | the sinks' places and books                            | `cursors.ts`                          |
 * | what goes together, and is still in memory             | `batch.ts`                            |
 * | how a readout lies in the file                         | `record.ts`, `forms.ts`               |
 * | the file: its tables, its versions, its lock           | `file.ts`, `schema.ts`, `lock.ts`     |
 * | the worker that holds it, and the way there            | `worker.ts`, `port.ts`, `messages.ts` |
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import type { Contents } from "./journal/messages.ts";
import { JournalPort } from "./journal/port.ts";
import { Store } from "./journal/store.ts";
import type { HostTime } from "./host_time.ts";
import type { Log } from "./log.ts";
import type { Reading } from "./reading.ts";

/** When a readout came, by a clock that nobody sets: its wall time may be found out later. */
export interface Moment {
  /** Names the run of the machine, since its last start. */
  readonly bootId: string;
  /** Milliseconds of CLOCK_MONOTONIC or the like, within this boot. */
  readonly monotonicMs: number;
  /** Whether wall time was known then. */
  readonly trusted: boolean;
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
}

/** A reading that its sink can never take. */
export interface DeadLetter {
  /** Which of the batch. */
  readonly index: number;
  readonly reason: string;
}

/** One sink's books, in readings: `ingested = delivered + pending + evicted + dead`, at all times. */
export interface Book {
  readonly sink: string;
  /** Journaled since the sink came. */
  readonly ingested: number;
  readonly delivered: number;
  readonly pending: number;
  /** Dropped because the journal was full or they were too old. */
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
  /** When the oldest readout came that some sink lacks; ms since 1970. */
  readonly oldestMs?: number;
  /** Readouts that wait for the host's clock to be synchronised. */
  readonly held: number;
}

/** The journal as the rest of the program sees it: asynchronous, for it lives in a worker. */
export interface Journal extends AsyncDisposable {
  /**
   * Resolves once the readout is committed to disk.
   * @throws {Error} when the disk does not take it (full, read-only, broken); a later append may work again
   */
  append(readings: readonly Reading[], moment?: Moment): Promise<Receipt>;
  /** The next batch for a sink; waits until there is one. @throws the signal's reason, or an `Error` of the disk */
  next(sink: string, signal: AbortSignal): Promise<Batch>;
  /** The sink has done with the batch. Goes to disk with the next append, or alone after 30 s: a crash offers it again. */
  acknowledge(
    sink: string,
    batch: Batch,
    outcome?: { readonly mark?: string; readonly dead?: readonly DeadLetter[] },
  ): void;
  /** What the sink's last acknowledged write returned. */
  mark(sink: string): string | undefined;
  books(): Book[];
  state(): JournalState;
  /** Resolves when the worker has done all it was asked before: for a watchdog. */
  ping(): Promise<void>;
}

/** Where the journal lies and what bounds it. */
export interface JournalOptions {
  readonly path: string;
  /** Their names, which are their cursors'. A new one gets what comes from now on; a missing one is kept for 7 days. */
  readonly sinks: readonly string[];
  /** More than this on disk drops the oldest readouts: counted, logged, kept as a gap. */
  readonly maxBytes: number;
  /** Readouts older than this are dropped likewise; absent: never. */
  readonly maxAgeMs?: number;
  readonly log?: Log;
  readonly clock?: Clock;
  /** The time, and whether it is known; absent: it always is. Hears what the journal remembers of it. */
  readonly time?: HostTime;
  /** What becomes of a readout that comes while it is not. Default `hold`: it waits until it is, within bounds. */
  readonly unsynchronised?: "hold" | "flag";
}

/**
 * Opens or creates the journal.
 * @throws {ConfigError} folder missing, another program's file, a newer version's file
 * @throws {LineError} `busy`: another process has it, whose id is named
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const port = new JournalPort(options.path);
  try {
    const contents = await port.ask<Contents>({ kind: "open", path: options.path });
    return new Store(port, contents, { ...options, clock: options.clock ?? options.time ?? systemClock });
  } catch (error) {
    port.terminate();
    throw error;
  }
}
