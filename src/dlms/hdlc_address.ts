/** Who talks to whom on an HDLC line: addresses of one, two or four octets (IEC 62056-46, 6.4.2). @module */
import { ProtocolError } from "../errors.ts";

/** `upper` is the logical device of a meter or the client's number; `lower` the meter on a line that several share. */
export interface HdlcAddress {
  readonly upper: number;
  /** Absent in an address of one octet. */
  readonly lower?: number;
  /** Octets on the wire. */
  readonly width: 1 | 2 | 4;
}

/** An address of as few octets as it needs, at least `width`. @throws {RangeError} a part that has no room in 14 bits */
export function hdlcAddress(upper: number, lower?: number, width: 1 | 2 | 4 = 1): HdlcAddress {
  const largest = Math.max(upper, lower ?? 0);
  if (Math.min(upper, lower ?? 0) < 0 || largest > 0x3fff) {
    throw new RangeError(`Cannot address ${upper}/${lower ?? "-"}: parts of an address are 0 to 16383`);
  }
  if (largest > 0x7f || width === 4) return { upper, lower: lower ?? 0, width: 4 };
  return lower === undefined && width === 1 ? { upper, width: 1 } : { upper, lower: lower ?? 0, width: 2 };
}

/** The octets; bit 0 is set in the last one alone. */
export function encodeAddress({ upper, lower = 0, width }: HdlcAddress): Uint8Array {
  switch (width) {
    case 1:
      return Uint8Array.of(upper << 1 | 1);
    case 2:
      return Uint8Array.of(upper << 1, lower << 1 | 1);
    case 4:
      return Uint8Array.of(upper >> 7 << 1, (upper & 0x7f) << 1, lower >> 7 << 1, (lower & 0x7f) << 1 | 1);
  }
}

/** The address that begins at `at`. @throws {ProtocolError} it has no end, or three octets */
export function decodeAddress(octets: Uint8Array, at = 0): HdlcAddress {
  let width = 1;
  while (width <= 4 && at + width <= octets.length && (octets[at + width - 1]! & 1) === 0) width++;
  const part = (index: number) => octets[at + index]! >> 1;
  if (at + width <= octets.length) {
    if (width === 1) return { upper: part(0), width };
    if (width === 2) return { upper: part(0), lower: part(1), width };
    if (width === 4) return { upper: part(0) << 7 | part(1), lower: part(2) << 7 | part(3), width };
  }
  throw new ProtocolError("unreadable", "Cannot read an HDLC address: it has not 1, 2 or 4 octets", octets);
}

/**
 * Whether an answer comes from the one who was asked. Meters answer with addresses of another width than they were asked
 * by, so values count; whoever was asked as "all stations" answers with a number of its own.
 */
export function isSameStation(asked: HdlcAddress, answering: HdlcAddress): boolean {
  const everybody = asked.width === 4 ? 0x3fff : 0x7f;
  const upper = asked.upper === everybody || asked.upper === answering.upper;
  const { lower } = asked;
  return upper && (lower === undefined || answering.lower === undefined || lower === everybody ||
    lower === answering.lower);
}

/** `1`, `1/17`: for messages. */
export function formatAddress({ upper, lower }: HdlcAddress): string {
  return lower === undefined ? String(upper) : `${upper}/${lower}`;
}
