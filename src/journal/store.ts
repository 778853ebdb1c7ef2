/** The open journal, put together of its parts. @module */
import type {
  Acknowledgement,
  Batch,
  Book,
  Journal,
  JournalState,
  Moment,
  Note,
  Receipt,
  SinkBounds,
} from "../journal.ts";
import { JournalError } from "../errors.ts";
import type { Reading } from "../reading.ts";
import { Recent } from "./batch.ts";
import { Counter } from "./counter.ts";
import { Cursors } from "./cursors.ts";
import { Forms } from "./forms.ts";
import { Held } from "./held.ts";
import { OpenLetterBox } from "./letter_box.ts";
import type { Memory, Settings } from "./memory.ts";
import type { Contents, Redating, Size } from "./messages.ts";
import { News } from "./news.ts";
import { Notes } from "./notes.ts";
import { JournalPort } from "./port.ts";
import { Ring } from "./ring.ts";
import type { Companions } from "./waiting.ts";
import { Writer } from "./writer.ts";

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
  readonly #counter: Counter;
  readonly #news = new News();
  #closed = false;

  private constructor(port: JournalPort, readonly options: Settings) {
    const { sinks, sinkBounds, clock, memoryBytes = MEMORY_BYTES, time, unsynchronised = "hold", log } = options;
    const { head } = NOTHING;
    this.#memory = {
      ...{ port, options, head, saved: head, size: NOTHING, salvage: undefined, letterWishes: 0 },
      sinks: new Map(sinks.map((sink) => [sink, sinkBounds?.[sink] ?? {}])),
      cursors: new Cursors([], { sinks, start: head, nowMs: clock.now() }),
      forms: new Forms([]),
      notes: new Notes([]),
      recent: new Recent(),
      ring: new Ring(memoryBytes),
      held: new Held({ time, unsynchronised, log, redate: (redating) => this.#redate(redating) }),
    };
    const onChange = () => this.#news.tell();
    this.#writer = new Writer(this.#memory, options, { onChange, onOpen: () => this.#counter.opened() });
    this.#counter = new Counter(this.#memory, this.#writer, this.#news);
    this.letters = new OpenLetterBox(this.#memory, { save: () => this.#save(), onChange });
  }

  /** @throws {ConfigError | LineError} a person or another process must act; trouble of the disk is none */
  static async open(options: Settings): Promise<Store> {
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
    if (readings.length > 0) return this.#add(readings, { moment, note }, withinMs); // holds nothing while it waits
    if (note) await this.appendAll([], note);
    return { seq: this.#memory.head.seq, durable: true };
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

  next(sink: string, signal: AbortSignal): Promise<Batch> {
    return this.#counter.next(sink, signal);
  }

  acknowledge(sink: string, batch: Batch, outcome: Acknowledgement = {}): void {
    this.#counter.acknowledge(sink, batch, outcome);
  }

  attach(sink: string, bounds: SinkBounds = {}): void {
    const { sinks, cursors, head } = this.#memory;
    sinks.set(sink, bounds);
    cursors.attach(sink, this.#writer.file.isOpened ? head : NOTHING.head); // before, nobody knows where the end is
    void this.#writer.do("save");
  }

  detach(sink: string): void {
    const { sinks, cursors, head: { total } } = this.#memory;
    sinks.delete(sink);
    cursors.detach(sink, this.options.clock.now());
    const pending = cursors.pending(sink, total);
    this.options.log?.info(`Sink ${sink} left: its place, and ${pending} readings, are kept for 7 days`, {
      sink,
      pending,
    });
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

  /** The readings are garbage from here on: a thousand readouts that wait for one commit are long lists. */
  #add(readings: readonly Reading[], companions: Companions, withinMs: number): Promise<Receipt> {
    const receipt = this.#writer.queue.add(readings, companions);
    if (companions.note) this.#memory.notes.announce(companions.note);
    this.#writer.write(withinMs);
    return receipt;
  }

  /** Resolves when nothing waits to be written. @throws {JournalError} while the disk takes nothing */
  async #save(): Promise<void> {
    await this.#writer.do("save");
    const { trouble } = this.#writer;
    if (trouble) throw new JournalError("failing", `The journal cannot be written: ${trouble.message}`);
  }

  /** Gives readouts that wait their time. @throws {JournalError} */
  async #redate(redating: Redating): Promise<Size> {
    this.#memory.size = await this.#memory.port.ask<Size>({ kind: "redate", ...redating });
    this.#news.tell();
    return this.#memory.size;
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error(`The journal ${this.options.path} is closed`);
  }
}
