/** How much of a line's time fetching takes: its hours, which its meters share, and what the next part of one will cost. @module */

const HOUR_MS = 3_600_000;
/** Before anything is known: a fast line. A guess that was wrong is cut off when the line is due; nobody waits for it. */
const FIRST_PACE = { overheadMs: 1500, rowMs: 20 };
/** A session may take a little longer than the last. */
const SAFETY = 1.25;

/** What fetching took of one line, for whichever of its meters. All moments by a clock that is never set. */
export class LineTime {
  #spent: { readonly meter: string; readonly endMs: number; readonly ms: number }[] = [];

  /** In the hour before, for all meters, or for one. */
  spentMs(nowMs: number, meter?: string): number {
    this.#spent = this.#spent.filter(({ endMs }) => nowMs - endMs < HOUR_MS);
    const its = meter === undefined ? this.#spent : this.#spent.filter((one) => one.meter === meter);
    return its.reduce((sum, { ms }) => sum + ms, 0);
  }

  /** A session with a meter is over. */
  took(meter: string, ms: number, endMs: number): void {
    this.#spent.push({ meter, endMs, ms });
  }
}

/** What a session with one meter costs, about: sign-on and sign-off, and each row. Learned from the last one. */
export class Pace {
  #pace = FIRST_PACE;
  /** A pace that was only guessed holds until then. */
  #guessedUntilMs = Infinity;

  /** Rows that can be fetched within a time; 0: not even one. */
  rowsWithin(ms: number, nowMs: number): number {
    if (nowMs >= this.#guessedUntilMs) [this.#pace, this.#guessedUntilMs] = [FIRST_PACE, Infinity];
    const { overheadMs, rowMs } = this.#pace;
    return Math.max(0, Math.floor((ms / SAFETY - overheadMs) / rowMs));
  }

  /** A session is over. `dataMs`: from the first byte of the answer to the end. */
  took(ms: number, { dataMs, rows }: { readonly dataMs: number; readonly rows: number }): void {
    const rowMs = rows > 0 ? Math.max(1, dataMs / rows) : this.#pace.rowMs;
    [this.#pace, this.#guessedUntilMs] = [{ overheadMs: ms - dataMs, rowMs }, Infinity];
  }

  /** A session for so many rows was cut off after `ms`: one like it wants more, or there was other trouble, this hour. */
  wasCut(ms: number, rows: number, nowMs: number): void {
    const { overheadMs, rowMs } = this.#pace;
    const longer = { overheadMs: Math.max(overheadMs, ms / 2), rowMs: Math.max(2 * rowMs, ms / Math.max(2 * rows, 2)) };
    [this.#pace, this.#guessedUntilMs] = [longer, nowMs + HOUR_MS];
  }
}
