/** One sink's place in the log, and its part of the books. @module */
import type { DeadRow, Head, SinkRow } from "./rows.ts";

/** One sink's place. Changed by {@link Cursors} alone. */
export type Cursor = { -readonly [K in keyof SinkRow]: SinkRow[K] } & {
  /** Changed since it was last written. */
  dirty: boolean;
  /** Where it stands on disk. */
  savedAck: number;
  /** The end of the batch that its sink has just been given. */
  claimedTo: number;
  /** Dead letters that wait to be offered once more; `dead` counts them too. */
  again: number;
  /** Dead letters that were, of which the file does not know it yet. */
  settling: number;
  /** There may be more dead letters than when it was last looked whether they are too many. */
  moreLetters: boolean;
};

/** What a sink has from its destination's answer: a mark, and what it can never take. */
export interface Outcome {
  readonly mark: string | undefined;
  readonly dead: readonly DeadRow[];
  readonly atMs: number;
}

/** What a cursor is that was just read. */
export const FRESH = { dirty: false, claimedTo: 0, again: 0, settling: 0, moreLetters: true } as const;

/** A new sink begins at the head; `dead`: letters that are there of it. */
export function newCursor(id: string, { seq, total }: Head, dead = 0): Cursor {
  const none = { delivered: 0, evicted: 0, dead, ahead: 0, mark: null, detachedMs: null };
  return { id, base: total - dead, acked: seq, ackedTotal: total, ...none, ...FRESH, dirty: true, savedAck: seq };
}

/** Adds what a cursor counted from nothing on to where it really stands. */
export function addUp(cursor: Cursor, before: Cursor, head: Head): void {
  const { acked, ackedTotal, delivered, evicted, dead, ahead, mark, claimedTo } = before;
  if (claimedTo === 0 && acked === 0 && evicted === 0 && mark === null) return;
  cursor.dirty = true;
  cursor.claimedTo = claimedTo + head.seq;
  cursor.acked += acked;
  cursor.ackedTotal += ackedTotal;
  cursor.delivered += delivered;
  cursor.evicted += evicted;
  cursor.dead += dead;
  cursor.ahead += ahead;
  cursor.mark = mark ?? cursor.mark;
}

/** Cursors that stand at the same place, and the readouts that nobody lacks but their sinks. */
export interface Region {
  readonly cursors: readonly Cursor[];
  readonly after: number;
  readonly end: Head;
}

/** The hindmost of all, and what of the readouts up to `end` is kept for their sinks alone. */
export function hindmostOf(all: readonly Cursor[], end: Head): Region {
  const after = Math.min(end.seq, ...all.map(({ acked }) => acked));
  const next = all.filter(({ acked }) => acked > after && acked < end.seq).toSorted((a, b) => a.acked - b.acked)[0];
  return {
    cursors: all.filter(({ acked }) => acked === after),
    after,
    end: next ? { seq: next.acked, total: next.ackedTotal } : end,
  };
}
