/** A clock that stands until everybody waits, and then jumps to the next moment that somebody waits for. @module */
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../src/clock.ts";

/** Runs `work` in no time. Each sleep ends `lateMs` too late, as on a real machine. */
export class FakeClock implements Clock {
  #nowMs: number;
  #outside = 0;
  readonly #sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();

  constructor(readonly lateMs = 0, readonly beginMs = 0) {
    this.#nowMs = beginMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs - this.beginMs;
  }

  /** Time stands still while the world outside (a disk, a worker) works. */
  async outside<T>(work: PromiseLike<T>): Promise<T> {
    this.#outside++;
    try {
      return await work;
    } finally {
      this.#outside--;
    }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const stop = () => {
        this.#sleepers.delete(sleeper);
        reject(signal!.reason);
      };
      const wake = () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      const sleeper = { untilMs: this.#nowMs + ms + this.lateMs, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", stop, { once: true });
    });
  }

  /** Lets time pass until `work` is done. @throws {Error} when nobody waits for a moment any more */
  async run<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const watched = work.finally(() => done = true);
    watched.catch(() => {});
    while (true) {
      await setImmediate(); // everybody goes on as far as they can
      if (done) return await watched;
      if (this.#outside > 0) continue;
      const next = [...this.#sleepers].sort((a, b) => a.untilMs - b.untilMs)[0];
      if (!next) throw new Error(`At ${this.#nowMs} ms nobody waits for a later moment, and the work is not done`);
      this.#sleepers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.untilMs);
      next.wake();
    }
  }
}
