/**
 * Parity made and checked by us, for a path that only carries 8N1: a character of 7E1 and one of 8N1 are equally
 * long, so the parity bit travels as bit 7.
 * @module
 */
import type { LineSettings, Parity } from "../line.ts";
import type { Transport } from "./transport.ts";

/**
 * Stands for a character whose parity was wrong. The kernel does the same with a port that checks by itself; masking
 * the bit away instead could make a wrong digit of a broken one.
 */
export const PARITY_ERROR = 0x00;

/** Sets bit 7 of each character so that its parity is right. */
export function addParity(bytes: Uint8Array, parity: "even" | "odd"): Uint8Array {
  return bytes.map((byte) => withParity(byte & 0x7f, parity));
}

/** Strips bit 7; a character with wrong parity becomes `PARITY_ERROR` and is counted. */
export function stripParity(
  bytes: Uint8Array,
  parity: "even" | "odd",
): { readonly bytes: Uint8Array; readonly errors: number } {
  let errors = 0;
  const stripped = bytes.map((byte) => {
    const character = byte & 0x7f;
    if (withParity(character, parity) === byte) return character;
    errors++;
    return PARITY_ERROR;
  });
  return { bytes: stripped, errors };
}

/** Before anything is decided: a bit 7 that is right parity is none of the character's. */
function withoutRightParity(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => withParity(byte & 0x7f, "even") === byte ? byte & 0x7f : byte);
}

function withParity(character: number, parity: "even" | "odd"): number {
  const ones = character.toString(2).replaceAll("0", "").length;
  const wanted = parity === "even" ? 0 : 1;
  return ones % 2 === wanted ? character : character | 0x80;
}

/** So many characters that speak for it decide where the parity is. */
const EVIDENCE = 4;

/**
 * What bytes say of a path, even parity given: characters whose parity stands in bit 7, and characters that would have it
 * there and do not, because the path itself has taken it away. Those that have both bit 7 and a wrong parity say nothing.
 */
function parityEvidence(bytes: Uint8Array): { readonly inBit7: number; readonly taken: number } {
  let [inBit7, taken] = [0, 0];
  for (const byte of bytes) {
    const isRight = withParity(byte & 0x7f, "even") === byte;
    if (byte >= 0x80 && isRight) inBit7++;
    else if (byte < 0x80 && !isRight) taken++;
  }
  return { inBit7, taken };
}

/** A transport of 7E1 or 7O1 over one of 8N1. Settings of 8 data bits pass as they are: binary data has no parity bit. */
export class SoftwareParity implements Transport {
  readonly #inner: Transport;
  readonly #onNotice: (message: string) => void;
  #parity: Parity = "even";
  #errors = 0;
  #received = 0;
  /** Where the parity is: `undefined`, it is not known yet. */
  #place: "bit 7" | "taken" | undefined;
  #evidence = { inBit7: 0, taken: 0 };
  /** Messages sent before it was known. */
  #tried = 0;

  /** `auto`: what comes shows whether the parity is there at all. */
  constructor(
    inner: Transport,
    onNotice: (message: string) => void,
    { auto = false }: { readonly auto?: boolean } = {},
  ) {
    this.#inner = inner;
    this.#onNotice = onNotice;
    this.#place = auto ? undefined : "bit 7";
  }

  /** Characters that came with wrong parity since it was opened. */
  get errors(): number {
    return this.#errors;
  }

  async read(signal: AbortSignal): Promise<Uint8Array> {
    const came = await this.#inner.read(signal);
    this.#received += came.length;
    if (this.#parity === "none") return came;
    if (this.#place === undefined) this.#look(came);
    if (this.#place === "taken") return came;
    if (this.#place === undefined) return withoutRightParity(came);
    const { bytes, errors } = stripParity(came, this.#parity);
    this.#errors += errors;
    return bytes;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#inner.write(this.#parity === "none" || !this.#makesParity() ? bytes : addParity(bytes, this.#parity));
  }

  async setLine(settings: LineSettings): Promise<void> {
    await this.#inner.setLine(settings.dataBits === 7 ? { ...settings, dataBits: 8, parity: "none" } : settings);
    this.#parity = settings.dataBits === 7 ? settings.parity : "none";
  }

  async setBreak(on: boolean): Promise<void> {
    await this.#inner.setBreak?.(on);
  }

  flush(): void {
    this.#inner.flush();
  }

  /** Until it is known, one message has the parity and the next has not: a path without any would make nonsense of it. */
  #makesParity(): boolean {
    if (this.#place !== undefined) return this.#place === "bit 7";
    return this.#tried++ % 2 === 0;
  }

  #look(came: Uint8Array): void {
    const { inBit7, taken } = parityEvidence(came);
    const sum = { inBit7: this.#evidence.inBit7 + inBit7, taken: this.#evidence.taken + taken };
    this.#evidence = sum;
    if (sum.inBit7 + sum.taken < EVIDENCE) return;
    this.#place = sum.inBit7 > sum.taken ? "bit 7" : "taken";
    this.#onNotice(
      this.#place === "bit 7"
        ? "the path carries 8N1, parity stands in bit 7 and is made and checked here; parity_in_software=true instead of parity=auto makes that sure"
        : "the path makes and takes away the parity itself; parity=auto is not needed",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#errors > 0) this.#onNotice(`${this.#errors} of ${this.#received} characters came with wrong parity`);
    await this.#inner[Symbol.asyncDispose]();
  }
}
