/** The check of P1 telegrams: CRC-16/ARC, written as hex digits behind `!` (DSMR P1, 5.2). @module */
import { crcTable, remainderOf } from "../crc.ts";
import { CR, LF } from "./characters.ts";

const TABLE = crcTable(0xa001);

/** CRC-16/ARC; of the digits 1 to 9 it is BB3D. */
export function crc16(bytes: Uint8Array): number {
  return remainderOf(bytes, TABLE, 0);
}

/** `BB3D`: as a meter writes it. */
export function formatCrc16(bytes: Uint8Array): string {
  return crc16(bytes).toString(16).toUpperCase().padStart(4, "0");
}

/** The same text with CR before each LF that has none: some gateways cut it out, and then the CRC can't fit. */
export function withCarriageReturns(bytes: Uint8Array): Uint8Array {
  const restored: number[] = [];
  let previous = -1;
  for (const byte of bytes) {
    if (byte === LF && previous !== CR) restored.push(CR);
    restored.push(byte);
    previous = byte;
  }
  return Uint8Array.from(restored);
}

/** Whether hex digits (1 to 4, either case) are the CRC of `bytes`, from `/` to `!`. */
export function fitsCrc16(bytes: Uint8Array, digits: string): boolean {
  const crc = parseInt(digits, 16);
  return crc16(bytes) === crc || (bytes.includes(LF) && crc16(withCarriageReturns(bytes)) === crc);
}
