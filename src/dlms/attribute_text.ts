/** Attributes as a person writes them: which one is meant, and a value in the type that the attribute has. @module */
import type { Data, IntegerType } from "./data.ts";
import { type DateTime, encodeDateTime } from "./date_time.ts";
import { scaleDecimal } from "./decimal.ts";
import { type ScalerUnit, textOf } from "./values.ts";

/** `8/0-0:1.0.0/3`: class, code, attribute. The last two of them may be left out, not the code. */
export interface WrittenAttribute {
  /** As it was written. */
  readonly text: string;
  readonly code: string;
  /** Absent: it is to be found out. */
  readonly classId?: number;
  /** Default 2: the value. */
  readonly id: number;
}

/** Reads `1.8.0`, `3/1-0:1.8.0*255` or `8/0-0:1.0.0/3`; the code is as it stands. `undefined`: it is none of these. */
export function parseAttribute(text: string): WrittenAttribute | undefined {
  const found = /^(?:(\d{1,5})\/)?([^/()]+)(?:\/(\d{1,3}))?$/.exec(text);
  if (!found) return undefined;
  const [, classId, code, id] = found;
  if (id !== undefined && classId === undefined) return undefined;
  return { text, code: code!, ...classId !== undefined && { classId: Number(classId) }, id: Number(id ?? 2) };
}

/** Bits, and whether it has a sign. */
const INTEGERS: Readonly<Partial<Record<IntegerType | "long64" | "long64-unsigned", readonly [number, boolean]>>> = {
  integer: [8, true],
  long: [16, true],
  "double-long": [32, true],
  long64: [64, true],
  unsigned: [8, false],
  "long-unsigned": [16, false],
  "double-long-unsigned": [32, false],
  "long64-unsigned": [64, false],
  enum: [8, false],
};

/**
 * A value in the type of the one that stands there. Numbers are meant as they are shown, in the unit, and must fit
 * exactly; octets are a moment where one stands there, `0x…`, or characters.
 * @throws {Error} that says what is allowed
 */
export function encodeText(text: string, held: Data, scalerUnit?: ScalerUnit): Data {
  const { type } = held;
  switch (type) {
    case "boolean":
      if (/^(true|false)$/.test(text)) return { type, value: text === "true" };
      throw new Error("it holds true or false");
    case "float32":
    case "float64":
      if (text.trim() !== "" && Number.isFinite(Number(text))) return { type, value: Number(text) };
      throw new Error("it holds a number");
    case "bit-string":
      if (/^[01]*$/.test(text)) return { type, bits: text };
      throw new Error("it holds bits: 0 and 1");
    case "visible-string":
    case "utf8-string":
      return { type, octets: new TextEncoder().encode(text) };
    case "octet-string":
    case "date-time":
      return { type, octets: octetsOfText(text, textOf(held)) };
  }
  const integer = INTEGERS[type as keyof typeof INTEGERS];
  if (!integer) throw new Error(`it holds ${type}, which cannot be written as text`);
  const value = wholeNumber(text, scalerUnit, integer);
  return type === "long64" || type === "long64-unsigned"
    ? { type, value }
    : { type: type as IntegerType, value: Number(value) };
}

function wholeNumber(
  text: string,
  scalerUnit: ScalerUnit | undefined,
  [bits, signed]: readonly [number, boolean],
): bigint {
  const [, sign = "", digits] = /^([+-]?)(\d+(?:\.\d+)?)$/.exec(text.trim()) ?? [];
  if (digits === undefined) throw new Error("it holds a number");
  const [whole, fraction = ""] = scaleDecimal(digits, -(scalerUnit?.scaler ?? 0)).split(".");
  if (/[1-9]/.test(fraction)) {
    throw new Error(`it holds steps of ${scaleDecimal("1", scalerUnit?.scaler ?? 0)} ${scalerUnit?.unit ?? ""}`.trim());
  }
  const value = BigInt(`${sign === "-" ? "-" : ""}${whole}`);
  const [least, most] = signed
    ? [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n]
    : [0n, 2n ** BigInt(bits) - 1n];
  if (value < least || value > most) {
    throw new Error(`it holds ${least} to ${most}${scalerUnit ? " of its steps" : ""}`);
  }
  return value;
}

function octetsOfText(text: string, held: string): Uint8Array {
  const moment = parseDateTime(text);
  if (moment && /^[\d?]{4}-[\d?]{2}-[\d?]{2}T/.test(held)) return encodeDateTime(moment);
  const [, hex] = /^0x((?:[0-9A-Fa-f]{2})*)$/.exec(text) ?? [];
  return hex === undefined ? new TextEncoder().encode(text) : Uint8Array.fromHex(hex);
}

/** `2026-06-01T12:00:00+02:00`, with a zone or without one. `undefined`: it is none. */
export function parseDateTime(text: string): DateTime | undefined {
  const found = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?(?:(Z)|([+-])(\d\d):(\d\d))?$/.exec(text);
  if (!found) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((digits) => Number(digits ?? 0)) as number[];
  const [utc, sign, hours, minutes] = found.slice(7);
  const ahead = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * (sign === "-" ? -1 : 1);
  const date = new Date(Date.UTC(year!, month! - 1, day!));
  if (date.getUTCDate() !== day || hour! > 23 || minute! > 59 || second! > 59) return undefined;
  return {
    ...{ year: year!, month: month!, day: day!, weekday: date.getUTCDay() || 7 },
    ...{ hour: hour!, minute: minute!, second: second!, status: 0 },
    ...(utc ?? sign) !== undefined && { deviationMinutes: ahead === 0 ? 0 : -ahead },
  };
}
