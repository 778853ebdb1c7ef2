/** How long a sink is left alone after a failure: longer each time, or as long as its destination wants. @module */
import { blockOf, isSinkError } from "./delivery_report.ts";

const FIRST_MS = 1000;
const LONGEST_MS = 300_000;
/** What waits for a person is tried again after this, doubled each time. */
const FIRST_BLOCK_MS = 60_000;
/** More patience than this no destination gets, whatever it asks for. */
const LONGEST_WAIT_MS = 900_000;

/** The failures of one sink. */
export class BackOff {
  /** In a row: those that may pass by themselves, and those that wait for a person. */
  #failures = 0;
  #blocks = 0;

  /** `random`: from 0 to below 1. */
  constructor(readonly random: () => number) {}

  /** It has failed: ms to wait. Full jitter from 1 s to 5 min, or what was asked for; what waits for a person, 1 to 15 min. */
  failed(error: unknown): number {
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures++);
    const wish = blockOf(error) ? FIRST_BLOCK_MS * 2 ** this.#blocks++ : wishOf(error);
    const atLeast = Math.min(wish * (1 + this.random() * 0.2), LONGEST_WAIT_MS);
    return Math.max(this.random() * longest, atLeast);
  }

  /** Something has arrived. */
  arrived(): void {
    this.#failures = 0;
  }

  /** All is well again. */
  recovered(): void {
    this.#failures = 0;
    this.#blocks = 0;
  }
}

/** How long the destination wants to be left alone, ms. */
function wishOf(error: unknown): number {
  return isSinkError(error) && error.remedy.kind === "retry" ? error.remedy.afterMs ?? 0 : 0;
}
