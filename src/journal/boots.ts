/** The runs of the machine, which readouts name by a number, and what is known of the time in each. @module */
import { crc32 } from "node:zlib";
import type { Sql } from "./sql.ts";

/** The columns of the table; `crc` came with format 7. */
export interface StoredBoot {
  readonly id: number;
  readonly boot_id: string;
  /** Its start as we reckoned it, the latest time in it, and the latest that was certain: ms since 1970. */
  readonly start_ms: number | null;
  readonly latest_ms: number | null;
  readonly good_ms: number | null;
  readonly crc?: number | null;
}

/** Both ways: ids of boots, and their numbers in the file. */
export class Boots {
  readonly #both = new Map<string | number, string | number>();

  constructor(readonly sql: Sql) {}

  /** Its number; a new one gets one. */
  numberOf(bootId: string): number {
    if (!this.#both.has(bootId)) {
      putBoot(this.sql, bootId); // what is known of the time may have come first
      this.read();
    }
    return this.#both.get(bootId) as number;
  }

  /** `null`: nobody said, or nobody knows any more. */
  idOf(number: number | null): string | null {
    return number === null ? null : this.#both.get(number) as string | undefined ?? null;
  }

  /** Knows what the file knows: after an opening, and after a change that did not come about. */
  read(): void {
    this.#both.clear();
    for (const { id, boot_id } of allBoots(this.sql)) this.#both.set(id, boot_id).set(boot_id, id);
  }
}

/** A run of the machine, and what is known of the time in it; what is not said stays as it is. */
export function putBoot(
  sql: Sql,
  bootId: string,
  times: Partial<Omit<StoredBoot, "id" | "boot_id" | "crc">> = {},
): void {
  const known = sql.get<StoredBoot>("SELECT * FROM boot WHERE boot_id = ?", bootId);
  const id = known?.id ?? sql.get<{ n: number }>("SELECT coalesce(max(id), 0) + 1 AS n FROM boot")!.n;
  write(sql, { ...blank(id, bootId), ...known, ...times });
}

/** No time in any run of the machine was certain after this one, ms: clocks that were ahead have been put back. */
export function limitGood(sql: Sql, goodMs: number): void {
  for (const boot of sql.all<StoredBoot>("SELECT * FROM boot WHERE good_ms > ?", goodMs)) {
    write(sql, { ...boot, good_ms: goodMs });
  }
}

/** Those in which no bit has turned; of a file before format 7, which has no check sums, all. */
export function allBoots(sql: Sql): StoredBoot[] {
  return sql.all<StoredBoot>("SELECT * FROM boot").filter((boot) => (boot.crc ?? null) === null || isWhole(boot));
}

/** Gives every boot its check sum. */
export function sealBoots(sql: Sql): void {
  for (const boot of sql.all<StoredBoot>("SELECT * FROM boot")) write(sql, boot);
}

/**
 * Of a boot in which a bit has turned nothing is known but that its number was given: no other may get it, or readouts
 * would count as that one's. Returns how many there were. Begins with nothing: an index that is damaged would find the
 * wrong rows.
 */
export function mendBoots(sql: Sql): number {
  const boots = sql.all<StoredBoot>("SELECT * FROM boot");
  const lost = boots.filter((boot) => !isWhole(boot));
  if (lost.length === 0) return 0;
  sql.transaction(() => {
    const last = sql.get<{ n: number | null }>("SELECT max(boot) AS n FROM readout")!.n ?? 0;
    sql.run("DELETE FROM boot");
    for (const { id } of [...lost, { id: last }]) write(sql, blank(id, `lost ${id}`));
    for (const boot of boots.filter(isWhole)) write(sql, boot);
  });
  return lost.length;
}

function blank(id: number, bootId: string): StoredBoot {
  return { id, boot_id: bootId, start_ms: null, latest_ms: null, good_ms: null };
}

/** In place of what has its number. */
function write(sql: Sql, boot: StoredBoot): void {
  const { id, boot_id, start_ms, latest_ms, good_ms } = boot;
  sql.run(
    "INSERT OR REPLACE INTO boot (id, boot_id, start_ms, latest_ms, good_ms, crc) VALUES (?, ?, ?, ?, ?, ?)",
    ...[id, boot_id, start_ms, latest_ms, good_ms, checkSum(boot)],
  );
}

function isWhole(boot: StoredBoot): boolean {
  return boot.crc === checkSum(boot);
}

/** Over all columns but itself. */
function checkSum({ id, boot_id, start_ms, latest_ms, good_ms }: StoredBoot): number {
  return crc32(JSON.stringify([id, boot_id, start_ms, latest_ms, good_ms]));
}
