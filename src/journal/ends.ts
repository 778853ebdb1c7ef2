/** Where the log ends and where it begins, by those rows of the file in which no bit has turned. @module */
import type { Head, SinkRow } from "./rows.ts";
import type { Sql } from "./sql.ts";
import { isWhole, type StoredReadout } from "./stored.ts";

/** Rows that are looked through for a whole one. */
const ROWS = 100;
/** More readings than this no readout has; what says otherwise is damaged. */
const MOST_READINGS = 100_000;
/** A readout hardly has more. */
const MANY_READINGS = 1000;

/** Reads as much as a file lets through. `undefined`: it lets nothing. */
export type Reader = <T>(read: () => T) => T | undefined;

/**
 * The last readout that was ever here: it may be gone, and a sink may have had more than reached the disk. `undefined` when
 * nothing tells it, in a damaged file.
 */
export function endOf(sql: Sql, sinks: readonly SinkRow[], reader: Reader): Head | undefined {
  const number = (query: string) => reader(() => sql.get<{ n: number | null }>(query)?.n) ?? undefined;
  const seqs = [
    number("SELECT seq AS n FROM sqlite_sequence WHERE name = 'readout'"),
    number("SELECT max(seq) AS n FROM readout"),
    ...sinks.map(({ acked }) => acked),
  ].filter((seq) => seq !== undefined);
  if (seqs.length === 0) return undefined;
  const seq = Math.max(...seqs);
  return { seq, total: totalAt(seq, sinks, newestRows(sql, seq, reader)) };
}

interface Rows {
  readonly rows: readonly StoredReadout[];
  /** Whether there are no others among the newest. */
  readonly all: boolean;
}

/** As many as damage lets through, the newest first. */
function newestRows(sql: Sql, last: number, reader: Reader): Rows {
  const rows = reader(() => sql.all<StoredReadout>(`SELECT * FROM readout ORDER BY seq DESC LIMIT ${ROWS}`));
  if (rows) return { rows, all: true };
  const one = (seq: number) => reader(() => sql.get<StoredReadout>("SELECT * FROM readout WHERE seq = ?", seq));
  const found = Array.from({ length: Math.min(last, ROWS) }, (_, back) => one(last - back));
  return { rows: found.filter((row) => row !== undefined), all: false };
}

/** All readings up to there; rather too many than too few where no row tells: those that are missing are counted out. */
function totalAt(seq: number, sinks: readonly SinkRow[], { rows, all }: Rows): number {
  const counted = (rows: readonly StoredReadout[]) => rows.reduce((sum, row) => sum + likelyCount(row), 0);
  const known = Math.max(0, ...sinks.map(({ ackedTotal }) => ackedTotal));
  const whole = rows.findIndex(isWhole);
  if (whole >= 0) return Math.max(known, rows[whole]!.total + counted(rows.slice(0, whole)));
  const acked = Math.max(0, ...sinks.map(({ acked }) => acked));
  const behind = rows.filter((row) => row.seq > acked);
  return known + (all ? counted(behind) : (seq - acked) * MANY_READINGS);
}

/** The place before the first readout that is here; `undefined`: none can be found. */
export function startOf(sql: Sql, reader: Reader): Head | undefined {
  const oldest = `SELECT * FROM readout ORDER BY seq LIMIT ${ROWS}`;
  const rows = reader(() => sql.all<StoredReadout>(oldest)) ?? [];
  const whole = rows.find(isWhole);
  if (!whole) return undefined;
  const before = rows.slice(0, rows.indexOf(whole)).reduce((sum, row) => sum + likelyCount(row), 0);
  return { seq: Math.min(rows[0]!.seq, whole.seq) - 1, total: Math.max(0, whole.total - whole.count - before) };
}

/** How many readings a damaged row stands for. */
function likelyCount({ count }: StoredReadout): number {
  return Number.isInteger(count) && count > 0 && count <= MOST_READINGS ? count : 1;
}
