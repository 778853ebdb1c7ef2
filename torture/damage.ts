/** What a bad wire, a bad disk and a bad hand do to bytes: bits turn, bytes vanish, come twice, change places. @module */
import fc from "fast-check";

/** Bytes that mean something to a parser, and therefore hurt more than others. */
const TELLING = Uint8Array.from([
  ...[0x00, 0x01, 0x02, 0x03, 0x04, 0x06, 0x0a, 0x0d, 0x15, 0x20, 0x7f, 0x80, 0xff],
  ...new TextEncoder().encode("/!()*&\\?.:-0189CF,;"),
]);

const KINDS = ["flip", "set", "delete", "insert", "repeat", "swap", "cut", "noise"] as const;

/** One fault. Places are shares of the whole, so that they fit any bytes. */
export interface Damage {
  readonly kind: typeof KINDS[number];
  /** Where, from 0 to 65535. */
  readonly at: number;
  /** How many bytes, or which bit. */
  readonly size: number;
  /** What comes there. */
  readonly byte: number;
}

/** A single fault. */
export const damage: fc.Arbitrary<Damage> = fc
  .tuple(fc.nat(KINDS.length - 1), fc.nat(0xffff), fc.nat(23), fc.nat(255))
  .map(([kind, at, size, byte]) => ({ kind: KINDS[kind]!, at, size, byte }));

/** A few faults in one message. */
export const damages: fc.Arbitrary<Damage[]> = fc.array(damage, { minLength: 1, maxLength: 4 });

/** The same bytes after these faults, one after the other. */
export function damaged(bytes: Uint8Array, faults: readonly Damage[]): Uint8Array {
  return faults.reduce(strike, bytes);
}

function strike(bytes: Uint8Array, { kind, at: share, size, byte }: Damage): Uint8Array {
  const at = Math.floor(share / 0x10000 * bytes.length);
  const telling = TELLING[byte % TELLING.length]!;
  switch (kind) {
    case "flip":
      return replaced(bytes, at, [(bytes[at] ?? 0) ^ 1 << size % 8]);
    case "set":
      return replaced(bytes, at, [size % 2 ? byte : telling]);
    case "delete":
      return spliced(bytes, { from: at, to: at + 1 + size % 8 });
    case "insert":
      return spliced(bytes, { from: at, to: at }, new Uint8Array(1 + size % 3).fill(telling));
    case "repeat":
      return spliced(bytes, { from: at, to: at }, bytes.subarray(at, at + 1 + size));
    case "swap":
      return replaced(bytes, at, [bytes[at + 1] ?? byte, bytes[at] ?? byte]);
    case "cut":
      return byte % 2 ? bytes.subarray(0, at) : bytes.subarray(at);
    case "noise":
      return replaced(bytes, at, Array.from({ length: size + 1 }, (_, n) => byte * 37 + n * n * 11));
  }
}

function replaced(bytes: Uint8Array, at: number, by: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  for (let n = 0; n < by.length && at + n < copy.length; n++) copy[at + n] = by[n]!;
  return copy;
}

function spliced(
  bytes: Uint8Array,
  { from, to }: { from: number; to: number },
  middle: Uint8Array = new Uint8Array(),
): Uint8Array {
  const head = bytes.subarray(0, from);
  const tail = bytes.subarray(Math.min(to, bytes.length));
  const whole = new Uint8Array(head.length + middle.length + tail.length);
  whole.set(head);
  whole.set(middle, head.length);
  whole.set(tail, head.length + middle.length);
  return whole;
}
