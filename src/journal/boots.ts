/** The runs of the machine, which readouts name by a number. @module */
import type { Sql } from "./sql.ts";

/** Both ways: ids of boots, and their numbers in the file. */
export class Boots {
  readonly #both = new Map<string | number, string | number>();

  constructor(readonly sql: Sql) {}

  /** Its number; a new one gets one. */
  numberOf(bootId: string): number {
    if (!this.#both.has(bootId)) {
      this.sql.run("INSERT OR IGNORE INTO boot (boot_id) VALUES (?)", bootId); // what is known of the time may have come first
      this.read();
    }
    return this.#both.get(bootId) as number;
  }

  /** `null`: nobody said, or nobody knows any more. */
  idOf(number: number | null): string | null {
    return number === null ? null : this.#both.get(number) as string | undefined ?? null;
  }

  /** Knows what the file knows: after an opening, and after a change that did not come about. */
  read(): void {
    this.#both.clear();
    for (const { id, boot_id } of this.sql.all<{ id: number; boot_id: string }>("SELECT id, boot_id FROM boot")) {
      this.#both.set(id, boot_id).set(boot_id, id);
    }
  }
}
