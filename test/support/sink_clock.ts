/** A clock that jumps: who sleeps wakes at once, later by what was slept. */
import type { Clock } from "../../src/clock.ts";

/** A {@link Clock} and all the waits that it was asked for, in ms. */
export interface JumpingClock extends Clock {
  readonly slept: number[];
}

/** Waits longer than `endlessMs`, and those that `never` names, end only by their signal: time-outs of what does not hang. */
export function jumpingClock(endlessMs = Infinity, never: readonly number[] = []): JumpingClock {
  const slept: number[] = [];
  let now = Date.UTC(2026, 0, 15, 12);
  return {
    slept,
    now: () => now,
    monotonic: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
        if (ms >= endlessMs || never.includes(ms)) return;
        setTimeout(() => { // not before those who are at work have had their turn
          if (signal?.aborted) return;
          slept.push(ms);
          now += ms;
          resolve();
        });
      }),
  };
}
