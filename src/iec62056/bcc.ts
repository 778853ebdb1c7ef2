/**
 * The block check character of a message (IEC 62056-21, 6.2): one character from which the receiver sees whether the
 * message came as it was sent. The standard takes the exclusive or (ISO 1155); a few makers take the sum.
 * @module
 */
import { meterTypeOf } from "../meters/mod.ts";
import type { Identification } from "../telegram.ts";
import { ETX } from "./characters.ts";

/** How the check character is made: `xor` by the standard, `sum7` the sum modulo 128 (Energomera and relatives). */
export type ChecksumRule = "xor" | "sum7";

/** What is accepted: one of the two, or `auto` (see `acceptsSum7`). */
export type Checksum = ChecksumRule | "auto";

/**
 * Whether `auto` takes the sum for right in a message of this meter: where its type says so, or where nobody knows who it
 * is. Not for everybody: xor finds each single wrong character, but one in 128 of those would fit the sum by chance, and
 * a wrong digit would be delivered.
 */
export function acceptsSum7(identification: Identification | undefined): boolean {
  return identification === undefined || meterTypeOf(identification)?.bcc === "sum7";
}

/** Exclusive or of the seven bits of all bytes, from the one after STX or SOH to ETX or EOT, both included. */
export function xor(bytes: Uint8Array): number {
  let check = 0;
  for (let at = 0; at < bytes.length; at++) check ^= bytes[at]!; // twelve times as fast as for … of
  return check & 0x7f;
}

/** Sum of the same bytes modulo 128. */
export function sum7(bytes: Uint8Array): number {
  let check = 0;
  for (let at = 0; at < bytes.length; at++) check += bytes[at]!;
  return check & 0x7f;
}

/** The check character by either rule. */
export function blockCheck(bytes: Uint8Array, rule: ChecksumRule = "xor"): number {
  return rule === "xor" ? xor(bytes) : sum7(bytes);
}

/** Body, end character and check character: what follows STX or SOH in a message. */
export function withCheck(body: Uint8Array, rule: ChecksumRule = "xor", end = ETX): Uint8Array {
  const bytes = new Uint8Array(body.length + 2);
  bytes.set(body);
  bytes[body.length] = end;
  bytes[body.length + 1] = blockCheck(bytes.subarray(0, body.length + 1), rule);
  return bytes;
}
