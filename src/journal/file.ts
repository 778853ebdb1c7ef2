/** The journal's file: a SQLite database in WAL mode that only one process has open. @module */
import { Ballast } from "./ballast.ts";
import { Boots, mendBoots } from "./boots.ts";
import { endOf, startOf } from "./ends.ts";
import { mendHeld } from "./held_list.ts";
import { dropLetters, letterStates, putLetters, settleLetters } from "./letters.ts";
import { checkFile, checkFolderOf, lockFile, wasLocked } from "./lock.ts";
import type { Check, Commit, Contents, Opening, Place, Redating, Salvage, Size } from "./messages.ts";
import { type Head, type LetterRow, QUALITY, type ReadoutRow } from "./rows.ts";
import { getSalvage, mendSalvage, putSalvage } from "./salvage_row.ts";
import { putNotes, type StoredNote, wholeNotes } from "./stored_notes.ts";
import { FORMATS, openDatabase } from "./schema.ts";
import { sizeOf } from "./size.ts";
import { Sql } from "./sql.ts";
import { putReadout } from "./stored.ts";
import { forgetSink, forgetUnused, getForms, getSinks, mendSinks, putForm, putGap, putSink } from "./tables.ts";
import { getTime, putTime, redateHeld } from "./time.ts";
import { FileTrouble, isFull, troubleOf } from "./trouble.ts";
import { Wal, writeAgain } from "./wal.ts";

/** What is known of a file that was set aside. */
export type Predecessor = Pick<Contents, "sinks" | "forms" | "notes"> & {
  readonly aside: string;
  readonly letters: readonly LetterRow[];
};

/** The open file. All calls block; every failure leaves the file as it was before the call. */
export class JournalFile {
  readonly sql: Sql;
  readonly #lock: Deno.FsFile;
  readonly #ballast: Ballast;
  readonly boots: Boots;

  private constructor(readonly path: string, sql: Sql, lock: Deno.FsFile, ballast: Ballast) {
    this.sql = sql;
    this.#lock = lock;
    this.#ballast = ballast;
    this.boots = new Boots(sql);
  }

  /** Opens or creates it, and says what is in it. @throws {FileTrouble} that says who must act */
  static open({ path, ballastBytes }: Pick<Opening, "path" | "ballastBytes">): [JournalFile, Contents] {
    checkFolderOf(path);
    const known = wasLocked(path);
    const lock = lockFile(path);
    const ballast = new Ballast(path, ballastBytes);
    const attempt = (): [JournalFile, Contents] => {
      writeAgain(path);
      const sql = new Sql(openDatabase(path), new Wal(path));
      try {
        const file = new JournalFile(path, sql, lock, ballast);
        ballast.make();
        return [file, file.contents()];
      } catch (error) {
        sql.close(); // whoever looks into a damaged one now must not find it locked
        throw error;
      }
    };
    try {
      checkFile(path); // under the lock: to close it would take SQLite's locks from whoever has it open in this process
      try {
        return attempt();
      } catch (error) {
        if (!isFull(error) || !ballast.release()) throw error;
        return attempt();
      }
    } catch (error) {
      lock.close();
      // Whatever lies there and never was a journal is somebody else's, and stays.
      if (known || troubleOf(error).kind !== "damaged") throw error;
      throw new FileTrouble("config", "This is no SQLite database: name another file in journal.path");
    }
  }

