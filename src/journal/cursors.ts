/** The sinks' places in the log, and their books: `ingested = delivered + pending + evicted + dead`, at all times. @module */
import type { Book } from "../journal.ts";
import { type GapReason, Unsaved } from "./changes.ts";
import { addUp, type Cursor, FRESH, newCursor, type Outcome } from "./cursor.ts";
import type { Changes, Counted, Excess, LetterState, SettledLetter } from "./messages.ts";
import type { GapRow, Head, Settled, SinkRow } from "./rows.ts";

/** A sink that left the configuration keeps its cursor this long. */
const DETACHED_MS = 7 * 86_400_000;

/** Who is there when a journal is opened, and where those begin that are new. */
export interface Arrival {
  readonly sinks: readonly string[];
  readonly start: Head;
  readonly nowMs: number;
  /** Dead letters are there of a sink whose row was lost. */
  readonly letters?: readonly LetterState[];
}

/** All cursors of a journal. */
export class Cursors {
  readonly #all: Map<string, Cursor>;
  readonly #unsaved = new Unsaved();

  /** Puts the cursors of new sinks at the head, and parks those of sinks that are missing. */
  constructor(rows: readonly SinkRow[], { sinks, start, nowMs, letters = [] }: Arrival) {
    this.#all = new Map(rows.map((row) => [row.id, { ...row, ...FRESH, savedAck: row.acked }]));
    for (const cursor of this.#all.values()) {
      const detachedMs = sinks.includes(cursor.id) ? null : cursor.detachedMs ?? nowMs;
      cursor.dirty = detachedMs !== cursor.detachedMs;
      cursor.detachedMs = detachedMs;
    }
    for (const id of sinks.filter((id) => !this.#all.has(id))) {
      this.#all.set(id, newCursor(id, start, letters.find(({ sink }) => sink === id)?.letters));
    }
  }

  /** A new sink begins at the head; one that left goes on where it was. */
  attach(id: string, head: Head): void {
    const cursor = this.#all.get(id) ?? newCursor(id, head);
    cursor.dirty ||= cursor.detachedMs !== null;
    cursor.detachedMs = null;
    this.#all.set(id, cursor);
  }

  /** The sink left; what it is doing just now still counts. */
  detach(id: string, nowMs: number): void {
    const cursor = this.of(id);
    cursor.detachedMs = nowMs;
    cursor.dirty = true;
  }

  /** @throws {Error} when nobody attached it */
  of(sink: string): Cursor {
    const cursor = this.#all.get(sink);
    if (!cursor) throw new Error(`The journal knows no sink "${sink}"`);
    return cursor;
  }

  /** Those of sinks that left included. */
  all(): Iterable<Cursor> {
    return this.#all.values();
  }

  /** One sink's books when so many readings were journaled. */
  book(sink: string, total: number): Book {
    const { base, delivered, evicted, dead, again } = this.of(sink);
    const pending = this.pending(sink, total) + again;
    return { sink, ingested: total - base, delivered, pending, evicted, dead: dead - again };
  }

  /** Readings of the log that a sink will still get. */
  pending(sink: string, total: number): number {
    const { ackedTotal, ahead } = this.of(sink);
    return total - ackedTotal - ahead;
  }

  /** A sink has done with what lies up to there. */
  settle(sink: string, to: Settled, { mark, dead, atMs }: Outcome): void {
    const cursor = this.of(sink);
    cursor.mark = mark ?? cursor.mark;
    cursor.dirty = true;
    if (to.seq <= cursor.acked) return;
    const mine = dead.filter(({ seq }) => seq > cursor.acked); // the others were evicted meanwhile
    cursor.delivered += to.count - mine.length;
    cursor.dead += mine.length;
    cursor.moreLetters ||= mine.length > 0;
    this.#unsaved.dead.push(...mine);
    this.#move(cursor, to, atMs);
  }

  /** So many letters wait by what the file says. */
  lettersAre(states: readonly LetterState[]): void {
    for (const cursor of this.#all.values()) {
      cursor.again = Math.min(states.find(({ sink }) => sink === cursor.id)?.again ?? 0, cursor.dead);
    }
  }

  /** More letters wait from now on. */
  offerAgain(sink: string, count: number): void {
    this.of(sink).again += count;
  }

  /** A sink has done with letters that were offered once more; which of them it refused again stands in them. */
  settleLetters(sink: string, letters: readonly SettledLetter[], mark: string | undefined): void {
    const cursor = this.of(sink);
    const arrived = letters.filter(({ refused }) => !refused).length;
    cursor.mark = mark ?? cursor.mark;
    cursor.delivered += arrived;
    cursor.dead -= arrived;
    cursor.again = Math.max(0, cursor.again - letters.length);
    cursor.settling += letters.length;
    cursor.dirty = true;
    this.#unsaved.letters.push(...letters);
  }

  /** A sink's oldest letters give way: they are dead no longer, but evicted. */
  dropLetters(cursor: Cursor, { upTo, fromSeq, toSeq, ...its }: Excess, { reason, atMs }: GapReason): void {
    const count = Math.min(its.count, cursor.dead - cursor.again); // where damage has cost a sink its books
    cursor.dead -= count;
    this.#countGap(cursor, { fromSeq, toSeq, count, reason, atMs });
    this.#unsaved.dropped.push({ sink: cursor.id, upTo });
  }

  /** Leads a cursor past what is dropped, and writes down what its sink will never see: `to.count` readings. */
  evict(cursor: Cursor, to: Settled, { reason, atMs }: GapReason): void {
    if (cursor.acked >= to.seq) return;
    this.#countGap(cursor, { fromSeq: cursor.acked + 1, toSeq: to.seq, count: to.count, reason, atMs });
    this.#move(cursor, to, atMs);
  }

  /**
   * Readouts are taken from the log before some sinks have come to them; what is on its way to a sink still arrives.
   * Returns how many readings that costs, over all sinks.
   */
  takeOut(rows: readonly Counted[], why: GapReason): number {
    let all = 0;
    for (const cursor of this.#all.values()) {
      const lacking = rows.filter(({ seq }) => seq > cursor.acked && seq > cursor.claimedTo);
      all += this.#take(cursor, lacking, why);
    }
    return all;
  }

  /** The file has fewer readings for a sink than its books say: they are missing, and the books say so from now on. */
  correct(cursor: Cursor, missing: number, { fromSeq, toSeq, atMs }: Pick<GapRow, "fromSeq" | "toSeq" | "atMs">): void {
    this.#countGap(cursor, { fromSeq, toSeq, count: missing, reason: "missing", atMs });
    cursor.ahead += missing;
  }

  /** Whether something waits to be written. */
  unsaved(): boolean {
    return !this.#unsaved.isEmpty || this.#all.values().some(({ dirty }) => dirty);
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

  /** Gives up the cursors of sinks that left long ago. Returns whose. */
  forget(nowMs: number): string[] {
    const gone = [...this.#all.values()]
      .filter(({ detachedMs }) => detachedMs !== null && nowMs - detachedMs >= DETACHED_MS).map(({ id }) => id);
    for (const id of gone) this.#all.delete(id);
    this.#unsaved.forgotten.push(...gone);
    return gone;
  }

  /** Takes what is to be written; `saved` or `restore` must follow. */
  take(): Changes {
    const dirty = [...this.#all.values()].filter((cursor) => cursor.dirty);
    for (const cursor of dirty) cursor.dirty = false;
    return { sinks: dirty.map((cursor) => ({ ...cursor })), ...this.#unsaved.take() };
  }

  /** All must be written again: the file is a new one. */
  touch(): void {
    for (const cursor of this.#all.values()) cursor.dirty = true;
  }

  /**
   * The journal that could not be opened is open: what was counted without it goes on behind what it has. A sink that
   * has old readings to get there gets these first, and all that came meanwhile once more; `dropped` of that is gone.
   */
  goOnBehind(
    rows: readonly SinkRow[],
    { head, dropped, ...arrival }: Arrival & { readonly head: Head; readonly dropped: readonly Counted[] },
  ): Cursors {
    const next = new Cursors(rows, arrival);
    next.#unsaved.goOnBehind(this.#unsaved, head.seq, (sink) => next.of(sink).acked >= head.seq);
    const behind = dropped.map(({ seq, count }) => ({ seq: seq + head.seq, count }));
    for (const cursor of next.#all.values()) {
      const before = this.#all.get(cursor.id);
      if (before && cursor.acked >= head.seq) addUp(cursor, before, head);
      else next.#take(cursor, behind, { reason: "memory", atMs: arrival.nowMs });
    }
    return next;
  }

  /** They are on disk. */
  saved({ sinks, letters }: Changes): void {
    for (const { id, acked } of sinks) {
      const cursor = this.#all.get(id); // one that left may have been forgotten meanwhile
      if (cursor) cursor.savedAck = acked;
    }
    for (const { sink } of letters) {
      const cursor = this.#all.get(sink);
      if (cursor) cursor.settling--;
    }
  }

  /** They are not: they go along with the next commit. */
  restore({ sinks, ...events }: Changes): void {
    for (const { id } of sinks) {
      const cursor = this.#all.get(id);
      if (cursor) cursor.dirty = true;
    }
    this.#unsaved.restore(events);
  }

  /** Readouts are taken from before a cursor. Returns how many readings that costs its sink. */
  #take(cursor: Cursor, rows: readonly Counted[], why: GapReason): number {
    if (rows.length === 0) return 0;
    const count = rows.reduce((sum, { count }) => sum + count, 0);
    this.#countGap(cursor, { fromSeq: rows[0]!.seq, toSeq: rows.at(-1)!.seq, count, ...why });
    cursor.ahead += count;
    return count;
  }

  #countGap(cursor: Cursor, gap: Omit<GapRow, "sink">): void {
    cursor.evicted += gap.count;
    cursor.dirty = true;
    if (gap.count > 0) this.#unsaved.gaps.push({ sink: cursor.id, ...gap });
  }

  /** What lies between the cursor and its new place and is not there was counted when it was taken, or is missing. */
  #move(cursor: Cursor, { seq, total, count }: Settled, atMs: number): void {
    const absent = total - cursor.ackedTotal - count;
    const missing = Math.max(0, absent - cursor.ahead);
    this.#countGap(cursor, { fromSeq: cursor.acked + 1, toSeq: seq, count: missing, reason: "missing", atMs });
    cursor.ahead -= absent - missing;
    [cursor.acked, cursor.ackedTotal, cursor.dirty] = [seq, total, true];
  }
}
