/** Readouts in the order of the log, a slice at a time: few rows, and few bytes in memory. @module */
import type { CutBounds, ReadBounds, Thinning } from "./messages.ts";
import type { ReadoutRow, Settled } from "./rows.ts";
import { QUALITY } from "./rows.ts";
import type { Boots } from "./boots.ts";
import type { Sql } from "./sql.ts";
import { isWhole, type StoredReadout, toRow } from "./stored.ts";
import { betweenQuarters } from "./thin.ts";

/** Looked through at once for what may be thinned. */
const THIN_BYTES = 2 * 1024 * 1024;

const decoder = new TextDecoder();

/** The next readouts after a cursor, oldest first: at least one, as many as the bounds hold. */
export function readRows(sql: Sql, boots: Boots, bounds: ReadBounds): ReadoutRow[] {
  const last = endOfSlice(sql, bounds);
  return last === undefined ? [] : between(sql, bounds.after, last).map((row) => toRow(row, boots.idOf(row.boot)));
}

/** The last of the oldest readouts that may go, and how many readings go with it; `undefined` when none may. */
export function boundary(sql: Sql, { after, upTo, rows, olderThanMs }: CutBounds): Settled | undefined {
  const next = "SELECT seq, at_ms, total, count, quality FROM readout WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?";
  let last: Settled | undefined;
  for (const { seq, at_ms, total, count, quality } of sql.all<StoredReadout>(next, after, upTo, rows)) {
    // Nobody knows how old a readout is that no right clock has dated.
    if (olderThanMs !== undefined && (at_ms >= olderThanMs || quality > QUALITY.redated)) break;
    last = { seq, total, count: (last?.count ?? 0) + count };
  }
  return last;
}

/** Which readouts are not needed for the quarter hours, of the next ones. */
export function thin(sql: Sql, { after, upTo, rows }: CutBounds): Thinning {
  const last = endOfSlice(sql, { after, upTo, readouts: rows, readings: Infinity, bytes: THIN_BYTES });
  if (last === undefined) return { thinned: [], upTo };
  const known = between(sql, after, last).filter(isWhole);
  const kinds = known.map((row) => ({ seq: row.seq, atMs: row.at_ms, kind: `${row.form} ${meterOf(row)}` }));
  const counts = new Map(known.map(({ seq, count }) => [seq, count]));
  return { thinned: betweenQuarters(kinds).map((seq) => ({ seq, count: counts.get(seq)! })), upTo: last };
}

/** The last readout of a slice that keeps the bounds; the sizes are known without reading what is in them. */
function endOfSlice(sql: Sql, { after, upTo, readouts, ...most }: ReadBounds): number | undefined {
  const sizes = sql.all<{ seq: number; count: number; bytes: number | null }>(
    `SELECT seq, count, length(body) AS bytes FROM readout WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?`,
    ...[after, upTo, readouts],
  );
  let [last, readings, bytes]: [number | undefined, number, number] = [undefined, 0, 0];
  for (const row of sizes) {
    readings += row.count;
    bytes += row.bytes ?? 0; // damage leaves none
    if (last !== undefined && (readings > most.readings || bytes > most.bytes)) break;
    last = row.seq;
  }
  return last;
}

function between(sql: Sql, after: number, last: number): StoredReadout[] {
  return sql.all<StoredReadout>("SELECT * FROM readout WHERE seq > ? AND seq <= ? ORDER BY seq", after, last);
}

function meterOf({ form, body }: StoredReadout): string {
  const parsed = JSON.parse(decoder.decode(body));
  return form === null ? parsed[0].meter : parsed[2];
}
