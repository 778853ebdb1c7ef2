/**
 * The durable log of readings on disk, one cursor per sink. A readout is written there before any sink hears of it; a
 * slow or dead sink delays nobody, and nothing is kept twice. What is decided is decided here; `journal_worker.ts` only
 * writes and reads.
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import type { Commit, Contents, DeadRow, GapRow, ReadoutRow, SinkRow, Size } from "./journal_file.ts";
import { JournalPort } from "./journal_port.ts";
import { decodeReadout, encodeReadout, type FormRow, parseForm } from "./journal_record.ts";
import type { Log } from "./log.ts";
import type { Reading } from "./reading.ts";

/** Readouts that a sink has not had yet, oldest first: whole ones, at least one. */
export interface Batch {
  /** Sequence number of its last readout: what to acknowledge. */
  readonly upTo: number;
  /** Readings ever journaled up to there. */
  readonly total: number;
  readonly readings: readonly Reading[];
  /** Sequence number of each reading's readout, parallel to `readings`. */
  readonly seqs: readonly number[];
}

/** A reading that its sink can never take. */
export interface DeadLetter {
  /** Which of the batch. */
  readonly index: number;
  readonly reason: string;
}

/** One sink's books, in readings: `ingested = delivered + pending + evicted + dead`, at all times. */
export interface Book {
  readonly sink: string;
  /** Journaled since the sink came. */
  readonly ingested: number;
  readonly delivered: number;
  readonly pending: number;
  /** Dropped because the journal was full or they were too old. */
  readonly evicted: number;
  /** Put aside because the destination can never take them. */
  readonly dead: number;
}

/** The journal as the rest of the program sees it: asynchronous, for it lives in a worker. */
export interface Journal extends AsyncDisposable {
  /**
   * Resolves with the readout's sequence number once it is committed to disk.
   * @throws {Error} when the disk does not take it (full, read-only, broken); a later append may work again
   */
  append(readings: readonly Reading[]): Promise<number>;
  /** The next batch for a sink; waits until there is one. @throws the signal's reason, or an `Error` of the disk */
  next(sink: string, signal: AbortSignal): Promise<Batch>;
  /** The sink has done with the batch. Goes to disk with the next append, or alone after 30 s: a crash offers it again. */
  acknowledge(
    sink: string,
    batch: Batch,
    outcome?: { readonly mark?: string; readonly dead?: readonly DeadLetter[] },
  ): void;
  /** What the sink's last acknowledged write returned. */
  mark(sink: string): string | undefined;
  books(): Book[];
  /** Resolves when the worker has done all it was asked before: for a watchdog. */
  ping(): Promise<void>;
}

/** Where the journal lies and what bounds it. */
export interface JournalOptions {
  readonly path: string;
  /** Their names, which are their cursors'. A new one gets what comes from now on; a missing one is kept for 7 days. */
  readonly sinks: readonly string[];
  /** More than this on disk drops the oldest readouts: counted, logged, kept as a gap. */
  readonly maxBytes: number;
  /** Readouts older than this are dropped likewise; absent: never. */
  readonly maxAgeMs?: number;
  readonly log?: Log;
  readonly clock?: Clock;
}

/** A batch holds no more readouts, readings and bytes than this, but at least one readout. */
const BATCH = { readouts: 200, readings: 5000, bytes: 256 * 1024 } as const;
/** An acknowledgement waits this long for an append to go along with. */
const IDLE_MS = 30_000;
/** More readouts than this are not acknowledged in memory alone. */
const UNSAVED_READOUTS = BATCH.readouts;
/** More kinds of readouts than this are written in full: something makes up addresses. */
const MAX_FORMS = 1000;
/** Appends that share one commit. */
const GROUP = 500;
/** Dropped at once. */
const CUT_ROWS = 2000;
/** When the journal is full it is emptied to this part of its bound. */
const LOW_WATER = 0.9;
const EVICTION_LOG_MS = 3_600_000;

/**
 * Opens or creates the journal.
 * @throws {ConfigError} folder missing, another program's file, a newer version's file
 * @throws {LineError} `busy`: another process has it, whose id is named
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const clock = options.clock ?? systemClock;
  const port = new JournalPort(options.path);
  try {
    const { path, sinks } = options;
    const contents = await port.ask<Contents>({ kind: "open", path, sinks, nowMs: clock.now() });
    return new OpenJournal(port, contents, options, clock);
  } catch (error) {
    port.terminate();
    throw error;
  }
}

/** An append that waits for its commit. */
interface Waiting {
  readonly readings: readonly Reading[];
  readonly resolve: (seq: number) => void;
  readonly reject: (error: unknown) => void;
}

