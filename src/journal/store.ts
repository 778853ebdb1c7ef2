/**
 * What is written when, and what a sink gets next. All is decided here; the worker only writes and reads.
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Batch, Book, DeadLetter, Journal, JournalOptions, JournalState, Moment, Receipt } from "../journal.ts";
import type { Reading } from "../reading.ts";
import { BATCH, deadRows, type Readout, Recent, toBatch } from "./batch.ts";
import { Cursors, type Settled } from "./cursors.ts";
import { type EvictionReason, EvictionReport } from "./evictions.ts";
import { Forms } from "./forms.ts";
import { Held } from "./held.ts";
import {
  type Contents,
  type CutBounds,
  type DeadRow,
  type Head,
  QUALITY,
  type ReadoutRow,
  type Redating,
  type Size,
} from "./messages.ts";
import type { JournalPort } from "./port.ts";
import { dated, decodeReadout, encodeReadout } from "./record.ts";

/** An acknowledgement waits this long for an append to go along with. */
const IDLE_MS = 30_000;
/** More readouts than this are not acknowledged in memory alone. */
const UNSAVED_READOUTS = BATCH.readouts;
/** Appends that share one commit. */
const GROUP = 500;
/** Dropped at once. */
const CUT_ROWS = 2000;
/** When the journal is full it is emptied to this part of its bound. */
const LOW_WATER = 0.9;

/** An append that waits for its commit. */
interface Waiting {
  readonly readings: readonly Reading[];
  readonly moment: Moment | undefined;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
}

/** The open journal. */
export class Store implements Journal {
  readonly #cursors: Cursors;
  readonly #forms: Forms;
  readonly #recent = new Recent();
  readonly #evictions: EvictionReport;
  readonly #held: Held;
  readonly #listeners = new Set<() => void>();
  #head: Head;
  #size: Size;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #saveAsked = false;
  #idle: AbortController | undefined;
  #closed = false;

  constructor(
    readonly port: JournalPort,
    contents: Contents,
    readonly options: JournalOptions & { readonly clock: Clock },
  ) {
    const { sinks, clock, log } = options;
    this.#head = contents.head;
    this.#size = contents;
    this.#cursors = new Cursors(contents.sinks, { sinks, head: contents.head, nowMs: clock.now() });
    this.#forms = new Forms(contents.forms);
    this.#evictions = new EvictionReport(clock, log);
    const { time, unsynchronised = "hold" } = options;
    if (contents.time) time?.remember(contents.time);
    this.#held = new Held({ time, unsynchronised, log, redate: (redating) => this.#redate(redating) });
    this.#held.sizeIs(contents);
  }

  append(readings: readonly Reading[], moment?: Moment): Promise<Receipt> {
    if (this.#closed) return Promise.reject(new Error(`The journal ${this.options.path} is closed`));
    if (readings.length === 0) return Promise.resolve({ seq: this.#head.seq, durable: true });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ readings, moment, resolve, reject });
      this.#write();
    });
  }

  async next(sink: string, signal: AbortSignal): Promise<Batch> {
    while (true) {
      signal.throwIfAborted();
      const cursor = this.#cursors.of(sink);
      const batch = cursor.acked < this.#lastFree() ? await this.#claim(sink, cursor.acked) : undefined;
      if (batch && cursor.acked < batch.upTo) return batch;
      if (cursor.acked >= this.#lastFree()) await this.#change(signal);
    }
  }

  acknowledge(
    sink: string,
    batch: Batch,
    { mark, dead = [] }: { readonly mark?: string; readonly dead?: readonly DeadLetter[] } = {},
  ): void {
    const { acked } = this.#cursors.of(sink);
    const count = batch.seqs.length - batch.seqs.findLastIndex((seq) => seq <= acked) - 1;
    this.#settle(sink, { seq: batch.upTo, total: batch.total, count }, {
      mark,
      dead: deadRows(sink, batch, { dead, atMs: this.options.clock.now() }),
    });
  }

  mark(sink: string): string | undefined {
    return this.#cursors.of(sink).mark ?? undefined;
  }

