/**
 * A file that is of no use but for its room: when the disk is full it goes, and the journal can write again. @module
 */

/** The ballast beside a journal. */
export class Ballast {
  readonly #path: string;

  constructor(path: string, readonly bytes: number) {
    this.#path = `${path}.ballast`;
  }

  get isThere(): boolean {
    try {
      return Deno.statSync(this.#path).size >= this.bytes && this.bytes > 0;
    } catch {
      return false;
    }
  }

  /** Makes it, of bytes that no file system can make smaller. Whether it is there now. */
  make(): boolean {
    if (this.bytes === 0 || this.isThere) return this.isThere;
    try {
      using file = Deno.openSync(this.#path, { write: true, create: true, truncate: true });
      const part = crypto.getRandomValues(new Uint8Array(64 * 1024));
      for (let written = 0; written < this.bytes; written += part.length) file.writeSync(part);
      file.syncDataSync();
      return true;
    } catch {
      this.release(); // half of it would help nobody, and the room is wanted
      return false;
    }
  }

  /** Gives its room to whoever writes next. Whether there was any. */
  release(): boolean {
    try {
      Deno.removeSync(this.#path);
      return true;
    } catch {
      return false;
    }
  }
}
