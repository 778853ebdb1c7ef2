/** What can be done about dead letters: while the journal is open, and while no process has it. @module */
import { comingAlone } from "../occurrence.ts";
import type { Letter, Letters } from "../journal.ts";
import type { Reading } from "../reading.ts";
import type { Claim } from "./claims.ts";
import type { Cursor } from "./cursors.ts";
import { JournalFile } from "./file.ts";
import { listLetters, purgeLetters, retryLetters } from "./letters.ts";
import type { Memory } from "./memory.ts";
import type { LetterChoice, LetterRow, Purged, Retried } from "./messages.ts";
import { toError } from "./port.ts";
import { troubleOf } from "./trouble.ts";

/** More than this nobody reads at once. */
const LISTED = 1000;

interface Listed {
  readonly rows: readonly LetterRow[];
  readonly count: number;
}

/** Those of a journal that is open. */
export class OpenLetterBox implements Letters {
  /** `save` brings to disk what was refused just now; `onChange`: there is more for the sinks. */
  constructor(
    readonly memory: Memory,
    readonly on: { readonly save: () => Promise<void>; readonly onChange: () => void },
  ) {}

  async list(choice: LetterChoice): Promise<{ letters: Letter[]; count: number }> {
    await this.on.save();
    return toLetters(await this.memory.port.ask<Listed>({ kind: "list letters", choice, limit: LISTED }));
  }

  async retry(choice: LetterChoice): Promise<Retried> {
    const { port, cursors, sinks } = this.memory;
    await this.on.save();
    const retried = await port.ask<Retried>({ kind: "retry letters", choice, sinks: [...sinks.keys()] });
    for (const [sink, count] of Object.entries(retried.again)) cursors.offerAgain(sink, count);
    for (const [sink, letters] of Object.entries(retried.again)) {
      this.memory.options.log?.info(`${letters} dead letters of ${sink} are offered to it once more`, {
        sink,
        letters,
      });
    }
    this.on.onChange();
    return retried;
  }

  async purge(choice: LetterChoice): Promise<Purged> {
    await this.on.save();
    const done = await this.memory.port.ask<Purged>({ kind: "purge letters", choice });
    this.memory.options.log?.info(`${done.purged} dead letters were deleted`, { letters: done.purged });
    return done;
  }
}

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

/** Letters as their sink gets them once more; `undefined`: there are none. */
export function offered(cursor: Cursor, rows: readonly LetterRow[]): Claim | undefined {
  const whole = rows.filter(({ damaged }) => !damaged);
  if (whole.length === 0) { // they were deleted or damaged behind our back
    cursor.again = 0;
    return undefined;
  }
  const readings = whole.map(({ body, occurrence }) => comingAlone(JSON.parse(body) as Reading, occurrence));
  const place = { upTo: cursor.acked, total: cursor.ackedTotal };
  return { batch: { ...place, readings, seqs: whole.map(({ seq }) => seq), letters: whole.map(({ id }) => id) } };
}

function toLetters({ rows, count }: Listed): { letters: Letter[]; count: number } {
  return {
    count,
    letters: rows.map(({ id, sink, seq, atMs, reason, again, body, damaged }) => ({
      ...{ id, sink, seq, atMs, reason, again, text: body },
      ...!damaged && { reading: JSON.parse(body) as Reading },
    })),
  };
}
