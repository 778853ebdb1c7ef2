/** The DLMS vectors that stand beside the project, and octets as people write them. @module */
import { fromHex } from "../../src/dlms/mod.ts";

const FILE = new URL("../../../shared/specs/dlms-vectors.json", import.meta.url);

/** One vector of `dlms-vectors.json`. */
export interface DlmsVector {
  readonly name: string;
  readonly group: string;
  readonly hex: string;
  readonly meaning: string;
  readonly decoded?: Readonly<Record<string, unknown>>;
  readonly decoded_apdu?: string;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly plain?: string;
  readonly value?: unknown;
  readonly bytes: Uint8Array;
}

function read(): DlmsVector[] {
  try {
    const list: Omit<DlmsVector, "bytes">[] = JSON.parse(Deno.readTextFileSync(FILE));
    return list.map((vector) => ({ ...vector, bytes: fromHex(vector.hex) }));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** All of them. */
export const VECTORS: readonly DlmsVector[] = read();

/** Whether they are not there, so that a test passes over itself. */
export const ignore: boolean = VECTORS.length === 0;

/** All vectors of these groups. */
export function ofGroup(...groups: readonly string[]): DlmsVector[] {
  return VECTORS.filter(({ group }) => groups.includes(group));
}

/** One vector. */
export function vector(name: string): DlmsVector {
  const found = VECTORS.find((vector) => vector.name === name);
  if (!found) throw new Error(`There is no vector ${name}`);
  return found;
}

/** A vector's octets. */
export function octets(name: string): Uint8Array {
  return vector(name).bytes;
}

/** `7E A0 …` → octets. */
export function hexOctets(digits: string): Uint8Array {
  return fromHex(digits.replace(/\s/g, ""));
}

/** Pseudo-random whole numbers below `limit`, the same ones for the same seed (mulberry32). */
export function randomNumbers(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = state + 0x6d2b79f5 >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) % limit;
  };
}
