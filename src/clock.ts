/** Time as a parameter, so that no test has to wait for it. @module */

/** Wall time, elapsed time, and waiting. */
export interface Clock {
  /** Milliseconds since 1970; may jump when somebody sets the clock. */
  now(): number;
  /** Milliseconds since some moment; never jumps. */
  monotonic(): number;
  /** Whether `now()` is known to be right; absent: it is. */
  readonly trusted?: boolean;
  /** Resolves after `ms`. @throws the signal's reason, when it aborts first */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The host's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const done = () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      const stop = () => {
        clearTimeout(timer);
        reject(signal!.reason);
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", stop, { once: true });
    }),
};
