/**
 * A journal that turned out to be damaged: the file is set aside under another name and never deleted; a new one begins,
 * and whatever can still be read of the old is fetched from it.
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { JournalFile, type Predecessor } from "./file.ts";
import { allLetters } from "./letters.ts";
import type { Contents, Head, Opening, ReadoutRow, Salvage } from "./messages.ts";
import { type StoredNote, wholeNotes } from "./notes.ts";
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
    file.beginBehind(behind ?? head, { aside, ...rest });
    return [file, { ...file.contents(), head: behind ?? head, start }];
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

/** Its WAL belongs to it. */
function rename(from: string, to: string): void {
  for (const end of ["", "-wal"]) {
    try {
      Deno.renameSync(from + end, to + end);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

type Surveyed = Pick<Contents, "head"> & Omit<Predecessor, "aside"> & { readonly start: Head };

/** What can still be read but the readouts. Where nothing tells the last number, one that no journal has reached. */
function survey(path: string): Surveyed {
  const db = open(path);
  const number = (sql: string) => attempt(() => db?.prepare(sql).get()?.["n"] as number | null) ?? undefined;
  const rows = <T>(sql: string) => attempt(() => db?.prepare(sql).all() as T[]) ?? [];
  const seqs = [
    number("SELECT seq AS n FROM sqlite_sequence WHERE name = 'readout'"),
    number("SELECT max(seq) AS n FROM readout"),
    number("SELECT max(acked) AS n FROM sink"),
  ].filter((seq) => seq !== undefined);
  const head: Head = {
    seq: seqs.length > 0 ? Math.max(...seqs) : Math.floor(Date.now() / 1000),
    total: Math.max(
      number("SELECT total AS n FROM readout ORDER BY seq DESC LIMIT 1") ?? 0,
      number("SELECT max(acked_total) AS n FROM sink") ?? 0,
    ),
  };
  const sinks = db && attempt(() => getSinks(new Sql(db))) || [];
  const letters = db && attempt(() => allLetters(new Sql(db))) || [];
  const forms = rows<StoredForm>("SELECT * FROM form").map(toForm);
  const notes = wholeNotes(rows<StoredNote>("SELECT * FROM note"));
  const first =
    rows<Head & { readonly count: number }>("SELECT seq, total, count FROM readout ORDER BY seq LIMIT 1")[0];
  db?.close();
  const start = first ? { seq: first.seq - 1, total: first.total - first.count } : head;
  return { head, start: sinks.length > 0 ? head : start, sinks, forms, notes, letters };
}

/** The next readouts of a damaged file that can be read and are whole, and how far that led. */
export function fetchReadouts({ aside, after, upTo }: Salvage): { readonly rows: ReadoutRow[]; readonly upTo: number } {
  const db = open(aside);
  if (!db) return { rows: [], upTo };
  try {
    const boots = new Map(
      attempt(() =>
        (db.prepare("SELECT id, boot_id FROM boot").all() as { id: number; boot_id: string }[])
          .map(({ id, boot_id }): [number, string] => [id, boot_id])
      ),
    );
    const { stored, reached } = readSome(db, after, upTo);
    const rows = stored.filter(isWhole).map((row) => toRow(row, boots.get(row.boot!) ?? null));
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

function open(path: string): DatabaseSync | undefined {
  return attempt(() => {
    const db = new DatabaseSync(path);
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    return db;
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
