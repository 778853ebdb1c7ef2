/** What the journal's tests do with it: take what is pending, look at its books. */
import assert from "node:assert/strict";
import type { Journal } from "../../src/journal.ts";
import type { Reading } from "../../src/reading.ts";
import { numbers } from "./readings.ts";

/** The numbers of all that a sink still gets, acknowledged on the way; or what else `tell` makes of a batch. */
export async function drain(
  journal: Journal,
  sink: string,
  tell: (readings: readonly Reading[]) => number[] = numbers,
): Promise<number[]> {
  const drained: number[] = [];
  while (journal.books().find((book) => book.sink === sink)!.pending > 0) {
    const batch = await journal.next(sink, AbortSignal.timeout(20_000));
    drained.push(...tell(batch.readings));
    journal.acknowledge(sink, batch);
  }
  return drained;
}

/** Per sink `ingested = delivered + pending + evicted + dead`. */
export function assertBalanced(journal: Journal): void {
  for (const { sink, ingested, delivered, pending, evicted, dead } of journal.books()) {
    assert.equal(ingested, delivered + pending + evicted + dead, `the books of ${sink}`);
  }
}
