/** What can be done about dead letters while the journal is open. @module */
import { comingAlone } from "../occurrence.ts";
import type { Letter, Letters } from "../journal.ts";
import type { Reading } from "../reading.ts";
import type { Claim } from "./claims.ts";
import type { Cursor } from "./cursor.ts";
import type { Memory } from "./memory.ts";
import type { LetterChoice, Purged, Retried } from "./messages.ts";
import type { LetterRow } from "./rows.ts";

/** More than this nobody reads at once. */
export const LISTED = 1000;

interface Listed {
  readonly rows: readonly LetterRow[];
  readonly count: number;
}

/** Those of a journal that is open. */
export class OpenLetterBox implements Letters {
  /** `save` brings to disk what was refused just now, or throws; `onChange`: there is more for the sinks. */
  constructor(
    readonly memory: Memory,
    readonly on: { readonly save: () => Promise<void>; readonly onChange: () => void },
  ) {}

  async list(choice: LetterChoice): Promise<{ letters: Letter[]; count: number }> {
    await this.on.save().catch(() => {}); // what is on disk can be looked at all the same
    return toLetters(await this.memory.port.ask<Listed>({ kind: "list letters", choice, limit: LISTED }));
  }

  async retry(choice: LetterChoice): Promise<Retried> {
    const { memory, memory: { port, cursors, sinks } } = this;
    await this.on.save();
    memory.letterWishes++;
    const retried = await port.ask<Retried>({ kind: "retry letters", choice, sinks: [...sinks.keys()] });
    for (const [sink, letters] of Object.entries(retried.again)) {
      cursors.offerAgain(sink, letters);
      memory.options.log?.info(`${letters} dead letters of ${sink} are offered to it once more`, {
        sink,
        letters,
      });
    }
    this.on.onChange();
    return retried;
  }

  async purge(choice: LetterChoice): Promise<Purged> {
    await this.on.save();
    this.memory.letterWishes++;
    const done = await this.memory.port.ask<Purged>({ kind: "purge letters", choice });
    this.memory.options.log?.info(`${done.purged} dead letters were deleted`, { letters: done.purged });
    return done;
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

/** As people read them. */
export function toLetters({ rows, count }: Listed): { letters: Letter[]; count: number } {
  return {
    count,
    letters: rows.map(({ id, sink, seq, atMs, reason, again, body, damaged }) => ({
      ...{ id, sink, seq, atMs, reason, again, text: body },
      ...!damaged && { reading: JSON.parse(body) as Reading },
    })),
  };
}
