/**
 * What gives way when the journal is full, its disk nearly so, or readings are too old. What is kept for one sink alone
 * gives way before anything that others lack as well, so that a dead sink costs no other one a reading: first all but the
 * readouts nearest to the quarter hours, then the oldest.
 * @module
 */
import type { SinkBounds, Space } from "../journal.ts";
import { type Cursor, hindmostOf, type Region } from "./cursor.ts";
import { type EvictionReason, EvictionReport } from "./evictions.ts";
import type { Memory } from "./memory.ts";
import type { CutBounds, Excess, Size, Thinning } from "./messages.ts";
import type { Head, Settled } from "./rows.ts";

/** Looked at, and dropped, at once. */
const ROWS = 2000;
/** When there is too much, it is emptied to this part of its bound. */
const LOW_WATER = 0.9;
/** When the disk is nearly full the journal grows no more; so much it may have in any case. */
const RESERVED_BYTES = 16 * 1024 * 1024;
const MIN_FREE = { bytes: 256 * 1024 * 1024, share: 0.05 } as const;
/** How often the disk's free room and the bounds of single sinks are looked at. */
const LOOK_MS = 10_000;

/** Keeps a journal within its bounds. */
export class Bounds {
  readonly #report: EvictionReport;
  /** Up to here there is nothing left to thin. */
  #thinnedTo = 0;
  #space: Space | undefined;
  #lookedMs = -Infinity;
  #ballastMs = -Infinity;

  /** `commit` deletes these readouts and writes what has changed. */
  constructor(readonly memory: Memory, readonly commit: (thinned?: readonly number[]) => Promise<void>) {
    const { clock, log } = memory.options;
    this.#report = new EvictionReport(clock, log);
  }

  /** Of the journal's disk, as last seen. */
  get space(): Space | undefined {
    return this.#space;
  }

