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

/** Says what was dropped, for each reason at most once an hour; what it has not said by then, it says then. */
export class EvictionReport {
  readonly #dropped = new Map<EvictionReason, { count: number; loggedMs: number }>();

  constructor(readonly clock: Clock, readonly log: Log | undefined) {}

  add(reason: EvictionReason, count: number): void {
    const its = this.#dropped.get(reason) ?? { count: 0, loggedMs: -Infinity };
    this.#dropped.set(reason, { ...its, count: its.count + count });
  }

  say(): void {
    const now = this.clock.monotonic();
    for (const [reason, { count, loggedMs }] of this.#dropped) {
      if (count === 0 || now - loggedMs < LOG_MS) continue;
      const message = `${count} readings were dropped before every sink had them: ${WHY[reason]}`;
      this.log?.warning(message, { count, reason });
      this.#dropped.set(reason, { count: 0, loggedMs: now });
    }
  }
}
