/**
 * What is true of a telegram whatever befell it, looked up by other means than the program's own: the check sums are
 * computed here once more, from the standard's text.
 * @module
 */
import assert from "node:assert/strict";
import { parseObis } from "../src/obis/code.ts";
import { normalise } from "../src/normalise.ts";
import { FLAGS, type Reading } from "../src/reading.ts";
import type { DataSet, Telegram } from "../src/telegram.ts";

const [STX, ETX, EOT, LF, CR] = [0x02, 0x03, 0x04, 0x0a, 0x0d];

/** Which check of these bytes is right: the exclusive or, the sum, the CRC; none of them. */
export function checkThatFits({ bytes, check }: Telegram): "xor" | "sum" | "crc" | undefined {
  if (check.kind === "crc") return crcFits(bytes) ? "crc" : undefined;
  const last = bytes.length - 1;
  const hasEnd = bytes[last - 1] === ETX || bytes[last - 1] === EOT;
  const block = hasEnd ? bytes.subarray(0, last) : Uint8Array.of(...bytes.subarray(0, last), ETX); // ETX got lost
  const sums = beginnings(block).map((start) => sumsOf(block.subarray(start)));
  const wanted = bytes[last]! & 0x7f;
  if (sums.some(({ xor }) => xor === wanted)) return "xor";
  return sums.some(({ sum }) => sum === wanted) ? "sum" : undefined;
}

/** Where the block may begin: at the front, behind STX, or in a new line, what says nothing passed over or not. */
function beginnings(bytes: Uint8Array): number[] {
  const plain = [0, ...[STX, LF, CR].flatMap((mark) => positions(bytes, mark).map((at) => at + 1))];
  return [...plain, ...plain.map((start) => start + Math.max(0, bytes.subarray(start).findIndex(speaks)))];
}

/** Neither a blank nor a control character nor a filler (DEL, with its parity bit too). */
const speaks = (byte: number) => byte > 0x20 && (byte & 0x7f) !== 0x7f;

/** Whether a check character stands behind the end of this message: then it must be obeyed. */
export function hasCheckCharacter(bytes: Uint8Array): boolean {
  return bytes.some((byte, at) => (byte === ETX || byte === EOT) && at < bytes.length - 1);
}

function positions(bytes: Uint8Array, wanted: number): number[] {
  const found: number[] = [];
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) found.push(at);
  return found;
}

function sumsOf(bytes: Uint8Array): { xor: number; sum: number } {
  let [xor, sum] = [0, 0];
  for (const byte of bytes) {
    xor ^= byte;
    sum += byte;
  }
  return { xor: xor & 0x7f, sum: sum & 0x7f };
}

/** CRC-16, polynomial x¹⁶ + x¹⁵ + x² + 1, bit by bit as DSMR P1 tells it; with the CR that some gateways cut out too. */
function crcFits(bytes: Uint8Array): boolean {
  const bang = bytes.lastIndexOf(0x21);
  const wanted = parseInt(new TextDecoder("latin1").decode(bytes.subarray(bang + 1)), 16);
  const plain = bytes.subarray(0, bang + 1);
  const withCr: number[] = [];
  for (const [at, byte] of plain.entries()) {
    if (byte === 0x0a && plain[at - 1] !== 0x0d) withCr.push(0x0d);
    withCr.push(byte);
  }
  return crc(plain) === wanted || crc(withCr) === wanted;
}

function crc(bytes: Iterable<number>): number {
  let register = 0;
  for (const byte of bytes) {
    register ^= byte;
    for (let bit = 0; bit < 8; bit++) register = register & 1 ? register >>> 1 ^ 0xa001 : register >>> 1;
  }
  return register;
}

/** Whether two telegrams say the same. */
export function sameSets(some: readonly DataSet[], others: readonly DataSet[]): boolean {
  return some.length === others.length && JSON.stringify(some) === JSON.stringify(others);
}

const CANONICAL = /^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}\*\d{1,3}$/;

/** Whatever it holds, it becomes readings that keep the contract. @throws {AssertionError} */
export function assertReadable(telegram: Telegram): readonly Reading[] {
  const readings = normalise(telegram);
  const text = new TextDecoder("latin1").decode(telegram.bytes);
  for (const reading of readings) assertContract(reading);
  let at = 0;
  for (const { address } of telegram.block.sets) {
    if (!isPlain(address)) continue;
    at = text.indexOf(address, at);
    if (at < 0) assert.fail(`address ${JSON.stringify(address)} was never sent, or not here`);
  }
  const { check, block } = telegram;
  if (readings.length > 0) {
    assert.equal(readings[0]!.flags.length > 0, check.result !== "good" || !block.complete, "unsound and not flagged");
  }
  return readings;
}

function assertContract(reading: Reading): void {
  const { value, text, obis, index, flags } = reading;
  if (value !== null && !(Number.isFinite(value) && Math.abs(value - decimal(text)) <= Math.abs(value) * 1e-15)) {
    assert.fail(`value ${value} is not what ${JSON.stringify(text)} says`);
  }
  if (obis !== "" && !(CANONICAL.test(obis) && parseObis(obis) === obis)) assert.fail(`obis ${obis}`);
  if (!Number.isInteger(index) || index < 0) assert.fail(`index ${index}`);
  for (const flag of flags) if (!FLAGS.includes(flag)) assert.fail(`flag ${flag}`);
}

/** Digits as a person reads them. */
function decimal(text: string): number {
  if (!/^ *[+-]?[\d.,]+ *$/.test(text)) return NaN;
  return Number(text.replace(",", "."));
}

/** ASCII only: what is beyond it is decoded differently here. */
function isPlain(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}
