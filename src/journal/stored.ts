/** A readout as it is stored, under its check sum: a memory card turns bits, and SQLite alone would not notice. @module */
import { crc32 } from "node:zlib";
import type { Boots } from "./boots.ts";
import { putHeld } from "./held_list.ts";
import { type FormEntry, QUALITY, type Quality, type ReadoutRow } from "./rows.ts";
import type { Sql } from "./sql.ts";

const encoder = new TextEncoder();

/** The columns of the table; `boot` numbers a row of the table of boots. */
export interface StoredReadout {
  readonly seq: number;
  readonly at_ms: number;
  readonly form: number | null;
  readonly count: number;
  readonly total: number;
  readonly crc: number;
  readonly boot: number | null;
  readonly mono_ms: number | null;
  readonly quality: number;
  readonly body: Uint8Array;
}

/**
 * Over all columns but itself. Those that format 2 brought are left out where they say nothing, so that the readouts of
 * a file that format 1 wrote stay as they are: in such a row they are all absent.
 */
export function checkSum(row: Omit<StoredReadout, "crc">): number {
  const { seq, at_ms, form, count, total, boot, mono_ms, quality, body } = row;
  const clock = boot === null && mono_ms === null && quality === 0 ? "" : ` ${boot} ${mono_ms} ${quality}`;
  return crc32(body, crc32(`${seq} ${at_ms} ${form} ${count} ${total}${clock}`));
}

/** Writes a readout; `verb` says what becomes of one that has its number. */
export function putReadout(sql: Sql, boots: Boots, row: ReadoutRow, verb = "INSERT"): void {
  const { seq, atMs, form, count, total, bootId, monoMs, quality, body } = row;
  const boot = bootId === null ? null : boots.numberOf(bootId);
  const stored = { seq, at_ms: atMs, form, count, total, boot, mono_ms: monoMs, quality, body: encoder.encode(body) };
  sql.run(
    `${verb} INTO readout (seq, at_ms, form, count, total, crc, boot, mono_ms, quality, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[seq, atMs, form, count, total, checkSum(stored), boot, monoMs, quality, stored.body],
  );
  if (quality === QUALITY.pending) putHeld(sql, seq);
}

/** Whether no bit has turned. */
export function isWhole(row: StoredReadout): boolean {
  return hasBody(row) && row.crc === checkSum(row);
}

/** Damage may have made anything of the column. */
function hasBody({ body }: { readonly body: unknown }): boolean {
  return body instanceof Uint8Array;
}

/** A form as it is stored; without a check sum where a format before 3 wrote it. */
export interface StoredForm {
  readonly id: number;
  readonly content: string | null;
  readonly crc?: number | null;
}

/** A bit that turns in a form makes a wrong register of each readout that points to it. */
export function formCheckSum({ id, content }: FormEntry): number {
  return crc32(`${id} ${content}`);
}

/** The form as it crosses to the other side. A damaged one fits no readout, and keeps its number from being given again. */
export function toForm({ id, content, crc = null }: StoredForm): FormEntry {
  const form = { id, content: content ?? "" };
  return crc === null || crc === formCheckSum(form) ? form : { id, content: "" };
}

/** The row as it crosses to the other side; `bootId`: whose number it has. */
export function toRow(stored: StoredReadout, bootId: string | null): ReadoutRow {
  const { seq, at_ms, form, count, total, mono_ms, quality, body } = stored;
  return {
    ...{ seq, atMs: at_ms, form, count, total, monoMs: mono_ms, quality: quality as Quality },
    bootId,
    body: hasBody(stored) ? new TextDecoder().decode(body) : "",
    ...!isWhole(stored) && { damaged: true },
  };
}
