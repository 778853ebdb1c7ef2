/**
 * The last numbers that were heard from meters, so that nothing is believed twice: what a meter pushed, and what it
 * answered, in an earlier session and before a restart too (Green Book 9.2.3.3.7.3). They are kept in a file that several
 * processes share. A memory card wears out by writing, so that it is written once a minute at most: whoever kills the
 * program, and stands between it and the meter, may play back the last minute once.
 * @module
 */
import { dirname, join } from "node:path";
import { type Book, nameOf, openBook, titleIn } from "./counter_book.ts";

/** From one writing to the next. */
const KEEP_MS = 60_000;

/** How they are kept. */
export interface HeardOptions {
  /** Hears why the file is of no use now; messages are heard all the same. */
  readonly onTrouble?: (reason: string) => void;
  /** From one writing to the next; 0: each session ends with one. */
  readonly keepMs?: number;
  readonly now?: () => number;
}

/** Those of messages under one key, by the sender's title in hex. As `src/dlms/` wants it. */
export interface HeardUnder {
  get(title: string): number | undefined;
  set(title: string, counter: number): void;
  /** Nothing more comes for now: a good moment to write. */
  settle(): void;
}

/** What was heard of one sender under one key. */
export interface Heard {
  /** The sender's system title, in hex. */
  readonly title: string;
  readonly counter: number;
}

/** The book of what was heard. */
export class HeardCounters {
  readonly #path: string;
  readonly #options: Required<HeardOptions>;
  #book: Record<string, number> | undefined;
  #isKept = true;
  #keptMs = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(path: string, { onTrouble = () => {}, keepMs = KEEP_MS, now = Date.now }: HeardOptions = {}) {
    [this.#path, this.#options] = [path, { onTrouble, keepMs, now }];
  }

  /** Those of messages under this key. */
  of(key: Uint8Array): HeardUnder {
    const id = (title: string) => nameOf(key, Uint8Array.fromHex(title));
    return {
      get: (title) => this.#all()[id(title)],
      set: (title, counter) => {
        if (this.#all()[id(title)] === undefined) this.#keptMs = -Infinity; // a new meter is written down at once
        this.#all()[id(title)] = counter;
        this.#isKept = false;
      },
      settle: () => this.#keepSoon(),
    };
  }

  /** All of it, as far as it is known here. @throws {Error} the file is damaged, or may not be had */
  list(): Heard[] {
    this.#book = { ...this.#merge(this.#book ?? {}) };
    return Object.entries(this.#book).map(([id, counter]) => ({ title: titleIn(id), counter }));
  }

  /**
   * Believes this sender's next message, whatever its number: the meter has begun to count anew.
   * @returns what was heard of it until now @throws {Error} the file is damaged, or may not be had
   */
  forget(title: string): Heard[] {
    const forgotten = this.list().filter((heard) => heard.title === title);
    if (forgotten.length === 0) return [];
    using file = openBook(this.#path);
    const isOther = ([id]: [string, unknown]) => titleIn(id) !== title;
    file.write(Object.fromEntries(Object.entries(file.numbers).filter(isOther)));
    this.#book = Object.fromEntries(Object.entries(this.#book!).filter(isOther));
    return forgotten;
  }

  #all(): Record<string, number> {
    return this.#book ??= { ...this.#try(() => this.#merge({})) };
  }

  #keepSoon(): void {
    if (this.#isKept || this.#timer !== undefined) return;
    const { keepMs, now } = this.#options;
    const leftMs = this.#keptMs + keepMs - now();
    if (leftMs <= 0 || leftMs > keepMs) return this.keep(); // more: the clock was set back
    this.#timer = setTimeout(() => this.keep(), leftMs);
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  /** Writes it down, if there is anything new. What other processes have heard meanwhile is heard here too. */
  keep(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isKept) return;
    this.#keptMs = this.#options.now();
    Object.assign(this.#book!, this.#try(() => this.#merge(this.#book!)));
  }

  /** The later one of each, here and in the file; written where the file lacks one. */
  #merge(book: Book): Book {
    using file = openBook(this.#path);
    const later = Object.entries(book).filter(([id, number]) => number > (file.numbers[id] ?? -1));
    const merged = { ...file.numbers, ...Object.fromEntries(later) };
    if (later.length > 0) file.write(merged);
    this.#isKept = true;
    return merged;
  }

  #try<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#options.onTrouble(`What was heard from meters cannot be kept: ${(error as Error).message}`);
      return undefined;
    }
  }
}

/** Where it is kept what was heard: in the folder of the counters. */
export function heardBeside(path: string): string {
  return join(dirname(path), "dlms-heard.json");
}
