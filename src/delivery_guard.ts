/**
 * Whether readings that a destination rejects may become dead letters. When it rejects too many, something else is wrong
 * than the readings (a wrong database, precision or schema), and all are kept until a person has looked.
 * @module
 */

/** Of a batch. */
const SHARE = 0.5;
/** Of all batches. */
const PER_HOUR = 100;
const HOUR_MS = 3_600_000;

/** Watches over the dead letters of one sink. Times are elapsed ms. */
export class Guard {
  #deadTimes: number[] = [];

  /** Whether so many of a batch may be put aside now. */
  allows(dead: number, batch: number, nowMs: number): boolean {
    if (dead === 0) return true;
    this.#deadTimes = this.#deadTimes.filter((time) => nowMs - time < HOUR_MS);
    return dead < batch * SHARE && this.#deadTimes.length + dead <= PER_HOUR;
  }

  /** So many were put aside. */
  count(dead: number, nowMs: number): void {
    for (let more = 0; more < dead; more++) this.#deadTimes.push(nowMs);
  }
}
