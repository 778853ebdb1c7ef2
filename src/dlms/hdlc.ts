/** HDLC frames: cut out of a dirty stream, decoded, encoded (IEC 62056-46, 6.4). @module */
import type { Finder } from "../dialogue.ts";
import { checkSequence, isIntact } from "./crc.ts";
import { type Control, decodeControl, encodeControl } from "./hdlc_control.ts";
import { decodeAddress, encodeAddress, type HdlcAddress } from "./hdlc_address.ts";
import { join } from "../bytes.ts";

/** Opens and closes a frame. It may stand inside as well: the length counts, nothing is stuffed. */
export const FLAG = 0x7e;

/** Octets between the flags, at most: the length has 11 bits. */
export const MAX_FRAME_OCTETS = 0x7ff;

/** One frame between its flags. */
export interface Frame {
  readonly destination: HdlcAddress;
  readonly source: HdlcAddress;
  readonly control: Control;
  /** Whether another frame continues the information. */
  readonly segmented: boolean;
  /** Empty: there is none, and no header check sequence. */
  readonly information: Uint8Array;
}

/** The octets of a frame with both flags. @throws {RangeError} more information than a frame holds */
export function encodeFrame({ destination, source, control, segmented, information }: Frame): Uint8Array {
  const header = join(encodeAddress(destination), encodeAddress(source), Uint8Array.of(encodeControl(control)));
  const length = 2 + header.length + 2 + (information.length > 0 ? information.length + 2 : 0);
  if (length > MAX_FRAME_OCTETS) {
    throw new RangeError(`Cannot send ${length} octets in a frame: ${MAX_FRAME_OCTETS} fit`);
  }
  const format = Uint8Array.of(0xa0 | (segmented ? 0x08 : 0) | length >> 8, length & 0xff);
  const start = join(format, header);
  const checked = join(start, checkSequence(start));
  const body = information.length === 0 ? checked : withCheck(join(checked, information));
  return join(Uint8Array.of(FLAG), body, Uint8Array.of(FLAG));
}

function withCheck(octets: Uint8Array): Uint8Array {
  return join(octets, checkSequence(octets));
}

/**
 * The frame that stands between two flags; `undefined`: damaged, or no frame at all. Nobody is told, as the standard
 * wants it: whoever waits for an answer asks again.
 */
export function decodeFrame(body: Uint8Array): Frame | undefined {
  if (!isFormat(body, 0) || lengthOf(body, 0) !== body.length || !isIntact(body)) return undefined;
  try {
    const destination = decodeAddress(body, 2);
    const source = decodeAddress(body, 2 + destination.width);
    const end = 2 + destination.width + source.width + 1;
    const control = decodeControl(body[end - 1]!);
    if (!control || end + 2 > body.length || !isIntact(body.subarray(0, end + 2))) return undefined;
    const information = body.slice(end + 2, Math.max(end + 2, body.length - 2));
    return { destination, source, control, segmented: (body[0]! & 0x08) !== 0, information };
  } catch {
    return undefined; // an address of three octets, or without end
  }
}

function isFormat(bytes: Uint8Array, at: number): boolean {
  return (bytes[at]! & 0xf0) === 0xa0;
}

function lengthOf(bytes: Uint8Array, at: number): number {
  return (bytes[at]! & 0x07) << 8 | bytes[at + 1]!;
}

/** Finds a whole, undamaged frame; what is damaged or no frame is passed over, from the next flag on. */
export function findFrame(): Finder<Frame> {
  let from = 0;
  return (bytes) => {
    for (let start = bytes.indexOf(FLAG, from); start >= 0; start = bytes.indexOf(FLAG, start + 1)) {
      from = start;
      if (start + 3 > bytes.length) return undefined;
      if (!isFormat(bytes, start + 1)) continue;
      const end = start + 1 + lengthOf(bytes, start + 1);
      if (end >= bytes.length) return undefined;
      const value = bytes[end] === FLAG ? decodeFrame(bytes.subarray(start + 1, end)) : undefined;
      if (value) return { start, end: end + 1, value };
    }
    from = Math.max(from, bytes.length);
    return undefined;
  };
}
