/** Readings as text: JSON lines, CSV, and a table for people. @module */
import type { Reading } from "./reading.ts";

/** How a table may look. */
export interface TableOptions {
  /** Whether the terminal shows colours. */
  readonly colour: boolean;
  /** Columns of the terminal; long texts are shortened to it. Absent: nothing is shortened. */
  readonly width?: number;
}

/**
 * One line of JSON, without line end; keys in the contract's order. Control characters are escaped, those above 0x7E
 * too, so that a line can be shown on a terminal.
 */
export function toJson(reading: Reading): string {
  const { time, meter, obis, address, index, value, text, unit, name, labels, flags } = reading;
  return toJsonLine({ time, meter, obis, address, index, value, text, unit, name, labels, flags });
}

/** Anything as one such line. */
export function toJsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
}

/** The header of a CSV file, without line end. */
export const CSV_HEADER = "time,meter,obis,address,index,value,text,unit,name,flags,labels";

/**
 * One CSV record (RFC 4180), without line end: flags joined by `;`, labels as JSON, no number as an empty field. The
 * text is exact, control characters included.
 */
export function toCsv(reading: Reading): string {
  const { time, meter, value, text, flags, labels } = reading;
  const { before, behind } = registerFields(reading);
  const number = value === null ? "" : formatDecimal(value);
  return originFields(time, meter) + before + number + "," + csvField(text) + behind + statusFields(flags, labels);
}

const originFields = lastMade((time: string, meter: string) => `${csvField(time)},${csvField(meter)},`);
const statusFields = lastMade((flags: Reading["flags"], labels: Reading["labels"]) =>
  `${csvField(flags.join(";"))},${csvField(JSON.stringify(labels))}`
);

/** Makes it once for all that come one after another: the readings of a readout share most of what is said of them. */
function lastMade<A, B>(make: (a: A, b: B) => string): (a: A, b: B) => string {
  let last: { readonly a: A; readonly b: B; readonly made: string } | undefined;
  return (a, b) => (last?.a === a && last.b === b ? last : last = { a, b, made: make(a, b) }).made;
}

/** What the same register says each time, with its commas: before its number and behind its text. */
interface RegisterFields extends Pick<Reading, "obis" | "address" | "index" | "unit" | "name"> {
  readonly before: string;
  readonly behind: string;
}

const REGISTERS_LIMIT = 4096;
const registers = new Map<string, RegisterFields>();

/** Remembered by the address: to make them each time would take most of the time that a line takes. */
function registerFields({ obis, address, index, unit, name }: Reading): RegisterFields {
  const known = registers.get(address);
  if (known?.index === index && known.obis === obis && known.unit === unit && known.name === name) return known;
  const before = `${csvField(obis)},${csvField(address)},${index},`;
  const fields = { obis, address, index, unit, name, before, behind: `,${csvField(unit)},${csvField(name)},` };
  if (registers.size >= REGISTERS_LIMIT) registers.clear();
  registers.set(address, fields);
  return fields;
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A number in plain decimal digits, without exponent: `0.0000001`, `100000000000000000000000`. */
export function formatDecimal(value: number): string {
  const text = String(value);
  if (!text.includes("e")) return text;
  const found = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!found) return text;
  const [, sign, head, tail = "", exponent] = found;
  const shift = Number(exponent);
  const digits = head! + tail;
  return shift < 0 ? `${sign}0.${"0".repeat(-shift - 1)}${digits}` : sign! + digits.padEnd(shift + 1, "0");
}

/**
 * A table for people, without line end behind the last line: for each readout a heading, then address, digits, unit
 * and name. Control characters that a meter sent are shown as symbols.
 */
export function toTable(readings: readonly Reading[], { colour, width }: TableOptions): string {
  const rows = readings.map(toRow);
  const columns = columnsOf(rows, width ?? Infinity);
  const lines: string[] = [];
  let last = "";
  for (const [at, reading] of readings.entries()) {
    const heading = headingOf(reading);
    if (heading !== last) lines.push(...last ? [""] : [], paint(shorten(heading, width ?? Infinity), "bold", colour));
    last = heading;
    lines.push(formatRow(rows[at]!, columns, colour));
  }
  return lines.join("\n");
}

/** A reading's cells, fit for a terminal. */
interface Row {
  readonly address: string;
  readonly text: string;
  readonly unit: string;
  readonly name: string;
  readonly isNumber: boolean;
}

/** Widths in characters. */
interface Columns {
  readonly address: number;
  readonly text: number;
  readonly unit: number;
  /** The whole line. */
  readonly line: number;
}

function toRow({ address, index, value, text, unit, name }: Reading): Row {
  return {
    address: visible(address) + (index > 0 ? ` [${index}]` : ""),
    text: visible(text.trim()),
    unit: visible(unit),
    name,
    isNumber: value !== null,
  };
}

/** The digits' column is as wide as the longest number; a longer text spills over the unit's, which it has not. */
function columnsOf(rows: readonly Row[], line: number): Columns {
  const widest = (lengths: number[]) => lengths.reduce((most, length) => Math.max(most, length), 0);
  const numbers = widest(rows.map((row) => row.isNumber ? row.text.length : 0));
  const texts = widest(rows.map((row) => row.text.length));
  return {
    address: widest(rows.map((row) => row.address.length)),
    text: Math.max(numbers, Math.min(texts, COMMON_TEXT)),
    unit: widest(rows.map((row) => row.unit.length)),
    line,
  };
}

/** Serial numbers and time stamps fit in. */
const COMMON_TEXT = 16;
/** A text is not shortened below this for the sake of the name. */
const LEAST_TEXT = 8;

function formatRow(row: Row, columns: Columns, colour: boolean): string {
  const start = row.address.padEnd(columns.address) + "  ";
  const room = columns.line - start.length;
  const space = Math.max(row.isNumber ? row.text.length : LEAST_TEXT, room - row.unit.length - row.name.length - 3);
  const value = `${shorten(row.text, space).padStart(columns.text)} ${row.unit}`.padEnd(
    columns.text + 1 + columns.unit,
  );
  const name = shorten(row.name, room - value.length - 2);
  return name === "" ? (start + value).trimEnd() : `${start}${value}  ${paint(name, "dim", colour)}`;
}

function headingOf({ meter, time, labels, flags }: Reading): string {
  const named = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  const at = time.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC");
  return visible([meter, at, ...named, ...flags].join("  "));
}

function shorten(text: string, width: number): string {
  return text.length <= width ? text : width < 1 ? "" : text.slice(0, width - 1) + "…";
}

const STYLES = { bold: "\x1b[1m", dim: "\x1b[2m" };

function paint(text: string, style: keyof typeof STYLES, colour: boolean): string {
  return colour ? `${STYLES[style]}${text}\x1b[0m` : text;
}

/** Each control character as the symbol of its name, `␛`; others than those of ASCII as `�`. */
export function visible(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "␡" : "�";
  });
}

/** Rows of as many cells, their columns under each other, each as wide as it must be. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
}
