/** Each readout of a meter has a moment of its own: with the same one, they would be one point in a database. @module */

/** Nearer than this, an earlier moment follows the last one; farther, the clock was set back, and is believed. */
const NEAR_MS = 60_000;
/** So many moments of a meter are remembered, to give none twice when a clock was set back. */
const REMEMBERED = 256;

/** What a meter was given. */
interface Given {
  readonly trusted: boolean;
  /** The last ones, in the order in which they were given. */
  readonly moments: number[];
  latestMs: number;
}

/** The moments that each meter was given. */
export class Moments {
  readonly #given = new Map<string, Given>();
  #floorMs = -Infinity;

  /** No meter has had a later moment than this before the program started. */
  startAfter(ms: number): void {
    this.#floorMs = ms;
  }

  /**
   * The moment of a readout at `atMs`: later by as few ms as it takes to be none that the meter has had, and later than
   * its last one. `trusted`: whether the clock was; what was given by a clock that was not says nothing about one that is.
   */
  of(meter: string, atMs: number, trusted = true): number {
    let given = this.#given.get(meter);
    if (given?.trusted !== trusted) {
      const floorMs = trusted ? this.#floorMs : -Infinity;
      given = { trusted, moments: [floorMs], latestMs: floorMs };
      this.#given.set(meter, given);
    }
    const { moments, latestMs } = given;
    const last = moments.at(-1)!;
    let moment = atMs <= last && last - atMs < NEAR_MS ? last + 1 : atMs;
    while (moment <= latestMs && moments.includes(moment)) moment++;
    given.latestMs = Math.max(latestMs, moment);
    moments.push(moment);
    if (moments.length > REMEMBERED) moments.shift();
    return moment;
  }
}
