/** The journal's file: a SQLite database in WAL mode that only one process has open. @module */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { Ballast } from "./ballast.ts";
import { checkPath, lockFile, wasLocked } from "./lock.ts";
import {
  type Check,
  type Commit,
  type Contents,
  type CutBounds,
  type Head,
  type Opening,
  type Place,
  QUALITY,
  type ReadBounds,
  type ReadoutRow,
  type Redating,
  type Salvage,
  type Settled,
  type SinkRow,
  type Size,
  type Thinning,
} from "./messages.ts";
import { putNotes, type StoredNote, wholeNotes } from "./notes.ts";
import { openDatabase, PAGE_BYTES } from "./schema.ts";
import { checkSum, formCheckSum, isWhole, type StoredForm, type StoredReadout, toForm, toRow } from "./stored.ts";
import { getTime, putTime, redateHeld } from "./time.ts";
import { betweenQuarters } from "./thin.ts";
import { FileTrouble, isFull, troubleOf } from "./trouble.ts";

/** What is known of a file that was set aside. */
export type Predecessor = Pick<Contents, "sinks" | "forms" | "notes"> & { readonly aside: string };

/** The open file. All calls block; every failure leaves the file as it was before the call. */
export class JournalFile {
  readonly #db: DatabaseSync;
  readonly #lock: Deno.FsFile;
  readonly #ballast: Ballast;
  readonly #statements = new Map<string, StatementSync>();
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  /** Both ways: the ids of boots, and their numbers in the file. */
  readonly #boots = new Map<string | number, string | number>();

  private constructor(db: DatabaseSync, lock: Deno.FsFile, ballast: Ballast) {
    this.#db = db;
    this.#lock = lock;
    this.#ballast = ballast;
  }

