/** What was dropped before every sink had it: counted, and said once an hour. @module */
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";

/** Why readings were dropped before every sink had them. */
export type EvictionReason = "age" | "size" | "space" | "full" | "memory" | "sink" | "letters";

const LOG_MS = 3_600_000;

const WHY: Record<EvictionReason, string> = {
  age: "they are older than journal.max_age",
  size: "they do not fit into journal.max_bytes",
  space: "less than journal.min_free is left on the disk",
  full: "the disk is full",
  memory: "the disk takes nothing, and memory is bounded",
  sink: "the sink's own max_age or max_bytes is passed",
  letters: "its destination had refused them, and a sink keeps 10 000 dead letters, or 16 MiB (obisd dead list)",
};

/** Says what was dropped, at most once an hour. */
export class EvictionReport {
  #count = 0;
  #loggedMs = -Infinity;

  constructor(readonly clock: Clock, readonly log: Log | undefined) {}

  add(count: number): void {
    this.#count += count;
  }

  say(reason: EvictionReason): void {
    const now = this.clock.monotonic();
    if (this.#count === 0 || now - this.#loggedMs < LOG_MS) return;
    this.log?.warning(`${this.#count} readings were dropped before every sink had them: ${WHY[reason]}`, {
      count: this.#count,
      reason,
    });
    [this.#count, this.#loggedMs] = [0, now];
  }
}
