/** The small tables of the file: forms, sinks, gaps. @module */
import type { FormEntry, GapRow, SinkRow } from "./messages.ts";
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

/** Every sink's place and books. */
export function getSinks(sql: Sql): SinkRow[] {
  return sql.all<SinkRow>(
    `SELECT id, base, acked, acked_total AS ackedTotal, delivered, evicted, dead, ahead, mark,
     detached_ms AS detachedMs FROM sink`,
  );
}

/** Writes one. */
export function putSink(sql: Sql, row: SinkRow): void {
  const { id, base, acked, ackedTotal, delivered, evicted, dead, ahead, mark, detachedMs } = row;
  sql.run(
    `INSERT INTO sink (id, base, acked, acked_total, delivered, evicted, dead, ahead, mark, detached_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET base = excluded.base, acked = excluded.acked,
     acked_total = excluded.acked_total, delivered = excluded.delivered, evicted = excluded.evicted,
     dead = excluded.dead, ahead = excluded.ahead, mark = excluded.mark, detached_ms = excluded.detached_ms`,
    ...[id, base, acked, ackedTotal, delivered, evicted, dead, ahead, mark, detachedMs],
  );
}

/** Nobody wants it back: its books go, and its letters with them. */
export function forgetSink(sql: Sql, id: string): void {
  sql.run("DELETE FROM sink WHERE id = ?", id);
  sql.run("DELETE FROM dead WHERE sink = ?", id);
}

/** Writes down what a sink will never see. */
export function putGap(sql: Sql, { sink, fromSeq, toSeq, count, reason, atMs }: GapRow): void {
  sql.run(
    "INSERT INTO gap (sink, from_seq, to_seq, count, reason, at_ms) VALUES (?, ?, ?, ?, ?, ?)",
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
