/** The open journal: what a sink gets next, and what becomes of what it has got. @module */
import type { Clock } from "../clock.ts";
import type {
  Batch,
  Book,
  DeadLetter,
  Journal,
  JournalOptions,
  JournalState,
  Moment,
  Note,
  Receipt,
  SinkBounds,
} from "../journal.ts";
import type { Reading } from "../reading.ts";
import { BATCH, deadRows, Recent } from "./batch.ts";
import { type Claim, claim } from "./claims.ts";
import { Cursors, type Outcome } from "./cursors.ts";
import { Forms } from "./forms.ts";
import { Held } from "./held.ts";
import { offered, OpenLetterBox } from "./letter_box.ts";
import type { Memory } from "./memory.ts";
import type { Contents, Head, LetterRow, ReadoutRow, Settled } from "./messages.ts";
import { Notes } from "./notes.ts";
import { JournalPort } from "./port.ts";
import { Ring } from "./ring.ts";
import { Writer } from "./writer.ts";

/** More readouts than this are not acknowledged in memory alone. */
const UNSAVED_READOUTS = BATCH.readouts;
const MEMORY_BYTES = 8 * 1024 * 1024;

/** A journal that nobody could look into yet. */
const NOTHING: Contents = {
  ...{ bytes: 0, fileBytes: 0, ballast: false, head: { seq: 0, total: 0 } },
  ...{ forms: [], sinks: [], notes: [], letters: [] },
};

/** The open journal. */
export class Store implements Journal {
  readonly #memory: Memory;
  readonly #writer: Writer;
  readonly letters: OpenLetterBox;
  readonly #listeners = new Set<() => void>();
  #changes = 0;
  #closed = false;
  #given = new WeakSet<Batch>();
  /** Batches that were given before the file was open, and behind what they came to lie in it. */
  #early: { readonly given: WeakSet<Batch>; readonly head: Head } | undefined;

