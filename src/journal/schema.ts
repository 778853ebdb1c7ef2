/**
 * The journal's file format: its tables, its versions, and how a file of an older version becomes one of this. Forward
 * only, in one transaction, by adding: however often it is broken off, the file is of the one version or of the other.
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { sealBoots } from "./boots.ts";
import { sealHeld } from "./held_list.ts";
import { sealSalvage } from "./salvage_row.ts";
import { Sql } from "./sql.ts";
import { SEALED_FORMAT, sealSinks } from "./tables.ts";
import { FileTrouble, isOfSchema } from "./trouble.ts";

/** `OBIS` in ASCII: marks the file as ours. */
const APPLICATION_ID = 0x4F424953;
/** Older SQLite can corrupt a WAL (3.7.0 to 3.51.2, "WAL-reset"). */
const OLDEST_SQLITE = [3, 51, 3] as const;
/** Small pages: a memory card lives on what is not written. */
export const PAGE_BYTES = 1024;

/**
 * `total` counts all readings ever journaled, this readout's included, so that what a sink still lacks is the
 * difference of two totals and no scan. `crc` is over all other columns (`stored.ts`).
 */
const FORMAT_1 = `
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
  PRAGMA application_id = ${APPLICATION_ID};`;

/**
 * A readout keeps where the monotonic clock stood, for its wall time may have been wrong; what waits for a better one is
 * listed in `held`. A boot has its start as we reckoned it, the latest time in it, and the latest that was certain.
 * Readouts may be missing before a sink has come to them; from a damaged file that was set aside some may still be fetched.
 */
const FORMAT_2 = `
  CREATE TABLE salvage (aside TEXT PRIMARY KEY, after INTEGER NOT NULL, up_to INTEGER NOT NULL) STRICT;
  CREATE TABLE boot (id INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE, start_ms INTEGER, latest_ms INTEGER,
    good_ms INTEGER) STRICT;
  CREATE TABLE held (seq INTEGER PRIMARY KEY) STRICT;
  ALTER TABLE readout ADD COLUMN boot INTEGER;
  ALTER TABLE readout ADD COLUMN mono_ms INTEGER;
  ALTER TABLE readout ADD COLUMN quality INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE sink ADD COLUMN ahead INTEGER NOT NULL DEFAULT 0;`;

/** A form has a check sum of its own; those that format 2 wrote have none. */
const FORMAT_3 = `
  ALTER TABLE form ADD COLUMN crc INTEGER;`;

/** What parts of the program must know after a restart. */
const FORMAT_4 = `
  CREATE TABLE note (name TEXT PRIMARY KEY, content TEXT NOT NULL, crc INTEGER NOT NULL) STRICT;`;

/**
 * A dead letter has a check sum, and knows which data set of its address it was, for it may be offered again without the
 * rest of its readout; `again`: it waits for that.
 */
const FORMAT_5 = `
  ALTER TABLE dead ADD COLUMN occurrence INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE dead ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE dead ADD COLUMN crc INTEGER;`;

/** A sink's place and books have a check sum. */
const FORMAT_6 = `
  ALTER TABLE sink ADD COLUMN crc INTEGER;`;

/** So have the other small tables. */
const FORMAT_7 = `
  ALTER TABLE boot ADD COLUMN crc INTEGER;
  ALTER TABLE held ADD COLUMN crc INTEGER;
  ALTER TABLE salvage ADD COLUMN crc INTEGER;`;

/** What each version adds to the one before it; an empty file is of version 0. */
export const FORMATS = [FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4, FORMAT_5, FORMAT_6, FORMAT_7];

/** Opens or creates the database, in this version's format. @throws {FileTrouble | Error} */
export function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    checkVersions(db, path);
    // One connection, ever: exclusive locking spares the shared-memory file and keeps other programs' SQLite away.
    // NORMAL: each commit is brought to disk by `wal.ts`.
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 4194304;
      PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY;`);
    migrate(db);
    checkSchema(db);
    return db;
  } catch (error) {
    db.close();
    throw isOfSchema(error) ? new FileTrouble("damaged", (error as Error).message) : error;
  }
}

/** Brings the file to this version. */
function migrate(db: DatabaseSync): void {
  const from = pragma(db, "user_version");
  const steps = FORMATS.slice(from);
  if (steps.length === 0) return;
  const sql = new Sql(db);
  sql.transaction(() => {
    db.exec(`${steps.join("")} PRAGMA user_version = ${FORMATS.length};`);
    if (from < SEALED_FORMAT) sealSinks(sql);
    if (from < 7) { for (const seal of [sealBoots, sealHeld, sealSalvage]) seal(sql); }
  });
}

/** Nothing but a turned bit makes the tables others than the formats say. @throws {FileTrouble} */
function checkSchema(db: DatabaseSync): void {
  if (schemaOf(db) !== wantedSchema()) throw new FileTrouble("damaged", "the tables are not as they were created");
}

let wanted: string | undefined;

function wantedSchema(): string {
  if (wanted === undefined) {
    const db = new DatabaseSync(":memory:");
    db.exec(FORMATS.join(""));
    wanted = schemaOf(db);
    db.close();
  }
  return wanted;
}

function schemaOf(db: DatabaseSync): string {
  const rows = db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").all();
  return JSON.stringify(rows.map((row) => Object.values(row)));
}

function checkVersions(db: DatabaseSync, path: string): void {
  const sqlite = String(first(db, "SELECT sqlite_version()"));
  if (olderThan(sqlite.split(".").map(Number), OLDEST_SQLITE)) {
    throw new FileTrouble(
      "config",
      `SQLite ${sqlite} can damage a journal; ${OLDEST_SQLITE.join(".")} or newer is needed`,
    );
  }
  const id = pragma(db, "application_id"); // reads the file: a text file is told here
  const empty = first(db, "SELECT count(*) FROM sqlite_schema") === 0;
  if (!empty && id !== APPLICATION_ID) {
    throw new FileTrouble("config", `${path} is a database of another program: name another file in journal.path`);
  }
  const version = pragma(db, "user_version");
  if (version > FORMATS.length) {
    throw new FileTrouble(
      "config",
      `${path} was written by a newer obisd (format ${version}, this version knows ${FORMATS.length}): upgrade obisd`,
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
