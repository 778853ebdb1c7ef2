/** Who may do what in programming mode (IEC 62056-21, 6.3.7, Annex on security): passwords and challenges. @module */
import { meterTypeOf } from "../meters/mod.ts";
import type { Identification } from "../telegram.ts";

/**
 * The answer to a challenge: what P2 carries, made of the seed in P0 and of the password. `undefined`: the seed or the
 * password is none that it is made for.
 */
export type Algorithm = (seed: string, password: string) => string | undefined;

/** Algorithms that makers have let become public. Those of others are their secret: add yours here. */
export const ALGORITHMS: Readonly<Record<string, Algorithm>> = { "elster-a1700": elsterA1700 };

/**
 * How a password is given: `password` in clear (P1), `bracket` as the second bracket of each W5 (VDEW), the name of an
 * algorithm (P2), or `auto`: the algorithm of its type where the seed fits it, else P1.
 */
export const ACCESSES: readonly string[] = ["auto", "password", "bracket", ...Object.keys(ALGORITHMS)];

/** The command that presents a password: P2 where a challenge was given and an algorithm fits, else P1. */
export interface Presentation {
  readonly name: "P1" | "P2";
  /** What stands in its bracket: a secret. */
  readonly operand: string;
}

/** How `password` is presented to a meter. @throws {Error} an algorithm was asked for, and the seed does not fit it */
export function presentationOf(
  password: string,
  { access = "auto", identification, seed }: {
    readonly access?: string;
    readonly identification: Identification;
    readonly seed: string;
  },
): Presentation {
  const name = access === "auto" ? meterTypeOf(identification)?.access : access;
  const answer = name === undefined ? undefined : ALGORITHMS[name]?.(seed, password);
  if (answer !== undefined) return { name: "P2", operand: answer };
  if (Object.hasOwn(ALGORITHMS, access)) {
    throw new Error(
      `${access} cannot answer the seed (${seed}): it wants 16 hex digits and a password of 8 characters`,
    );
  }
  return { name: "P1", operand: password };
}

/** Whether a text can be sent as a password: 1 to 32 printable characters, none that ends a value. */
export function isPassword(text: string): boolean {
  return /^[\x20-\x7e]{1,32}$/.test(text) && !/[()/!]/.test(text);
}

/** Elster A1700 (identification `/GEC…`): xor with the seed's bytes, then a running sum that begins with the last one. */
function elsterA1700(seed: string, password: string): string | undefined {
  if (!/^[0-9A-F]{16}$/i.test(seed) || !/^[\x20-\x7e]{8}$/.test(password)) return undefined;
  const mixed = Array.from(
    { length: 8 },
    (_, at) => password.charCodeAt(at) ^ parseInt(seed.slice(2 * at, 2 * at + 2), 16),
  );
  let last = mixed[7]!;
  return mixed.map((byte) => {
    last = (byte + last) & 0xff;
    return last.toString(16).toUpperCase().padStart(2, "0");
  }).join("");
}
