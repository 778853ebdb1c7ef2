/** What a bracket of a data set says: its number, its digits, its unit; by the code and by the place in the set. @module */
import type { Kind } from "./quantities.ts";
import { normalUnit, parseDecimal, splitGluedUnit, type UnitContext } from "./units.ts";

/** What is special about a set's brackets: their place says what the digits are. */
export type Place =
  /** Rows of a load profile or a log book. */
  | "profile"
  /** Two temperatures in one bracket (old heat meters). */
  | "pair"
  /** A time, then the value that was captured then (M-Bus channels). */
  | "capture"
  /** A time, a header, then the value (M-Bus channels in DSMR 2 and 3). */
  | "old capture"
  /** A maximum or minimum, then when it was. */
  | "extreme"
  /** A counter of resets, for which some makers write the date of the last one. */
  | "reset";

/** All that an address says. */
export interface Meaning extends UnitContext {
  /** Canonical code, or `""`. */
  readonly obis: string;
  readonly name: string;
  readonly kind: Kind;
  readonly role?: Place;
}

/** One bracket as the meter wrote it: split at the first `*`. */
export interface Bracket {
  readonly text: string;
  readonly unit?: string;
}

/** One bracket read. */
export interface Value {
  /** The nearest double, or null when it is no number. */
  readonly value: number | null;
  /** The digits as written, without the unit. */
  readonly text: string;
  /** Normal form, or `""`. */
  readonly unit: string;
}

const COUNTABLE = new Set<Kind>(["number", "duration", "power factor", "unknown"]);

/** Reads bracket `index` of a data set. */
export function readValue(brackets: readonly Bracket[], index: number, meaning: Meaning): Value {
  const { text, unit } = separate(brackets[index]!, meaning);
  const counts = isNumber(text, { index, unit, count: brackets.length, first: brackets[0]!.text }, meaning);
  return { value: counts ? parseDecimal(text) : null, text, unit };
}

/** The digits and the unit of a bracket. A list in one bracket has no unit of its own and stays one text. */
function separate({ text, unit }: Bracket, meaning: Meaning): { text: string; unit: string } {
  if (unit !== undefined) {
    return isList(unit) ? { text: `${text}*${unit}`, unit: "" } : { text, unit: normalUnit(unit, meaning) };
  }
  const glued = COUNTABLE.has(meaning.kind) && !isStamp(text) ? splitGluedUnit(text, meaning) : undefined;
  return glued ? { text: glued.text, unit: normalUnit(glued.unit, meaning) } : { text, unit: "" };
}

/** Whether several values stand in one bracket: `012.3*kW&2411201045`. */
function isList(unit: string): boolean {
  return unit.includes("&") || unit.includes(",") || unit.includes(";");
}

/** Where in its set a bracket stands. */
interface Position {
  readonly index: number;
  readonly count: number;
  readonly unit: string;
  /** The set's first bracket. */
  readonly first: string;
}

/** Whether the digits count something; a unit that the meter wrote settles it, unless they are an identity. */
function isNumber(text: string, { index, count, unit, first }: Position, { kind, role }: Meaning): boolean {
  if (kind === "list") return unit !== "" || index === 0 && /^\d{1,4}$/.test(text);
  if (!COUNTABLE.has(kind)) return false;
  if (role === "capture" && first.startsWith("632525252525")) return false; // P1: the channel has no value yet
  if (unit !== "") return true;
  if (role === "extreme" && index > 0) return false;
  if (role === "capture" && index === 0 && count > 1) return false;
  if (role === "old capture" && index < 2) return false; // time, status
  if (role === "reset" && isDate(text)) return false;
  if (kind === "unknown" && /^\d{16,}$/.test(text)) return false; // more digits than any counter has: a coded word
  return !(kind === "unknown" || count > 1) || !isStamp(text);
}

const DATE = String.raw`(?:0\d|1[0-2])(?:[0-2]\d|3[01])`;
const TIME = String.raw`(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?`;
/** YYMMDDhhmm[ss], the season before or behind it, or the year with four digits: only of this half of the century. */
const STAMP = new RegExp(`^(?:[0-2]?[1-5]\\d|20[0-5]\\d)${DATE}${TIME}[SWsw]?$`);
/** P1 marks the season behind; all zeros stand for "never". */
const OTHER_STAMP = /^\d{12}[SWsw]$|^0+$/;

/** Whether digits without a unit are a time stamp of ten digits or more (VDEW, P1). */
function isStamp(text: string): boolean {
  return text.length >= 10 && (STAMP.test(text) || OTHER_STAMP.test(text));
}

/** YYMMDD. */
function isDate(text: string): boolean {
  return text.length === 6 && new RegExp(`^\\d\\d${DATE}$`).test(text);
}
