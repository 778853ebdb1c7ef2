/** What crosses between the journal and its worker: questions and answers, with the rows of `rows.ts`. All plain values. @module */
import type { JournalTrouble } from "../errors.ts";
import type { TimeMemory } from "../host_time.ts";
import type { Note } from "../journal.ts";
import type { DeadRow, FormEntry, GapRow, Head, ReadoutRow, SinkRow } from "./rows.ts";

/** Dead letters by their numbers, of one sink, or both; all when neither is said. */
export interface LetterChoice {
  readonly ids?: readonly number[] | undefined;
  readonly sink?: string | undefined;
}

/** One sink's letters, and how many of them wait to be offered once more. */
export interface LetterState {
  readonly sink: string;
  readonly letters: number;
  readonly again: number;
}

/** What became of letters that were offered once more: they have arrived, or were refused again. */
export interface SettledLetter {
  readonly id: number;
  readonly sink: string;
  readonly refused?: { readonly atMs: number; readonly reason: string };
}

/** The oldest letters of a sink, up to a number, which give way to newer ones: but those that wait to be offered once more. */
export interface DroppedLetters {
  readonly sink: string;
  readonly upTo: number;
}

/** Above which part of their bound a sink's letters are too many, and what part of it is left then. */
export interface LetterLimits {
  readonly sink: string;
  readonly above: number;
  readonly left: number;
}

/** Letters that are too many: which, how many, and the readouts that they belong to. */
export interface Excess extends DroppedLetters {
  readonly count: number;
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** What came of wanting letters to be offered once more. */
export interface Retried {
  /** How many are now, by their sinks. */
  readonly again: Readonly<Record<string, number>>;
  /** That are no readings any more; whose sink is not in the configuration. */
  readonly damaged: number;
  readonly homeless: number;
}

/** How many letters were deleted, and how many of the same choice stay because they wait to be offered once more. */
export interface Purged {
  readonly purged: number;
  readonly waiting: number;
}

/** What changed of the sinks' places, and what happened to what they lack. */
export interface Changes {
  readonly sinks: readonly SinkRow[];
  /** Sinks whose cursors nobody will want back. */
  readonly forgotten: readonly string[];
  readonly dead: readonly DeadRow[];
  readonly letters: readonly SettledLetter[];
  readonly dropped: readonly DroppedLetters[];
  readonly gaps: readonly GapRow[];
}

/** All that goes to disk together: whole or not at all. */
export interface Commit extends Changes {
  readonly forms: readonly FormEntry[];
  readonly readouts: readonly ReadoutRow[];
  /** Single readouts to delete, which make room. */
  readonly thinned: readonly number[];
  readonly notes: readonly Note[];
  /** Readouts up to here are of no more use to anybody. */
  readonly trimTo: number;
  /** What is to be known of the time beyond a restart, if it changed. */
  readonly time?: TimeMemory | undefined;
}

/** What the file is like after a commit. */
export interface Size {
  /** Bytes in use, without what the next readouts will fill again. */
  readonly bytes: number;
  /** Bytes on disk. */
  readonly fileBytes: number;
  readonly oldest?: { readonly seq: number; readonly atMs: number };
  /** Whether there is a ballast to throw off. */
  readonly ballast: boolean;
  /** Readouts that wait for the time to be known: the first, and how many. */
  readonly held?: { readonly first: number; readonly count: number };
}

/** What a journal that was just opened has. */
export interface Contents extends Size {
  readonly head: Head;
  readonly forms: readonly FormEntry[];
  readonly sinks: readonly SinkRow[];
  readonly notes: readonly Note[];
  /** How many sinks' rows were no such any more; absent: none was looked at. */
  readonly damagedSinks?: number;
  readonly letters: readonly LetterState[];
  /** What turned bits in the small tables have cost, in words. */
  readonly mended?: readonly string[];
  /** Where sinks begin that have no cursor, unless it is the head: the cursors could not be read. */
  readonly start?: Head;
  /** A damaged file lies beside it, and not all of its readouts have been fetched yet. */
  readonly salvage?: Salvage;
  /** What was written of the time; absent: nothing. */
  readonly time?: TimeMemory;
}

/** A damaged file that was set aside: those of its readouts behind `after` are still to be fetched. */
export interface Salvage {
  readonly aside: string;
  readonly after: number;
  readonly upTo: number;
}

/** How to open. */
export interface Opening {
  readonly path: string;
  /** Of the file that gives its room when the disk is full; 0: none. */
  readonly ballastBytes: number;
  /** Where a new file begins when the old one must be set aside; absent: behind whatever that one says. */
  readonly behind?: Head;
  /** The file turned out to be damaged: set it aside. */
  readonly damaged?: boolean;
}

/** How much to read at once: at least one readout, then as many as the bounds hold, none behind `upTo`. */
export interface ReadBounds {
  readonly after: number;
  readonly upTo: number;
  readonly readouts: number;
  readonly readings: number;
  readonly bytes: number;
}

/** Which readouts may go: of those behind `after`, at most `rows`, none behind `upTo`, none younger than `olderThanMs`. */
export interface CutBounds {
  readonly after: number;
  readonly upTo: number;
  readonly rows: number;
  readonly olderThanMs?: number;
}

/** So many held readouts get their time: by the start of the present boot, if that is known now. */
export interface Redating {
  readonly rows: number;
  readonly now?: { readonly bootId: string; readonly startMs: number };
}

/** A readout that is or was in the file. */
export interface Counted {
  readonly seq: number;
  readonly count: number;
}

/** What thinning would take, and how far it has looked. */
export interface Thinning {
  readonly thinned: readonly Counted[];
  readonly upTo: number;
}

/** Where a sink stands, when the file is asked what it lacks. */
export interface Place {
  readonly sink: string;
  readonly acked: number;
}

/** What the file says, to be compared with the books. */
export interface Check {
  readonly head: Head;
  /** Readings that are there for each place. */
  readonly pending: readonly number[];
}

/** What the worker is asked. */
export type Question =
  & { readonly id: number }
  & (
    | ({ readonly kind: "open" } & Opening)
    | ({ readonly kind: "commit" } & Commit)
    | ({ readonly kind: "read" } & ReadBounds)
    | ({ readonly kind: "boundary" } & CutBounds)
    | ({ readonly kind: "thin" } & CutBounds)
    | ({ readonly kind: "redate" } & Redating)
    | { readonly kind: "check"; readonly places: readonly Place[]; readonly upTo: number }
    | ({ readonly kind: "salvage" } & Salvage)
    | { readonly kind: "list letters"; readonly choice: LetterChoice; readonly limit: number }
    | ({ readonly kind: "excess letters" } & LetterLimits)
    | { readonly kind: "next letters"; readonly sink: string; readonly limit: number }
    | { readonly kind: "retry letters"; readonly choice: LetterChoice; readonly sinks: readonly string[] }
    | { readonly kind: "purge letters"; readonly choice: LetterChoice }
    | { readonly kind: "ballast" }
    | { readonly kind: "ping" }
    | { readonly kind: "close" }
  );

/** Who must act: `config` a person, `busy` another process; `fault` is ours; the rest is the disk's. */
export interface Trouble {
  readonly kind: "config" | "busy" | "fault" | JournalTrouble;
  readonly message: string;
}

/** What the worker answers. */
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly trouble?: Trouble;
}
