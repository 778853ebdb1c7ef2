/**
 * The journal's write-ahead log, brought to the disk by ourselves: SQLite would call fsync for each commit, which makes the
 * file system commit the time of the change as well, and a memory card flush twice. What is promised, and why it holds:
 *
 * - **Nothing is acknowledged before it is on disk.** SQLite runs with `synchronous = NORMAL`: it writes a commit to the
 *   log and returns; {@link Wal.flush} then calls fdatasync, and only after that anybody hears of the commit. fdatasync
 *   brings all pages of a file to disk, whoever wrote them. A log that a power cut ends early ends with a whole commit: the
 *   check sums of its frames are chained.
 * - **One flush each.** The log is written with zeros to the length that it has between two checkpoints, so that no
 *   commit changes its length or its blocks. SQLite takes zeros for the end of the log, and shortens it to
 *   `journal_size_limit` only, which is more.
 * - **A flush that failed is no commit.** SQLite has the rows by then, so they must not be written again, and Linux takes
 *   pages that could not be written for clean ones: a second fdatasync would succeed and prove nothing. So nothing more is
 *   written by that connection ({@link Wal.assertWhole}); the file is closed and opened again, and before SQLite looks
 *   into the log each byte of it is written once more and brought to disk ({@link writeAgain}). Whatever is then found in
 *   it is on disk, counts, and is taken out of memory by its number; what is not is written from memory. The closing
 *   before that folds nothing of a lost log into the main file: Linux tells each descriptor of a failure once, and
 *   SQLite's hears of it when it brings the log to disk for that (if it has not in the very commit, by a checkpoint that
 *   fell into it: then what is folded comes from memory, whole).
 * - **What NORMAL leaves to SQLite**: the log on disk before a checkpoint, the main file after it, the log's header (with
 *   another salt, so that frames of before count no more) before the first frame of each round, and with the first of
 *   those the folder that the log was created in.
 * - **It is the right file.** One connection has the journal, exclusively, so that SQLite creates the log when it opens it
 *   and deletes it when it closes it, and never between. Whether it still lies where it belongs is looked at with each
 *   flush: of a log that was deleted or replaced meanwhile a power cut would leave nothing.
 * - **Our descriptor costs no lock.** SQLite locks the main file alone; closing any descriptor of that would unlock it.
 * @module
 */
import { FileTrouble } from "./trouble.ts";

/** Frames of a checkpoint's round (`wal_autocheckpoint`, 1000 pages of 1 KiB and 24 bytes), and what the last commit has more. */
const GROWN_BYTES = 1280 * 1024;
const PART = 64 * 1024;

/** Where the log of a journal lies. */
export function walPath(path: string): string {
  return `${path}-wal`;
}

/**
 * Writes a log once more, if one was left: whoever left it may have ended, or failed, before it was on disk. The same bytes
 * in the same places: broken off, it has changed nothing. SQLite must not have it open. @throws {Error} of the disk
 */
export function writeAgain(path: string): void {
  let log: Deno.FsFile;
  try {
    log = Deno.openSync(walPath(path), { read: true, write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  using file = log;
  const part = new Uint8Array(PART);
  for (let at = 0, read: number | null; (read = file.readSync(part)) !== null; at += read) {
    file.seekSync(at, Deno.SeekMode.Start);
    writeAll(file, part.subarray(0, read));
  }
  file.syncSync();
}

/** The log of a database that is open. */
export class Wal implements Disposable {
  #file: Deno.FsFile | undefined;
  #info: Deno.FileInfo | undefined;
  #failure: FileTrouble | undefined;

  /** `path` is the database's. */
  constructor(readonly path: string) {}

  /** To be asked before anything is written. @throws {FileTrouble} `failing`: a flush has failed, the file is to be opened anew */
  assertWhole(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Returns once all that was committed is on disk. @throws {FileTrouble} `failing`: nobody knows what is */
  flush(): void {
    this.assertWhole();
    try {
      if (!this.#file) this.#open();
      this.#file!.syncDataSync();
      this.#assertThere();
    } catch (error) {
      // Also where there is no room: what SQLite has committed cannot be written once more.
      throw this.#failure = new FileTrouble("failing", `Cannot flush its log: ${(error as Error).message}`);
    }
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }

  /** SQLite has created it by now. */
  #open(): void {
    this.#file = Deno.openSync(walPath(this.path), { read: true, write: true });
    this.#info = this.#file.statSync();
    if (this.#info.size < GROWN_BYTES) grow(this.#file, this.#info.size);
  }

  #assertThere(): void {
    const { dev, ino } = Deno.statSync(walPath(this.path));
    if (dev !== this.#info!.dev || ino !== this.#info!.ino) throw new Error("another file lies in its place");
  }
}

/** Where there is no room for that, the log stays as short as it was: each commit then costs more. */
function grow(file: Deno.FsFile, size: number): void {
  try {
    file.seekSync(size, Deno.SeekMode.Start);
    const zeros = new Uint8Array(PART);
    for (let at = size; at < GROWN_BYTES; at += PART) writeAll(file, zeros.subarray(0, GROWN_BYTES - at));
  } catch {
    file.truncateSync(size);
  }
}

/** A file may take a part of it at a time. */
function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}
