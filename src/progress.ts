/** Whether the loops of the program still move: each says when it will speak next; the watchdog asks whether all kept their word. @module */

/** The promises of all loops. Times are elapsed ms, which no set clock disturbs. */
export class Progress {
  #dueMs = new Map<string, number>();

  constructor(readonly monotonic: () => number = () => performance.now()) {}

  /** `loop` will call again within this time, or end with {@link done}. */
  promise(loop: string, withinMs: number): void {
    this.#dueMs.set(loop, this.monotonic() + withinMs);
  }

  /** `loop` has ended as it should. */
  done(loop: string): void {
    this.#dueMs.delete(loop);
  }

  /** The loops that broke their promise. Empty: all is well. */
  stuck(): string[] {
    const now = this.monotonic();
    return [...this.#dueMs].filter(([, dueMs]) => dueMs < now).map(([loop]) => loop);
  }
}
