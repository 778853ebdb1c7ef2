/** What the file keeps of the time, and how readouts get theirs that came while it was unknown. @module */
import type { TimeMemory } from "../host_time.ts";
import { limitGood, putBoot } from "./boots.ts";
import type { Sql } from "./sql.ts";
import { checkSum, type StoredReadout } from "./stored.ts";
import type { Redating } from "./messages.ts";
import { QUALITY, type Quality } from "./rows.ts";

/** Keeps what is known of the time, and forgets times that turned out never to have been. */
export function putTime(sql: Sql, { goodMs, latestMs, bootId, startMs }: TimeMemory): void {
  putBoot(sql, bootId, { start_ms: startMs, latest_ms: latestMs, good_ms: goodMs ?? null });
  if (goodMs !== undefined) limitGood(sql, goodMs);
}

interface BootTime {
  readonly bootId: string;
  readonly startMs: number;
  readonly latestMs: number;
  readonly known: number;
  readonly goodMs: number | null;
}

/** What was last kept, and the newest readout that a right clock has dated. */
export function getTime(sql: Sql): { readonly time?: TimeMemory } {
  const boot = sql.get<BootTime>(
    `SELECT boot_id AS bootId, start_ms AS startMs, latest_ms AS latestMs, good_ms IS NOT NULL AS known,
      (SELECT max(good_ms) FROM boot) AS goodMs FROM boot WHERE start_ms IS NOT NULL ORDER BY id DESC LIMIT 1`,
  );
  if (!boot) return {};
  const { goodMs, known, latestMs, ...rest } = boot;
  const newest = sql.get<Pick<StoredReadout, "at_ms" | "quality">>(
    "SELECT at_ms, quality FROM readout ORDER BY seq DESC LIMIT 1",
  );
  const certainMs = newest?.quality === QUALITY.good ? newest.at_ms : -Infinity;
  return {
    time: {
      ...rest,
      latestMs: Math.max(latestMs, newest?.at_ms ?? -Infinity),
      known: known === 1,
      ...goodMs !== null && { goodMs: Math.max(goodMs, certainMs) },
    },
  };
}

/** A readout that waits, and what is known of its boot. `seq` may be of one that is there no longer. */
type Held = StoredReadout & {
  readonly boot_id: string;
  readonly start_ms: number | null;
  readonly good_ms: number | null;
};

/** Dates the first `rows` of the held readouts. A damaged one stays as damaged as it is. */
export function redateHeld(sql: Sql, { rows, now }: Redating): void {
  const until =
    sql.get<{ n: number }>("SELECT max(seq) AS n FROM (SELECT seq FROM held ORDER BY seq LIMIT ?)", rows)!.n;
  const held = sql.all<Held>(
    `SELECT readout.*, boot.boot_id, boot.start_ms, boot.good_ms FROM held JOIN readout USING (seq)
      LEFT JOIN boot ON boot.id = readout.boot WHERE seq <= ? ORDER BY seq`,
    until,
  );
  for (const row of held) {
    const whole = checkSum(row) === row.crc;
    const date = whole ? dateOf(row, now, () => lastOf(sql, row.boot)) : { at_ms: row.at_ms, quality: row.quality };
    sql.run(
      "UPDATE readout SET at_ms = ?, quality = ?, crc = ? WHERE seq = ?",
      ...[date.at_ms, date.quality, whole ? checkSum({ ...row, ...date }) : row.crc, row.seq],
    );
  }
  sql.run("DELETE FROM held WHERE seq <= ?", until);
}

/**
 * By the start of its boot, if that is known. Else nobody will ever know better than that it was before the present boot:
 * the whole boot is moved to where it can have been.
 */
function dateOf(
  { at_ms, mono_ms, boot_id, start_ms, good_ms }: Held,
  now: Redating["now"],
  lastMs: () => number,
): { readonly at_ms: number; readonly quality: Quality } {
  const startMs = boot_id === now?.bootId ? now.startMs : good_ms === null ? null : start_ms;
  if (startMs !== null && mono_ms !== null) return { at_ms: startMs + mono_ms, quality: QUALITY.redated };
  const lateMs = now ? Math.max(0, lastMs() + 1 - now.startMs) : 0;
  return { at_ms: at_ms - lateMs, quality: QUALITY.estimated };
}

/** The latest time in a boot of those that wait. */
function lastOf(sql: Sql, boot: number | null): number {
  return sql.get<{ n: number }>("SELECT max(at_ms) AS n FROM held JOIN readout USING (seq) WHERE boot IS ?", boot)!.n;
}