  /** What is to stay free for others on the disk. */
  get minFreeBytes(): number {
    const { minFreeBytes } = this.memory.options;
    return minFreeBytes ?? Math.max(MIN_FREE.bytes, Math.ceil(MIN_FREE.share * (this.#space?.totalBytes ?? 0)));
  }

  /** Whether the clock has been right for a while: only then it says what is old. */
  get agesTrusted(): boolean {
    return this.memory.options.time?.agesTrusted ?? true;
  }

  /** Readings were dropped elsewhere. */
  say(reason: EvictionReason, count: number): void {
    this.#report.add(reason, count);
    this.#report.say();
  }

  /** @throws {JournalError} */
  async enforce(): Promise<void> {
    const { options: { clock, maxAgeMs } } = this.memory;
    const look = clock.monotonic() - this.#lookedMs >= LOOK_MS;
    if (look) {
      this.#lookedMs = clock.monotonic();
      this.#space = this.memory.options.freeSpace?.();
    }
    if (this.agesTrusted && maxAgeMs !== undefined) await this.#dropOlderThan(clock.now() - maxAgeMs);
    if (look) await this.#enforceSinks();
    for (const cursor of [...this.memory.cursors.all()]) if (cursor.moreLetters) await this.#enforceLetters(cursor);
    const [limit, reason] = this.#limit();
    if (this.memory.size.bytes > limit) await this.makeRoom(limit * LOW_WATER, reason);
    this.#report.say();
  }

  /** Thins, then drops, until the file holds no more than `bytes`. @throws {JournalError} */
  async makeRoom(bytes: number, reason: EvictionReason): Promise<void> {
    const { memory } = this;
    while (memory.size.bytes > bytes) {
      const region = hindmostOf([...memory.cursors.all()], memory.saved);
      if (region.after >= memory.saved.seq) break; // what is left is being delivered
      if (await this.#thin(region, reason)) continue;
      const tooMuch = Math.ceil((region.end.seq - region.after) * (1 - bytes / memory.size.bytes));
      if (!await this.#drop(region, { rows: Math.min(tooMuch, ROWS) }, reason)) break;
    }
    this.#report.say();
  }

  /** Makes the ballast again. Only where there is room for it and more: else it would be the next that fills the disk. @throws {JournalError} */
  async restoreBallast(): Promise<void> {
    const { memory, memory: { options: { ballastBytes = 0, clock, retryMs } } } = this;
    if (memory.size.ballast || (this.#space?.freeBytes ?? 0) < 2 * ballastBytes || ballastBytes === 0) return;
    if (clock.monotonic() - this.#ballastMs < retryMs) return;
    this.#ballastMs = clock.monotonic();
    memory.size = await memory.port.ask<Size>({ kind: "ballast" });
  }

  #limit(): [bytes: number, reason: EvictionReason] {
    const { options: { maxBytes }, size: { fileBytes } } = this.memory;
    const noGrowth = Math.max(RESERVED_BYTES, 0.95 * fileBytes);
    const short = this.#space !== undefined && this.#space.freeBytes < this.minFreeBytes;
    return short && noGrowth < maxBytes ? [noGrowth, "space"] : [maxBytes, "size"];
  }

  async #dropOlderThan(olderThanMs: number): Promise<void> {
    const { memory } = this;
    while ((memory.size.oldest?.atMs ?? Infinity) < olderThanMs) {
      const region = hindmostOf([...memory.cursors.all()], memory.saved);
      if (region.after >= memory.saved.seq || !await this.#drop(region, { rows: ROWS, olderThanMs }, "age")) break;
    }
  }

  /** Whether something was left to be thinned. */
  async #thin({ cursors, after, end: { seq: upTo } }: Region, reason: EvictionReason): Promise<boolean> {
    const { memory } = this;
    const from = Math.max(after, this.#thinnedTo, ...cursors.map(({ claimedTo }) => claimedTo));
    if (from >= upTo) return false;
    const looked = await memory.port.ask<Thinning>({ kind: "thin", after: from, upTo, rows: ROWS });
    this.#thinnedTo = looked.upTo;
    if (looked.thinned.length === 0) return true;
    const gap = { reason: "thinned", atMs: memory.options.clock.now() };
    this.#report.add(reason, memory.cursors.takeOut(looked.thinned, gap));
    memory.recent.clear();
    await this.commit(looked.thinned.map(({ seq }) => seq));
    return true;
  }

  /** Drops the oldest readouts of a region, and writes down for each sink what it will never see. */
  async #drop({ cursors, after, end }: Region, which: Pick<CutBounds, "rows" | "olderThanMs">, reason: EvictionReason) {
    const to = await this.memory.port.ask<Settled | undefined>({ kind: "boundary", after, upTo: end.seq, ...which });
    if (!to && which.olderThanMs !== undefined) return false;
    await this.#pass(cursors, to ?? { ...end, count: 0 }, reason); // none there: they are missing
    return true;
  }

  async #pass(cursors: readonly Cursor[], to: Settled, reason: EvictionReason): Promise<void> {
    const { cursors: all, options: { clock } } = this.memory;
    for (const cursor of cursors) {
      all.evict(cursor, to, { reason, atMs: clock.now() });
      this.#report.add(reason, to.count);
    }
    await this.commit();
  }

  async #enforceSinks(): Promise<void> {
    const { sinks, cursors } = this.memory;
    for (const [sink, bounds] of [...sinks]) await this.#enforceSink(cursors.of(sink), bounds);
  }

  /** A sink's own bounds move its own cursor. */
  async #enforceSink(cursor: Cursor, { maxBytes = Infinity, maxAgeMs }: SinkBounds): Promise<void> {
    const { memory: { saved, options: { clock } } } = this;
    const olderThanMs = clock.now() - (maxAgeMs ?? 0);
    while (maxAgeMs !== undefined && this.agesTrusted && cursor.acked < saved.seq) {
      if (!await this.#drop(alone(cursor, saved), { rows: ROWS, olderThanMs }, "sink")) break;
    }
    if (this.#bytesOf(cursor) > maxBytes) {
      while (cursor.acked < saved.seq && this.#bytesOf(cursor) > maxBytes * LOW_WATER) {
        const tooMuch = (saved.seq - cursor.acked) * (1 - maxBytes * LOW_WATER / this.#bytesOf(cursor));
        if (!await this.#drop(alone(cursor, saved), { rows: Math.min(Math.ceil(tooMuch), ROWS) }, "sink")) break;
      }
    }
  }

  /** A sink's oldest dead letters give way to newer ones. */
  async #enforceLetters(cursor: Cursor): Promise<void> {
    const { memory, memory: { port, cursors, options: { clock } } } = this;
    cursor.moreLetters = false;
    const limits = { sink: cursor.id, left: LOW_WATER };
    for (let above = 1;;) {
      const wishes = memory.letterWishes;
      const some = await port.ask<Excess | undefined>({ kind: "excess letters", ...limits, above });
      if (wishes !== memory.letterWishes) continue; // some may be offered again now
      if (!some) break;
      above = LOW_WATER;
      cursors.dropLetters(cursor, some, { reason: "letters", atMs: clock.now() });
      this.#report.add("letters", some.count);
      await this.commit();
    }
  }

  /** About what is kept for a sink: its share of the readings that are kept for anybody. */
  #bytesOf({ id }: Cursor): number {
    const { cursors, saved, size } = this.memory;
    const most = Math.max(...[...cursors.all()].map(({ id }) => cursors.pending(id, saved.total)));
    return most > 0 ? size.bytes * cursors.pending(id, saved.total) / most : 0;
  }
}

function alone(cursor: Cursor, end: Head): Region {
  return { cursors: [cursor], after: cursor.acked, end };
}
