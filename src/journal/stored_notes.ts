/** Notes as they lie in the file. @module */
import type { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { Note } from "../journal.ts";

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
