/** The durable log of readings on disk, one cursor per sink. @module */
import type { Reading } from "./reading.ts";

/** Readouts that a sink has not had yet, oldest first. */
export interface Batch {
  /** Sequence number of its last readout: what to acknowledge. */
  readonly upTo: number;
  readonly readings: readonly Reading[];
  /** Sequence number of each reading's readout, parallel to `readings`. */
  readonly seqs: readonly number[];
}

/** The journal as the rest of the program sees it: asynchronous, for it lives in a worker. */
export interface Journal extends AsyncDisposable {
  /** Resolves with the readout's sequence number once it is committed to disk. */
  append(readings: readonly Reading[]): Promise<number>;
}
