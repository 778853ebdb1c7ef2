/** Octets of DLMS messages: read one after the other without ever running past the end, written, shown to people. @module */
import { ProtocolError } from "../errors.ts";

/** Reads a message from its first octet to its last. Everything is big-endian. Asking for more than there is throws. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #at = 0;
  #isShort = false;

  /** @param what names the message in errors: `Cannot read <what>: …` */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  /** Octets that have not been read. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Offset of the next octet. */
  get at(): number {
    return this.#at;
  }

  /** Whether a fault was that the message ends too early: more octets might mend it. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** The next octet, which stays unread; `undefined` at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** A whole number of 1, 2 or 4 octets. */
  unsigned(width: 1 | 2 | 4): number {
    const at = this.#advance(width);
    if (width === 1) return this.#bytes[at]!;
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  /** The same in two's complement. */
  signed(width: 1 | 2 | 4): number {
    const at = this.#advance(width);
    if (width === 1) return this.#view.getInt8(at);
    return width === 2 ? this.#view.getInt16(at) : this.#view.getInt32(at);
  }

  /** Eight octets. */
  unsigned64(): bigint {
    return this.#view.getBigUint64(this.#advance(8));
  }

  /** The same in two's complement. */
  signed64(): bigint {
    return this.#view.getBigInt64(this.#advance(8));
  }

  /** IEEE 754, `width` 4 or 8. */
  float(width: 4 | 8): number {
    const at = this.#advance(width);
    return width === 4 ? this.#view.getFloat32(at) : this.#view.getFloat64(at);
  }

  /** The next octets as a view on the message. */
  take(count: number): Uint8Array {
    const at = this.#advance(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** All that is left. */
  rest(): Uint8Array {
    return this.take(this.left);
  }

  /** A length or count: one octet up to 127, else 80 + n and n octets; longer forms than needed are accepted. */
  length(): number {
    const first = this.unsigned(1);
    if (first < 0x80) return first;
    const width = first & 0x7f;
    if (width === 0 || width > 4) throw this.error(`${first.toString(16).toUpperCase()} is no length`);
    let length = 0;
    for (const octet of this.take(width)) length = length * 256 + octet;
    return length;
  }

  /** A length and as many octets. */
  octets(): Uint8Array {
    return this.take(this.length());
  }

  /** The fault at the place that has been reached. */
  error(reason: string): ProtocolError {
    return new ProtocolError("unreadable", `Cannot read ${this.#what} at octet ${this.#at}: ${reason}`, this.#bytes);
  }

  /** Such a fault. */
  short(reason: string): ProtocolError {
    this.#isShort = true;
    return this.error(reason);
  }

  #advance(count: number): number {
    if (count > this.left) throw this.short(`${count} octets wanted, ${this.left} left`);
    const at = this.#at;
    this.#at += count;
    return at;
  }
}

/** Writes a message, big-endian, and grows as needed. */
export class Writer {
  #bytes = new Uint8Array(64);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** What has been written. */
  get bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** A whole number in `width` octets; a negative one in two's complement. */
  integer(value: number, width: 1 | 2 | 4): this {
    const at = this.#advance(width);
    if (width === 1) this.#view.setUint8(at, value);
    else if (width === 2) this.#view.setUint16(at, value);
    else this.#view.setUint32(at, value);
    return this;
  }

  /** Eight octets. */
  integer64(value: bigint): this {
    this.#view.setBigUint64(this.#advance(8), BigInt.asUintN(64, value));
    return this;
  }

  /** IEEE 754. */
  float(value: number, width: 4 | 8): this {
    const at = this.#advance(width);
    if (width === 4) this.#view.setFloat32(at, value);
    else this.#view.setFloat64(at, value);
    return this;
  }

  /** Octets as they are. */
  put(...octets: readonly (Uint8Array | number)[]): this {
    for (const part of octets) {
      if (typeof part === "number") this.integer(part, 1);
      else {
        const at = this.#advance(part.length); // first: it may move the octets
        this.#bytes.set(part, at);
      }
    }
    return this;
  }

  /** A length or count in its shortest form. */
  length(count: number): this {
    if (count < 0x80) return this.integer(count, 1);
    if (count < 0x100) return this.put(0x81, count);
    if (count < 0x10000) return this.put(0x82).integer(count, 2);
    return this.put(0x84).integer(count, 4);
  }

  /** A length and the octets. */
  octets(octets: Uint8Array): this {
    return this.length(octets.length).put(octets);
  }

  #advance(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** Whether two octet strings are the same. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, at) => octet === b[at]);
}

const DIGITS = Array.from({ length: 256 }, (_, octet) => octet.toString(16).toUpperCase().padStart(2, "0"));

/** `E6E600`: octets as hex digits. */
export function toHex(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += DIGITS[octet];
  return text;
}

/** Hex digits as octets. @throws {RangeError} for anything else */
export function fromHex(digits: string): Uint8Array {
  if (!/^(?:[0-9A-Fa-f]{2})*$/.test(digits)) {
    throw new RangeError("Cannot read hex digits: not pairs of 0 to 9, A to F");
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** One character for each octet. */
export function toCharacters(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}

/** The same octets as the plain kind: what `node:crypto` returns is cut and compared differently. */
export function plainOctets(octets: Uint8Array): Uint8Array {
  return new Uint8Array(octets.buffer, octets.byteOffset, octets.byteLength);
}
