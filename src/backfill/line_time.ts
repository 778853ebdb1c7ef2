/** How much of a line's time fetching takes: a budget for each hour, and what the next part will cost, learned from the last. @module */

const HOUR_MS = 3_600_000;
/** Before anything is known: a fast line. A guess that was wrong is cut off when the line is due; nobody waits for it. */
const FIRST_PACE: Pace = { overheadMs: 1500, rowMs: 20 };
/** A session may take a little longer than the last. */
const SAFETY = 1.25;

/** What a session costs, about: sign-on and sign-off, and each row. */
interface Pace {
  readonly overheadMs: number;
  readonly rowMs: number;
}

/** One meter's part of its line's time. All moments by a clock that is never set. */
export class LineTime {
  #pace = FIRST_PACE;
  /** A pace that was only guessed holds until then. */
  #guessedUntilMs = Infinity;
  #spent: { readonly endMs: number; readonly ms: number }[] = [];
  #totalMs = 0;

  /** `budgetMs` may be spent in any hour. */
  constructor(readonly budgetMs: number) {}

  /** Ever spent. */
  get totalMs(): number {
    return this.#totalMs;
  }

  /** What is left of the budget. */
  leftMs(nowMs: number): number {
    this.#spent = this.#spent.filter(({ endMs }) => nowMs - endMs < HOUR_MS);
    return this.budgetMs - this.#spent.reduce((sum, { ms }) => sum + ms, 0);
  }

  /** Rows that can be fetched within a time; 0: not even one. */
  rowsWithin(ms: number, nowMs: number): number {
    if (nowMs >= this.#guessedUntilMs) [this.#pace, this.#guessedUntilMs] = [FIRST_PACE, Infinity];
    const { overheadMs, rowMs } = this.#pace;
    return Math.max(0, Math.floor((ms / SAFETY - overheadMs) / rowMs));
  }

  /** A session is over. `dataMs`: from the first byte of the answer to the end; absent: none came. */
  took(ms: number, endMs: number, answer?: { readonly dataMs: number; readonly rows: number }): void {
    this.#spent.push({ endMs, ms });
    this.#totalMs += ms;
    if (!answer) return;
    const { dataMs, rows } = answer;
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
