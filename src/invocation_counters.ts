/**
 * The numbers of ciphered messages (DLMS invocation counters, Green Book 9.2.3.3.7.3), each given once for a key and a
 * title, after a kill -9 or a power cut too: numbers are reserved in a file before the first of them is used, and what of
 * a reservation is lost is skipped. Several processes may share the file.
 * @module
 */
import { dirname, join } from "node:path";
import process from "node:process";
import { LineError, RefusalError } from "./errors.ts";

/** As `src/dlms/` wants it. */
export interface DurableCounter {
  next(): number;
  raise(atLeast: number): void;
}

/** More is not in 32 bits. */
const LAST = 0xffff_ffff;
/** A meter takes none below 1 from a client that it has never heard. */
const FIRST = 1;
/** Numbers that are reserved at once: so many messages pass between two writings. */
const RESERVED = 100;

/** What the file holds: by key and title, the first number that nobody has reserved. */
type Book = Record<string, number>;

/** Where the daemon of this journal keeps its counters. */
export function countersBeside(journalPath: string): string {
  return join(dirname(journalPath), "dlms-counters.json");
}

/** All counters of one file. */
export class InvocationCounters {
  readonly #path: string;
  readonly #reserved: number;
  readonly #counters = new Map<string, DurableCounter>();
  #heard: HeardCounters | undefined;

  constructor(path: string, reserved = RESERVED) {
    [this.#path, this.#reserved] = [path, reserved];
  }

  /** The one of this encryption key and system title: with both the same, it is the same, whichever meter it is for. */
  of(key: Uint8Array, title: Uint8Array): DurableCounter {
    const id = nameOf(key, title);
    let counter = this.#counters.get(id);
    if (!counter) this.#counters.set(id, counter = this.#counter(id));
    return counter;
  }

  /** What was heard from meters, kept beside them: one for all who ask. */
  heard(onTrouble: (reason: string) => void): HeardCounters {
    return this.#heard ??= new HeardCounters(heardBeside(this.#path), onTrouble);
  }

  #counter(id: string): DurableCounter {
    let [next, end] = [0, 0];
    return {
      next: () => {
        if (next >= end) [next, end] = this.#reserve(id, next);
        return next++;
      },
      raise: (atLeast) => next = Math.max(next, atLeast),
    };
  }

  /** The next numbers that nobody has had, from `atLeast` on. @throws {LineError} {RefusalError} */
  #reserve(id: string, atLeast: number): [next: number, end: number] {
    try {
      Deno.mkdirSync(dirname(this.#path), { recursive: true });
      using _ = lock(`${this.#path}.lock`);
      const book = read(this.#path);
      const next = Math.max(book[id] ?? FIRST, atLeast);
      if (next > LAST) throw usedUp();
      const end = Math.min(next + this.#reserved, LAST + 1);
      write(this.#path, { ...book, [id]: end });
      return [next, end];
    } catch (cause) {
      if (cause instanceof RefusalError) throw cause;
      const why = (cause as Error).message;
      throw new LineError("denied", `No message is ciphered, for its number cannot be kept: ${why}`, { cause });
    }
  }
}

/** What was heard goes to disk this often at most: a memory card wears out by writing. */
const KEEP_MS = 60_000;

/**
 * The last numbers that were heard from meters that speak by themselves, so that nothing is believed twice. They are kept
 * in a file; whoever kills the program may play back the last minute once.
 */
export class HeardCounters {
  readonly #path: string;
  readonly #onTrouble: (reason: string) => void;
  readonly #now: () => number;
  #book: Book | undefined;
  #keptMs = -Infinity;

  /** `onTrouble` hears why the file is of no use now; messages are heard all the same. */
  constructor(path: string, onTrouble: (reason: string) => void, now: () => number = Date.now) {
    [this.#path, this.#onTrouble, this.#now] = [path, onTrouble, now];
  }

  /** Those of messages under this key, by the sender's title in hex. */
  of(key: Uint8Array): { get(title: string): number | undefined; set(title: string, counter: number): void } {
    const id = (title: string) => nameOf(key, Uint8Array.fromHex(title));
    return {
      get: (title) => this.#all()[id(title)],
      set: (title, counter) => {
        this.#all()[id(title)] = counter;
        if (Math.abs(this.#now() - this.#keptMs) >= KEEP_MS) this.keep();
      },
    };
  }

  #all(): Book {
    return this.#book ??= this.#try(() => read(this.#path)) ?? {};
  }

  /** Writes it down. */
  keep(): void {
    if (!this.#book) return;
    this.#keptMs = this.#now();
    this.#try(() => write(this.#path, this.#book!));
  }

  #try<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#onTrouble(`What was heard from meters that call in cannot be kept: ${(error as Error).message}`);
      return undefined;
    }
  }
}

/** Where it is kept what was heard: in the folder of the counters. */
export function heardBeside(path: string): string {
  return join(dirname(path), "dlms-heard.json");
}

function usedUp(): RefusalError {
  return new RefusalError("All invocation counters of this key are used up: the meter needs another key");
}

/** A name that tells nothing of the key. */
function nameOf(key: Uint8Array, title: Uint8Array): string {
  const { createHash } = process.getBuiltinModule("node:crypto"); // megabytes, which a daemon without ciphers does without
  const digest = createHash("sha256").update("obisd invocation counter").update(key).digest("hex").slice(0, 24);
  return `${title.toHex().toUpperCase()}-${digest}`;
}

/** Another process waits meanwhile. Whoever may read the file may lock it: it may be another user's. */
function lock(path: string): Disposable {
  const file = open(path);
  file.lockSync(true);
  return { [Symbol.dispose]: () => file.close() };
}

function open(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return Deno.openSync(path, { write: true, create: true });
  }
}

/** A file that is damaged is not begun anew: its numbers would come a second time. */
function read(path: string): Book {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
  const book: unknown = parse(text);
  const numbers = typeof book === "object" && book !== null ? Object.values(book) : [NaN];
  if (numbers.every((number) => Number.isInteger(number) && number >= 0)) return book as Book;
  throw new Error(
    `${path} is damaged; if the meters tell their counters (dlms.read_counter), move it away, else they need other keys`,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whole or not at all, and on disk when it returns. */
function write(path: string, book: Book): void {
  const text = new TextEncoder().encode(JSON.stringify(book, undefined, 1) + "\n");
  {
    using file = Deno.openSync(`${path}.new`, { write: true, create: true, truncate: true });
    for (let rest = text; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
    file.syncSync();
  }
  Deno.renameSync(`${path}.new`, path);
  using folder = Deno.openSync(dirname(path));
  folder.syncSync();
}
