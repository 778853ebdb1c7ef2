/** The sinks' places in the log, and their books: `ingested = delivered + pending + evicted + dead`, at all times. @module */
import type { Book } from "../journal.ts";
import type { DeadRow, GapRow, Head, SinkRow } from "./messages.ts";

/** A sink that left the configuration keeps its cursor this long. */
const DETACHED_MS = 7 * 86_400_000;

/** One sink's place. Changed by {@link Cursors} alone. */
export type Cursor = { -readonly [K in keyof SinkRow]: SinkRow[K] } & {
  /** Changed since it was last written. */
  dirty: boolean;
  /** Where it stands on disk. */
  savedAck: number;
};

/** What changed since the last commit, to go along with the next. */
export interface Changes {
  readonly sinks: readonly SinkRow[];
  readonly dead: readonly DeadRow[];
  readonly gaps: readonly GapRow[];
  readonly forgotten: readonly string[];
}

/** The part of a batch that settles it: its end, and how many of its readings lie after the cursor. */
export type Settled = Head & { readonly count: number };

/** All cursors of a journal. */
export class Cursors {
  readonly #all: Map<string, Cursor>;
  #dead: DeadRow[] = [];
  #gaps: GapRow[] = [];
  #forgotten: string[] = [];

  /** Puts the cursors of new sinks at the head, and parks those of sinks that are missing. */
  constructor(rows: readonly SinkRow[], { sinks, head, nowMs }: {
    readonly sinks: readonly string[];
    readonly head: Head;
    readonly nowMs: number;
  }) {
    this.#all = new Map(rows.map((row) => [row.id, { ...row, dirty: false, savedAck: row.acked }]));
    for (const cursor of this.#all.values()) {
      const detachedMs = sinks.includes(cursor.id) ? null : cursor.detachedMs ?? nowMs;
      cursor.dirty = detachedMs !== cursor.detachedMs;
      cursor.detachedMs = detachedMs;
    }
    for (const id of sinks) if (!this.#all.has(id)) this.#all.set(id, newCursor(id, head));
    this.forget(nowMs);
  }

  /** @throws {Error} when the journal was opened without it */
  of(sink: string): Cursor {
    const cursor = this.#all.get(sink);
    if (!cursor) throw new Error(`The journal was opened without sink "${sink}"`);
    return cursor;
  }

  /** Those of sinks that left included. */
  all(): Iterable<Cursor> {
    return this.#all.values();
  }

  /** One sink's books when so many readings were journaled. */
  book(sink: string, total: number): Book {
    const { base, delivered, evicted, dead } = this.of(sink);
    return { sink, ingested: total - base, delivered, pending: this.pending(sink, total), evicted, dead };
  }

  /** Readings that a sink will still get. */
  pending(sink: string, total: number): number {
    const { ackedTotal, ahead } = this.of(sink);
    return total - ackedTotal - ahead;
  }

  /** A sink has done with what lies up to there. */
  settle(sink: string, to: Settled, { mark, dead }: { mark: string | undefined; dead: readonly DeadRow[] }): void {
    const cursor = this.of(sink);
    cursor.mark = mark ?? cursor.mark;
    cursor.dirty = true;
    if (to.seq <= cursor.acked) return;
    const mine = dead.filter(({ seq }) => seq > cursor.acked); // the others were evicted meanwhile
    cursor.delivered += to.count - mine.length;
    cursor.dead += mine.length;
    this.#dead.push(...mine);
    this.#move(cursor, to);
  }

  /** Leads a cursor past what is dropped, and writes down what its sink will never see: `to.count` readings. */
  evict(cursor: Cursor, to: Settled, { reason, atMs }: { readonly reason: string; readonly atMs: number }): void {
    if (cursor.acked >= to.seq) return;
    const [fromSeq, toSeq] = [cursor.acked + 1, to.seq];
    this.#countGap(cursor, { fromSeq, toSeq, count: to.count, reason, atMs });
    this.#move(cursor, to);
  }

  /** Whether something waits to be written. */
  unsaved(): boolean {
    return this.#dead.length + this.#gaps.length + this.#forgotten.length > 0 ||
      this.#all.values().some(({ dirty }) => dirty);
  }

  /** Whether a crash now would offer a sink more than `readouts` again. */
  lags(sink: string, readouts: number): boolean {
    const { acked, savedAck } = this.of(sink);
    return acked - savedAck > readouts;
  }

  /** The last readout that every sink has done with, those that left included. */
  ackedByAll(head: Head): number {
    return Math.min(head.seq, ...this.#all.values().map(({ acked }) => acked));
  }

  /** Gives up the cursors of sinks that left long ago. */
  forget(nowMs: number): void {
    for (const { id, detachedMs } of [...this.#all.values()]) {
      if (detachedMs === null || nowMs - detachedMs < DETACHED_MS) continue;
      this.#all.delete(id);
      this.#forgotten.push(id);
    }
  }

  /** Takes what is to be written; `saved` or `restore` must follow. */
  take(): Changes {
    const dirty = [...this.#all.values()].filter((cursor) => cursor.dirty);
    for (const cursor of dirty) cursor.dirty = false;
    const changes = {
      sinks: dirty.map((cursor) => ({ ...cursor })),
      dead: this.#dead,
      gaps: this.#gaps,
      forgotten: this.#forgotten,
    };
    [this.#dead, this.#gaps, this.#forgotten] = [[], [], []];
    return changes;
  }

  /** They are on disk. */
  saved({ sinks }: Changes): void {
    for (const { id, acked } of sinks) {
      const cursor = this.#all.get(id); // one that left may have been forgotten meanwhile
      if (cursor) cursor.savedAck = acked;
    }
  }

  /** They are not: they go along with the next commit. */
  restore({ sinks, dead, gaps, forgotten }: Changes): void {
    for (const { id } of sinks) {
      const cursor = this.#all.get(id);
      if (cursor) cursor.dirty = true;
    }
    this.#dead.unshift(...dead);
    this.#gaps.unshift(...gaps);
    this.#forgotten.unshift(...forgotten);
  }

  #countGap(cursor: Cursor, gap: Omit<GapRow, "sink">): void {
    cursor.evicted += gap.count;
    cursor.dirty = true;
    if (gap.count > 0) this.#gaps.push({ sink: cursor.id, ...gap });
  }

  /** What is missing between the cursor and its new place was counted as evicted when it was taken. */
  #move(cursor: Cursor, { seq, total, count }: Settled): void {
    cursor.ahead -= total - cursor.ackedTotal - count;
    [cursor.acked, cursor.ackedTotal, cursor.dirty] = [seq, total, true];
  }
}

function newCursor(id: string, { seq, total }: Head): Cursor {
  const none = { delivered: 0, evicted: 0, dead: 0, ahead: 0, mark: null, detachedMs: null };
  return { id, base: total, acked: seq, ackedTotal: total, ...none, dirty: true, savedAck: seq };
}
