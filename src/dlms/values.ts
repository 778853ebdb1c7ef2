/** What an attribute's value is for people and readings: exact digits and a unit, a moment, a name (Green Book, 4). @module */
import { type Data, integerOf, itemsOf } from "./data.ts";
import { type DateTime, decodeDateTime, formatDateTime } from "./date_time.ts";
import { plainDigits, scaleDecimal } from "./decimal.ts";
import { toCharacters, toHex } from "./octets.ts";
import { unitName } from "./units.ts";

/** Attribute scaler_unit: the value counts in 10^`scaler` of the unit. */
export interface ScalerUnit {
  readonly scaler: number;
  readonly unit: string;
}

/** A value as text, and whether that is a number. */
export interface Value {
  /** Exact digits, a moment, characters, or octets in hex. */
  readonly text: string;
  readonly unit: string;
  readonly number: boolean;
}

/** What scaler_unit says; `undefined`: nothing, as with values that have no unit. */
export function readScalerUnit(data: Data | undefined): ScalerUnit | undefined {
  const [scaler, unit] = (itemsOf(data) ?? []).map(integerOf);
  return scaler === undefined || unit === undefined ? undefined : { scaler, unit: unitName(unit) };
}

/** A value with its scaler and unit applied. Digits are moved, never rounded. */
export function readValue(data: Data, scalerUnit?: ScalerUnit): Value {
  const digits = digitsOf(data);
  if (digits === undefined) return { text: textOf(data), unit: "", number: false };
  if (scalerUnit === undefined) return { text: digits, unit: "", number: true };
  return { text: scaleDecimal(digits, scalerUnit.scaler), unit: scalerUnit.unit, number: true };
}

/** The digits of a number; `undefined`: it is none. Enumerations and truths are states, not numbers. */
function digitsOf(data: Data): string | undefined {
  if (!("value" in data) || typeof data.value === "boolean" || data.type === "enum") return undefined;
  if (data.type === "bcd") return toHex(Uint8Array.of(data.value)).replace(/^0(?=.)/, "");
  return plainDigits(data.value, data.type === "float32" ? "float32" : undefined);
}

/** Any value as a person reads it. */
export function textOf(data: Data): string {
  switch (data.type) {
    case "null-data":
    case "dont-care":
      return "";
    case "array":
    case "structure":
    case "compact-array":
      return `[${data.items.map(textOf).join(", ")}]`;
    case "bit-string":
      return data.bits;
    case "boolean":
      return String(data.value);
    case "visible-string":
      return toCharacters(data.octets);
    case "utf8-string":
      return new TextDecoder().decode(data.octets);
    case "octet-string":
    case "date-time":
      return textOfOctets(data.octets);
    case "date":
    case "time":
      return toHex(data.octets);
    default:
      return digitsOf(data) ?? String(data.value);
  }
}

/** Twelve octets that are a moment, or characters, else hex: meters put all of these into octet strings. */
function textOfOctets(octets: Uint8Array): string {
  const moment = momentOf(octets);
  if (moment) return formatDateTime(moment);
  const printable = octets.length > 0 && octets.every((octet) => octet >= 0x20 && octet < 0x7f);
  return printable ? toCharacters(octets) : toHex(octets);
}

/** A moment with a date that may be one. Twelve characters are none: no year begins with them. */
function momentOf(octets: Uint8Array): DateTime | undefined {
  const moment = decodeDateTime(octets);
  if (!moment) return undefined;
  const { year = 2000, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = moment;
  const known = year >= 1970 && year < 2200 && (month <= 12 || month >= 253) && (day <= 31 || day >= 253);
  return known && month > 0 && day > 0 && hour < 25 && minute < 60 && second < 61 ? moment : undefined;
}
