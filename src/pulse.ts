/** The journal's pulse: whether its worker still answers, which a disk may hold up and a fault may end. @module */
import type { Clock } from "./clock.ts";
import type { Progress } from "./progress.ts";

/**
 * Longer than this the worker may not be silent. A memory card stalls for up to 20 s and comes back; what takes longer does
 * not, and the service is better started anew: within 30 s of the stand-still the service manager is told.
 */
const SILENT_MS = 25_000;
const BEAT_MS = 2_000;

/** What the pulse needs. */
export interface PulseOptions {
  readonly progress: Progress;
  readonly clock: Pick<Clock, "sleep">;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Hears why there is none. */
  readonly onTrouble: (error: Error) => void;
}

/** Asks the worker again and again, one question at a time, until the signal; each answer renews the promise "journal". */
export async function takePulse(
  ping: () => Promise<void>,
  { progress, clock, signal, onTrouble }: PulseOptions,
): Promise<void> {
  progress.promise("journal", SILENT_MS);
  while (!signal.aborted) {
    try {
      await ping();
      progress.promise("journal", SILENT_MS);
    } catch (error) {
      if (!signal.aborted) onTrouble(error as Error);
    }
    await clock.sleep(BEAT_MS, signal).catch(() => {}); // the signal, which ends it
  }
}