  books(): Book[] {
    return this.options.sinks.map((sink) => this.#cursors.book(sink, this.#head.total));
  }

  state(): JournalState {
    const { path, maxBytes } = this.options;
    const { bytes, oldest } = this.#size;
    return { path, bytes, maxBytes, held: this.#held.count, ...oldest && { oldestMs: oldest.atMs } };
  }

  async ping(): Promise<void> {
    await this.port.ask({ kind: "ping" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#idle?.abort();
    this.#held[Symbol.dispose]();
    while (this.#writing) await this.#writing;
    try {
      if (this.#cursors.unsaved()) await this.#commit([]);
      await this.port.ask({ kind: "close" });
    } catch (error) {
      this.options.log?.error(`Cannot close the journal cleanly: ${(error as Error).message}`);
    } finally {
      this.port.terminate();
    }
  }

  // Writing

  /** Starts writing, unless it goes on already. */
  #write(): void {
    this.#writing ??= this.#writeAll();
  }

  /** Commits until nothing waits. What comes while a commit runs shares the next. */
  async #writeAll(): Promise<void> {
    await undefined; // appends of the same instant belong together
    while (this.#waiting.length > 0 || this.#saveAsked) {
      this.#saveAsked = false;
      const group = this.#waiting.splice(0, GROUP);
      try {
        await this.#commit(group);
      } catch (error) {
        if (group.length === 0) this.#complain(error);
        for (const { reject } of group) reject(error);
      }
      await this.#enforceBounds().catch((error) => this.#complain(error));
    }
    this.#writing = undefined;
  }

  #complain(error: unknown): void {
    const message = (error as Error).message;
    this.options.log?.warning(`The journal cannot be written: ${message}`, { path: this.options.path });
  }

  /** One transaction: a group of readouts and all that changed in memory since the last. */
  async #commit(group: readonly Waiting[]): Promise<void> {
    const readouts = this.#encode(group);
    const forms = this.#forms.unsaved();
    const changes = this.#cursors.take();
    const trimTo = this.#cursors.ackedByAll(this.#head);
    const time = this.#held.memory();
    try {
      this.#size = await this.port.ask<Size>({ kind: "commit", readouts, forms, trimTo, time, ...changes });
    } catch (error) {
      this.#cursors.restore(changes);
      throw error;
    }
    this.#cursors.saved(changes);
    this.#forms.saved(forms);
    this.#held.remembered(time);
    this.#committed(group, readouts);
    this.#held.sizeIs(this.#size);
  }

  #encode(group: readonly Waiting[]): ReadoutRow[] {
    let { seq, total } = this.#head;
    return group.map(({ readings, moment }) => {
      const { form, atMs, body } = encodeReadout(readings);
      const known = form === undefined ? undefined : this.#forms.idOf(form);
      total += readings.length;
      return {
        ...{ seq: ++seq, atMs, count: readings.length, total },
        form: known ?? null,
        bootId: moment?.bootId ?? null,
        monoMs: moment ? Math.round(moment.monotonicMs) : null,
        quality: this.#held.qualityOf(moment),
        body: known !== undefined || form === undefined ? body : JSON.stringify(readings),
      };
    });
  }

  #committed(group: readonly Waiting[], rows: readonly ReadoutRow[]): void {
    const last = rows.at(-1);
    if (!last) return;
    this.#head = { seq: last.seq, total: last.total };
    rows.forEach((row, at) => {
      const { seq, total, body, quality } = row;
      if (quality === QUALITY.pending) return this.#recent.clear(); // it will be read when it has its time
      this.#recent.add({ seq, total, bytes: body.length, readings: timely(group[at]!.readings, row) });
    });
    this.#recent.forget(this.#cursors.ackedByAll(this.#head));
    rows.forEach(({ seq }, at) => group[at]!.resolve({ seq, durable: true }));
    for (const listener of this.#listeners) listener();
  }

  // Reading

  async #claim(sink: string, after: number): Promise<Batch | undefined> {
    const recent = this.#recent.claim(after);
    if (recent.length > 0) return toBatch(recent);
    const head = this.#head;
    const { first } = this.#held;
    const read = await this.port.ask<ReadoutRow[]>({ kind: "read", after, ...BATCH });
    if (read.length === 0) return this.#miss(sink, after, head);
    const rows = read.filter(({ seq }) => seq < first);
    const [next] = read;
    if (rows.length === 0) return this.#miss(sink, after, { seq: first - 1, total: next!.total - next!.count });
    const whole: Readout[] = [];
    for (const row of rows) {
      const readings = this.#decode(row);
      if (readings) whole.push({ ...row, bytes: row.body.length, readings });
      else if (whole.length > 0) break; // a damaged one is set aside when its turn comes
      else return this.#setAside(sink, row);
    }
    return whole.length > 0 ? toBatch(whole) : undefined;
  }

