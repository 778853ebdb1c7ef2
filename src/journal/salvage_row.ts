/** What is still to be fetched from a damaged file that lies beside this one, as the file has it: one row, or none. @module */
import { basename, dirname } from "node:path";
import { crc32 } from "node:zlib";
import type { Salvage } from "./messages.ts";
import type { Sql } from "./sql.ts";

/** The columns of the table; `crc` came with format 7. */
interface StoredSalvage {
  readonly aside: string;
  readonly after: number;
  readonly up_to: number;
  readonly crc?: number | null;
}

/** `undefined`: nothing is. */
export function getSalvage(sql: Sql): Salvage | undefined {
  const row = sql.get<StoredSalvage>("SELECT * FROM salvage");
  return row && { aside: row.aside, after: row.after, upTo: row.up_to };
}

/** So much is; `undefined`: all has been fetched. */
export function putSalvage(sql: Sql, salvage: Salvage | undefined): void {
  sql.run("DELETE FROM salvage");
  if (!salvage) return;
  const { aside, after, upTo } = salvage;
  sql.run("INSERT INTO salvage (aside, after, up_to, crc) VALUES (?, ?, ?, ?)", aside, after, upTo, checkSum(salvage));
}

/** Gives it its check sum. */
export function sealSalvage(sql: Sql): void {
  putSalvage(sql, getSalvage(sql));
}

/**
 * Where a bit has turned in it, all is fetched once more, from the newest of the damaged files beside `path`: what is there
 * already stays as it is, and numbers behind `upTo` the old file has not given. Whether it was so.
 */
export function mendSalvage(sql: Sql, path: string, upTo: number): boolean {
  const row = sql.get<StoredSalvage>("SELECT * FROM salvage");
  if (!row || row.crc === checkSum({ aside: row.aside, after: row.after, upTo: row.up_to })) return false;
  const aside = newestAside(path);
  sql.transaction(() => putSalvage(sql, aside === undefined ? undefined : { aside, after: 0, upTo }));
  return true;
}

function newestAside(path: string): string | undefined {
  const [folder, start] = [dirname(path), `${basename(path)}.corrupt-`];
  const numbers = [...Deno.readDirSync(folder)].map(({ name }) =>
    name.startsWith(start) ? +name.slice(start.length) : NaN
  );
  const newest = Math.max(0, ...numbers.filter(Number.isInteger));
  return newest > 0 ? `${folder}/${start}${newest}` : undefined;
}

/** Over all columns but itself. */
function checkSum({ aside, after, upTo }: Salvage): number {
  return crc32(JSON.stringify([aside, after, upTo]));
}
