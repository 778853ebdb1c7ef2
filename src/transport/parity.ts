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

function withParity(character: number, parity: "even" | "odd"): number {
  const ones = character.toString(2).replaceAll("0", "").length;
  const wanted = parity === "even" ? 0 : 1;
  return ones % 2 === wanted ? character : character | 0x80;
}

/** A transport of 7E1 or 7O1 over one of 8N1. Settings of 8 data bits pass as they are: binary data has no parity bit. */
export class SoftwareParity implements Transport {
  readonly #inner: Transport;
  readonly #onNotice: (message: string) => void;
  #parity: Parity = "even";
  #errors = 0;
  #received = 0;

  constructor(inner: Transport, onNotice: (message: string) => void) {
    this.#inner = inner;
    this.#onNotice = onNotice;
  }

  /** Characters that came with wrong parity since it was opened. */
  get errors(): number {
    return this.#errors;
  }

  async read(signal: AbortSignal): Promise<Uint8Array> {
    const came = await this.#inner.read(signal);
    this.#received += came.length;
    if (this.#parity === "none") return came;
    const { bytes, errors } = stripParity(came, this.#parity);
    this.#errors += errors;
    return bytes;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#inner.write(this.#parity === "none" ? bytes : addParity(bytes, this.#parity));
  }

  async setLine(settings: LineSettings): Promise<void> {
    await this.#inner.setLine(settings.dataBits === 7 ? { ...settings, dataBits: 8, parity: "none" } : settings);
    this.#parity = settings.dataBits === 7 ? settings.parity : "none";
  }

  flush(): void {
    this.#inner.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#errors > 0) this.#onNotice(`${this.#errors} of ${this.#received} characters came with wrong parity`);
    await this.#inner[Symbol.asyncDispose]();
  }
}
