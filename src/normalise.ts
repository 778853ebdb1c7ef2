/** From a meter's words to readings: which quantity, which number, which unit. @module */
import { meterTypeOf } from "./meters/mod.ts";
import { formatObis, type ObisCode, readObis } from "./obis/code.ts";
import { isExtreme } from "./obis/electricity.ts";
import { quantityOf } from "./obis/quantities.ts";
import { type Meaning, type Place, readValue } from "./obis/values.ts";
import type { Flag, Reading } from "./reading.ts";
import type { DataSet, DataValue, Telegram } from "./telegram.ts";

/** What the configuration adds to a telegram's readings. */
export interface NormaliseOptions {
  /** The meter's name; default: the identification without `/XXXZ`, else `-`. */
  readonly meter?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Only these: the address exactly as the meter writes it, or the canonical code; default: all. */
  readonly obis?: readonly string[];
  /** What may be wrong beside what the telegram itself says. */
  readonly flags?: readonly Flag[];
}

/** The readings of a telegram, in its order. Rows of load profiles and log books are none: see {@link profileRows}. */
export function normalise(telegram: Telegram, options: NormaliseOptions = {}): Reading[] {
  const time = new Date(telegram.atMs).toISOString();
  const { meter = meterName(telegram), labels = {} } = options;
  const flags = [...flagsOf(telegram), ...options.flags ?? []];
  const wanted = options.obis && new Set(options.obis);
  const readings: Reading[] = [];
  for (const { address, meaning, brackets } of entriesOf(telegram)) {
    const { obis, name } = meaning;
    if (wanted && !wanted.has(address) && !wanted.has(obis)) continue;
    for (let index = 0; index < brackets.length; index++) {
      const { value, text, unit } = readValue(brackets, index, meaning);
      readings.push({ time, meter, obis, address, index, value, text, unit, name, labels, flags });
    }
  }
  return readings;
}

/** The wanted codes that no reading has, neither as address nor as canonical code: worth a warning. */
export function missingCodes(readings: readonly Reading[], wanted: readonly string[]): string[] {
  const seen = new Set(readings.flatMap(({ address, obis }) => [address, obis]));
  return wanted.filter((code) => !seen.has(code));
}

/**
 * How many rows of load profiles (P.01, …) and entries of log books (P.98, P.99) a telegram has: they stay in it and
 * become no readings. A header without rows counts as one.
 */
export function profileRows(telegram: Telegram): number {
  let [rows, open, empty] = [0, false, false];
  for (const { address } of telegram.block.sets) {
    if (address !== "") {
      open = empty = isProfile(readObis(address));
      if (open) rows++;
    } else if (open) {
      if (!empty) rows++;
      empty = false;
    }
  }
  return rows;
}

/**
 * Whether the meter that answered is the expected one: why not, or undefined when it is. Every expected register must
 * be there, by address or canonical code, and say exactly the expected text, blanks at the ends cut.
 */
export function verifyIdentity(telegram: Telegram, expect: Readonly<Record<string, string>>): string | undefined {
  const readings = normalise(telegram).filter(({ index }) => index === 0);
  for (const [code, expected] of Object.entries(expect)) {
    const found = readings.filter(({ address, obis }) => address === code || obis === code);
    if (found.length === 0) {
      return `register ${code} should say ${quote(expected)}, but the meter that answered does not send it`;
    }
    const other = found.find(({ text }) => text.trim() !== expected.trim());
    if (other) {
      return `register ${code} should say ${quote(expected)}, but it says ${quote(other.text.trim())}: ` +
        "another meter answers (were optical heads swapped?)";
    }
  }
  return undefined;
}

/** A data set, and what its address says. */
interface Entry {
  readonly address: string;
  readonly meaning: Meaning;
  readonly brackets: readonly DataValue[];
}

/** Some meters write the code once, and of earlier billing periods the suffix alone: `*05(2.5*kW)`. */
const SUFFIX = /[*&]\d{1,3}$/;
const SUFFIX_ALONE = /^[*&]\d{1,3}$/;

function isSuffixAlone(address: string): boolean {
  return (address[0] === "*" || address[0] === "&") && SUFFIX_ALONE.test(address);
}

function entriesOf(telegram: Telegram): Entry[] {
  const entries: Entry[] = [];
  const meanings = meaningsOf(isOldHeat(telegram));
  let whole = "";
  for (const { address, values } of joinContinuations(telegram.block.sets)) {
    whole = isSuffixAlone(address) ? whole.replace(SUFFIX, "") + address : address;
    const meaning = meanings(whole);
    if (meaning.role === "profile") continue;
    entries.push({ address, meaning, brackets: meaning.role === "pair" ? splitPair(values) : values });
    if (meaning.role === "old capture") entries.push(...captures(values, meanings));
  }
  return entries;
}

/** A set without an address goes on with the values of the one before it. */
function joinContinuations(sets: readonly DataSet[]): readonly DataSet[] {
  if (!sets.some(({ address }) => address === "")) return sets;
  const joined: { address: string; values: DataValue[] }[] = [];
  for (const { address, values } of sets) {
    const before = joined.at(-1);
    if (before && address === "") before.values.push(...values);
    else joined.push({ address, values: [...values] });
  }
  return joined;
}

