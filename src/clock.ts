/** Time as a parameter, so that no test has to wait for it. @module */

/**
 * How far the time can be trusted. `synchronised`: something keeps it right · `kept`: something did since the machine
 * started, and we have counted on since then · `unknown`: nothing has yet.
 */
export type Trust = "synchronised" | "kept" | "unknown";

/** Wall time, elapsed time, and waiting. */
export interface Clock {
  /** Milliseconds since 1970; may jump when somebody sets the clock. */
  now(): number;
  /** Milliseconds since some moment; never jumps. */
  monotonic(): number;
  /** What time it was when `monotonic()` was 0, by the present reckoning; absent: as the two differ now. */
  startMs?(): number;
  /** How far `now()` can be trusted; absent: it is right. */
  readonly trust?: Trust;
  /** Whether a time that is not known is worth waiting for; absent: nobody asks. */
  readonly willBeKnown?: boolean;
  /** Names the run of the machine in which `monotonic()` counts; absent: nobody asks. */
  readonly bootId?: string;
  /** Resolves after `ms`. @throws the signal's reason, when it aborts first */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** {@link alarm}, where it costs less than a sleep that is aborted. */
  readonly alarm?: ((ms: number, ring: () => void) => () => void) | undefined;
}

/** Why a waiting that nobody needs any more is aborted. */
const OVER = "over";

/** Calls `ring` after `ms`, unless what it returns is called before. */
export function alarm(clock: Pick<Clock, "sleep" | "alarm">, ms: number, ring: () => void): () => void {
  if (clock.alarm) return clock.alarm(ms, ring);
  const over = new AbortController();
  clock.sleep(ms, over.signal).then(ring, () => {});
  return () => over.abort(OVER);
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
      const timer = setTimeout(done, Math.max(0, ms)); // of less than none it would warn in words of its own
      signal?.addEventListener("abort", stop, { once: true });
    }),
  alarm: (ms, ring) => {
    const timer = setTimeout(ring, Math.max(0, ms));
    return () => clearTimeout(timer);
  },
};

/** The same clock, which shows the time since the machine started instead: nobody sets it while a session runs. */
export function steadyClock(clock: Clock): Clock {
  return {
    now: () => Math.round(clock.monotonic()),
    monotonic: () => clock.monotonic(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    ...clock.alarm && { alarm: clock.alarm },
  };
}

/** When it was, by the present reckoning, that a {@link steadyClock} showed `steadyMs`: ms since 1970. */
export function timeOf(steadyMs: number, clock: Clock): number {
  return Math.round((clock.startMs?.() ?? clock.now() - clock.monotonic()) + steadyMs);
}
