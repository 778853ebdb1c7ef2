/** The check sequence of HDLC frames: CRC-16/X-25, low octet first (IEC 62056-46, 6.4). @module */

/** Remainder of each octet for the reflected polynomial 8408. */
const TABLE = Uint16Array.from({ length: 256 }, (_, octet) => {
  let remainder = octet;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0x8408 : remainder >>> 1;
  return remainder;
});

function remainder(octets: Uint8Array): number {
  let crc = 0xffff;
  for (let at = 0; at < octets.length; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ octets[at]!) & 0xff]!;
  return crc;
}

/** CRC-16/X-25; of the digits 1 to 9 it is 906E. */
export function crcX25(octets: Uint8Array): number {
  return remainder(octets) ^ 0xffff;
}

/** The two octets that stand behind `octets` on the wire. */
export function checkSequence(octets: Uint8Array): Uint8Array {
  const crc = crcX25(octets);
  return Uint8Array.of(crc & 0xff, crc >>> 8);
}

/** Whether octets that end in their check sequence are as they were sent. */
export function isIntact(octetsAndCheck: Uint8Array): boolean {
  return remainder(octetsAndCheck) === 0xf0b8;
}
