/** The journal's file: a SQLite database in WAL mode that only one process has open. @module */
import { Ballast } from "./ballast.ts";
import { Boots } from "./boots.ts";
import { endOf, startOf } from "./ends.ts";
import { dropLetters, letterStates, putLetters, settleLetters } from "./letters.ts";
import { checkFile, checkFolderOf, lockFile, wasLocked } from "./lock.ts";
import {
  type Check,
  type Commit,
  type Contents,
  type Head,
  type LetterRow,
  type Opening,
  type Place,
  QUALITY,
  type ReadoutRow,
  type Redating,
  type Salvage,
  type Size,
} from "./messages.ts";
import { putNotes, type StoredNote, wholeNotes } from "./stored_notes.ts";
import { FORMATS, openDatabase, PAGE_BYTES } from "./schema.ts";
import { Sql } from "./sql.ts";
import { checkSum, type StoredReadout } from "./stored.ts";
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
  readonly #encoder = new TextEncoder();

  private constructor(sql: Sql, lock: Deno.FsFile, ballast: Ballast) {
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
        const file = new JournalFile(sql, lock, ballast);
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
      this.#insert({ ...none, seq, total });
      this.sql.run("DELETE FROM readout");
      this.sql.run("INSERT INTO salvage VALUES (?, 0, ?)", aside, seq);
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
    this.boots.read();
    const salvage = this.sql.get<Salvage>("SELECT aside, after, up_to AS upTo FROM salvage");
    const { sinks, damaged } = getSinks(this.sql, FORMATS.length);
    const start = damaged > 0 ? startOf(this.sql, strictly) : undefined;
    if (damaged > 0) mendSinks(this.sql, sinks);
    return {
      ...this.#size(),
      ...salvage && { salvage },
      ...start && { start },
      ...getTime(this.sql.db),
      head: this.#head(sinks),
      forms: getForms(this.sql),
      notes: wholeNotes(this.sql.all<StoredNote>("SELECT * FROM note")),
      sinks,
      damagedSinks: damaged,
      letters: letterStates(this.sql),
    };
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
    return this.#size();
  }

  /** Makes the ballast again. */
  makeBallast(): Size {
    this.#ballast.make();
    return this.#size();
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
      for (const row of readouts) if (row.seq > trimTo) this.#insert(row);
      for (const id of forgotten) forgetSink(sql, id); // one of that name may have come meanwhile
      for (const row of sinks) putSink(sql, row);
      putLetters(sql, dead);
      settleLetters(sql, letters);
      dropLetters(sql, dropped);
      for (const gap of gaps) putGap(sql, gap);
      putNotes(sql.db, notes);
      if (time) putTime(sql.db, time);
    });
  }

  /** Gives the next held readouts their time. */
  redate(redating: Redating): Size {
    this.#transaction(() => redateHeld(this.sql.db, redating));
    return this.#size();
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
      for (const row of readouts) this.#insert(row, "INSERT OR IGNORE");
      if (after < upTo) this.sql.run("UPDATE salvage SET after = ? WHERE aside = ?", after, aside);
      else this.sql.run("DELETE FROM salvage WHERE aside = ?", aside);
    });
  }

  /** Folds the WAL into the file and lets the next process in. */
  close(): void {
    this.sql.close();
    this.#lock.close();
  }

  #insert({ seq, atMs, form, count, total, bootId, monoMs, quality, body }: ReadoutRow, verb = "INSERT"): void {
    const boot = bootId === null ? null : this.boots.numberOf(bootId);
    const row = {
      seq,
      at_ms: atMs,
      form,
      count,
      total,
      boot,
      mono_ms: monoMs,
      quality,
      body: this.#encoder.encode(body),
    };
    this.sql.run(
      `${verb} INTO readout (seq, at_ms, form, count, total, crc, boot, mono_ms, quality, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[seq, atMs, form, count, total, checkSum(row), boot, monoMs, quality, row.body],
    );
    if (quality === QUALITY.pending) this.sql.run("INSERT OR IGNORE INTO held VALUES (?)", seq);
  }

  #size(): Size {
    const number = (sql: string) => Object.values(this.sql.get(sql)!)[0] as number | null;
    const pages = number("PRAGMA page_count")!;
    const free = number("PRAGMA freelist_count")!;
    const row = this.sql.get<StoredReadout>("SELECT seq, at_ms FROM readout ORDER BY seq LIMIT 1");
    const first = number("SELECT min(seq) FROM held");
    const count = first === null ? 0 : number("SELECT count(*) FROM held")!;
    return {
      bytes: (pages - free) * PAGE_BYTES,
      fileBytes: pages * PAGE_BYTES,
      ballast: this.#ballast.isThere,
      ...first !== null && { held: { first, count } },
      ...row && { oldest: { seq: row.seq, atMs: row.at_ms } },
    };
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
