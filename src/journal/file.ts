/** The journal's file: a SQLite database in WAL mode that only one process has open. @module */
import { dirname } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { checkSum, type StoredReadout } from "./check_sum.ts";
import { checkFolder, lockFile } from "./lock.ts";
import {
  type Commit,
  type Contents,
  type CutBounds,
  type Head,
  QUALITY,
  type Quality,
  type ReadBounds,
  type ReadoutRow,
  type Redating,
  type SinkRow,
  type Size,
} from "./messages.ts";
import { openDatabase, PAGE_BYTES } from "./schema.ts";
import { getTime, putTime, redateHeld } from "./time.ts";
import { openingTrouble } from "./trouble.ts";

/** The open file. All calls block; every failure leaves the file as it was before the call. */
export class JournalFile {
  readonly #db: DatabaseSync;
  readonly #lock: Deno.FsFile;
  readonly #statements = new Map<string, StatementSync>();
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  /** Both ways: the ids of boots, and their numbers in the file. */
  readonly #boots = new Map<string | number, string | number>();

  private constructor(db: DatabaseSync, lock: Deno.FsFile) {
    this.#db = db;
    this.#lock = lock;
  }

  /** Opens or creates it, and says what is in it. @throws {FileTrouble} that says who must act */
  static open(path: string): [JournalFile, Contents] {
    checkFolder(dirname(path));
    const lock = lockFile(path);
    try {
      const file = new JournalFile(openDatabase(path), lock);
      return [file, file.#contents()];
    } catch (error) {
      lock.close();
      throw openingTrouble(path, error);
    }
  }

  /** Everything the other side must know. */
  #contents(): Contents {
    this.#forgetUnused();
    this.#readBoots();
    return {
      ...this.#size(),
      head: this.#head(),
      forms: this.#all("SELECT id, content FROM form") as unknown as Contents["forms"],
      sinks: this.#all(
        `SELECT id, base, acked, acked_total AS ackedTotal, delivered, evicted, dead, ahead, mark,
         detached_ms AS detachedMs FROM sink`,
      ) as unknown as SinkRow[],
      ...getTime(this.#db),
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

  /** Writes all of it and returns once it is on disk. */
  commit({ forms, readouts, sinks, forgotten, dead, gaps, trimTo, time }: Commit): Size {
    this.#transaction(() => {
      for (const { id, content } of forms) this.#run("INSERT OR IGNORE INTO form VALUES (?, ?)", id, content);
      for (const row of readouts) this.#insert(row);
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
      this.#run("DELETE FROM readout WHERE seq <= ?", trimTo);
      this.#run("DELETE FROM held WHERE seq <= ?", trimTo);
      if (time) putTime(this.#db, time);
    });
    return this.#size();
  }

  /** Gives the next held readouts their time. */
  redate(redating: Redating): Size {
    this.#transaction(() => redateHeld(this.#db, redating));
    return this.#size();
  }

  /** The next readouts after a cursor, oldest first. */
  read({ after, readouts, readings, bytes }: ReadBounds): ReadoutRow[] {
    const rows: ReadoutRow[] = [];
    const next = this.#prepare("SELECT * FROM readout WHERE seq > ? ORDER BY seq LIMIT ?").iterate(after, readouts);
    for (const row of next as Iterable<unknown> as Iterable<StoredReadout>) {
      readings -= row.count;
      bytes -= row.body.length;
      if (rows.length > 0 && (readings < 0 || bytes < 0)) break;
      rows.push(this.#toRow(row));
    }
    return rows;
  }

  /** The last of the oldest readouts that may go, `undefined` when none may. */
  boundary({ rows, olderThanMs = Infinity }: CutBounds): Head | undefined {
    const aged = olderThanMs < Infinity; // how old one is that was not dated by a right clock, nobody knows
    let last: Head | undefined;
    const oldest = this.#prepare("SELECT seq, at_ms, total, quality FROM readout ORDER BY seq LIMIT ?").iterate(rows);
    for (const row of oldest) {
      const { seq, at_ms, total, quality } = row as unknown as StoredReadout;
      if (at_ms >= olderThanMs || aged && quality > QUALITY.redated) break;
      last = { seq, total };
    }
    return last;
  }

  /** Folds the WAL into the file and lets the next process in. */
  close(): void {
    this.#statements.clear();
    this.#db.close();
    this.#lock.close();
  }

  #insert({ seq, atMs, form, count, total, bootId, monoMs, quality, body }: ReadoutRow): void {
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
      `INSERT INTO readout (seq, at_ms, form, count, total, crc, boot, mono_ms, quality, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[seq, atMs, form, count, total, checkSum(row), boot, monoMs, quality, row.body],
    );
    if (quality === QUALITY.pending) this.#run("INSERT INTO held VALUES (?)", seq);
  }

  #toRow(row: StoredReadout): ReadoutRow {
    const { seq, at_ms, form, count, total, crc, boot, mono_ms, quality, body } = row;
    return {
      ...{ seq, atMs: at_ms, form, count, total, monoMs: mono_ms, quality: quality as Quality },
      bootId: boot === null ? null : this.#boots.get(boot) as string | undefined ?? null,
      body: this.#decoder.decode(body),
      ...(crc !== checkSum(row) && { damaged: true }),
    };
  }

  #bootOf(bootId: string): number {
    if (!this.#boots.has(bootId)) {
      this.#run("INSERT INTO boot (boot_id) VALUES (?)", bootId);
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
        `DELETE FROM ${table} WHERE id < (SELECT max(id) FROM ${table}) AND id NOT IN (SELECT ${table} FROM readout WHERE ${table} IS NOT NULL)`,
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
      ...(row && { oldest: { seq: row.seq, atMs: row.at_ms } }),
      ...(first !== null && { held: { first, count } }),
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
