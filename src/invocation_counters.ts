/**
 * The numbers of ciphered messages (DLMS invocation counters, Green Book 9.2.3.3.7.3), each given once for a key and a
 * title, after a kill -9 or a power cut too: numbers are reserved in a file before the first of them is used, and what of
 * a reservation is lost is skipped. Several processes may share the file.
 * @module
 */
import { dirname, join } from "node:path";
import { nameOf, openBook } from "./counter_book.ts";
import { LineError, RefusalError } from "./errors.ts";
import { heardBeside, HeardCounters, type HeardOptions } from "./heard_counters.ts";

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

/** Where the daemon of this journal keeps its counters. */
export function countersBeside(journalPath: string): string {
  return join(dirname(journalPath), "dlms-counters.json");
}

/** All counters of one file, which holds the first number that nobody has reserved, by key and title. */
export class InvocationCounters {
  /** What was heard from meters, kept beside them. */
  readonly heard: HeardCounters;
  readonly #path: string;
  readonly #reserved: number;
  readonly #counters = new Map<string, DurableCounter>();

  constructor(path: string, { reserved = RESERVED, ...heard }: HeardOptions & { readonly reserved?: number } = {}) {
    [this.#path, this.#reserved] = [path, reserved];
    this.heard = new HeardCounters(heardBeside(path), heard);
  }

  /** The one of this encryption key and system title: with both the same, it is the same, whichever meter it is for. */
  of(key: Uint8Array, title: Uint8Array): DurableCounter {
    const id = nameOf(key, title);
    let counter = this.#counters.get(id);
    if (!counter) this.#counters.set(id, counter = this.#counter(id));
    return counter;
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
      using book = openBook(this.#path);
      const next = Math.max(book.numbers[id] ?? FIRST, atLeast);
      if (next > LAST) throw usedUp();
      const end = Math.min(next + this.#reserved, LAST + 1);
      book.write({ ...book.numbers, [id]: end });
      return [next, end];
    } catch (cause) {
      if (cause instanceof RefusalError) throw cause;
      const why = (cause as Error).message;
      throw new LineError("denied", `No message is ciphered, for its number cannot be kept: ${why}`, { cause });
    }
  }
}

function usedUp(): RefusalError {
  return new RefusalError("All invocation counters of this key are used up: the meter needs another key");
}
