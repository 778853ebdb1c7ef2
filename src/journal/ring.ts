/** Readouts that are in memory alone, because the disk does not take them: bounded, the oldest dropped. @module */
import { boundedPart, sizeOf } from "./batch.ts";
import type { ReadoutRow } from "./rows.ts";

/** Rows as they will be written, oldest first, with nothing on disk between or behind them. */
export class Ring {
  #rows: ReadoutRow[] = [];
  #bytes = 0;

  constructor(readonly limitBytes: number) {}

  get length(): number {
    return this.#rows.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds what came. Returns what had to go for it. */
  add(rows: readonly ReadoutRow[]): ReadoutRow[] {
    for (const row of rows) {
      this.#rows.push(row);
      this.#bytes += sizeOf(row);
    }
    const dropped: ReadoutRow[] = [];
    while (this.#bytes > this.limitBytes && this.#rows.length > 1) dropped.push(...this.#shift(1));
    return dropped;
  }

  /** The oldest, to be written. */
  first(count: number): ReadoutRow[] {
    return this.#rows.slice(0, count);
  }

  /** The oldest are on disk, or every sink has them. */
  drop(upTo: number): void {
    const keep = this.#rows.findIndex(({ seq }) => seq > upTo);
    this.#shift(keep < 0 ? this.#rows.length : keep);
  }

  /** As many after a cursor as a batch holds; `dated` gives each its time, or none to one that waits for it. */
  claim(after: number, dated: (row: ReadoutRow) => ReadoutRow | undefined): ReadoutRow[] {
    const first = this.#rows.findIndex(({ seq }) => seq > after);
    return first < 0 ? [] : boundedPart(this.#rows, first, dated);
  }

  /** Puts others in place of all rows, in the same order: their numbers changed. */
  renumber(change: (row: ReadoutRow) => ReadoutRow): void {
    this.#rows = this.#rows.map(change);
  }

  #shift(count: number): ReadoutRow[] {
    const gone = this.#rows.splice(0, count);
    for (const row of gone) this.#bytes -= sizeOf(row);
    return gone;
  }
}
