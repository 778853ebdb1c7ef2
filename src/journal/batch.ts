/** Readouts on their way to a sink: how many go together, and what was just written and need not be read again. @module */
import type { Batch, DeadLetter } from "../journal.ts";
import { occurrencesIn } from "../occurrence.ts";
import type { Reading } from "../reading.ts";
import type { DeadRow, ReadoutRow } from "./rows.ts";

/** A batch holds no more readouts, readings and bytes than this, but at least one readout. */
export const BATCH = { readouts: 200, readings: 1000, bytes: 256 * 1024 } as const;

/** A readout and its place in the log. */
export interface Readout {
  readonly seq: number;
  readonly total: number;
  readonly readings: readonly Reading[];
}

/** What a row takes in memory beside its body, about. */
const ROW_BYTES = 256;

/** What a row takes in memory. */
export function sizeOf({ body }: ReadoutRow): number {
  return body.length + ROW_BYTES;
}

/** So much of what was just written stays in memory for sinks that are a little behind. */
const RECENT_BYTES = 1024 * 1024;

/**
 * The readouts that were just written: sinks that keep up need not ask the disk. They lie here as they do there: a
 * twentieth of what their readings take.
 */
export class Recent {
  #rows: ReadoutRow[] = [];
  #bytes = 0;

  /** Takes what was written last. What is not the next one leaves nothing before it in memory. */
  add(row: ReadoutRow): void {
    const last = this.#rows.at(-1)?.seq;
    if (last !== undefined && last + 1 !== row.seq) this.clear();
    this.#rows.push(row);
    this.#bytes += sizeOf(row);
  }

  /** The disk has to be asked again. */
  clear(): void {
    this.#rows = [];
    this.#bytes = 0;
  }

  /** As many after a cursor as a batch holds; none when the disk must be asked. */
  claim(after: number): ReadoutRow[] {
    const first = this.#rows[0]?.seq ?? Infinity;
    return after + 1 < first ? [] : boundedPart(this.#rows, after + 1 - first);
  }

  /** Keeps nothing that every sink has, and no more than its bound. */
  forget(ackedByAll: number): void {
    let drop = 0;
    while (drop < this.#rows.length) {
      const row = this.#rows[drop]!;
      if (row.seq > ackedByAll && this.#bytes <= RECENT_BYTES) break;
      this.#bytes -= sizeOf(row);
      drop++;
    }
    this.#rows.splice(0, drop);
  }
}

/** What of a list fits into a batch, from `at` on; `dated` gives each its time, or ends the batch before one that waits for it. */
export function boundedPart(
  rows: readonly ReadoutRow[],
  at: number,
  dated: (row: ReadoutRow) => ReadoutRow | undefined = (row) => row,
): ReadoutRow[] {
  const taken: ReadoutRow[] = [];
  let [readings, bytes] = [0, 0];
  for (; at < rows.length && taken.length < BATCH.readouts; at++) {
    const row = dated(rows[at]!);
    if (!row) break;
    readings += row.count;
    bytes += row.body.length;
    if (taken.length > 0 && (readings > BATCH.readings || bytes > BATCH.bytes)) break;
    taken.push(row);
  }
  return taken;
}

/** Readouts as their sink gets them. */
export function toBatch(readouts: readonly Readout[]): Batch {
  const { seq, total } = readouts.at(-1)!;
  if (readouts.length === 1) {
    const { readings } = readouts[0]!;
    return { upTo: seq, total, readings, seqs: new Array<number>(readings.length).fill(seq) };
  }
  return {
    upTo: seq,
    total,
    readings: readouts.flatMap(({ readings }) => readings),
    seqs: readouts.flatMap(({ readings, seq }) => new Array<number>(readings.length).fill(seq)),
  };
}

/** What a sink can never take, as it is put aside. */
export function deadRows(
  sink: string,
  { readings, seqs }: Batch,
  { dead, atMs }: { readonly dead: readonly DeadLetter[]; readonly atMs: number },
): DeadRow[] {
  const occurrences = dead.length > 0 ? occurrencesIn(readings) : [];
  return dead.map(({ index, reason }) => {
    const seq = seqs[index]!;
    const [position, occurrence] = [index - seqs.indexOf(seq), occurrences[index]!];
    return { sink, seq, position, occurrence, atMs, reason, body: JSON.stringify(readings[index]) };
  });
}
