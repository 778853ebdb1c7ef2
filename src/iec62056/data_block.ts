/**
 * The data block (IEC 62056-21, 6.5): what a meter says between STX and `!`. Brackets lead the way, not lines, for many
 * meters write several data sets on a line. What cannot be read costs its own line and is reported; nothing is guessed.
 * @module
 */
import type { DamagedText, DataBlock, DataSet, DataValue } from "../telegram.ts";
import { CR, DEL, LF } from "./characters.ts";

const BLANK = 0x20;
const TAB = 0x09;
const OPEN = 0x28;
const CLOSE = 0x29;
const STAR = 0x2a;
const BANG = 0x21;

/** A set that could be read, or why it could not. `end` is where to go on. */
type Attempt =
  | { readonly end: number; readonly set: DataSet }
  | { readonly end: number; readonly reason: string };

/**
 * Reads a data block: text of one character a byte, with or without its `!`. Never throws.
 * `complete` is false without `!`; who has seen ETX knows better and says so. It ends behind `most` sets.
 */
export function parseDataBlock(text: string, most = Infinity): DataBlock {
  const sets: DataSet[] = [];
  const damaged: DamagedText[] = [];
  /** A set with an address was lost: what continues it belongs to nobody. */
  let orphaned = false;
  let at = skipWhite(text, 0);
  while (at < text.length && sets.length < most) {
    if (text.charCodeAt(at) === BANG && endsBlock(text, at)) return { sets, damaged, complete: true };
    const attempt = readDataSet(text, at);
    if ("set" in attempt && !(orphaned && attempt.set.address === "")) {
      sets.push(attempt.set);
      orphaned = false;
    } else {
      const lost = text.slice(at, attempt.end).trimEnd();
      if ("set" in attempt) {
        damaged.push({ text: lost, offset: at, reason: "continues a data set that cannot be read" });
      } else if (saysSomething(lost)) {
        damaged.push({ text: lost, offset: at, reason: attempt.reason });
        orphaned ||= text.charCodeAt(at) !== OPEN;
      }
    }
    at = skipWhite(text, attempt.end);
  }
  return { sets, damaged, complete: false };
}

/** The way back: one data set a line, then `!`; as a meter writes it. */
export function formatDataBlock(sets: readonly DataSet[]): string {
  return sets.map((set) => `${formatDataSet(set)}\r\n`).join("") + "!\r\n";
}

/** `1.6.1(3.2*kW)(2401011230)`. */
export function formatDataSet({ address, values }: DataSet): string {
  return address + values.map(({ text, unit }) => `(${text}${unit === undefined ? "" : `*${unit}`})`).join("");
}

/** Splits what stands in a bracket at the first `*`. */
export function parseValue(text: string): DataValue {
  const star = text.indexOf("*");
  return star < 0 ? { text } : { text: text.slice(0, star), unit: text.slice(star + 1) };
}

function readDataSet(text: string, from: number): Attempt {
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > CLOSE && code !== DEL) continue; // nearly every character
    if (code === OPEN) break;
    if (isLineEnd(code)) return { end: at, reason: "no brackets" };
    if (code === CLOSE) return lostLine(text, at, "opening bracket missing");
    if (code === BANG) {
      return endsBlock(text, at) ? { end: at, reason: "no brackets" } : lostLine(text, at, "! in its address");
    }
    if (isControl(code)) return lostLine(text, at, `control character ${hexOf(code)} in it`);
  }
  if (at === text.length) return { end: at, reason: "no brackets" };
  const address = trimmed(text, from, at);
  let values: DataValue[] | undefined;
  while (text.charCodeAt(at) === OPEN) {
    const close = endOfValue(text, at + 1);
    if (typeof close === "string") return lostLine(text, at, close);
    const value = valueBetween(text, at + 1, close);
    if (values) values.push(value);
    else values = [value]; // nearly always the only one: an empty list would make room for sixteen more
    at = close + 1;
  }
  return { end: at, set: { address, values: values! } };
}

/**
 * Where the bracket closes, or why it doesn't. A line end within brackets is passed over, for rows longer than 78
 * characters are broken; but only when the next bracket closes this one.
 */
function endOfValue(text: string, from: number): number | string {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > CLOSE && code !== DEL) continue; // nearly every character
    if (code === CLOSE) return at;
    if (code === OPEN) return "closing bracket missing";
    if (isControl(code) && !isLineEnd(code)) return `control character ${hexOf(code)} in it`;
    else if (code === BANG && isLineEnd(text.charCodeAt(at - 1))) break;
  }
  return "closing bracket missing";
}

/** The rest of the line is lost, but for the `!` that ends the block. */
function lostLine(text: string, from: number, reason: string): Attempt {
  let end = from;
  while (end < text.length && !isLineEnd(text.charCodeAt(end))) end++;
  if (end > from + 1 && text.charCodeAt(end - 1) === BANG) end--;
  return { end, reason };
}

/** `!` ends the block when no bracket follows on its line: then it is no noise in a data set. */
function endsBlock(text: string, bang: number): boolean {
  for (let at = bang + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isLineEnd(code)) return true;
    if (code === OPEN || code === CLOSE) return false;
  }
  return true;
}

/** Single marks between data sets (a stray backslash of a heat meter) take nothing away from what the meter said. */
function saysSomething(text: string): boolean {
  return /[^\x20-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]/.test(text) || /[()]/.test(text);
}

/** `trimEnd` costs ten times as much where there is nothing to cut. */
function trimmed(text: string, from: number, end: number): string {
  const piece = text.slice(from, end);
  return text.charCodeAt(end - 1) > BLANK && text.charCodeAt(end - 1) < DEL ? piece : piece.trimEnd();
}

/** The same as `parseValue`, cut out of the text in one go; the rare value with a line end in it is put together first. */
function valueBetween(text: string, from: number, end: number): DataValue {
  let star = end;
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code > STAR) continue; // nearly every character
    if (code === LF || code === CR) return parseValue(text.slice(from, end).replace(/[\r\n]/g, ""));
    if (code === STAR && star === end) star = at;
  }
  return star === end
    ? { text: text.slice(from, end) }
    : { text: text.slice(from, star), unit: text.slice(star + 1, end) };
}

function skipWhite(text: string, from: number): number {
  let at = from;
  while (isWhite(text.charCodeAt(at))) at++;
  return at;
}

const isLineEnd = (code: number) => code === LF || code === CR;
const isWhite = (code: number) => isLineEnd(code) || code === BLANK || code === TAB;
const isControl = (code: number) => code < BLANK && code !== TAB || code === DEL;
const hexOf = (code: number) => code.toString(16).toUpperCase().padStart(2, "0");
