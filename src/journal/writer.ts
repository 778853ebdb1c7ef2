/**
 * What is written when, and what becomes of it when the disk does not take it: it is kept in memory, the sinks are served
 * from there, and the disk is tried again until it does.
 * @module
 */
import { JournalError } from "../errors.ts";
import type { JournalState } from "../journal.ts";
import { Bounds } from "./bounds.ts";
import { commit } from "./commit.ts";
import type { Memory, Settings } from "./memory.ts";
import { QUALITY, type ReadoutRow } from "./rows.ts";
import { FileOpener } from "./opening.ts";
import { checkBooks } from "./repair.ts";
import { Timers } from "./timers.ts";
import { numbered } from "./numbering.ts";
import { Queue, type Waiting } from "./waiting.ts";

/** An acknowledgement waits this long for an append to go along with. */
const IDLE_MS = 30_000;
/** Readouts that are written at once when the disk takes them again. */
const FLUSHED = 500;
/** Of its bytes the file gives up so much when the disk is full and memory soon will be. */
const GIVEN_UP = 0.05;

/** What the loop may be asked beside writing what waits: the cursors, the disk again, a new file, the books. */
type Task = "save" | "retry" | "renew" | "check" | "count out";

/** Writes; one commit at a time. */
export class Writer {
  readonly queue = new Queue();
  readonly bounds: Bounds;
  readonly file: FileOpener;
  readonly #timers: Timers;
  readonly #tasks = new Set<Task>();
  #due = false;
  #writing: Promise<void> | undefined;
  #closed = false;
  #trouble: { readonly error: JournalError; readonly sinceMs: number } | undefined;
  #lostUpTo = 0;