/** A readout that was just written: kept so that sinks that keep up need not ask the disk. */
interface Recent {
  readonly seq: number;
  readonly total: number;
  readonly bytes: number;
  readonly readings: readonly Reading[];
}

type Cursor = { -readonly [K in keyof SinkRow]: SinkRow[K] } & { dirty: boolean; savedAck: number };

class OpenJournal implements Journal {
  readonly #cursors: Map<string, Cursor>;
  readonly #forms = new Map<string, { id: number; saved: boolean }>();
  readonly #formRows = new Map<number, FormRow[]>();
  #head: { seq: number; total: number };
  #size: Size;
  #waiting: Waiting[] = [];
  #dead: DeadRow[] = [];
  #gaps: GapRow[] = [];
  #recent: Recent[] = [];
  #recentReadings = 0;
  #writing: Promise<void> | undefined;
  #saveAsked = false;
  #idle: AbortController | undefined;
  #closed = false;
  readonly #listeners = new Set<() => void>();
  readonly #evictions = { count: 0, loggedMs: -Infinity };

  constructor(
    readonly port: JournalPort,
    contents: Contents,
    readonly options: JournalOptions,
    readonly clock: Clock,
  ) {
    this.#head = contents.head;
    this.#size = contents;
    this.#cursors = new Map(contents.sinks.map((row) => [row.id, { ...row, dirty: false, savedAck: row.acked }]));
    for (const { id, content } of contents.forms) {
      this.#forms.set(content, { id, saved: true });
      this.#formRows.set(id, parseForm(content));
    }
  }

  append(readings: readonly Reading[]): Promise<number> {
    if (this.#closed) return Promise.reject(new Error(`The journal ${this.options.path} is closed`));
    if (readings.length === 0) return Promise.resolve(this.#head.seq);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ readings, resolve, reject });
      this.#write();
    });
  }