  /** Begins a new file behind a readout, whose number must not come again, in place of the one that is set aside. */
  beginBehind({ seq, total }: Head, { aside, sinks, forms, notes, letters }: Predecessor): void {
    this.#transaction(() => {
      const none = { atMs: 0, form: null, count: 0, bootId: null, monoMs: null, quality: QUALITY.good, body: "" };
      putReadout(this.sql, this.boots, { ...none, seq, total });
      this.sql.run("DELETE FROM readout");
      putSalvage(this.sql, { aside, after: 0, upTo: seq });
      for (const sink of sinks) putSink(this.sql, sink);
      for (const form of forms) putForm(this.sql, form);
      putNotes(this.sql.db, notes);
      putLetters(this.sql, letters);
    });
  }

  /** Everything the other side must know. */
  contents(): Contents {
    try {
      forgetUnused(this.sql);
    } catch {
      // A full disk: another time.
    }
    const { sinks, damaged } = getSinks(this.sql, FORMATS.length);
    const start = damaged > 0 ? startOf(this.sql, strictly) : undefined;
    if (damaged > 0) mendSinks(this.sql, sinks);
    const head = this.#head(sinks);
    const mended = this.#mend(head);
    this.boots.read();
    const salvage = getSalvage(this.sql);
    return {
      ...sizeOf(this.sql, this.#ballast.isThere),
      ...salvage && { salvage },
      ...start && { start },
      ...getTime(this.sql),
      head,
      forms: getForms(this.sql),
      notes: wholeNotes(this.sql.all<StoredNote>("SELECT * FROM note")),
      sinks,
      damagedSinks: damaged,
      mended,
      letters: letterStates(this.sql),
    };
  }

  /** Small tables in which bits have turned. Returns what that cost, in words. */
  #mend({ seq }: Head): string[] {
    const boots = mendBoots(this.sql);
    return [
      ...boots > 0 ? [`when ${boots} runs of the machine began is lost; their readouts that wait are flagged`] : [],
      ...mendHeld(this.sql) ? ["the list of readouts that wait for their time was made anew"] : [],
      ...mendSalvage(this.sql, this.path, seq) ? ["what was fetched from the file before is fetched once more"] : [],
    ];
  }

  #head(sinks = getSinks(this.sql, FORMATS.length).sinks): Head {
    return endOf(this.sql, sinks, strictly) ?? { seq: 0, total: 0 };
  }

  /** Writes all of it and returns once it is on disk. When the disk is full, the ballast goes first. */
  commit(commit: Commit): Size {
    try {
      this.#write(commit);
    } catch (error) {
      if (!isFull(error) || !this.#ballast.release()) throw error;
      this.sql.get("PRAGMA wal_checkpoint(RESTART)"); // the WAL's room is kept: it is what deleting needs
      this.#write(commit);
    }
    return sizeOf(this.sql, this.#ballast.isThere);
  }

  /** Makes the ballast again. */
  makeBallast(): Size {
    this.#ballast.make();
    return sizeOf(this.sql, this.#ballast.isThere);
  }

  /** What goes first makes room for what comes. */
  #write(
    { forms, readouts, thinned, sinks, forgotten, dead, letters, dropped, gaps, notes, trimTo, time }: Commit,
  ): void {
    const sql = this.sql;
    this.#transaction(() => {
      for (const table of ["readout", "held"]) {
        sql.run(`DELETE FROM ${table} WHERE seq <= ?`, trimTo);
        for (const seq of thinned) sql.run(`DELETE FROM ${table} WHERE seq = ?`, seq);
      }
      for (const form of forms) putForm(sql, form);
      for (const row of readouts) if (row.seq > trimTo) putReadout(sql, this.boots, row);
      for (const id of forgotten) forgetSink(sql, id); // one of that name may have come meanwhile
      for (const row of sinks) putSink(sql, row);
      dropLetters(sql, dropped); // those that were counted, before others are refused once more
      putLetters(sql, dead);
      settleLetters(sql, letters);
      for (const gap of gaps) putGap(sql, gap);
      putNotes(sql.db, notes);
      if (time) putTime(sql, time);
    });
  }

  /** Gives the next held readouts their time. */
  redate(redating: Redating): Size {
    this.#transaction(() => redateHeld(this.sql, redating));
    return sizeOf(this.sql, this.#ballast.isThere);
  }

  /** What is there, for the books. */
  check(places: readonly Place[], upTo: number): Check {
    const sum = "SELECT coalesce(sum(count), 0) AS n FROM readout WHERE seq > ? AND seq <= ?";
    return {
      head: this.#head(),
      pending: places.map(({ acked }) => this.sql.get<{ n: number }>(sum, acked, upTo)!.n),
    };
  }

  /** Puts readouts back that were fetched from a damaged file, all that it has up to a place. */
  restore(readouts: readonly ReadoutRow[], { aside, after, upTo }: Salvage): void {
    this.#transaction(() => {
      for (const row of readouts) putReadout(this.sql, this.boots, row, "INSERT OR IGNORE");
      putSalvage(this.sql, after < upTo ? { aside, after, upTo } : undefined);
    });
  }

  /** Folds the WAL into the file and lets the next process in. */
  close(): void {
    try {
      this.sql.close();
    } finally {
      this.#lock.close();
    }
  }

  #transaction(work: () => void): void {
    try {
      this.sql.transaction(work);
    } catch (error) {
      this.boots.read(); // one that was new is not there now
      throw error;
    }
  }
}

/** What the file does not give is an error. */
function strictly<T>(read: () => T): T {
  return read();
}
