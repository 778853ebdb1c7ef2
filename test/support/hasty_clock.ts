/** The host's clock, on which everything takes a fifth of its time: for the silences of real sessions. @module */
import { type Clock, systemClock } from "../../src/clock.ts";

const HASTE = 5;
const START_MS = systemClock.now() - systemClock.monotonic() * HASTE;

/** For a reader and its simulated meter alike. */
export const hastyClock: Clock = {
  now: () => START_MS + hastyClock.monotonic(),
  monotonic: () => systemClock.monotonic() * HASTE,
  sleep: (ms, signal) => systemClock.sleep(ms / HASTE, signal),
};