  async next(sink: string, signal: AbortSignal): Promise<Batch> {
    while (true) {
      signal.throwIfAborted();
      const cursor = this.#cursor(sink);
      const batch = cursor.acked < this.#head.seq ? await this.#claim(sink, cursor.acked) : undefined;
      if (batch && cursor.acked < batch.upTo) return batch;
      if (cursor.acked >= this.#head.seq) await this.#change(signal);
    }
  }

  acknowledge(
    sink: string,
    batch: Batch,
    { mark, dead = [] }: { readonly mark?: string; readonly dead?: readonly DeadLetter[] } = {},
  ): void {
    this.#settle(sink, batch, { mark, dead: deadRows(sink, batch, dead, this.clock.now()) });
  }

  mark(sink: string): string | undefined {
    return this.#cursor(sink).mark ?? undefined;
  }

  books(): Book[] {
    return this.options.sinks.map((sink) => {
      const { base, ackedTotal, delivered, evicted, dead } = this.#cursor(sink);
      const { total } = this.#head;
      return { sink, ingested: total - base, delivered, pending: total - ackedTotal, evicted, dead };
    });
  }

  async ping(): Promise<void> {
    await this.port.ask({ kind: "ping" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#idle?.abort();
    while (this.#writing) await this.#writing;
    try {
      if (this.#unsaved()) await this.#commit([]);
      await this.port.ask({ kind: "close" });
    } catch (error) {
      this.options.log?.error(`Cannot close the journal cleanly: ${(error as Error).message}`);
    } finally {
      this.port.terminate();
    }
  }

  #cursor(sink: string): Cursor {
    const cursor = this.#cursors.get(sink);
    if (!cursor) throw new Error(`The journal was opened without sink "${sink}"`);
    return cursor;
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
    const forms = new Map<number, string>();
    const rows = this.#encode(group, forms);
    const dirty = [...this.#cursors.values()].filter((cursor) => cursor.dirty);
    const [dead, gaps] = [this.#dead, this.#gaps];
    [this.#dead, this.#gaps] = [[], []];
    for (const cursor of dirty) cursor.dirty = false;
    const sinks = dirty.map((cursor): SinkRow => ({ ...cursor }));
    const commit: Commit = {
      forms: [...forms].map(([id, content]) => ({ id, content })),
      readouts: rows,
      sinks,
      dead,
      gaps,
      trimTo: this.#ackedByAll(),
    };
    try {
      this.#size = await this.port.ask<Size>({ kind: "commit", ...commit });
    } catch (error) {
      for (const cursor of dirty) cursor.dirty = true;
      this.#dead.unshift(...dead);
      this.#gaps.unshift(...gaps);
      throw error;
    }
    for (const { id, acked } of sinks) this.#cursors.get(id)!.savedAck = acked;
    for (const content of forms.values()) this.#forms.get(content)!.saved = true;
    this.#committed(group, rows);
  }

  #encode(group: readonly Waiting[], newForms: Map<number, string>): ReadoutRow[] {
    let { seq, total } = this.#head;
    return group.map(({ readings }) => {
      const { form, atMs, body } = encodeReadout(readings);
      const known = form === undefined ? undefined : this.#formOf(form);
      if (known && !known.saved) newForms.set(known.id, form!);
      total += readings.length;
      return {
        seq: ++seq,
        atMs,
        form: known?.id ?? null,
        count: readings.length,
        total,
        body: known || form === undefined ? body : JSON.stringify(readings),
      };
    });
  }

  #formOf(content: string): { id: number; saved: boolean } | undefined {
    let form = this.#forms.get(content);
    if (!form && this.#forms.size < MAX_FORMS) {
      form = { id: Math.max(0, ...this.#formRows.keys()) + 1, saved: false };
      this.#forms.set(content, form);
      this.#formRows.set(form.id, parseForm(content));
    }
    return form;
  }

  #committed(group: readonly Waiting[], rows: readonly ReadoutRow[]): void {
    const last = rows.at(-1);
    if (!last) return;
    this.#head = { seq: last.seq, total: last.total };
    rows.forEach(({ seq, total, body }, at) => {
      const { readings } = group[at]!;
      this.#recent.push({ seq, total, bytes: body.length, readings });
      this.#recentReadings += readings.length;
    });
    this.#forgetRecent();
    rows.forEach(({ seq }, at) => group[at]!.resolve(seq));
    for (const listener of this.#listeners) listener();
  }

  // Reading

  async #claim(sink: string, after: number): Promise<Batch | undefined> {
    const recent = this.#claimRecent(after);
    if (recent.length > 0) return toBatch(recent);
    const head = this.#head;
    const rows = await this.port.ask<ReadoutRow[]>({ kind: "read", after, ...BATCH });
    if (rows.length === 0) return this.#miss(sink, after, head);
    const whole: Recent[] = [];
    for (const row of rows) {
      const readings = this.#decode(row);
      if (readings) whole.push({ ...row, bytes: row.body.length, readings });
      else if (whole.length > 0) break; // a damaged one is set aside when its turn comes
      else return this.#setAside(sink, row);
    }
    return whole.length > 0 ? toBatch(whole) : undefined;
  }

  /** The recent readouts after a cursor, as many as a batch holds; none when the disk must be asked. */
  #claimRecent(after: number): Recent[] {
    const first = this.#recent[0]?.seq ?? Infinity;
    if (after + 1 < first) return [];
    const taken: Recent[] = [];
    let [readings, bytes] = [0, 0];
    for (let at = after + 1 - first; at < this.#recent.length && taken.length < BATCH.readouts; at++) {
      const next = this.#recent[at]!;
      readings += next.readings.length;
      bytes += next.bytes;
      if (taken.length > 0 && (readings > BATCH.readings || bytes > BATCH.bytes)) break;
      taken.push(next);
    }
    return taken;
  }

  #decode(row: ReadoutRow): Reading[] | undefined {
    if (row.damaged) return undefined;
    const form = row.form === null ? undefined : this.#formRows.get(row.form);
    if (row.form !== null && form?.length !== row.count) return undefined;
    return decodeReadout(row.atMs, form, row.body);
  }

  /** A readout whose bits have turned on the disk becomes a dead letter as a whole. */
  #setAside(sink: string, { seq, atMs, total, count, body }: ReadoutRow): undefined {
    if (this.#cursor(sink).acked >= seq) return;
    this.options.log?.error(`Readout ${seq} is damaged on disk and put aside, ${count} readings`, { sink, seq });
    const rest = { sink, seq, atMs, reason: "check sum wrong on disk", body };
    const dead = Array.from({ length: count }, (_, position) => ({ ...rest, position, body: position ? "" : body }));
    this.#settle(sink, { upTo: seq, total }, { mark: undefined, dead });
  }

  /** Readouts that ought to be there are not: somebody was at the file. */
  #miss(sink: string, after: number, head: { seq: number; total: number }): undefined {
    const cursor = this.#cursor(sink);
    if (cursor.acked > after) return; // dropped meanwhile, and written down already
    this.options.log?.error(`Readouts ${after + 1} to ${head.seq} are missing on disk`, { sink });
    this.#evict(cursor, head, "missing");
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

  /** Keeps no more in memory than one batch, and nothing that every sink has. */
  #forgetRecent(): void {
    const done = this.#ackedByAll();
    let drop = 0;
    while (drop < this.#recent.length) {
      const { seq, readings } = this.#recent[drop]!;
      if (seq > done && this.#recentReadings <= BATCH.readings) break;
      this.#recentReadings -= readings.length;
      drop++;
    }
    this.#recent.splice(0, drop);
  }

  // Cursors and bounds

  #settle(
    sink: string,
    { upTo, total }: Pick<Batch, "upTo" | "total">,
    { mark, dead }: { readonly mark: string | undefined; readonly dead: readonly DeadRow[] },
  ): void {
    const cursor = this.#cursor(sink);
    cursor.mark = mark ?? cursor.mark;
    if (upTo > cursor.acked) {
      const mine = dead.filter(({ seq }) => seq > cursor.acked); // the others were evicted meanwhile
      cursor.delivered += total - cursor.ackedTotal - mine.length;
      cursor.dead += mine.length;
      this.#dead.push(...mine);
      [cursor.acked, cursor.ackedTotal] = [upTo, total];
    }
    cursor.dirty = true;
    this.#forgetRecent();
    if (cursor.acked - cursor.savedAck > UNSAVED_READOUTS || dead.length > 0) this.#save();
    else this.#saveWhenIdle();
  }

  #save(): void {
    this.#saveAsked = true;
    if (!this.#closed) this.#write();
  }

  #saveWhenIdle(): void {
    if (this.#idle || this.#closed) return;
    this.#idle = new AbortController();
    this.clock.sleep(IDLE_MS, this.#idle.signal).then(() => {
      this.#idle = undefined;
      if (this.#unsaved()) this.#save();
    }, () => {});
  }

  #unsaved(): boolean {
    return this.#dead.length > 0 || this.#gaps.length > 0 || this.#cursors.values().some((cursor) => cursor.dirty);
  }

  #ackedByAll(): number {
    return Math.min(this.#head.seq, ...this.#cursors.values().map(({ acked }) => acked));
  }

  async #enforceBounds(): Promise<void> {
    const { maxBytes, maxAgeMs = Infinity } = this.options;
    const olderThanMs = this.clock.now() - maxAgeMs;
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
  async #cut(reason: "age" | "size", bounds: { rows: number; olderThanMs?: number }): Promise<boolean> {
    const boundary = await this.port.ask<{ seq: number; total: number } | undefined>({ kind: "boundary", ...bounds });
    if (!boundary) return false;
    for (const cursor of this.#cursors.values()) this.#evict(cursor, boundary, reason);
    await this.#commit([]);
    this.#reportEvictions(reason);
    return true;
  }

  #evict(cursor: Cursor, { seq, total }: { seq: number; total: number }, reason: string): void {
    if (cursor.acked >= seq) return;
    const count = total - cursor.ackedTotal;
    const gap = { sink: cursor.id, fromSeq: cursor.acked + 1, toSeq: seq, count, reason, atMs: this.clock.now() };
    this.#gaps.push(gap);
    this.#evictions.count += count;
    cursor.evicted += count;
    [cursor.acked, cursor.ackedTotal, cursor.dirty] = [seq, total, true];
  }

  #reportEvictions(reason: "age" | "size"): void {
    const now = this.clock.monotonic();
    const { count, loggedMs } = this.#evictions;
    if (count === 0 || now - loggedMs < EVICTION_LOG_MS) return;
    const why = reason === "age" ? "are older than journal.max_age" : "do not fit into journal.max_bytes";
    this.options.log?.warning(`${count} readings were dropped before every sink had them: they ${why}`, {
      count,
      reason,
    });
    Object.assign(this.#evictions, { count: 0, loggedMs: now });
  }
}

function toBatch(readouts: readonly Recent[]): Batch {
  const { seq, total } = readouts.at(-1)!;
  if (readouts.length === 1) {
    const { readings } = readouts[0]!;
    return { upTo: seq, total, readings, seqs: new Array<number>(readings.length).fill(seq) };
  }
  return {
    upTo: seq,
    total,
    readings: readouts.flatMap(({ readings }) => readings),
    seqs: readouts.flatMap(({ readings, seq }) => new Array<number>(readings.length).fill(seq)),
  };
}

function deadRows(sink: string, { readings, seqs }: Batch, dead: readonly DeadLetter[], atMs: number): DeadRow[] {
  return dead.map(({ index, reason }) => {
    const seq = seqs[index]!;
    return { sink, seq, position: index - seqs.indexOf(seq), atMs, reason, body: JSON.stringify(readings[index]) };
  });
}
