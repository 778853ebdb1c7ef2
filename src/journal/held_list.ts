/** The list of the readouts in the file that wait for their time; each of them says so itself as well. @module */
import { crc32 } from "node:zlib";
import { QUALITY } from "./rows.ts";
import type { Sql } from "./sql.ts";

/** A readout waits. */
export function putHeld(sql: Sql, seq: number): void {
  sql.run("INSERT OR IGNORE INTO held (seq, crc) VALUES (?, ?)", seq, checkSum(seq));
}

/** Gives every entry its check sum. */
export function sealHeld(sql: Sql): void {
  for (const { seq } of all(sql)) sql.run("UPDATE held SET crc = ? WHERE seq = ?", checkSum(seq), seq);
}

/**
 * The list is made anew where a bit has turned in it: one entry too many would hold up all sinks, one too few would give
 * them a readout by the wrong time. Whether it was.
 */
export function mendHeld(sql: Sql): boolean {
  if (all(sql).every(({ seq, crc }) => crc === checkSum(seq))) return false;
  sql.transaction(() => {
    sql.run("DELETE FROM held");
    const waiting = "SELECT seq FROM readout WHERE quality = ?"; // what has its time has another one
    for (const { seq } of sql.all<{ seq: number }>(waiting, QUALITY.pending)) putHeld(sql, seq);
  });
  return true;
}

function all(sql: Sql): { readonly seq: number; readonly crc: number | null }[] {
  return sql.all("SELECT seq, crc FROM held");
}

function checkSum(seq: number): number {
  return crc32(`${seq}`);
}
