/** A file of numbers, by key and title, that several processes share: read, changed and written as one. @module */
import { dirname } from "node:path";
import process from "node:process";

/** Numbers by {@link nameOf}. */
export type Book = Readonly<Record<string, number>>;

/** The book while nobody else has it. */
export interface OpenBook extends Disposable {
  readonly numbers: Book;
  /** On disk when it returns. */
  write(numbers: Book): void;
}

/** Opens the book of this path; where there is none it is empty. @throws {Error} it is damaged, or may not be had */
export function openBook(path: string): OpenBook {
  Deno.mkdirSync(dirname(path), { recursive: true });
  const locked = lock(`${path}.lock`);
  try {
    const numbers = read(path);
    return { numbers, write: (numbers) => write(path, numbers), [Symbol.dispose]: () => locked[Symbol.dispose]() };
  } catch (error) {
    locked[Symbol.dispose]();
    throw error;
  }
}

/** A name that tells nothing of the key. */
export function nameOf(key: Uint8Array, title: Uint8Array): string {
  const { createHash } = process.getBuiltinModule("node:crypto"); // megabytes, which a daemon without ciphers does without
  const digest = createHash("sha256").update("obisd invocation counter").update(key).digest("hex").slice(0, 24);
  return `${title.toHex().toUpperCase()}-${digest}`;
}

/** The title in such a name, in hex. */
export function titleIn(name: string): string {
  return name.split("-")[0]!;
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
