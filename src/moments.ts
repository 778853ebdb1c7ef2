/** Each readout of a meter has a moment of its own: with the same one, they would be one point in a database. @module */

/** Nearer than this, an earlier moment is a telegram of the same burst; farther, somebody has set the clock back. */
const BURST_MS = 1000;

/** The last moment of each meter. */
export class Moments {
  readonly #last = new Map<string, number>();

  /** The moment of a readout that came at `atMs`: later by as few ms as it takes to differ from the last ones. */
  of(meter: string, atMs: number): number {
    const last = this.#last.get(meter) ?? -Infinity;
    const moment = atMs <= last && last - atMs < BURST_MS ? last + 1 : atMs;
    this.#last.set(meter, moment);
    return moment;
  }
}