  /** Opens or creates it, and says what is in it. @throws {FileTrouble} that says who must act */
  static open({ path, ballastBytes }: Pick<Opening, "path" | "ballastBytes">): [JournalFile, Contents] {
    checkPath(path);
    const known = wasLocked(path);
    const lock = lockFile(path);
    const ballast = new Ballast(path, ballastBytes);
    const attempt = (): [JournalFile, Contents] => {
      const db = openDatabase(path);
      try {
        const file = new JournalFile(db, lock, ballast);
        ballast.make();
        return [file, file.contents()];
      } catch (error) {
        db.close(); // or nobody could look into it where it is set aside
        throw error;
      }
    };
    try {
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
  beginBehind({ seq, total }: Head, { aside, sinks, forms, notes }: Predecessor): void {
    this.#transaction(() => {
      const none = { atMs: 0, form: null, count: 0, bootId: null, monoMs: null, quality: QUALITY.good, body: "" };
      this.#insert({ ...none, seq, total });
      this.#run("DELETE FROM readout");
      this.#run("INSERT INTO salvage VALUES (?, 0, ?)", aside, seq);
      for (const sink of sinks) this.#putSink(sink);
      for (const { id, content } of forms) this.#putForm(id, content);
      putNotes(this.#db, notes);
    });
  }

  /** Everything the other side must know. */
  contents(): Contents {
    try {
      this.#forgetUnused();
    } catch {
      // A full disk: another time.
    }
    this.#readBoots();
    const salvage = this.#get("SELECT aside, after, up_to AS upTo FROM salvage") as unknown as Salvage | undefined;
    return {
      ...this.#size(),
      ...salvage && { salvage },
      ...getTime(this.#db),
      head: this.#head(),
      forms: (this.#all("SELECT id, content, crc FROM form") as unknown as StoredForm[]).map(toForm),
      notes: wholeNotes(this.#all("SELECT * FROM note") as unknown as StoredNote[]),
      sinks: this.#all(
        `SELECT id, base, acked, acked_total AS ackedTotal, delivered, evicted, dead, ahead, mark,
         detached_ms AS detachedMs FROM sink`,
      ) as unknown as SinkRow[],
    };
  }

  /** The last readout that was ever here: it may be gone, and a sink may have had more than reached the disk. */
  #head(): Head {
    const highest = (sql: string) => this.#get(sql)?.["n"] as number | null ?? 0;
    return {
      seq: Math.max(
        highest("SELECT seq AS n FROM sqlite_sequence WHERE name = 'readout'"),
        highest("SELECT max(acked) AS n FROM sink"),
      ),
      total: Math.max(
        highest("SELECT total AS n FROM readout ORDER BY seq DESC LIMIT 1"),
        highest("SELECT max(acked_total) AS n FROM sink"),
      ),
    };
  }

  /** Writes all of it and returns once it is on disk. When the disk is full, the ballast goes first. */
  commit(commit: Commit): Size {
    try {
      this.#write(commit);
    } catch (error) {
      if (!isFull(error) || !this.#ballast.release()) throw error;
      this.#get("PRAGMA wal_checkpoint(RESTART)"); // the WAL's room is kept: it is what deleting needs
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
  #write({ forms, readouts, thinned, sinks, forgotten, dead, gaps, notes, trimTo, time }: Commit): void {
    this.#transaction(() => {
      for (const table of ["readout", "held"]) {
        this.#run(`DELETE FROM ${table} WHERE seq <= ?`, trimTo);
        for (const seq of thinned) this.#run(`DELETE FROM ${table} WHERE seq = ?`, seq);
      }
      for (const { id, content } of forms) this.#putForm(id, content);
      for (const row of readouts) if (row.seq > trimTo) this.#insert(row);
      for (const row of sinks) this.#putSink(row);
      for (const id of forgotten) this.#run("DELETE FROM sink WHERE id = ?", id);
      for (const { sink, seq, position, atMs, reason, body } of dead) {
        this.#run(
          "INSERT OR IGNORE INTO dead (sink, seq, position, at_ms, reason, body) VALUES (?, ?, ?, ?, ?, ?)",
          ...[sink, seq, position, atMs, reason, body],
        );
      }
      for (const { sink, fromSeq, toSeq, count, reason, atMs } of gaps) {
        this.#run(
          "INSERT INTO gap (sink, from_seq, to_seq, count, reason, at_ms) VALUES (?, ?, ?, ?, ?, ?)",
          ...[sink, fromSeq, toSeq, count, reason, atMs],
        );
      }
      putNotes(this.#db, notes);
      if (time) putTime(this.#db, time);
    });
  }

  /** The next readouts after a cursor, oldest first. */
  read({ after, upTo, readouts, readings, bytes }: ReadBounds): ReadoutRow[] {
    const rows: ReadoutRow[] = [];
    for (const row of this.#readouts(after, upTo, readouts)) {
      readings -= row.count;
      bytes -= row.body.length;
      if (rows.length > 0 && (readings < 0 || bytes < 0)) break;
      rows.push(toRow(row, this.#boots));
    }
    return rows;
  }

  /** The last of the oldest readouts that may go, and how many readings go with it; `undefined` when none may. */
  boundary({ after, upTo, rows, olderThanMs }: CutBounds): Settled | undefined {
    let last: Settled | undefined;
    for (const { seq, at_ms, total, count, quality } of this.#readouts(after, upTo, rows)) {
      // Nobody knows how old a readout is that no right clock has dated.
      if (olderThanMs !== undefined && (at_ms >= olderThanMs || quality > QUALITY.redated)) break;
      last = { seq, total, count: (last?.count ?? 0) + count };
    }
    return last;
  }

  /** Gives the next held readouts their time. */
  redate(redating: Redating): Size {
    this.#transaction(() => redateHeld(this.#db, redating));
    return this.#size();
  }

  /** Which readouts are not needed for the quarter hours, of the next ones. */
  thin({ after, upTo, rows }: CutBounds): Thinning {
    const stored = this.#readouts(after, upTo, rows);
    const known = stored.filter(isWhole);
    const kinds = known.map((row) => ({ seq: row.seq, atMs: row.at_ms, kind: `${row.form} ${this.#meterOf(row)}` }));
    const counts = new Map(known.map(({ seq, count }) => [seq, count]));
    return {
      thinned: betweenQuarters(kinds).map((seq) => ({ seq, count: counts.get(seq)! })),
      upTo: stored.length < rows ? upTo : stored.at(-1)!.seq,
    };
  }

  /** What is there, for the books. */
  check(places: readonly Place[]): Check {
    const sum = "SELECT coalesce(sum(count), 0) AS n FROM readout WHERE seq > ?";
    return {
      head: this.#head(),
      pending: places.map(({ acked }) => this.#prepare(sum).get(acked)!["n"] as number),
    };
  }

  /** Puts readouts back that were fetched from a damaged file, all that it has up to a place. */
  restore(readouts: readonly ReadoutRow[], { aside, after, upTo }: Salvage): void {
    this.#transaction(() => {
      for (const row of readouts) this.#insert(row, "INSERT OR IGNORE");
      if (after < upTo) this.#run("UPDATE salvage SET after = ? WHERE aside = ?", after, aside);
      else this.#run("DELETE FROM salvage WHERE aside = ?", aside);
    });
  }

  /** Rows after a place, oldest first. All at once: `iterate` takes an error for the end. */
  #readouts(after: number, upTo: number, rows: number): StoredReadout[] {
    return this.#prepare("SELECT * FROM readout WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?")
      .all(after, upTo, rows) as unknown as StoredReadout[];
  }

  #meterOf({ form, body }: StoredReadout): string {
    const parsed = JSON.parse(this.#decoder.decode(body));
    return form === null ? parsed[0].meter : parsed[2];
  }

  /** Folds the WAL into the file and lets the next process in. */
  close(): void {
    this.#statements.clear();
    this.#db.close();
    this.#lock.close();
  }

  #insert({ seq, atMs, form, count, total, bootId, monoMs, quality, body }: ReadoutRow, verb = "INSERT"): void {
    const boot = bootId === null ? null : this.#bootOf(bootId);
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
    this.#run(
      `${verb} INTO readout (seq, at_ms, form, count, total, crc, boot, mono_ms, quality, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[seq, atMs, form, count, total, checkSum(row), boot, monoMs, quality, row.body],
    );
    if (quality === QUALITY.pending) this.#run("INSERT OR IGNORE INTO held VALUES (?)", seq);
  }

  #bootOf(bootId: string): number {
    if (!this.#boots.has(bootId)) {
      this.#run("INSERT OR IGNORE INTO boot (boot_id) VALUES (?)", bootId); // what is known of the time may have come first
      this.#readBoots();
    }
    return this.#boots.get(bootId) as number;
  }

  #readBoots(): void {
    this.#boots.clear();
    for (const { id, boot_id } of this.#all("SELECT id, boot_id FROM boot") as { id: number; boot_id: string }[]) {
      this.#boots.set(id, boot_id).set(boot_id, id);
    }
  }

  #putForm(id: number, content: string): void {
    this.#run(
      `INSERT INTO form (id, content, crc) VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET content = excluded.content, crc = excluded.crc`,
      ...[id, content, formCheckSum({ id, content })],
    );
  }

  #putSink({ id, base, acked, ackedTotal, delivered, evicted, dead, ahead, mark, detachedMs }: SinkRow): void {
    this.#run(
      `INSERT INTO sink (id, base, acked, acked_total, delivered, evicted, dead, ahead, mark, detached_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET base = excluded.base, acked = excluded.acked,
       acked_total = excluded.acked_total, delivered = excluded.delivered, evicted = excluded.evicted,
       dead = excluded.dead, ahead = excluded.ahead, mark = excluded.mark, detached_ms = excluded.detached_ms`,
      ...[id, base, acked, ackedTotal, delivered, evicted, dead, ahead, mark, detachedMs],
    );
  }

  /** Drops forms and boots that no readout points to, when there are many and few readouts to look through. */
  #forgetUnused(): void {
    if (this.#get("SELECT 1 FROM readout LIMIT 1 OFFSET 10000")) return;
    const unused = (table: string) => {
      if (!this.#get(`SELECT 1 FROM ${table} LIMIT 1 OFFSET 500`)) return;
      // The last one stays: what it knows of the time is still of use.
      this.#run(
        `DELETE FROM ${table} WHERE id < (SELECT max(id) FROM ${table})
         AND id NOT IN (SELECT ${table} FROM readout WHERE ${table} IS NOT NULL)`,
      );
    };
    unused("form");
    unused("boot");
  }

  #size(): Size {
    const pages = this.#get("PRAGMA page_count")!["page_count"] as number;
    const free = this.#get("PRAGMA freelist_count")!["freelist_count"] as number;
    const row = this.#get("SELECT seq, at_ms FROM readout ORDER BY seq LIMIT 1") as unknown as
      | StoredReadout
      | undefined;
    const first = this.#get("SELECT min(seq) AS n FROM held")!["n"] as number | null;
    const count = first === null ? 0 : this.#get("SELECT count(*) AS n FROM held")!["n"] as number;
    return {
      bytes: (pages - free) * PAGE_BYTES,
      fileBytes: pages * PAGE_BYTES,
      ballast: this.#ballast.isThere,
      ...first !== null && { held: { first, count } },
      ...row && { oldest: { seq: row.seq, atMs: row.at_ms } },
    };
  }

  #transaction(work: () => void): void {
    this.#run("BEGIN IMMEDIATE");
    try {
      work();
      this.#run("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#run("ROLLBACK");
      this.#readBoots(); // one that was new is not there now
      throw error;
    }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, statement = this.#db.prepare(sql));
    return statement;
  }

  #run(sql: string, ...values: (string | number | null | Uint8Array)[]): void {
    this.#prepare(sql).run(...values);
  }

  #get(sql: string): Record<string, unknown> | undefined {
    return this.#prepare(sql).get() as Record<string, unknown> | undefined;
  }

  #all(sql: string): Record<string, unknown>[] {
    return this.#prepare(sql).all() as Record<string, unknown>[];
  }
}
