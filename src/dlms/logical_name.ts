/** The six octets that name an object of a meter: its OBIS code, A-B:C.D.E*F (Green Book, 7). @module */
import type { Reader } from "./octets.ts";

/** `1-0:1.8.0*255`: the canonical form, as readings carry it. */
export type LogicalName = string;

/** The name that six octets are. */
export function decodeLogicalName(octets: Uint8Array): LogicalName {
  const [a, b, c, d, e, f] = octets;
  return `${a}-${b}:${c}.${d}.${e}*${f}`;
}

/** The six octets of a name. @throws {RangeError} it is none */
export function encodeLogicalName(name: LogicalName): Uint8Array {
  const found = /^(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})\*(\d{1,3})$/.exec(name);
  const groups = found?.slice(1).map(Number);
  if (!groups || Math.max(...groups) > 255) {
    throw new RangeError(`Cannot name an object "${name}": it is no A-B:C.D.E*F`);
  }
  return Uint8Array.from(groups);
}

/** The name that comes next. */
export function readLogicalName(reader: Reader): LogicalName {
  return decodeLogicalName(reader.take(6));
}
