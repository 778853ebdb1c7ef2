/** Long values as their blocks come in: put together, or handed on element by element so that nothing holds the whole. @module */
import { join } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import { readData } from "./axdr.ts";
import { type Data, itemsOf } from "./data.ts";
import { Reader } from "./octets.ts";
import type { Block } from "./references.ts";

/** More of one value than this is none that a meter has. */
const MAX_VALUE_OCTETS = 16 << 20;
const MAX_BLOCKS = 1 << 15;

/** One element of a long array (a row of a profile, a kilobyte at most) is looked at anew with each block until it is whole. */
const MAX_ELEMENT_OCTETS = 1 << 16;

const ARRAY = 1;

/** Takes the octets of one value. */
export interface Intake {
  /** The next ones; `last`: the value ends with them. @throws {ProtocolError} */
  take(octets: Uint8Array, last: boolean): void;
}

/** Puts the octets together. */
export class Collected implements Intake {
  readonly #parts: Uint8Array[] = [];

  take(octets: Uint8Array): void {
    if (octets.length > 0) this.#parts.push(octets);
  }

  /** The first octet; `undefined`: none has come. */
  get first(): number | undefined {
    return this.#parts[0]?.[0];
  }

  /** All that has come. */
  get whole(): Uint8Array {
    return this.#parts.length === 1 ? this.#parts[0]! : join(...this.#parts);
  }
}

/** Hands on each element of an array as soon as it is whole (A-XDR, Green Book 9.5); those of a compact array at its end. */
export class Elements implements Intake {
  readonly #onElement: (element: Data) => void;
  /** Octets of an element that is not whole yet, or of a value that is no array. */
  #rest = new Collected();
  /** How many the array says it has; `undefined`: that has not come yet. */
  #announced: number | undefined;
  #given = 0;

  constructor(onElement: (element: Data) => void) {
    this.#onElement = onElement;
  }

  /** How many were handed on. */
  get given(): number {
    return this.#given;
  }

  take(octets: Uint8Array, last: boolean): void {
    const isArray = (this.#rest.first ?? octets[0]) === ARRAY || this.#announced !== undefined;
    this.#rest.take(octets);
    if (!isArray && !last) return;
    const held = this.#rest.whole;
    const reader = new Reader(held, "the list");
    if (!isArray) return this.#giveAll(readData(reader));
    this.#announced ??= attempt(reader, last, readCount);
    let start = this.#announced === undefined ? 0 : reader.at;
    while (this.#announced !== undefined && this.#given < this.#announced) {
      const element = attempt(reader, last, readData);
      if (element === undefined) break;
      start = reader.at;
      this.#give(element);
    }
    this.#keep(held.slice(start));
  }

  #giveAll(value: Data): void {
    const elements = itemsOf(value);
    if (!elements) throw new ProtocolError("unreadable", `Cannot read the list: it is ${value.type}`);
    for (const element of elements) this.#give(element);
  }

  #give(element: Data): void {
    this.#given++;
    this.#onElement(element);
  }

  #keep(octets: Uint8Array): void {
    if (octets.length > MAX_ELEMENT_OCTETS) {
      throw new ProtocolError("endless", `No end of an element of the list within ${MAX_ELEMENT_OCTETS} octets`);
    }
    this.#rest = new Collected();
    this.#rest.take(octets);
  }
}

/** Reads what may not be whole yet; `undefined`: more octets are needed, and will come. @throws {ProtocolError} */
function attempt<T>(reader: Reader, last: boolean, read: (reader: Reader) => T): T | undefined {
  try {
    return read(reader);
  } catch (error) {
    if (last || !reader.isShort) throw error;
    return undefined;
  }
}

function readCount(reader: Reader): number {
  reader.unsigned(1);
  return reader.length();
}

/** The numbers of blocks that come: each is the next. They count from any number on: one maker never begins anew. */
export class Blocks {
  #octets = 0;
  #count = 0;
  #number: number | undefined;

  /** The last one that came. */
  get number(): number {
    return this.#number ?? 0;
  }

  /** Takes the next one. @throws {ProtocolError} it is not the next one, or there is no end to them */
  check({ block, raw, last }: Block): void {
    if (raw.length === 0 && !last) {
      throw new ProtocolError("endless", `The meter's block ${block} is empty, and not the last`);
    }
    if (this.#number !== undefined && block !== this.#number + 1) {
      throw new ProtocolError("unreadable", `The meter sends block ${block} after block ${this.#number}`, raw);
    }
    this.#number = block;
    this.#octets += raw.length;
    if (this.#octets > MAX_VALUE_OCTETS || ++this.#count > MAX_BLOCKS) {
      throw new ProtocolError("endless", "The meter's blocks have no end");
    }
  }
}
