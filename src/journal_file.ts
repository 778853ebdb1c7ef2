/** The journal's file: a SQLite database in WAL mode that only one process has open. @module */
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";

/** `OBIS` in ASCII: marks the file as ours. */
const APPLICATION_ID = 0x4F424953;
const FORMAT_VERSION = 1;
/** Older SQLite can corrupt a WAL (3.7.0 to 3.51.2, "WAL-reset"). */
const OLDEST_SQLITE = [3, 51, 3] as const;
const PAGE_BYTES = 1024;
/** A sink that left the configuration keeps its cursor this long. */
const DETACHED_DAYS = 7;

/**
 * `total` counts all readings ever journaled, this readout's included, so that what a sink still lacks is the
 * difference of two totals and no scan. `crc` is over seq, time, form, count, total and body.
 */
const SCHEMA = `
  CREATE TABLE form (id INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT;
  CREATE TABLE readout (seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, form INTEGER,
    count INTEGER NOT NULL, total INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
  CREATE TABLE sink (id TEXT PRIMARY KEY, base INTEGER NOT NULL, acked INTEGER NOT NULL, acked_total INTEGER NOT NULL,
    delivered INTEGER NOT NULL, evicted INTEGER NOT NULL, dead INTEGER NOT NULL, mark TEXT, detached_ms INTEGER) STRICT;
  CREATE TABLE dead (id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, seq INTEGER NOT NULL,
    position INTEGER NOT NULL, at_ms INTEGER NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL,
    UNIQUE (sink, seq, position)) STRICT;
  CREATE TABLE gap (id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, from_seq INTEGER NOT NULL,
    to_seq INTEGER NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT_VERSION};`;

/** One sink's place in the log and its part of the books, all in readings. */
export interface SinkRow {
  readonly id: string;
  /** `total` of the log when the sink came. */
  readonly base: number;
  /** Last readout that the sink has done with, and `total` there. */
  readonly acked: number;
  readonly ackedTotal: number;
  readonly delivered: number;
  readonly evicted: number;
  readonly dead: number;
  readonly mark: string | null;
  /** Since when the configuration has it no longer. */
  readonly detachedMs: number | null;
}

/** A readout as it lies in the file. */
export interface ReadoutRow {
  readonly seq: number;
  readonly atMs: number;
  readonly form: number | null;
  readonly count: number;
  readonly total: number;
  readonly body: string;
  /** The check sum does not fit: bits have turned on the disk. */
  readonly damaged?: boolean;
}

/** A reading that a sink will never take. `position` counts within its readout. */
export interface DeadRow {
  readonly sink: string;
  readonly seq: number;
  readonly position: number;
  readonly atMs: number;
  readonly reason: string;
  /** The reading as JSON. */
  readonly body: string;
}

/** Readings that a sink will never see because the journal was full or they were too old. */
export interface GapRow {
  readonly sink: string;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly count: number;
  readonly reason: string;
  readonly atMs: number;
}

/** All that goes to disk together: whole or not at all. */
export interface Commit {
  readonly forms: readonly { readonly id: number; readonly content: string }[];
  readonly readouts: readonly ReadoutRow[];
  readonly sinks: readonly SinkRow[];
  readonly dead: readonly DeadRow[];
  readonly gaps: readonly GapRow[];
  /** Readouts up to here are of no more use to anybody. */
  readonly trimTo: number;
}

/** What the file is like after a commit. */
export interface Size {
  /** Bytes in use, without what the next readouts will fill again. */
  readonly bytes: number;
  readonly oldest?: { readonly seq: number; readonly atMs: number };
}

/** What a journal that was just opened has. */
export interface Contents extends Size {
  readonly head: { readonly seq: number; readonly total: number };
  readonly forms: readonly { readonly id: number; readonly content: string }[];
  readonly sinks: readonly SinkRow[];
}

/** How much to read at once: at least one readout, then as many as the bounds hold. */
export interface ReadBounds {
  readonly after: number;
  readonly readouts: number;
  readonly readings: number;
  readonly bytes: number;
}

