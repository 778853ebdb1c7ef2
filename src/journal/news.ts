/** That there is something new, for whoever waits. @module */

/** Counts the news, and wakes who waits for them. */
export class News {
  readonly #listeners = new Set<() => void>();
  #count = 0;

  /** How often there were some. */
  get count(): number {
    return this.#count;
  }

  /** There are some. */
  tell(): void {
    this.#count++;
    for (const listener of this.#listeners) listener();
  }

  /** Resolves with the next. @throws the signal's reason */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#listeners.delete(done);
        signal.removeEventListener("abort", done);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.#listeners.add(done);
      signal.addEventListener("abort", done);
    });
  }
}
