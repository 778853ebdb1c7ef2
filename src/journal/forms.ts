/** The forms of a journal: what readouts of one kind repeat each time, written once (`record.ts`). @module */
import type { FormEntry } from "./rows.ts";
import { type FormRow, parseForm } from "./record.ts";

/** More kinds of readouts than this are written in full: something makes up addresses. */
const MAX_FORMS = 1000;

/** Knows every form of the file. */
export class Forms {
  readonly #ids = new Map<string, number>();
  readonly #contents = new Map<number, string>();
  readonly #rows = new Map<number, readonly FormRow[]>();
  #unsaved: FormEntry[] = [];

  constructor(entries: readonly FormEntry[]) {
    for (const entry of entries) this.#add(entry);
  }

  /** The number of a form, a new one's too; `undefined` when there are too many. */
  idOf(content: string): number | undefined {
    const known = this.#ids.get(content);
    if (known !== undefined) return known;
    if (this.#ids.size >= MAX_FORMS) return undefined;
    const entry = { id: Math.max(0, ...this.#rows.keys()) + 1, content };
    this.#add(entry);
    this.#unsaved.push(entry);
    return entry.id;
  }

  contentOf(id: number): string | undefined {
    return this.#contents.get(id);
  }

  rows(id: number): readonly FormRow[] | undefined {
    return this.#rows.get(id);
  }

  /** Those that are not on disk yet. */
  unsaved(): readonly FormEntry[] {
    return [...this.#unsaved];
  }

  /** They are now. */
  saved(entries: readonly FormEntry[]): void {
    this.#unsaved = this.#unsaved.filter((entry) => !entries.includes(entry));
  }

  /** All must be written again: the file is a new one. */
  touch(): void {
    this.#unsaved = [...this.#contents].map(([id, content]) => ({ id, content }));
  }

  #add({ id, content }: FormEntry): void {
    this.#ids.set(content, id);
    this.#contents.set(id, content);
    this.#rows.set(id, parseForm(content));
  }
}