/** Where to cut when old readouts must go: at most `rows` from the oldest on, none younger than `olderThanMs`. */
export interface CutBounds {
  readonly rows: number;
  readonly olderThanMs?: number;
}

/** For whom a journal is opened, and when. */
export interface Attachment {
  readonly sinks: readonly string[];
  readonly nowMs: number;
}

/** What the worker is asked. */
export type Question =
  & { readonly id: number }
  & (
    | ({ readonly kind: "open"; readonly path: string } & Attachment)
    | ({ readonly kind: "commit" } & Commit)
    | ({ readonly kind: "read" } & ReadBounds)
    | ({ readonly kind: "boundary" } & CutBounds)
    | { readonly kind: "ping" }
    | { readonly kind: "close" }
  );

/** Who must act: `config` a person, `busy` another process, `disk` (full, read-only, broken) may pass. */
export interface Trouble {
  readonly kind: "config" | "busy" | "disk";
  readonly message: string;
}

/** What the worker answers. */
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly trouble?: Trouble;
}

/** A failure that already knows who must act. */
class FileTrouble extends Error {
  constructor(readonly kind: Trouble["kind"], message: string) {
    super(message);
  }
}

/** An error as it crosses to the other side of the worker. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof FileTrouble) return { kind: error.kind, message: error.message };
  return { kind: "disk", message: error instanceof Error ? error.message : String(error) };
}

/** What opening says of a file that no waiting will mend. */
function openingTrouble(path: string, error: unknown): unknown {
  const { message } = error as Error;
  const config = (what: string) => new FileTrouble("config", what);
  if (/not a database/.test(message)) return config("This is no SQLite database: name another file in journal.path");
  if (/unable to open/.test(message)) return config("This file cannot be opened: name another one in journal.path");
  if (!/malformed/.test(message)) return error;
  return config(
    `The journal is damaged (${message}): move ${path} and ${path}-wal away, and obisd begins a new one; ` +
      "readings in it that a sink lacks are lost with it",
  );
}

/** The open file. All calls block; every failure leaves the file as it was before the call. */
export class JournalFile {
  readonly #db: DatabaseSync;
  readonly #lock: Deno.FsFile;
  readonly #statements = new Map<string, StatementSync>();
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();

  private constructor(db: DatabaseSync, lock: Deno.FsFile) {
    this.#db = db;
    this.#lock = lock;
  }

