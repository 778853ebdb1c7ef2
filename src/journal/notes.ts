/** What parts of the program must know after a restart: a short text each, committed together with the readouts it tells of. @module */
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
