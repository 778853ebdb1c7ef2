/** Things to be done later, each at most once at a time. @module */
import type { Clock } from "../clock.ts";

/** Waits by name: a second one of the same name joins the first. */
export class Timers {
  #stopped = false;
  readonly #waits = new Map<string, AbortController>();

  constructor(readonly clock: Clock) {}

  /** Does it after `ms`, unless it waits already. */
  start(name: string, ms: number, act: () => void): void {
    if (this.#stopped || this.#waits.has(name)) return;
    const wait = new AbortController();
    this.#waits.set(name, wait);
    this.clock.sleep(ms, wait.signal).then(() => {
      this.#waits.delete(name);
      act();
    }, () => {});
  }

  /** It is needed no more. */
  cancel(name: string): void {
    this.#waits.get(name)?.abort();
    this.#waits.delete(name);
  }

  /** Whether nothing is started any more. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Nothing is. */
  stop(): void {
    this.#stopped = true;
    for (const name of [...this.#waits.keys()]) this.cancel(name);
  }
}
