/** CSV files that grow at their end by whole lines, and only there. @module */
import { dirname } from "node:path";
import { CSV_HEADER, SinkError } from "../../src/sink.ts";

const LINE_END = "\r\n"; // RFC 4180, 2.1
const LF = 0x0A;
/** Files whose ends a mark remembers: the last ones written. */
const REMEMBERED = 4;
/** How much of a file's end is searched for lines that came before a crash: more than a batch. */
const TAIL_BYTES = 4 * 1024 * 1024;

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
  bytes: number;
}

/** The files of one sink. */
export class CsvFiles {
  /** From the mark: what is behind these ends was never acknowledged. Each is used once. */
  readonly #marked: Map<string, End>;
  /** Where the files ended that were written since. */
  readonly #ends = new Map<string, End>();
  #current: Current | undefined;

  /** `mark`: what another `CsvFiles` had as its mark. */
  constructor(mark: string | undefined) {
    const ends = JSON.parse(mark ?? "[]") as [string, number | null, number][];
    this.#marked = new Map(ends.map(([path, inode, bytes]) => [path, { inode, bytes }]));
  }

  /** Where the files end. */
  get mark(): string {
    const ends = [...this.#marked, ...this.#ends].slice(-REMEMBERED);
    return JSON.stringify(ends.map(([path, { inode, bytes }]) => [path, inode, bytes]));
  }

  /**
   * Appends to each file its lines and returns when they are on the disk. A batch that fails may stand in some of its
   * files: when it comes again, what is there already is not written twice.
   * @throws {SinkError} `retry`: disk full, no permission, another file in the way
   */
  async append(batch: ReadonlyMap<string, readonly string[]>): Promise<void> {
    try {
      for (const [path, lines] of batch) await this.#appendTo(path, lines);
    } catch (error) {
      for (const path of batch.keys()) this.#ends.delete(path); // so that each is looked through before it is written to
      this.close();
      throw error;
    }
  }

  async #appendTo(path: string, lines: readonly string[]): Promise<void> {
    try {
      const file = await this.#open(path, lines);
      const fresh = lines.slice(skip(file, lines));
      if (fresh.length > 0) {
        await write(file, (file.bytes === 0 ? [CSV_HEADER, ...fresh] : fresh).join(LINE_END) + LINE_END);
      }
      this.#ends.delete(path);
      this.#ends.set(path, { inode: file.inode, bytes: file.bytes });
      if (this.#ends.size > REMEMBERED) this.#ends.delete(this.#ends.keys().next().value!);
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
    this.#current = { path, handle, inode, bytes: size, owed: [] };
    const marked = this.#marked.get(path);
    if (marked && marked.inode === inode && marked.bytes <= size) await cut(this.#current, marked.bytes);
    else if (this.#ends.get(path)?.inode !== inode) await meet(this.#current, lines);
    this.#marked.delete(path);
    await handle.seek(0, Deno.SeekMode.End);
    return this.#current;
  }
}

/** How many lines stand in the file already, from before a crash. */
function skip(file: Current, lines: readonly string[]): number {
  let count = 0;
  while (count < lines.length && count < file.owed.length && lines[count] === file.owed[count]) count++;
  file.owed = count === lines.length ? file.owed.slice(count) : [];
  return count;
}

async function isUntouched({ path, inode, bytes }: Current): Promise<boolean> {
  try {
    const { ino, size } = await Deno.stat(path);
    return ino === inode && size === bytes;
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

/** All of a text, and the disk has it; or nothing of it. */
async function write(file: Current, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let done = 0; done < bytes.length;) done += await file.handle.write(bytes.subarray(done));
    await file.handle.syncData();
    file.bytes += bytes.length;
  } catch (error) {
    await cut(file, file.bytes).catch(() => {}); // half a line that cannot be cut now is cut when the file is met again
    throw error;
  }
}

async function cut(file: Current, bytes: number): Promise<void> {
  await file.handle.truncate(bytes);
  file.bytes = bytes;
}

/**
 * A file that no mark knows: another's, or ours, from before a crash that left no mark. Half a line at its end goes;
 * lines that we are about to write are not written twice.
 */
async function meet(file: Current, lines: readonly string[]): Promise<void> {
  if (file.bytes === 0) return;
  const head = new TextDecoder().decode(await readAt(file, 0, CSV_HEADER.length + LINE_END.length));
  if (CSV_HEADER.startsWith(head.trimEnd()) && !head.includes("\n")) return cut(file, 0);
  if (!/^\r?\n/.test(head.slice(CSV_HEADER.length)) || !head.startsWith(CSV_HEADER)) {
    const message = `${file.path} is no CSV file of obisd, its first line is another: move it away or change path`;
    throw new SinkError(message, { kind: "retry", afterMs: 60_000 });
  }
  const tail = await readAt(file, Math.max(0, file.bytes - TAIL_BYTES), TAIL_BYTES);
  const end = tail.lastIndexOf(LF) + 1;
  await cut(file, file.bytes - (tail.length - end));
  const records = new TextDecoder().decode(tail.subarray(0, end)).split(LINE_END);
  const at = records.indexOf(lines[0]!);
  if (at >= 0) file.owed = records.slice(at, -1);
}

async function readAt(file: Current, offset: number, count: number): Promise<Uint8Array> {
  await file.handle.seek(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(Math.min(count, file.bytes - offset));
  let done = 0;
  while (done < bytes.length) done += await file.handle.read(bytes.subarray(done)) ?? bytes.length;
  return bytes;
}
