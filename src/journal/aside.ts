/**
 * A journal that turned out to be damaged: the file is set aside under another name and never deleted; a new one begins,
 * and whatever can still be read of the old is fetched from it.
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { allBoots } from "./boots.ts";
import { endOf, startOf } from "./ends.ts";
import { JournalFile, type Predecessor } from "./file.ts";
import { allLetters } from "./letters.ts";
import type { Contents, Opening, Salvage } from "./messages.ts";
import type { Head, ReadoutRow } from "./rows.ts";
import { type StoredNote, wholeNotes } from "./stored_notes.ts";
import { FORMATS } from "./schema.ts";
import { Sql } from "./sql.ts";
import { isWhole, type StoredForm, type StoredReadout, toForm, toRow } from "./stored.ts";
import { getSinks } from "./tables.ts";

/** Readouts that are fetched at once: meanwhile new ones wait. */
const FETCHED = 200;

/** Renames the file and begins a new one, behind `behind` or whatever head can still be read. */
export function setAside({ behind, ...opening }: Opening): [JournalFile, Contents] {
  const { path } = opening;
  const aside = freeName(path);
  rename(path, aside);
  try {
    const { head, start, ...rest } = survey(aside);
    const [file] = JournalFile.open(opening);
    try {
      file.beginBehind(behind ?? head, { aside, ...rest });
      return [file, { ...file.contents(), head: behind ?? head, start }];
    } catch (error) {
      file.close(); // else nobody could open it any more, not even we
      throw error;
    }
  } catch (error) {
    rename(aside, path); // on a full disk: it is tried again
    throw error;
  }
}

function freeName(path: string): string {
  for (let n = 1;; n++) {
    const name = `${path}.corrupt-${n}`;
    try {
      Deno.lstatSync(name);
    } catch {
      return name;
    }
  }
}

/** Its WAL belongs to it; one that another file left in its way would be taken for it. */
function rename(from: string, to: string): void {
  unlessMissing(() => Deno.removeSync(`${to}-wal`));
  for (const end of ["", "-wal"]) unlessMissing(() => Deno.renameSync(from + end, to + end));
}

function unlessMissing(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

type Surveyed = Pick<Contents, "head"> & Omit<Predecessor, "aside"> & { readonly start: Head };

/** What can still be read but the readouts. Sinks whose place is lost begin with whatever is there. */
function survey(path: string): Surveyed {
  const db = open(path);
  if (!db) return { head: UNREACHED(), start: NOWHERE, sinks: [], forms: [], notes: [], letters: [] };
  const sql = new Sql(db);
  const format = attempt(() => sql.get<{ user_version: number }>("PRAGMA user_version"))?.user_version ??
    FORMATS.length;
  const { sinks, damaged } = attempt(() => getSinks(sql, format)) ?? { sinks: [], damaged: 1 };
  const letters = attempt(() => allLetters(sql)) ?? [];
  const forms = attempt(() => sql.all<StoredForm>("SELECT * FROM form").map(toForm)) ?? [];
  const notes = attempt(() => wholeNotes(sql.all<StoredNote>("SELECT * FROM note"))) ?? [];
  const head = endOf(sql, sinks, attempt) ?? UNREACHED();
  const start = damaged > 0 ? startOf(sql, attempt) ?? NOWHERE : head;
  sql.close();
  return { head, start, sinks, forms, notes, letters };
}

/** Where nothing tells the last number: one that no journal has reached. */
const UNREACHED = (): Head => ({ seq: Math.floor(Date.now() / 1000), total: 0 });
/** Before whatever can be fetched. */
const NOWHERE: Head = { seq: 0, total: 0 };

/** The next readouts of a damaged file that can be read and are whole, and how far that led. */
export function fetchReadouts({ aside, after, upTo }: Salvage): { readonly rows: ReadoutRow[]; readonly upTo: number } {
  const db = open(aside);
  if (!db) return { rows: [], upTo };
  try {
    const boots = attempt(() => allBoots(new Sql(db))) ?? [];
    const bootIds = new Map(boots.map(({ id, boot_id }) => [id, boot_id]));
    const { stored, reached } = readSome(db, after, upTo);
    const rows = stored.filter(isWhole).map((row) => toRow(row, bootIds.get(row.boot!) ?? null));
    return { rows, upTo: reached };
  } finally {
    db.close();
  }
}

function readSome(db: DatabaseSync, after: number, upTo: number): { stored: StoredReadout[]; reached: number } {
  const some = attempt(() => {
    const sql = "SELECT * FROM readout WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?";
    return db.prepare(sql).all(after, upTo, FETCHED) as unknown as StoredReadout[];
  });
  if (some) return { stored: some, reached: some.length < FETCHED ? upTo : some.at(-1)!.seq };
  const one = attempt(() => db.prepare("SELECT * FROM readout WHERE seq = ?"));
  if (!one) return { stored: [], reached: upTo };
  const reached = Math.min(after + FETCHED, upTo);
  const stored: StoredReadout[] = [];
  for (let seq = after + 1; seq <= reached; seq++) { // around the damage, one by one
    const row = attempt(() => one.get(seq) as unknown as StoredReadout | undefined);
    if (row) stored.push(row);
  }
  return { stored, reached };
}

/** Of a schema that is damaged in one table, the others are read all the same; the types do not know the option yet. */
const NOT_DEFENSIVE = { defensive: false } as object;

function open(path: string): DatabaseSync | undefined {
  return attempt(() => {
    const db = new DatabaseSync(path, NOT_DEFENSIVE);
    try {
      db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA writable_schema = ON");
      db.prepare("SELECT count(*) FROM sqlite_schema").get();
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** What damage lets through, `undefined` when it lets nothing. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
