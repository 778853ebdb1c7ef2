/**
 * What is written when, and what becomes of it when the disk does not take it: it is kept in memory, the sinks are served
 * from there, and the disk is tried again until it does.
 * @module
 */
import type { Clock } from "../clock.ts";
import { JournalError } from "../errors.ts";
import type { JournalOptions, JournalState } from "../journal.ts";
import { Bounds } from "./bounds.ts";
import { timely } from "./claims.ts";
import type { Memory } from "./memory.ts";
import { type Contents, type Counted, QUALITY, type ReadoutRow, type Redating, type Size } from "./messages.ts";
import { checkBooks, fetchSalvage, goOnBehind, goOnWith, startOver } from "./repair.ts";
import { Timers } from "./timers.ts";
import { numbered } from "./numbering.ts";
import { Queue, type Waiting } from "./waiting.ts";

/** An acknowledgement waits this long for an append to go along with. */
const IDLE_MS = 30_000;
const RETRY_MS = 30_000;
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
  readonly #timers: Timers;
  readonly #tasks = new Set<Task>();
  #due = false;
  #writing: Promise<void> | undefined;
  #closed = false;
  /** Until the file has been open once, every number is provisional. */
  #opened = false;
  #trouble: { readonly error: JournalError; readonly sinceMs: number } | undefined;
  #fetching: Promise<void> | undefined;
  /** Readouts that memory had no room for while the file was never open. */
  #dropped: Counted[] = [];
  #lostUpTo = 0;
  #ballastMs = -Infinity;

  /** `onChange`: there is more for the sinks. `onOpen`: numbers are real from now on. */
  constructor(
    readonly memory: Memory,
    readonly options: JournalOptions & { readonly clock: Clock },
    readonly events: { readonly onChange: () => void; readonly onOpen: () => void },
  ) {
    this.bounds = new Bounds(memory, (thinned) => this.#commit([], thinned));
    this.#timers = new Timers(options.clock);
  }

  /** Why nothing can be written. */
  get trouble(): JournalState["trouble"] {
    return this.#trouble && { message: this.#trouble.error.message, sinceMs: this.#trouble.sinceMs };
  }

  /** Whether the file has been open once: every number is real. */
  get isOpened(): boolean {
    return this.#opened;
  }

  /** Opens the file. A disk that gives nothing is tried again. @throws {ConfigError | LineError} */
  async open(): Promise<void> {
    try {
      await this.#open();
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
    if (this.#opened) ring.drop(cursors.ackedByAll(head)); // before, nobody knows who else wants them
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
      if (this.#trouble) await this.#recover();
      if (this.#unsaved()) await this.#commit([]);
      await port.ask({ kind: "close" });
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
      const { seq, total, body, quality } = row;
      if (quality === QUALITY.pending) recent.clear(); // it will be read when it has its time
      else recent.add({ seq, total, bytes: body.length, readings: timely(group[at]!.readings, row) });
      group[at]!.resolve({ seq, durable: true });
    });
    recent.forget(cursors.ackedByAll(head));
    if (rows.length > 0) this.events.onChange();
  }

  /** One transaction: readouts and all that changed in memory since the last. */
  async #commit(readouts: readonly ReadoutRow[], thinned: readonly number[] = []): Promise<void> {
    const { memory } = this;
    const { cursors, forms, held, port } = memory;
    const time = held.memory();
    const changes = cursors.take();
    const newForms = forms.unsaved();
    const notes = memory.ring.length > readouts.length ? [] : memory.notes.unsaved(); // with the last they tell of
    const trimTo = cursors.ackedByAll(memory.head);
    const commit = { readouts, thinned, forms: newForms, notes, trimTo, time, ...changes };
    const { ballast } = memory.size;
    try {
      memory.size = await port.ask<Size>({ kind: "commit", ...commit });
    } catch (error) {
      cursors.restore(changes);
      throw error;
    }
    if (ballast && !memory.size.ballast) {
      this.options.log?.error("The disk is full: the journal goes on in the room that was kept for this; make room", {
        path: this.options.path,
      });
    }
    cursors.saved(changes);
    forms.saved(newForms);
    memory.notes.saved(notes);
    held.remembered(time);
    held.sizeIs(memory.size);
    if (changes.letters.length > 0) this.events.onChange(); // there may be more of them
    const last = readouts.at(-1);
    if (!last) return;
    memory.saved = { seq: last.seq, total: last.total };
    if (last.seq > memory.head.seq) memory.head = memory.saved;
  }

  // When the disk does not take it

  /** The disk has failed: once said, and tried again. A damaged file is replaced at once. */
  #stumble(error: JournalError): void {
    const { log, path, clock, retryMs = RETRY_MS } = this.options;
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
      if (!this.#opened) this.#dropped.push(...dropped.map(({ seq, count }) => ({ seq, count })));
    }
    rows.forEach(({ seq }, at) => group[at]!.resolve({ seq, durable: false }));
    this.events.onChange();
  }

  /** Tries the disk again. Descriptors of a disk that was gone are worth nothing, so the file is opened anew. @throws {JournalError} */
  async #recover(): Promise<void> {
    if (this.#trouble?.error.trouble === "damaged") return await this.#renew();
    if (this.#trouble?.error.trouble !== "full" || !this.#opened) await this.#open();
    if (this.memory.ring.bytes > this.memory.ring.limitBytes / 2) await this.#giveUpSome();
    await this.#flush();
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

  /** The disk is full and memory soon: what is old gives way to what is new, if deleting is still possible. */
  async #giveUpSome(): Promise<void> {
    await this.bounds.makeRoom(this.memory.size.bytes * (1 - GIVEN_UP), "full").catch(() => {});
  }

  /** @throws {JournalError} */
  async #open(): Promise<void> {
    const { memory } = this;
    if (this.#opened) goOnWith(this.memory, await this.#ask());
    else {
      const contents = await this.#ask();
      if (contents.time) this.options.time?.remember(contents.time);
      if (contents.damagedSinks) {
        const what = "The journal was damaged: the places of some sinks are lost";
        this.options.log?.error(`${what}; they get all that is there, readings they have had included`);
      }
      goOnBehind(memory, contents, this.#dropped);
      [this.#dropped, this.#opened] = [[], true];
      this.events.onOpen();
    }
    memory.held.sizeIs(memory.size);
    this.#fetch();
  }

  /** Gives readouts that wait their time. @throws {JournalError} */
  async redate(redating: Redating): Promise<Size> {
    this.memory.size = await this.memory.port.ask<Size>({ kind: "redate", ...redating });
    this.events.onChange();
    return this.memory.size;
  }

  async #ask(damaged = false): Promise<Contents> {
    const { path, ballastBytes = 0, log } = this.options;
    const behind = this.#opened && { behind: this.memory.saved };
    const contents = await this.memory.port.ask<Contents>({ kind: "open", path, ballastBytes, damaged, ...behind });
    for (const what of contents.mended ?? []) log?.error(`The journal was damaged: ${what}`, { path });
    return contents;
  }

  /** The file is damaged: a new one takes its place. @throws {JournalError} */
  async #renew(): Promise<void> {
    if (this.#trouble?.error.trouble !== "damaged") return;
    startOver(this.memory, await this.#ask(true));
    await this.#flush();
    this.#fetch();
  }

  /** Fetches from a damaged file what it still has. */
  #fetch(): void {
    const { memory, events, options: { log, retryMs = RETRY_MS } } = this;
    if (!memory.salvage || this.#fetching) return;
    const { aside, upTo } = memory.salvage;
    log?.error(`The journal was damaged: it is set aside as ${aside}, readouts up to ${upTo} are fetched from it`);
    this.#fetching = fetchSalvage(memory, events.onChange)
      .then(() => void this.do("count out"))
      .catch((error: Error) => {
        if (this.#closed) return;
        log?.warning(`Cannot fetch readouts from ${aside} now: ${error.message}`);
        this.#timers.start("fetch", retryMs, () => this.#fetch());
      })
      .finally(() => this.#fetching = undefined);
  }

  // When all is written

  /** Bounds, books and ballast. @throws {JournalError} */
  async #tidy(tasks: ReadonlySet<Task>): Promise<void> {
    const { memory, options: { clock } } = this;
    if (this.bounds.agesTrusted) memory.cursors.forget(clock.now());
    if (memory.salvage) return; // what is missing now may only be missing yet
    await this.bounds.enforce();
    const all = tasks.has("count out");
    if (all || tasks.has("check")) await checkBooks(memory, { all, lostUpTo: this.#lostUpTo });
    await this.#restoreBallast();
  }

  /** Only where there is room for it and more: else it would be the next that fills the disk. */
  async #restoreBallast(): Promise<void> {
    const { memory, options: { ballastBytes = 0, clock, retryMs = RETRY_MS } } = this;
    if (memory.size.ballast || (this.bounds.space?.freeBytes ?? 0) < 2 * ballastBytes || ballastBytes === 0) return;
    if (clock.monotonic() - this.#ballastMs < retryMs) return;
    this.#ballastMs = clock.monotonic();
    memory.size = await memory.port.ask<Size>({ kind: "ballast" });
  }
}