  private constructor(port: JournalPort, readonly options: JournalOptions & { readonly clock: Clock }) {
    const { sinks, sinkBounds, clock, memoryBytes = MEMORY_BYTES, time, unsynchronised = "hold", log } = options;
    const { head } = NOTHING;
    this.#memory = {
      ...{ port, options, head, saved: head, size: NOTHING, salvage: undefined },
      sinks: new Map(sinks.map((sink) => [sink, sinkBounds?.[sink] ?? {}])),
      cursors: new Cursors([], { sinks, start: head, nowMs: clock.now() }),
      forms: new Forms([]),
      notes: new Notes([]),
      recent: new Recent(),
      ring: new Ring(memoryBytes),
      held: new Held({ time, unsynchronised, log, redate: (redating) => this.#writer.redate(redating) }),
    };
    this.letters = new OpenLetterBox(this.#memory, {
      save: () => this.#writer.do("save"),
      onChange: () => this.#changed(),
    });
    this.#writer = new Writer(this.#memory, options, {
      onChange: () => this.#changed(),
      onOpen: () => {
        this.#early = { given: this.#given, head: this.#memory.saved };
        this.#given = new WeakSet();
      },
    });
  }

  /** @throws {ConfigError | LineError} a person or another process must act; trouble of the disk is none */
  static async open(options: JournalOptions & { readonly clock: Clock }): Promise<Store> {
    const port = new JournalPort(options.path);
    try {
      const store = new Store(port, options);
      await store.#writer.open();
      return store;
    } catch (error) {
      port.terminate();
      throw error;
    }
  }

  async append(readings: readonly Reading[], moment?: Moment, withinMs = 0, note?: Note): Promise<Receipt> {
    this.#assertOpen();
    if (readings.length === 0 && note) await this.appendAll([], note);
    if (readings.length === 0) return { seq: this.#memory.head.seq, durable: true };
    const receipt = this.#writer.queue.add(readings, { moment, note });
    if (note) this.#memory.notes.announce(note);
    this.#writer.write(withinMs);
    return await receipt;
  }

  async appendAll(readouts: readonly (readonly Reading[])[], note: Note): Promise<void> {
    this.#assertOpen();
    this.#memory.notes.announce(note);
    const whole = readouts.filter((readings) => readings.length > 0);
    if (whole.length === 0) {
      this.#memory.notes.put(note);
      return await this.#writer.do("save");
    }
    const receipts = whole.map((readings, at) =>
      this.#writer.queue.add(readings, { note: at === 0 ? note : undefined, follows: at > 0 })
    );
    this.#writer.write();
    await Promise.all(receipts);
  }

  waitsForTime(): boolean {
    return this.#memory.held.patient;
  }

  note(name: string): string | undefined {
    return this.#memory.notes.of(name);
  }

  async next(sink: string, signal: AbortSignal): Promise<Batch> {
    while (true) {
      signal.throwIfAborted();
      const [cursor, changes] = [this.#memory.cursors.of(sink), this.#changes];
      const { acked } = cursor;
      const letters = cursor.again > 0 && cursor.settling === 0 && !this.#writer.trouble;
      const claimed = letters ? await this.#claimLetters(sink) : await this.#claim(acked);
      if (this.#memory.cursors.of(sink) !== cursor || cursor.acked !== acked) continue; // led past it meanwhile
      if (!claimed) {
        if (changes === this.#changes && !letters) await this.#change(signal);
      } else if ("batch" in claimed) {
        if (!claimed.batch.letters) cursor.claimedTo = claimed.batch.upTo;
        this.#given.add(claimed.batch);
        return claimed.batch;
      } else this.#skip(sink, claimed);
    }
  }

  acknowledge(
    sink: string,
    batch: Batch,
    { mark, dead = [] }: { readonly mark?: string; readonly dead?: readonly DeadLetter[] } = {},
  ): void {
    if (batch.letters) return this.#settleLetters(sink, batch.letters, { mark, dead });
    const real = this.#renumbered(batch);
    const { acked } = this.#memory.cursors.of(sink);
    if (real !== batch && acked < this.#early!.head.seq) return; // it has older ones to get first
    const count = real.seqs.length - real.seqs.findLastIndex((seq) => seq <= acked) - 1;
    const atMs = this.options.clock.now();
    this.#settle(sink, { seq: real.upTo, total: real.total, count }, {
      ...{ mark, atMs },
      dead: deadRows(sink, real, { dead, atMs }),
    });
  }

  attach(sink: string, bounds: SinkBounds = {}): void {
    const { sinks, cursors, head } = this.#memory;
    sinks.set(sink, bounds);
    cursors.attach(sink, this.#writer.isOpened ? head : NOTHING.head); // before, nobody knows where the end is
    void this.#writer.do("save");
  }

  detach(sink: string): void {
    const { sinks, cursors } = this.#memory;
    sinks.delete(sink);
    cursors.detach(sink, this.options.clock.now());
    void this.#writer.do("save");
  }

  mark(sink: string): string | undefined {
    return this.#memory.cursors.of(sink).mark ?? undefined;
  }

  books(): Book[] {
    const { sinks, cursors, head } = this.#memory;
    return [...sinks.keys()].map((sink) => cursors.book(sink, head.total));
  }

  state(): JournalState {
    const { size: { bytes, oldest, ballast }, ring, held, salvage } = this.#memory;
    const { bounds: { space, minFreeBytes }, trouble } = this.#writer;
    const { path, maxBytes } = this.options;
    return {
      ...{ path, bytes, maxBytes, ballast, held: held.count, inMemory: { readouts: ring.length, bytes: ring.bytes } },
      ...oldest && { oldestMs: oldest.atMs },
      ...space && { freeBytes: space.freeBytes, minFreeBytes },
      ...trouble && { trouble },
      ...salvage && { salvaging: salvage.aside },
    };
  }

  async check(): Promise<void> {
    await this.#writer.do("check");
  }

  async ping(): Promise<void> {
    await this.#memory.port.ask({ kind: "ping" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#memory.held[Symbol.dispose]();
    try {
      await this.#writer.close();
    } catch (error) {
      this.options.log?.error(`Cannot close the journal cleanly: ${(error as Error).message}`);
    } finally {
      this.#memory.port.terminate();
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error(`The journal ${this.options.path} is closed`);
  }

  /** A damaged file is no failure: the sink waits for the new one. */
  async #claim(after: number): Promise<Claim | undefined> {
    try {
      return await claim(this.#memory, after);
    } catch (error) {
      if (!this.#writer.isMending(error)) throw error;
      return undefined;
    }
  }

  /** Dead letters that somebody wants offered once more. */
  async #claimLetters(sink: string): Promise<Claim | undefined> {
    const { cursors, port } = this.#memory;
    try {
      const rows = await port.ask<LetterRow[]>({ kind: "next letters", sink, limit: BATCH.readouts });
      return offered(cursors.of(sink), rows);
    } catch (error) {
      if (!this.#writer.isMending(error)) throw error;
      return undefined;
    }
  }

  #settleLetters(
    sink: string,
    letters: readonly number[],
    { mark, dead }: { readonly mark: string | undefined; readonly dead: readonly DeadLetter[] },
  ): void {
    const refusals = new Map(dead.map(({ index, reason }) => [index, { reason, atMs: this.options.clock.now() }]));
    const settled = letters.map((id, at) => ({ id, sink, ...refusals.has(at) && { refused: refusals.get(at)! } }));
    this.#memory.cursors.settleLetters(sink, settled, mark);
    this.#writer.settled();
    void this.#writer.do("save");
  }

  /** Nothing comes for the sink from here: a readout whose bits have turned, or none where one ought to be. */
  #skip(sink: string, claimed: Exclude<Claim, { readonly batch: Batch }>): void {
    const { log, clock } = this.options;
    const atMs = clock.now();
    if ("absent" in claimed) {
      const missing = this.#memory.cursors.pending(sink, claimed.absent.total);
      if (missing > 0) {
        log?.error(`${missing} readings up to readout ${claimed.absent.seq} are missing on disk`, { sink });
      }
      this.#settle(sink, claimed.absent, { mark: undefined, dead: [], atMs });
      return;
    }
    const { seq, body } = claimed.damaged;
    const { total, count } = this.#placeOf(sink, claimed.damaged);
    log?.error(`Readout ${seq} is damaged on disk and put aside, ${count} readings`, { sink, seq });
    const rest = { sink, seq, occurrence: 1, atMs, reason: "check sum wrong on disk" };
    const dead = Array.from({ length: count }, (_, position) => ({ ...rest, position, body: position ? "" : body }));
    this.#settle(sink, { seq, total, count }, { mark: undefined, dead, atMs });
  }

  /** Where a damaged readout ends, and how many readings it had: what it says itself need not be true. */
  #placeOf(sink: string, { seq, total, count }: ReadoutRow): Omit<Settled, "seq"> {
    const { cursors, head } = this.#memory;
    const { acked, ackedTotal } = cursors.of(sink);
    const end = total > ackedTotal && total <= head.total ? total : Math.min(ackedTotal + 1, head.total);
    const most = end - ackedTotal;
    return { total: end, count: seq !== acked + 1 && count > 0 && count < most ? count : most };
  }

  #settle(sink: string, to: Settled, outcome: Outcome): void {
    const { cursors } = this.#memory;
    cursors.settle(sink, to, outcome);
    this.#writer.settled();
    if (cursors.lags(sink, UNSAVED_READOUTS) || outcome.dead.length > 0) void this.#writer.do("save");
  }

  /** A batch by the numbers that its readouts have now. */
  #renumbered(batch: Batch): Batch {
    if (!this.#early?.given.has(batch)) return batch;
    const { seq, total } = this.#early.head;
    return {
      ...batch,
      upTo: batch.upTo + seq,
      total: batch.total + total,
      seqs: batch.seqs.map((its) => its + seq),
    };
  }

  #changed(): void {
    this.#changes++;
    for (const listener of this.#listeners) listener();
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
}
