/** The host's clock, on which everything takes a fifth of its time: for the silences of real sessions. @module */
import { type Clock, systemClock } from "../../src/clock.ts";

const HASTE = 5;

/** For a reader and its simulated meter alike. */
export const hastyClock: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * HASTE,
  sleep: (ms, signal) => systemClock.sleep(ms / HASTE, signal),
};
