/** What the file keeps of the time, and how readouts get theirs that came while it was unknown. @module */
import type { DatabaseSync } from "node:sqlite";
import type { TimeMemory } from "../host_time.ts";
import { checkSum, type StoredReadout } from "./stored.ts";
import { QUALITY, type Quality, type Redating } from "./messages.ts";

/** Keeps what is known of the time, and forgets times that turned out never to have been. */
export function putTime(db: DatabaseSync, { goodMs, latestMs, bootId, startMs }: TimeMemory): void {
  db.prepare(`INSERT INTO boot (boot_id, start_ms, latest_ms, good_ms) VALUES (?, ?, ?, ?) ON CONFLICT (boot_id)
    DO UPDATE SET start_ms = excluded.start_ms, latest_ms = excluded.latest_ms, good_ms = excluded.good_ms`)
    .run(bootId, startMs, latestMs, goodMs ?? null);
  if (goodMs !== undefined) db.prepare("UPDATE boot SET good_ms = ?1 WHERE good_ms > ?1").run(goodMs);
}

/** What was last kept, and the newest readout that a right clock has dated. */
export function getTime(db: DatabaseSync): { readonly time?: TimeMemory } {
  const boot = db.prepare(
    `SELECT boot_id AS bootId, start_ms AS startMs, latest_ms AS latestMs, good_ms IS NOT NULL AS known,
      (SELECT max(good_ms) FROM boot) AS goodMs FROM boot WHERE start_ms IS NOT NULL ORDER BY id DESC LIMIT 1`,
  ).get() as { bootId: string; startMs: number; latestMs: number; known: number; goodMs: number | null } | undefined;
  if (!boot) return {};
  const { goodMs, known, latestMs, ...rest } = boot;
  const newest = db.prepare("SELECT at_ms, quality FROM readout ORDER BY seq DESC LIMIT 1").get() as
    | Pick<StoredReadout, "at_ms" | "quality">
    | undefined;
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
export function redateHeld(db: DatabaseSync, { rows, now }: Redating): void {
  const held = db.prepare(
    `SELECT readout.*, boot.boot_id, boot.start_ms, boot.good_ms FROM held JOIN readout USING (seq)
      LEFT JOIN boot ON boot.id = readout.boot WHERE seq <= ? ORDER BY seq`,
  );
  const until = db.prepare("SELECT max(seq) AS n FROM (SELECT seq FROM held ORDER BY seq LIMIT ?)").get(rows)!["n"];
  const update = db.prepare("UPDATE readout SET at_ms = ?, quality = ?, crc = ? WHERE seq = ?");
  for (const row of held.all(until as number) as unknown as Held[]) {
    const whole = checkSum(row) === row.crc;
    const date = whole ? dateOf(row, now, () => lastOf(db, row.boot)) : { at_ms: row.at_ms, quality: row.quality };
    update.run(date.at_ms, date.quality, whole ? checkSum({ ...row, ...date }) : row.crc, row.seq);
  }
  db.prepare("DELETE FROM held WHERE seq <= ?").run(until as number);
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
function lastOf(db: DatabaseSync, boot: number | null): number {
  const sql = "SELECT max(at_ms) AS n FROM held JOIN readout USING (seq) WHERE boot IS ?";
  return db.prepare(sql).get(boot)!["n"] as number;
}
