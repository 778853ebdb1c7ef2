/** CSV files that grow at their end by whole lines, and only there. @module */
import { dirname } from "node:path";
import { CSV_HEADER, SinkError } from "../../src/sink.ts";

const LINE_END = "\r\n"; // RFC 4180, 2.1
const LF = 0x0A;
/** Files whose ends a mark remembers: the last ones written. */
const REMEMBERED = 4;
/** How much of a file is searched for lines that came before a crash: more than is ever unacknowledged. */
const SEARCHED_BYTES = 4 * 1024 * 1024;
/** More than a line has. */
const LINE_BYTES = 64 * 1024;

/** Where a file ended; `inode` tells whether it is still the same file. */
interface End {
  readonly inode: number | null;
  readonly bytes: number;
}

/** The file that is open. */
interface Current extends End {
  readonly path: string;
  readonly handle: Deno.FsFile;
  /** Lines that stand there already from before a crash, and that will be offered again. */
  owed: string[];
  /** Up to where its lines are whole. */
  bytes: number;
  /** What stands behind: the beginning of a line of ours that a crash cut short, or of somebody else's. */
  half: Uint8Array;
}

/** The files of one sink. */
export class CsvFiles {
  /** Where the files ended when a batch was last in all of them: from the mark, then as it goes on. */
  readonly #ends: Map<string, End>;
  #current: Current | undefined;

  /** `mark`: what another `CsvFiles` had as its mark. */
  constructor(mark: string | undefined) {
    const ends = JSON.parse(mark ?? "[]") as [string, number | null, number][];
    this.#ends = new Map(ends.map(([path, inode, bytes]) => [path, { inode, bytes }]));
  }