  #decode(row: ReadoutRow): readonly Reading[] | undefined {
    if (row.damaged) return undefined;
    const form = row.form === null ? undefined : this.#forms.rows(row.form);
    if (row.form !== null && form?.length !== row.count) return undefined;
    return timely(decodeReadout(row.atMs, form, row.body), row);
  }

  /** A readout whose bits have turned on the disk becomes a dead letter as a whole. */
  #setAside(sink: string, { seq, atMs, total, count, body }: ReadoutRow): undefined {
    if (this.#cursors.of(sink).acked >= seq) return;
    this.options.log?.error(`Readout ${seq} is damaged on disk and put aside, ${count} readings`, { sink, seq });
    const rest = { sink, seq, atMs, reason: "check sum wrong on disk", body };
    const dead = Array.from({ length: count }, (_, position) => ({ ...rest, position, body: position ? "" : body }));
    this.#settle(sink, { seq, total, count }, { mark: undefined, dead });
  }

  /** The last readout that a sink may have: before those that wait for the time. */
  #lastFree(): number {
    return Math.min(this.#head.seq, this.#held.first - 1);
  }

  async #redate(redating: Redating): Promise<Size> {
    this.#size = await this.port.ask<Size>({ kind: "redate", ...redating });
    for (const listener of this.#listeners) listener();
    return this.#size;
  }

  /** Readouts that ought to be there are not: somebody was at the file. */
  #miss(sink: string, after: number, head: Head): undefined {
    const cursor = this.#cursors.of(sink);
    if (cursor.acked > after) return; // dropped meanwhile, and written down already
    this.options.log?.error(`Readouts ${after + 1} to ${head.seq} are missing on disk`, { sink });
    this.#evict(head, "missing", [cursor]);
    this.#save();
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#listeners.delete(done);
        signal.removeEventListener("abort", done);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.#listeners.add(done);
      signal.addEventListener("abort", done);
    });
  }

  // Cursors and bounds

  #settle(sink: string, to: Settled, outcome: { mark: string | undefined; dead: readonly DeadRow[] }): void {
    this.#cursors.settle(sink, to, outcome);
    this.#recent.forget(this.#cursors.ackedByAll(this.#head));
    if (this.#cursors.lags(sink, UNSAVED_READOUTS) || outcome.dead.length > 0) this.#save();
    else this.#saveWhenIdle();
  }

  #save(): void {
    this.#saveAsked = true;
    if (!this.#closed) this.#write();
  }

  #saveWhenIdle(): void {
    if (this.#idle || this.#closed) return;
    this.#idle = new AbortController();
    this.options.clock.sleep(IDLE_MS, this.#idle.signal).then(() => {
      this.#idle = undefined;
      if (this.#cursors.unsaved()) this.#save();
    }, () => {});
  }

  async #enforceBounds(): Promise<void> {
    const { maxBytes, maxAgeMs = Infinity, clock, time } = this.options;
    const olderThanMs = time?.agesTrusted === false ? -Infinity : clock.now() - maxAgeMs;
    while ((this.#size.oldest?.atMs ?? Infinity) < olderThanMs) {
      if (!await this.#cut("age", { rows: CUT_ROWS, olderThanMs })) break;
    }
    if (this.#size.bytes <= maxBytes) return;
    while (this.#size.bytes > maxBytes * LOW_WATER && this.#size.oldest) {
      const tooMuch = 1 - maxBytes * LOW_WATER / this.#size.bytes;
      const rows = Math.ceil((this.#head.seq - this.#size.oldest.seq + 1) * tooMuch);
      if (!await this.#cut("size", { rows: Math.min(rows, CUT_ROWS) })) break;
    }
  }

  /** Drops the oldest readouts, and writes down for each sink what it will never see. */
  async #cut(reason: EvictionReason, bounds: CutBounds): Promise<boolean> {
    const boundary = await this.port.ask<Head | undefined>({ kind: "boundary", ...bounds });
    if (!boundary) return false;
    this.#evict(boundary, reason);
    await this.#commit([]);
    this.#evictions.say(reason);
    return true;
  }

  #evict({ seq, total }: Head, reason: string, cursors = this.#cursors.all()): void {
    for (const cursor of cursors) {
      if (cursor.acked >= seq) continue;
      const count = total - cursor.ackedTotal;
      this.#evictions.add(count);
      this.#cursors.evict(cursor, { seq, total, count }, { reason, atMs: this.options.clock.now() });
    }
  }
}

/** The readings of a readout whose time was not certain at once. */
function timely(readings: readonly Reading[], { atMs, quality }: ReadoutRow): readonly Reading[] {
  if (quality === QUALITY.good) return readings;
  return dated(readings, atMs, quality === QUALITY.estimated ? "clock-unsynchronised" : undefined);
}