/** Old heat meters write two temperatures in one bracket, `088*C&082*C`, which the data set splits at the first `*`. */
function splitPair(values: readonly DataValue[]): readonly DataValue[] {
  return values.flatMap((value) => {
    if (value.unit === undefined || !value.unit.includes("&")) return [value];
    return `${value.text}*${value.unit}`.split("&").map((part) => {
      const star = part.indexOf("*");
      return star < 0 ? { text: part } : { text: part.slice(0, star), unit: part.slice(star + 1) };
    });
  });
}

/**
 * DSMR 2 and 3 write a channel's value as a one-row profile: time, status, period, count, then code and unit of each
 * quantity, then the values. Here they are once more as DSMR 4 writes them: `0-1:24.2.1(time)(value*unit)`.
 */
function* captures(values: readonly DataValue[], meanings: (address: string) => Meaning): Generator<Entry> {
  const count = Number(values[3]?.text);
  if (!Number.isInteger(count) || count < 1 || values.length < 4 + 3 * count) return;
  for (let at = 0; at < count; at++) {
    const address = values[4 + 2 * at]!.text.trim();
    const brackets = [{ text: values[0]!.text }, {
      text: values[4 + 2 * count + at]!.text,
      unit: values[5 + 2 * at]!.text,
    }];
    const meaning = meanings(address);
    if (meaning.obis !== "") yield { address, meaning, brackets };
  }
}

/** The same addresses come with every readout; a meter's are a few dozen, a thousand meters' a few hundred. */
const MEANINGS_LIMIT = 4096;
const known = { heat: new Map<string, Known>(), other: new Map<string, Known>() };

/** A meaning that was looked up before, and the address that came behind it then: it mostly does again. */
interface Known {
  readonly address: string;
  readonly meaning: Meaning;
  next?: Known;
}

function meaningsOf(heat: boolean): (address: string) => Meaning {
  const meanings = heat ? known.heat : known.other;
  let last: Known | undefined;
  return (address) => {
    const next = last?.next;
    if (next?.address === address) return (last = next).meaning;
    const found = meanings.get(address) ?? remember(meanings, { address, meaning: meaningOf(address, heat) });
    if (last) last.next = found;
    return (last = found).meaning;
  };
}

function remember(meanings: Map<string, Known>, its: Known): Known {
  if (meanings.size >= MEANINGS_LIMIT) {
    for (const known of meanings.values()) delete known.next; // or those that are forgotten would stay
    meanings.clear();
  }
  meanings.set(its.address, its);
  return its;
}

function meaningOf(address: string, heat: boolean): Meaning {
  const code = readObis(address, { heat });
  if (!code) return { obis: "", name: "", kind: "unknown" };
  const { name, kind } = quantityOf(code);
  const measure = code.c === 96 && code.d === 6
    ? "battery"
    : kind === "duration" || kind === "power factor"
    ? kind
    : undefined;
  const role = roleOf(code, heat);
  return { obis: formatObis(code), name, kind, ...measure && { measure }, ...role && { role } };
}

function roleOf(code: ObisCode, heat: boolean): Place | undefined {
  const { a, c, d } = code;
  if (isProfile(code)) return "profile";
  if (heat && a === 6 && c === 9 && d === 4) return "pair";
  if (a === 0 && c === 24 && d === 2) return "capture";
  if (a === 0 && c === 24 && d === 3) return "old capture";
  if (a === 1 && c > 0 && c < 93 && isExtreme(d)) return "extreme";
  return c === 0 && d === 1 ? "reset" : undefined;
}

/** Load profiles and log books; the power failure log (99.97) of P1 is a data set like others. */
function isProfile(code: ObisCode | undefined): boolean {
  return code?.c === 99 && code.d !== 97;
}

/**
 * Whether codes mean heat: by the type of the meter, unless an electricity register stands there, or by the
 * registers for energy and volume in one telegram.
 */
function isOldHeat({ identification, block }: Telegram): boolean {
  let [energy, volume] = [false, false];
  for (const { address } of block.sets) {
    if ((address.startsWith("1.8") || address.startsWith("2.8")) && /^..8\b/.test(address)) return false;
    energy ||= address === "6.8";
    volume ||= address === "6.26";
  }
  return energy && volume || identification !== undefined && meterTypeOf(identification)?.codes === "heat";
}

// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** The identification behind its first five characters, so that no character of a serial number is taken for an escape. */
function meterName({ identification }: Telegram): string {
  return identification?.line.slice(5).replace(CONTROL, "").trim() || "-";
}

/** Plain mode D has no check by the standard: its readings are as unchecked as those of a message that lost its own. */
function flagsOf({ check, block }: Telegram): Flag[] {
  const flags: Flag[] = [];
  const kind = check.kind === "crc" ? "crc" : "bcc";
  if (check.result !== "good") flags.push(check.result === "wrong" ? `${kind}-wrong` : `${kind}-unchecked`);
  if (!block.complete) flags.push("incomplete");
  return flags;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
