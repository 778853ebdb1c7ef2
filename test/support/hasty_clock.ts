/** The host's clock, on which everything takes a part of its time: for the silences of real sessions. @module */
import { type Clock, systemClock } from "../../src/clock.ts";

let haste = 5;
let since = { hostMs: systemClock.monotonic(), ms: systemClock.now() };

/** For a reader and its simulated meter alike. */
export const hastyClock: Clock = {
  now: () => hastyClock.monotonic(),
  monotonic: () => since.ms + (systemClock.monotonic() - since.hostMs) * haste,
  sleep: (ms, signal) => systemClock.sleep(ms / haste, signal),
};

/** Lets it go as fast as the host's meanwhile, for a host that was too busy to keep up. */
export async function withoutHaste(work: () => Promise<void>): Promise<void> {
  const usual = haste;
  goAtPace(1);
  await work().finally(() => goAtPace(usual));
}

function goAtPace(pace: number): void {
  since = { hostMs: systemClock.monotonic(), ms: hastyClock.monotonic() };
  haste = pace;
}
