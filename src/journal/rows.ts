/** Rows of the journal's file, as its worker and the rest of it pass them to each other. All plain values. @module */

/** One sink's place in the log and its part of the books, all in readings. */
export interface SinkRow {
  readonly id: string;
  /** `total` of the log when the sink came. */
  readonly base: number;
  /** Last readout that the sink has done with, and `total` there. */
  readonly acked: number;
  readonly ackedTotal: number;
  readonly delivered: number;
  readonly evicted: number;
  readonly dead: number;
  /** Of those evicted: readings that were taken from the middle, whose place the sink has not come to yet. */
  readonly ahead: number;
  readonly mark: string | null;
  /** Since when the configuration has it no longer. */
  readonly detachedMs: number | null;
}

/** How far a readout's time can be trusted. */
export const QUALITY = {
  /** The clock was synchronised when it came. */
  good: 0,
  /** Dated anew by the monotonic clock, once wall time was known. */
  redated: 1,
  /** Nobody will ever know better. */
  estimated: 2,
  /** The clock was not synchronised when it came. */
  pending: 3,
} as const;

/** One of {@link QUALITY}. */
export type Quality = typeof QUALITY[keyof typeof QUALITY];

/** A readout as it lies in the file. */
export interface ReadoutRow {
  readonly seq: number;
  readonly atMs: number;
  readonly form: number | null;
  readonly count: number;
  readonly total: number;
  /** The run of the machine in which it came, and how long that had lasted; `null`: nobody said, or it is of format 1. */
  readonly bootId: string | null;
  readonly monoMs: number | null;
  readonly quality: Quality;
  readonly body: string;
  /** The check sum does not fit: bits have turned on the disk. */
  readonly damaged?: boolean;
}

/** A reading that a sink will never take. `position` counts within its readout. */
export interface DeadRow {
  readonly sink: string;
  readonly seq: number;
  readonly position: number;
  readonly atMs: number;
  /** Which data set of its address it belongs to, within its readout. */
  readonly occurrence: number;
  readonly reason: string;
  /** The reading as JSON. */
  readonly body: string;
}

/** A dead letter as it lies in the file, under the number by which it is chosen. */
export type LetterRow = DeadRow & {
  readonly id: number;
  /** It waits to be offered once more. */
  readonly again: boolean;
  /** It is no reading any more. */
  readonly damaged?: boolean;
};

/** Readings that a sink will never see because the journal was full or they were too old. */
export interface GapRow {
  readonly sink: string;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly count: number;
  readonly reason: string;
  readonly atMs: number;
}

/** What readouts of one kind have in common, under the number by which they point to it. */
export interface FormEntry {
  readonly id: number;
  readonly content: string;
}

/** The last readout of the log, and all readings up to there. */
export interface Head {
  readonly seq: number;
  readonly total: number;
}

/** A place in the log, and how many readings lie between it and where one comes from. */
export type Settled = Head & { readonly count: number };
