/** The sinks' places in the log, and their books: `ingested = delivered + pending + evicted + dead`, at all times. @module */
import type { Book } from "../journal.ts";
import type {
  Counted,
  DeadRow,
  DroppedLetters,
  Excess,
  GapRow,
  Head,
  LetterState,
  Settled,
  SettledLetter,
  SinkRow,
} from "./messages.ts";

/** A sink that left the configuration keeps its cursor this long. */
const DETACHED_MS = 7 * 86_400_000;

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

/** What changed since the last commit, to go along with the next. */
export interface Changes {
  readonly sinks: readonly SinkRow[];
  readonly dead: readonly DeadRow[];
  readonly letters: readonly SettledLetter[];
  readonly dropped: readonly DroppedLetters[];
  readonly gaps: readonly GapRow[];
  readonly forgotten: readonly string[];
}

/** Why a sink never sees some readings, and since when. */
export interface GapReason {
  readonly reason: string;
  readonly atMs: number;
}

/** What a sink has from its destination's answer: a mark, and what it can never take. */
export interface Outcome {
  readonly mark: string | undefined;
  readonly dead: readonly DeadRow[];
  readonly atMs: number;
}

/** Cursors that stand at the same place, and the readouts that nobody lacks but their sinks. */
export interface Region {
  readonly cursors: readonly Cursor[];
  readonly after: number;
  readonly end: Head;
}

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
  #dead: DeadRow[] = [];
  #letters: SettledLetter[] = [];
  #dropped: DroppedLetters[] = [];
  #gaps: GapRow[] = [];
  #forgotten: string[] = [];

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

  /** The hindmost cursors, and what of the readouts up to `end` is kept for their sinks alone. */
  hindmost(end: Head): Region {
    const all = [...this.#all.values()];
    const after = Math.min(end.seq, ...all.map(({ acked }) => acked));
    const next = all.filter(({ acked }) => acked > after && acked < end.seq).toSorted((a, b) => a.acked - b.acked)[0];
    return {
      cursors: all.filter(({ acked }) => acked === after),
      after,
      end: next ? { seq: next.acked, total: next.ackedTotal } : end,
    };
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
    this.#dead.push(...mine);
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
    this.#letters.push(...letters);
  }

  /** A sink's oldest letters give way: they are dead no longer, but evicted. */
  dropLetters(cursor: Cursor, { upTo, fromSeq, toSeq, ...its }: Excess, { reason, atMs }: GapReason): void {
    const count = Math.min(its.count, cursor.dead - cursor.again); // where damage has cost a sink its books
    cursor.dead -= count;
    this.#countGap(cursor, { fromSeq, toSeq, count, reason, atMs });
    this.#dropped.push({ sink: cursor.id, upTo });
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
  takeOut(rows: readonly Counted[], { reason, atMs }: GapReason): number {
    let all = 0;
    for (const cursor of this.#all.values()) {
      const lacking = rows.filter(({ seq }) => seq > cursor.acked && seq > cursor.claimedTo);
      if (lacking.length === 0) continue;
      const count = lacking.reduce((sum, { count }) => sum + count, 0);
      this.#countGap(cursor, { fromSeq: lacking[0]!.seq, toSeq: lacking.at(-1)!.seq, count, reason, atMs });
      cursor.ahead += count;
      all += count;
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
    return this.#dead.length + this.#letters.length + this.#gaps.length + this.#forgotten.length > 0 ||
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
      letters: this.#letters,
      dropped: this.#dropped,
      gaps: this.#gaps,
      forgotten: this.#forgotten,
    };
    [this.#dead, this.#letters, this.#dropped, this.#gaps, this.#forgotten] = [[], [], [], [], []];
    return changes;
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
    const later = <R extends { readonly sink: string }>(rows: readonly R[], shift: (row: R) => R) =>
      rows.filter(({ sink }) => next.of(sink).acked >= head.seq).map(shift);
    next.#dead = later(this.#dead, (row) => ({ ...row, seq: row.seq + head.seq }));
    next.#gaps = later(this.#gaps, (row) => ({
      ...row,
      fromSeq: row.fromSeq + head.seq,
      toSeq: row.toSeq + head.seq,
    }));
    const behind = dropped.map(({ seq, count }) => ({ seq: seq + head.seq, count }));
    for (const cursor of next.#all.values()) {
      const before = this.#all.get(cursor.id);
      if (before && cursor.acked >= head.seq) addUp(cursor, before, head);
      else if (behind.length > 0) {
        const count = behind.reduce((sum, { count }) => sum + count, 0);
        const [fromSeq, toSeq] = [behind[0]!.seq, behind.at(-1)!.seq];
        next.#countGap(cursor, { fromSeq, toSeq, count, reason: "memory", atMs: arrival.nowMs });
        cursor.ahead += count;
      }
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
  restore({ sinks, dead, letters, dropped, gaps, forgotten }: Changes): void {
    for (const { id } of sinks) {
      const cursor = this.#all.get(id);
      if (cursor) cursor.dirty = true;
    }
    this.#dead.unshift(...dead);
    this.#letters.unshift(...letters);
    this.#dropped.unshift(...dropped);
    this.#gaps.unshift(...gaps);
    this.#forgotten.unshift(...forgotten);
  }

  #countGap(cursor: Cursor, gap: Omit<GapRow, "sink">): void {
    cursor.evicted += gap.count;
    cursor.dirty = true;
    if (gap.count > 0) this.#gaps.push({ sink: cursor.id, ...gap });
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

/** What a cursor is that was just read. */
const FRESH = { dirty: false, claimedTo: 0, again: 0, settling: 0, moreLetters: true } as const;

function newCursor(id: string, { seq, total }: Head, dead = 0): Cursor {
  const none = { delivered: 0, evicted: 0, dead, ahead: 0, mark: null, detachedMs: null };
  return { id, base: total - dead, acked: seq, ackedTotal: total, ...none, ...FRESH, dirty: true, savedAck: seq };
}

/** Adds what a cursor counted from nothing on to where it really stands. */
function addUp(cursor: Cursor, before: Cursor, head: Head): void {
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