  /** `onChange`: there is more for the sinks. `onOpen`: numbers are real from now on. */
  constructor(
    readonly memory: Memory,
    readonly options: Settings,
    readonly events: { readonly onChange: () => void; readonly onOpen: () => void },
  ) {
    this.bounds = new Bounds(memory, (thinned) => this.#commit([], thinned));
    this.#timers = new Timers(options.clock);
    this.file = new FileOpener(memory, this.#timers, { ...events, onFetched: () => void this.do("count out") });
  }

  /** Why nothing can be written. */
  get trouble(): JournalState["trouble"] {
    return this.#trouble && { message: this.#trouble.error.message, sinceMs: this.#trouble.sinceMs };
  }

  /** Opens the file. A disk that gives nothing is tried again. @throws {ConfigError | LineError} */
  async open(): Promise<void> {
    try {
      await this.file.open();
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      this.#stumble(error);
    }
  }

  /** Writes what waits, now or within a while. */
  write(withinMs = 0): void {
    if (withinMs > 0 && !this.queue.isFull) return this.#timers.start("group", withinMs, () => this.write());
    this.#due = true;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when it is done. */
  async do(task: Task): Promise<void> {
    this.#tasks.add(task);
    if (!this.#closed) this.#writing ??= this.#writeAll();
    await this.#writing;
  }

  /** A sink came further. */
  settled(): void {
    const { recent, ring, cursors, head } = this.memory;
    recent.forget(cursors.ackedByAll(head));
    if (this.file.isOpened) ring.drop(cursors.ackedByAll(head)); // before, nobody knows who else wants them
    if (!this.#closed) this.#timers.start("idle", IDLE_MS, () => void (cursors.unsaved() && this.do("save")));
  }

  /** A read went wrong. Whether it was damage, which is mended from now on. */
  isMending(error: unknown): boolean {
    if (!(error instanceof JournalError) || error.trouble !== "damaged") return false;
    this.#stumble(error);
    void this.do("renew");
    return true;
  }

  /** Writes all that it can. @throws {Error} that says what is lost */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timers.stop();
    if (this.queue.length > 0) this.write();
    while (this.#writing) await this.#writing;
    const { ring, port } = this.memory;
    try {
      try {
        if (this.#trouble) await this.#recover();
        if (this.#unsaved()) await this.#commit([]);
      } finally {
        await port.ask({ kind: "close" }); // in any case, for whoever opens it next
      }
    } catch (error) {
      const lost = ring.length > 0 ? `${ring.length} readouts that were in memory alone are lost: ` : "";
      throw new Error(lost + (error as Error).message, { cause: error });
    }
  }

  #unsaved(): boolean {
    return this.memory.cursors.unsaved() || this.memory.notes.unsaved().length > 0;
  }

  /** Commits until nothing waits. What comes while a commit runs shares the next. */
  async #writeAll(): Promise<void> {
    await undefined; // appends of the same instant belong together
    while (this.#due || this.#tasks.size > 0) {
      const tasks = new Set(this.#tasks);
      this.#tasks.clear();
      this.#timers.cancel("group");
      const group = this.queue.take();
      this.#due = this.queue.length > 0;
      if (tasks.has("renew")) await this.#attempt(() => this.#renew());
      if (tasks.has("retry") && this.#trouble) await this.#attempt(() => this.#recover());
      await this.#put(group);
      if (!this.#trouble) await this.#attempt(() => this.#tidy(tasks));
    }
    this.#writing = undefined;
  }

  /** Trouble of the disk is no end. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof JournalError) this.#stumble(error);
      else this.options.log?.error(`The journal: ${(error as Error).message}: this is a bug, please report it`);
    }
  }

  /** On disk when it takes them, else in memory. */
  async #put(group: readonly Waiting[]): Promise<void> {
    for (const { note } of group) if (note) this.memory.notes.put(note);
    if (group.length === 0 && !this.#unsaved()) return;
    const rows = numbered(this.memory, group);
    if (this.#trouble) return this.#keep(group, rows);
    try {
      await this.#commit(rows);
    } catch (error) {
      await this.#attempt(() => Promise.reject(error));
      if (!(error instanceof JournalError)) return group.forEach(({ reject }) => reject(error));
      return this.#keep(group, rows);
    }
    const { recent, cursors, head } = this.memory;
    rows.forEach((row, at) => {
      if (row.quality === QUALITY.pending) recent.clear(); // it will be read when it has its time
      else recent.add(row);
      group[at]!.resolve({ seq: row.seq, durable: true });
    });
    recent.forget(cursors.ackedByAll(head));
    if (rows.length > 0) this.events.onChange();
  }

  /** One transaction. @throws {JournalError} */
  async #commit(readouts: readonly ReadoutRow[], thinned?: readonly number[]): Promise<void> {
    if (await commit(this.memory, readouts, thinned)) this.events.onChange(); // there may be more letters to offer
  }

  // When the disk does not take it

  /** The disk has failed: once said, and tried again. A damaged file is replaced at once. */
  #stumble(error: JournalError): void {
    const { log, path, clock, retryMs } = this.options;
    if (!this.#trouble || this.#trouble.error.message !== error.message) {
      const what = error.trouble === "damaged"
        ? `The journal is damaged: ${error.message}`
        : `The journal cannot be written: ${error.message}: readouts are kept in memory until it can; a power cut loses those`;
      log?.error(what, { path });
    }
    if (error.trouble === "damaged" && this.#trouble?.error.trouble !== "damaged" && !this.#closed) {
      this.#tasks.add("renew");
    }
    this.#trouble = { error, sinceMs: this.#trouble?.sinceMs ?? clock.now() };
    if (!this.#closed) this.#timers.start("retry", retryMs, () => this.do("retry"));
  }

  /** In memory, where sinks get it from; the oldest gives way when there is too much. */
  #keep(group: readonly Waiting[], rows: readonly ReadoutRow[]): void {
    const { memory } = this;
    const last = rows.at(-1);
    if (!last) return;
    const dropped = memory.ring.add(rows);
    memory.head = { seq: last.seq, total: last.total };
    if (dropped.length > 0) {
      this.bounds.say("memory", memory.cursors.takeOut(dropped, { reason: "memory", atMs: this.options.clock.now() }));
      this.#lostUpTo = dropped.at(-1)!.seq;
      this.file.dropped(dropped);
    }
    rows.forEach(({ seq }, at) => group[at]!.resolve({ seq, durable: false }));
    this.events.onChange();
  }

  /** Tries the disk again. Descriptors of a disk that was gone are worth nothing, so the file is opened anew. @throws {JournalError} */
  async #recover(): Promise<void> {
    if (this.#trouble?.error.trouble === "damaged") return await this.#renew();
    if (this.#trouble?.error.trouble !== "full" || !this.file.isOpened) await this.file.open();
    try {
      await this.#flush();
    } catch (error) {
      const { ring, size } = this.memory;
      const isFull = error instanceof JournalError && error.trouble === "full";
      if (!isFull || ring.bytes <= ring.limitBytes / 2) throw error;
      await this.bounds.makeRoom(size.bytes * (1 - GIVEN_UP), "full"); // memory soon full too: what is old gives way
      await this.#flush();
    }
  }

  /** Brings to the disk what memory holds. @throws {JournalError} */
  async #flush(): Promise<void> {
    const { memory, options: { log, path, clock } } = this;
    const { ring } = memory;
    const kept = ring.length;
    while (ring.length > 0) {
      const rows = ring.first(FLUSHED);
      await this.#commit(rows);
      ring.drop(rows.at(-1)!.seq);
    }
    if (this.#unsaved()) await this.#commit([]);
    memory.saved = memory.head;
    memory.recent.clear();
    const seconds = Math.round((clock.now() - (this.#trouble?.sinceMs ?? clock.now())) / 1000);
    this.#trouble = undefined;
    log?.info(`The journal is written again after ${seconds} s`, { path, from_memory: kept });
  }

  /** The file is damaged: a new one takes its place. @throws {JournalError} */
  async #renew(): Promise<void> {
    if (this.#trouble?.error.trouble !== "damaged") return;
    await this.file.renew();
    await this.#flush();
    this.file.fetch();
  }

  // When all is written

  /** Bounds, books and ballast. @throws {JournalError} */
  async #tidy(tasks: ReadonlySet<Task>): Promise<void> {
    const { memory, options: { clock, log } } = this;
    for (const sink of this.bounds.agesTrusted ? memory.cursors.forget(clock.now()) : []) {
      log?.info(`Sink ${sink} has been gone for 7 days: what was kept for it is given up`, { sink });
    }
    if (memory.salvage) return; // what is missing now may only be missing yet
    await this.bounds.enforce();
    const all = tasks.has("count out");
    if (all || tasks.has("check")) await checkBooks(memory, { all, lostUpTo: this.#lostUpTo });
    await this.bounds.restoreBallast();
  }
}
