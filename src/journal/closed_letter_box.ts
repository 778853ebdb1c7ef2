/** What can be done about dead letters while no process has the journal open. @module */
import type { Letter, Letters } from "../journal.ts";
import { JournalFile } from "./file.ts";
import { LISTED, toLetters } from "./letter_box.ts";
import { listLetters, purgeLetters, retryLetters } from "./letters.ts";
import type { LetterChoice, Purged, Retried } from "./messages.ts";
import { toError } from "./port.ts";
import { troubleOf } from "./trouble.ts";

/** Those of a journal that no process has open; this one has it meanwhile. */
export class ClosedLetterBox implements Letters, Disposable {
  readonly #file: JournalFile;

  /** @throws {ConfigError | LineError | JournalError} by who must act */
  constructor(readonly path: string, readonly sinks: readonly string[]) {
    this.#file = this.#attempt(() => JournalFile.open({ path, ballastBytes: 0 })[0]);
  }

  list(choice: LetterChoice): Promise<{ letters: Letter[]; count: number }> {
    return Promise.try(() => toLetters(this.#attempt(() => listLetters(this.#file.sql, choice, LISTED))));
  }

  retry(choice: LetterChoice): Promise<Retried> {
    return Promise.try(() => this.#attempt(() => retryLetters(this.#file.sql, choice, this.sinks)));
  }

  purge(choice: LetterChoice): Promise<Purged> {
    return Promise.try(() => this.#attempt(() => purgeLetters(this.#file.sql, choice)));
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw toError(this.path, troubleOf(error));
    }
  }
}