  /** Opens or creates it, and says what is in it for these sinks. @throws {FileTrouble} that says who must act */
  static open(path: string, { sinks, nowMs }: Attachment): [JournalFile, Contents] {
    checkFolder(dirname(path));
    const lock = lockFile(path);
    try {
      const file = new JournalFile(openDatabase(path), lock);
      return [file, file.#contents(sinks, nowMs)];
    } catch (error) {
      lock.close();
      throw openingTrouble(path, error);
    }
  }

  /** Everything the other side must know; puts the cursors of new sinks at the end and parks those of missing ones. */
  #contents(sinks: readonly string[], nowMs: number): Contents {
    const seq = this.#get("SELECT seq FROM sqlite_sequence WHERE name = 'readout'")?.["seq"] as number ?? 0;
    const total = this.#get(
      "SELECT max(t) AS t FROM (SELECT max(acked_total) AS t FROM sink UNION ALL " +
        "SELECT total FROM (SELECT total FROM readout ORDER BY seq DESC LIMIT 1))",
    )?.["t"] as number ?? 0;
    this.#transaction(() => {
      this.#attach(sinks, { seq, total }, nowMs);
      this.#forgetForms();
    });
    return {
      ...this.#size(),
      head: { seq, total },
      forms: this.#all("SELECT id, content FROM form") as unknown as Contents["forms"],
      sinks: this.#all(
        `SELECT id, base, acked, acked_total AS ackedTotal, delivered, evicted, dead, mark, detached_ms AS detachedMs
         FROM sink`,
      ) as unknown as SinkRow[],
    };
  }

  /** Writes all of it and returns once it is on disk. */
  commit({ forms, readouts, sinks, dead, gaps, trimTo }: Commit): Size {
    this.#transaction(() => {
      for (const { id, content } of forms) this.#run("INSERT OR IGNORE INTO form VALUES (?, ?)", id, content);
      for (const row of readouts) this.#insert(row);
      for (const s of sinks) {
        this.#run(
          "UPDATE sink SET acked = ?, acked_total = ?, delivered = ?, evicted = ?, dead = ?, mark = ? WHERE id = ?",
          ...[s.acked, s.ackedTotal, s.delivered, s.evicted, s.dead, s.mark, s.id],
        );
      }
      for (const d of dead) {
        this.#run(
          "INSERT OR IGNORE INTO dead (sink, seq, position, at_ms, reason, body) VALUES (?, ?, ?, ?, ?, ?)",
          ...[d.sink, d.seq, d.position, d.atMs, d.reason, d.body],
        );
      }
      for (const g of gaps) {
        this.#run(
          "INSERT INTO gap (sink, from_seq, to_seq, count, reason, at_ms) VALUES (?, ?, ?, ?, ?, ?)",
          ...[g.sink, g.fromSeq, g.toSeq, g.count, g.reason, g.atMs],
        );
      }
      this.#run("DELETE FROM readout WHERE seq <= ?", trimTo);
    });
    return this.#size();
  }

  /** The next readouts after a cursor, oldest first. */
  read({ after, readouts, readings, bytes }: ReadBounds): ReadoutRow[] {
    const rows: ReadoutRow[] = [];
    const next = this.#prepare("SELECT * FROM readout WHERE seq > ? ORDER BY seq LIMIT ?").iterate(after, readouts);
    for (const row of next) {
      const { seq, at_ms, form, count, total, crc, body } = row as unknown as StoredReadout;
      readings -= count;
      bytes -= body.length;
      if (rows.length > 0 && (readings < 0 || bytes < 0)) break;
      const damaged = crc !== checkSum({ seq, atMs: at_ms, form, count, total }, body);
      rows.push({
        seq,
        atMs: at_ms,
        form,
        count,
        total,
        body: this.#decoder.decode(body),
        ...(damaged && { damaged }),
      });
    }
    return rows;
  }

  /** The last of the oldest readouts that may go, `undefined` when none may. */
  boundary({ rows, olderThanMs = Number.MAX_SAFE_INTEGER }: CutBounds): { seq: number; total: number } | undefined {
    let last: { seq: number; total: number } | undefined;
    for (const row of this.#prepare("SELECT seq, at_ms, total FROM readout ORDER BY seq LIMIT ?").iterate(rows)) {
      const { seq, at_ms, total } = row as unknown as StoredReadout;
      if (at_ms >= olderThanMs) break;
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

  #attach(sinks: readonly string[], head: Contents["head"], nowMs: number): void {
    this.#run("DELETE FROM sink WHERE detached_ms < ?", nowMs - DETACHED_DAYS * 86_400_000);
    this.#run("UPDATE sink SET detached_ms = ? WHERE detached_ms IS NULL", nowMs);
    for (const id of sinks) {
      this.#run(
        `INSERT INTO sink VALUES (?, ?, ?, ?, 0, 0, 0, NULL, NULL) ON CONFLICT (id) DO UPDATE SET detached_ms = NULL`,
        ...[id, head.total, head.seq, head.total],
      );
    }
  }

  /** Drops forms that no readout points to, when there are many and few readouts to look through. */
  #forgetForms(): void {
    const many = this.#get("SELECT count(*) > 500 AS many FROM form")!["many"];
    const long = this.#get("SELECT 1 FROM readout LIMIT 1 OFFSET 10000");
    if (many && !long) this.#run("DELETE FROM form WHERE id NOT IN (SELECT form FROM readout WHERE form IS NOT NULL)");
  }

  #insert({ seq, atMs, form, count, total, body }: ReadoutRow): void {
    const bytes = this.#encoder.encode(body);
    const crc = checkSum({ seq, atMs, form, count, total }, bytes);
    this.#run("INSERT INTO readout VALUES (?, ?, ?, ?, ?, ?, ?)", seq, atMs, form, count, total, crc, bytes);
  }

  #size(): Size {
    const pages = this.#get("PRAGMA page_count")!["page_count"] as number;
    const free = this.#get("PRAGMA freelist_count")!["freelist_count"] as number;
    const row = this.#get("SELECT seq, at_ms FROM readout ORDER BY seq LIMIT 1") as StoredReadout | undefined;
    return { bytes: (pages - free) * PAGE_BYTES, ...(row && { oldest: { seq: row.seq, atMs: row.at_ms } }) };
  }

  #transaction(work: () => void): void {
    this.#run("BEGIN IMMEDIATE");
    try {
      work();
      this.#run("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#run("ROLLBACK");
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

interface StoredReadout {
  seq: number;
  at_ms: number;
  form: number | null;
  count: number;
  total: number;
  crc: number;
  body: Uint8Array;
}

function checkSum(row: Omit<ReadoutRow, "body" | "damaged">, body: Uint8Array): number {
  return crc32(body, crc32(`${row.seq} ${row.atMs} ${row.form} ${row.count} ${row.total}`));
}

function checkFolder(folder: string): void {
  try {
    if (Deno.statSync(folder).isDirectory) return;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new FileTrouble(
        "config",
        `The folder ${folder} does not exist: create it, owned by the user that runs obisd`,
      );
    }
    throw error;
  }
  throw new FileTrouble("config", `${folder} is no folder`);
}

