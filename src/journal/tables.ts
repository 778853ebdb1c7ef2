/** The small tables of the file: forms, sinks, gaps. @module */
import { crc32 } from "node:zlib";
import type { FormEntry, GapRow, SinkRow } from "./rows.ts";
import type { Sql } from "./sql.ts";
import { formCheckSum, type StoredForm, toForm } from "./stored.ts";

/** Every form. */
export function getForms(sql: Sql): FormEntry[] {
  return sql.all<StoredForm>("SELECT id, content, crc FROM form").map(toForm);
}

/** Writes one, in place of what has its number. */
export function putForm(sql: Sql, { id, content }: FormEntry): void {
  sql.run(
    `INSERT INTO form (id, content, crc) VALUES (?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET content = excluded.content, crc = excluded.crc`,
    ...[id, content, formCheckSum({ id, content })],
  );
}

/** The columns of the table; `ahead` came with format 2, `crc` with format 6. */
interface StoredSink {
  readonly id: string;
  readonly base: number;
  readonly acked: number;
  readonly acked_total: number;
  readonly delivered: number;
  readonly evicted: number;
  readonly dead: number;
  readonly ahead?: number;
  readonly mark: string | null;
  readonly detached_ms: number | null;
  readonly crc?: number | null;
}

/** Every sink's place and books in which no bit has turned, and how many rows there are that are no such. */
export function getSinks(sql: Sql, format: number): { readonly sinks: SinkRow[]; readonly damaged: number } {
  const stored = sql.all<StoredSink>("SELECT * FROM sink ORDER BY rowid");
  const whole = stored.filter((row) => format < SEALED_FORMAT || row.crc === sinkCheckSum(toSinkRow(row)));
  // Of two of a name, which a damaged index let in, the last.
  const sinks = [...new Map(whole.map((row) => [row.id, toSinkRow(row)])).values()];
  return { sinks, damaged: stored.length - sinks.length };
}

/** The format that gave sinks a check sum. */
export const SEALED_FORMAT = 6;

/** Gives every sink its check sum. */
export function sealSinks(sql: Sql): void {
  for (const row of getSinks(sql, SEALED_FORMAT - 1).sinks) putSink(sql, row);
}

/** What is left when others are damaged. Begins with nothing: an index that is damaged would find the wrong rows. */
export function mendSinks(sql: Sql, sinks: readonly SinkRow[]): void {
  sql.transaction(() => {
    sql.run("DELETE FROM sink");
    for (const sink of sinks) putSink(sql, sink);
  });
}

function toSinkRow({ acked_total, detached_ms, ahead, mark, crc: _, ...its }: StoredSink): SinkRow {
  // What a damaged schema calls otherwise is not there.
  return { ...its, ackedTotal: acked_total, ahead: ahead ?? 0, mark: mark ?? null, detachedMs: detached_ms ?? null };
}

/** Over all columns but itself. */
function sinkCheckSum(row: SinkRow): number {
  const { id, base, acked, ackedTotal, delivered, evicted, dead, ahead, mark, detachedMs } = row;
  return crc32(JSON.stringify([id, base, acked, ackedTotal, delivered, evicted, dead, ahead, mark, detachedMs]));
}

/** Writes one. */
export function putSink(sql: Sql, row: SinkRow): void {
  const { id, base, acked, ackedTotal, delivered, evicted, dead, ahead, mark, detachedMs } = row;
  sql.run(
    `INSERT INTO sink (id, base, acked, acked_total, delivered, evicted, dead, ahead, mark, detached_ms, crc)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET base = excluded.base, acked = excluded.acked,
     acked_total = excluded.acked_total, delivered = excluded.delivered, evicted = excluded.evicted,
     dead = excluded.dead, ahead = excluded.ahead, mark = excluded.mark, detached_ms = excluded.detached_ms,
     crc = excluded.crc`,
    ...[id, base, acked, ackedTotal, delivered, evicted, dead, ahead, mark, detachedMs, sinkCheckSum(row)],
  );
}

/** Nobody wants it back: its books go, and its letters with them. */
export function forgetSink(sql: Sql, id: string): void {
  sql.run("DELETE FROM sink WHERE id = ?", id);
  sql.run("DELETE FROM dead WHERE sink = ?", id);
}

/** Writes down what a sink will never see; once, for a commit that failed may have arrived all the same. */
export function putGap(sql: Sql, { sink, fromSeq, toSeq, count, reason, atMs }: GapRow): void {
  sql.run(
    `INSERT INTO gap (sink, from_seq, to_seq, count, reason, at_ms) SELECT ?1, ?2, ?3, ?4, ?5, ?6
     EXCEPT SELECT sink, from_seq, to_seq, count, reason, at_ms FROM gap WHERE sink = ?1 AND from_seq = ?2`,
    ...[sink, fromSeq, toSeq, count, reason, atMs],
  );
}

/** Drops forms and boots that no readout points to, when there are many and few readouts to look through. */
export function forgetUnused(sql: Sql): void {
  if (sql.get("SELECT 1 FROM readout LIMIT 1 OFFSET 10000")) return;
  for (const table of ["form", "boot"]) {
    if (!sql.get(`SELECT 1 FROM ${table} LIMIT 1 OFFSET 500`)) continue;
    // The last one stays: what it knows of the time is still of use.
    sql.run(
      `DELETE FROM ${table} WHERE id < (SELECT max(id) FROM ${table})
       AND id NOT IN (SELECT ${table} FROM readout WHERE ${table} IS NOT NULL)`,
    );
  }
}
