/** The check sequence of HDLC frames: CRC-16/X-25, low octet first (IEC 62056-46, 6.4). @module */
import { crcX25, remainderOf, TABLE_8408 } from "../crc.ts";

/** The two octets that stand behind `octets` on the wire. */
export function checkSequence(octets: Uint8Array): Uint8Array {
  const crc = crcX25(octets);
  return Uint8Array.of(crc & 0xff, crc >>> 8);
}

/** Whether octets that end in their check sequence are as they were sent. */
export function isIntact(octetsAndCheck: Uint8Array): boolean {
  return remainderOf(octetsAndCheck, TABLE_8408, 0xffff) === 0xf0b8;
}
