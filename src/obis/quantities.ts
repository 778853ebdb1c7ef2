/** What a code measures: the quantity's name, and whether its digits are a number. @module */
import type { ObisCode } from "./code.ts";
import { electricityName, isDuration, isPowerFactor } from "./electricity.ts";
import { QUANTITIES } from "./table.ts";

/**
 * What the digits of a quantity are. `number`, `duration` and `power factor` are numbers; `list` is a count, codes,
 * times and measured values in a row; `unknown` follows from the digits alone; the others are never numbers.
 */
export type Kind =
  | "number"
  | "duration"
  | "power factor"
  | "identity"
  | "status"
  | "time"
  | "text"
  | "list"
  | "unknown";

/** What a code measures. */
export interface Quantity {
  /** Key of the English name: `active_energy_import_total`; `""` when unknown. */
  readonly name: string;
  readonly kind: Kind;
}

const KINDS: Record<string, Kind> = {
  n: "number",
  d: "duration",
  p: "power factor",
  i: "identity",
  s: "status",
  t: "time",
  x: "text",
  l: "list",
  u: "unknown",
};

/** The key of an English name: brackets and what is in them dropped, lower case, all but letters and digits → `_`. */
export function nameKey(english: string): string {
  let plain = english;
  for (let before = ""; before !== plain;) [before, plain] = [plain, plain.replace(/\([^()]*\)/g, " ")];
  return plain.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_|_$/g, "");
}

let table: Map<string, Quantity> | undefined;

function readTable(): Map<string, Quantity> {
  if (table) return table;
  table = new Map();
  for (const row of QUANTITIES.trim().split("\n")) {
    const [medium, code, kind, name] = row.split(" ");
    table.set(`${medium} ${code}`, { name: name!, kind: KINDS[kind!]! });
  }
  return table;
}

/** The quantity of a code: the table's, else what the rules say, else nameless and of unknown kind. */
export function quantityOf(code: ObisCode): Quantity {
  const plain = code.e === 255 ? { ...code, e: 0 } : code; // 255: not used
  const found = lookUp(code) ?? (plain === code ? undefined : lookUp(plain));
  if (found) return found;
  const english = plain.a === 1 && plain.c > 0 ? electricityName(plain) : undefined;
  const name = english !== undefined ? nameKey(english) : isMakers(plain) ? "manufacturer_specific" : "";
  return { name, kind: kindOf(plain) };
}

/** The spelling first (`C.1.0` has its own name), then the code in its medium, then what all media share. */
function lookUp({ a, b, c, d, e, f, spelling, medium }: ObisCode): Quantity | undefined {
  const rows = readTable();
  const code = `${c}.${d}.${e}`;
  return (f === 255 || medium ? rows.get(`= ${a}-${b}:${code}*${f}`) : undefined) ??
    (spelling === "one letter" ? rows.get(`F ${code}`) : undefined) ??
    (spelling === "digits" ? undefined : rows.get(`L ${code}`)) ??
    (a === 0 && b > 0 && b <= 64 ? rows.get(`n ${code}`) : undefined) ??
    rows.get(`${a} ${code}`) ??
    (c === 0 || c >= 93 || !medium ? rows.get(`0 ${code}`) : undefined) ??
    (c === 0 ? rows.get(`1 ${code}`) : undefined);
}

/** Groups that each maker may use as it likes. */
function isMakers({ c, d, e }: ObisCode): boolean {
  return c >= 128 || d >= 128 || e >= 128 || c === 96 && d >= 50 && d <= 99;
}

/** The kind of a code that no table has. */
function kindOf({ a, c, d, e }: ObisCode): Kind {
  if (c === 0) return generalKind(d, e);
  if (c === 96) return serviceKind(d, e);
  if (c === 97) return "status";
  if (c === 98 || c === 99) return "list";
  if (a === 0 && c === 24) return d === 1 || d === 4 ? "status" : d === 2 || d === 3 ? "number" : "unknown";
  if (a !== 1 || c >= 93) return "unknown";
  return isPowerFactor(c) ? "power factor" : isDuration(d) ? "duration" : "number";
}

/** Group C 0: identities, versions, constants, periods, the clock. */
function generalKind(d: number, e: number): Kind {
  if (d === 0) return "identity";
  if (d === 2) return "text";
  if (d === 3 || d === 4 || d === 6 || d === 7) return "number";
  if (d === 8) return "duration";
  return d === 9 && e > 0 && e < 8 ? "time" : "unknown";
}

/** Group C 96: what serves the meter itself. */
function serviceKind(d: number, e: number): Kind {
  if (d === 1) return "identity";
  if ([3, 4, 5, 10, 11, 14].includes(d)) return "status";
  if (d === 6 || d === 8) return "duration";
  if (d === 7) return e < 10 || e > 19 ? "number" : e < 15 ? "time" : "duration";
  if (d === 9 || d === 15) return "number";
  return d === 13 && e < 10 ? "text" : "unknown";
}
