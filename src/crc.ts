/** Cyclic redundancy checks of 16 bits, their polynomial reflected: the three that meters use differ in it and in their start. @module */

/** Remainder of each byte, for a polynomial. */
export function crcTable(polynomial: number): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ polynomial : remainder >>> 1;
    return remainder;
  });
}

/** What is left of bytes, begun at `start`. */
export function remainderOf(bytes: Uint8Array, table: Uint16Array, start: number): number {
  let crc = start;
  for (let at = 0; at < bytes.length; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 0xff]!;
  return crc;
}

/** Of the polynomial 8408: X.25 begins with FFFF and inverts the end, KERMIT does neither. */
export const TABLE_8408 = crcTable(0x8408);

/** CRC-16/X-25; of the digits 1 to 9 it is 906E. */
export function crcX25(bytes: Uint8Array): number {
  return remainderOf(bytes, TABLE_8408, 0xffff) ^ 0xffff;
}

/** CRC-16/KERMIT; of the digits 1 to 9 it is 2189. */
export function crcKermit(bytes: Uint8Array): number {
  return remainderOf(bytes, TABLE_8408, 0);
}
