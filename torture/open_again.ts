/** Opens a journal that this process has just closed. @module */
import { LineError } from "../src/errors.ts";
import { type Journal, type JournalOptions, openJournal } from "../src/journal.ts";

/**
 * A process that is started beside this one at that moment holds a copy of the lock until it runs a program of its own: then
 * the journal is busy, for a few ms.
 */
export async function openAgain(options: JournalOptions): Promise<Journal> {
  for (let tries = 0;; tries++) {
    try {
      return await openJournal(options);
    } catch (error) {
      if (tries === 200 || !(error instanceof LineError && error.trouble === "busy")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
