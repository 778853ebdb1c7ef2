/** The check sum of a readout: a memory card turns bits, and SQLite alone would not notice. @module */
import { crc32 } from "node:zlib";

/** A readout as its columns stand in the file; `boot` numbers a row of the table of boots. */
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