/** Takes the lock that ends with the process, however it ends, and leaves our process id in it. */
function lockFile(path: string): Deno.FsFile {
  const lock = openLock(`${path}.lock`);
  if (!lock.tryLockSync(true)) {
    const pid = Deno.readTextFileSync(`${path}.lock`).trim();
    lock.close();
    throw new FileTrouble("busy", `The journal ${path} is in use by another obisd, process ${pid || "unknown"}`);
  }
  lock.truncateSync();
  lock.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  return lock;
}

function openLock(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: true, create: true });
  } catch (error) {
    const { NotFound, PermissionDenied } = Deno.errors;
    if (!(error instanceof PermissionDenied || error instanceof NotFound)) throw error;
    throw new FileTrouble("config", `The journal's folder cannot be written: ${error.message}`);
  }
}

function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    checkVersions(db, path);
    // One connection, ever: exclusive locking spares the shared-memory file and keeps other programs' SQLite away.
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 4194304;
      PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY;`);
    if (pragma(db, "user_version") === 0) db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function checkVersions(db: DatabaseSync, path: string): void {
  const sqlite = String(first(db, "SELECT sqlite_version()"));
  if (olderThan(sqlite.split(".").map(Number), OLDEST_SQLITE)) {
    throw new FileTrouble(
      "config",
      `SQLite ${sqlite} can damage a journal; ${OLDEST_SQLITE.join(".")} or newer is needed`,
    );
  }
  const id = pragma(db, "application_id");
  const empty = first(db, "SELECT count(*) FROM sqlite_schema") === 0;
  if (!empty && id !== APPLICATION_ID) {
    throw new FileTrouble("config", `${path} is a database of another program: name another file in journal.path`);
  }
  const version = pragma(db, "user_version");
  if (version > FORMAT_VERSION) {
    throw new FileTrouble(
      "config",
      `${path} was written by a newer obisd (format ${version}, this version knows ${FORMAT_VERSION}): upgrade obisd`,
    );
  }
}

function pragma(db: DatabaseSync, name: string): number {
  return first(db, `PRAGMA ${name}`) as number;
}

/** The only value of the only row. */
function first(db: DatabaseSync, sql: string): unknown {
  return Object.values(db.prepare(sql).get()!)[0];
}

function olderThan(version: readonly number[], oldest: readonly number[]): boolean {
  const at = oldest.findIndex((part, at) => version[at] !== part);
  return at >= 0 && version[at]! < oldest[at]!;
}
