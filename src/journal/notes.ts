/** What parts of the program must know after a restart: a short text each, committed together with the readouts it tells of. @module */
import type { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { Note } from "../journal.ts";

/** The notes of a journal: what was said last of each, and what of that is not on disk. */
export class Notes {
  readonly #latest: Map<string, string>;
  readonly #unsaved = new Map<string, string>();

  constructor(rows: readonly Note[]) {
    this.#latest = new Map(rows.map(({ name, content }) => [name, content]));
  }

  /** The latest, on its way to disk or there. */
  of(name: string): string | undefined {
    return this.#latest.get(name);
  }

  /** It is on its way, with readouts that wait. */
  announce({ name, content }: Note): void {
    this.#latest.set(name, content);
  }

  /** It goes along with the next commit. */
  put({ name, content }: Note): void {
    this.#unsaved.set(name, content);
  }

  unsaved(): Note[] {
    return [...this.#unsaved].map(([name, content]) => ({ name, content }));
  }

  /** They are on disk. */
  saved(notes: readonly Note[]): void {
    for (const { name, content } of notes) if (this.#unsaved.get(name) === content) this.#unsaved.delete(name);
  }

  /** All must be written again: the file is a new one. */
  touch(): void {
    for (const [name, content] of this.#latest) this.#unsaved.set(name, content);
  }

  /** The journal that could not be opened is open, and what it has is older and knows more; the rest goes on. */
  goOnBehind(rows: readonly Note[]): Notes {
    const next = new Notes([...this.#latest].map(([name, content]) => ({ name, content })));
    for (const note of rows) next.announce(note);
    for (const note of this.unsaved()) if (!rows.some(({ name }) => name === note.name)) next.put(note);
    return next;
  }
}

/** A note as it is stored, under its check sum. */
export type StoredNote = Note & { readonly crc: number };

/** Writes notes over what they said before. */
export function putNotes(db: DatabaseSync, notes: readonly Note[]): void {
  if (notes.length === 0) return;
  const put = db.prepare(`INSERT INTO note (name, content, crc) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET content = excluded.content, crc = excluded.crc`);
  for (const note of notes) put.run(note.name, note.content, checkSum(note));
}

/** Those in which no bit has turned; of the others nothing is known. */
export function wholeNotes(stored: readonly StoredNote[]): Note[] {
  return stored.filter((note) => note.crc === checkSum(note)).map(({ name, content }) => ({ name, content }));
}

function checkSum({ name, content }: Note): number {
  return crc32(`${name} ${content}`);
}
