/** DLMS over TCP: eight octets in front of each message, no HDLC (IEC 62056-47). @module */
import type { Finder } from "../dialogue.ts";
import { ProtocolError } from "../errors.ts";
import { Reader, toHex, Writer } from "./octets.ts";

const VERSION = 1;
const HEADER_OCTETS = 8;

/** A message and its two ports: the client's number and the meter's logical device. */
export interface Wrapped {
  readonly source: number;
  readonly destination: number;
  readonly apdu: Uint8Array;
}

/** Header and message. */
export function encodeWrapped({ source, destination, apdu }: Wrapped): Uint8Array {
  const header = new Writer().integer(VERSION, 2).integer(source, 2).integer(destination, 2).integer(apdu.length, 2);
  return header.put(apdu).bytes;
}

/** Finds a whole message. @throws {ProtocolError} `unreadable`: the stream is none of this wrapper's */
export function findWrapped(): Finder<Wrapped> {
  return (bytes) => {
    if (bytes.length < HEADER_OCTETS) return undefined;
    const reader = new Reader(bytes, "the wrapper");
    const version = reader.unsigned(2);
    if (version !== VERSION) {
      const found = toHex(bytes.subarray(0, HEADER_OCTETS));
      throw new ProtocolError("unreadable", `Cannot read the DLMS wrapper: ${found} does not begin with 0001`, bytes);
    }
    const [source, destination, length] = [reader.unsigned(2), reader.unsigned(2), reader.unsigned(2)];
    if (length > reader.left) return undefined;
    return { start: 0, end: HEADER_OCTETS + length, value: { source, destination, apdu: reader.take(length).slice() } };
  };
}
