/** Long frames of a wired M-Bus, in which some meters push DLMS messages (EN 13757-2, EN 13757-3). @module */
import type { Finder } from "../dialogue.ts";

/** One frame. */
export interface LongFrame {
  readonly control: number;
  readonly address: number;
  /** Number of this piece of the message, from 0. */
  readonly piece: number;
  readonly last: boolean;
  readonly source: number;
  readonly destination: number;
  readonly data: Uint8Array;
}

const [START, STOP] = [0x68, 0x16];
/** Start, length twice, start; behind the octets that the length counts: checksum, stop. */
const [HEAD, TAIL] = [4, 2];
/** Control, address, CI, two ports. */
const FIELDS = 5;
const LAST_PIECE = 0x10;

/** Finds a whole frame whose checksum is right; anything else is passed over. */
export function findLongFrame(): Finder<LongFrame> {
  let from = 0;
  return (bytes) => {
    for (let start = bytes.indexOf(START, from); start >= 0; start = bytes.indexOf(START, start + 1)) {
      from = start;
      if (start + HEAD > bytes.length) return undefined;
      const length = lengthAt(bytes, start);
      if (length === undefined) continue;
      const end = start + HEAD + length + TAIL;
      if (end > bytes.length) return undefined;
      const value = decodeFields(bytes.subarray(start + HEAD, end));
      if (value) return { start, end, value };
    }
    from = bytes.length;
    return undefined;
  };
}

/** One maker's frames are longer than the octet of the length can say, which then begins anew at 256. */
function lengthAt(bytes: Uint8Array, start: number): number | undefined {
  const [, length, again, second] = bytes.subarray(start, start + HEAD);
  if (length === undefined || length !== again || second !== START) return undefined;
  return length < FIELDS ? length + 256 : length;
}

function decodeFields(octets: Uint8Array): LongFrame | undefined {
  const [checksum, stop] = octets.subarray(-TAIL);
  const fields = octets.subarray(0, -TAIL);
  const sum = fields.reduce((sum, octet) => sum + octet, 0) & 0xff;
  if (stop !== STOP || sum !== checksum) return undefined;
  const [control, address, ci, source, destination] = fields as unknown as [number, number, number, number, number];
  const place = { piece: ci & 0x0f, last: (ci & LAST_PIECE) !== 0 };
  return { control, address, ...place, source, destination, data: fields.slice(FIELDS) };
}

/** The octets of a frame. @throws {RangeError} more than one holds */
export function encodeLongFrame({ control, address, piece, last, source, destination, data }: LongFrame): Uint8Array {
  const length = FIELDS + data.length;
  if (length > 0xff) throw new RangeError(`Cannot send ${data.length} octets in an M-Bus frame: ${0xff - FIELDS} fit`);
  const fields = Uint8Array.of(control, address, piece | (last ? LAST_PIECE : 0), source, destination, ...data);
  const sum = fields.reduce((sum, octet) => sum + octet, 0) & 0xff;
  return Uint8Array.of(START, length, length, START, ...fields, sum, STOP);
}