  /** Where the files end. */
  get mark(): string {
    return JSON.stringify([...this.#ends].map(([path, { inode, bytes }]) => [path, inode, bytes]));
  }

  /**
   * Appends to each file its lines and returns when they are on the disk. A batch that fails may stand in some of its
   * files: when it comes again, what is there already is not written twice.
   * @throws {SinkError} `retry`: disk full, no permission, another file in the way
   */
  async append(batch: ReadonlyMap<string, readonly string[]>): Promise<void> {
    const written = new Map<string, End>();
    try {
      for (const [path, lines] of batch) written.set(path, await this.#appendTo(path, lines));
    } catch (error) {
      this.close(); // so that each is looked through from its old end on when the batch comes again
      throw error;
    }
    for (const [path, end] of written) {
      this.#ends.delete(path);
      this.#ends.set(path, end);
    }
    while (this.#ends.size > REMEMBERED) this.#ends.delete(this.#ends.keys().next().value!);
  }

  async #appendTo(path: string, lines: readonly string[]): Promise<End> {
    try {
      const file = await this.#open(path, lines);
      const fresh = lines.slice(skip(file, lines));
      if (fresh.length > 0) await write(file, fresh);
      return { inode: file.inode, bytes: file.bytes };
    } catch (error) {
      if (error instanceof SinkError) throw error;
      throw new SinkError(`Cannot write ${path}: ${(error as Error).message}`, { kind: "retry" }, { cause: error });
    }
  }

  /** Closes what is open. */
  close(): void {
    this.#current?.handle.close();
    this.#current = undefined;
  }

  /** The file, open at its end; another one when somebody moved, emptied or deleted it. */
  async #open(path: string, lines: readonly string[]): Promise<Current> {
    if (this.#current?.path === path && await isUntouched(this.#current)) return this.#current;
    this.close();
    const handle = await openFile(path);
    const { ino: inode, size } = await handle.stat();
    const file = this.#current = { path, handle, inode, bytes: size, owed: [], half: new Uint8Array() };
    await meet(file, this.#ends.get(path), lines);
    return file;
  }
}

/** How many lines stand in the file already, from before a crash; somebody else's may stand between them. */
function skip(file: Current, lines: readonly string[]): number {
  let [count, from] = [0, 0];
  while (count < lines.length) {
    const at = file.owed.indexOf(lines[count]!, from);
    if (at < 0) break;
    from = at + 1;
    count++;
  }
  file.owed = count === lines.length ? file.owed.slice(from) : [];
  return count;
}

async function isUntouched({ path, inode, bytes, half }: Current): Promise<boolean> {
  try {
    const { ino, size } = await Deno.stat(path);
    return ino === inode && size === bytes + half.length;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function openFile(path: string): Promise<Deno.FsFile> {
  const mode = { read: true, write: true };
  try {
    return await Deno.open(path, mode);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const folder = dirname(path);
  await Deno.mkdir(folder, { recursive: true });
  const file = await Deno.open(path, { ...mode, create: true });
  using directory = await Deno.open(folder);
  await directory.sync(); // else a power cut could take the name, and the file with it
  return file;
}

/**
 * All of the lines, and the disk has them; or nothing of them. Half a line that stands there goes when it is the beginning
 * of these, and else is given an end.
 */
async function write(file: Current, lines: readonly string[]): Promise<void> {
  const { handle, half } = file;
  let bytes = new TextEncoder().encode(toText(lines));
  const ours = isBeginning(half, bytes);
  const at = file.bytes + (ours ? 0 : half.length);
  if (at === 0) bytes = new TextEncoder().encode(toText([CSV_HEADER, ...lines]));
  else if (!ours) bytes = new TextEncoder().encode(LINE_END + toText(lines));
  try {
    if (ours && half.length > 0) await handle.truncate(at);
    await handle.seek(at, Deno.SeekMode.Start);
    for (let done = 0; done < bytes.length;) done += await handle.write(bytes.subarray(done));
    await handle.syncData();
    file.bytes = at + bytes.length;
    file.half = new Uint8Array();
  } catch (error) {
    await handle.truncate(at).catch(() => {}); // what cannot be cut now is found when the file is met again
    throw error;
  }
}

/** Whether the end of a file is where writing these bytes broke off; a power cut may leave zeros. */
function isBeginning(half: Uint8Array, bytes: Uint8Array): boolean {
  const written = half.subarray(0, half.findLastIndex((byte) => byte !== 0) + 1);
  return written.every((byte, at) => byte === bytes[at]);
}

function toText(lines: readonly string[]): string {
  return lines.join(LINE_END) + LINE_END;
}

/**
 * A file as it is found: what stands behind `end`, where the last batch ended, is lines of ours from before a crash, which
 * are not written twice, somebody else's, which stay, and perhaps half a line. Without an `end` that fits
 * (another file, or a crash that left no mark) the file's end is looked through.
 */
async function meet(file: Current, end: End | undefined, lines: readonly string[]): Promise<void> {
  await checkHeader(file);
  const known = end?.inode === file.inode && end.bytes <= file.bytes ? end.bytes : undefined;
  const from = known ?? Math.max(0, file.bytes - SEARCHED_BYTES);
  if (from === file.bytes) return;
  const records = new TextDecoder().decode(await readAt(file, from, SEARCHED_BYTES)).split(LINE_END);
  const at = records.indexOf(lines[0]!);
  if (at >= 0) file.owed = records.slice(at, -1);
  const tail = await readAt(file, Math.max(from, file.bytes - LINE_BYTES), LINE_BYTES);
  file.half = tail.slice(tail.lastIndexOf(LF) + 1);
  file.bytes -= file.half.length;
}

/** Half a header, which a crash left, goes. @throws {SinkError} when the file has another one */
async function checkHeader(file: Current): Promise<void> {
  if (file.bytes === 0) return;
  const head = new TextDecoder().decode(await readAt(file, 0, CSV_HEADER.length + LINE_END.length));
  if (head.startsWith(CSV_HEADER) && /^\r?\n/.test(head.slice(CSV_HEADER.length))) return;
  if ((CSV_HEADER + LINE_END).startsWith(head)) {
    await file.handle.truncate(0);
    file.bytes = 0;
    return;
  }
  const message = `${file.path} is no CSV file of obisd, its first line is another: move it away or change path`;
  throw new SinkError(message, { kind: "retry", blocked: "config" });
}

async function readAt(file: Current, offset: number, count: number): Promise<Uint8Array> {
  await file.handle.seek(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(Math.min(count, file.bytes - offset));
  let done = 0;
  while (done < bytes.length) done += await file.handle.read(bytes.subarray(done)) ?? bytes.length;
  return bytes;
}
