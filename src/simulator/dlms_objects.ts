/** What a captured telegram says, as the objects of a DLMS meter: registers, texts, a clock, a load profile. @module */
import {
  captureObjectsData,
  CLASS,
  CLOCK_COLUMN,
  type Data,
  dateTimeOf,
  decodeDateTime,
  encodeDateTime,
  encodeLogicalName,
  instantOf,
  integer,
  type MeterObject,
  NULL,
  octetsOf,
  octetString,
  structure,
  textOf,
  unitName,
  unitNumbers,
} from "../dlms/mod.ts";
import { parseDataBlock } from "../iec62056/data_block.ts";
import { parseObis } from "../obis/code.ts";
import type { DataValue } from "../telegram.ts";

/** What the meter knows of time, and of itself. */
export interface DlmsState {
  readonly nowMs: () => number;
  /** Of local time against UTC. */
  readonly offsetMinutes: number;
  /** How far its clock was set ahead, ms. */
  aheadMs: number;
  /** Its number on its line, where it has one. */
  readonly physical?: number;
  /** The invocation counter that it has heard last. */
  heard: number;
  /** What was written to texts, by the object's name. */
  readonly written: Map<string, Data>;
}

/** The name under which a meter is known: its logical device; of several on a line, behind its number. */
const deviceName = (number = 0) => `OBI${String(number).padStart(12, "0")}1`;
const ENERGY = "1-0:1.8.0*255";
const EXPORT = "1-0:2.8.0*255";
const [PERIOD_MS, KEPT_MS] = [900_000, 40 * 86_400_000];
const SHORT_BASE = 0x1000;

const text = (characters: string) => octetString(new TextEncoder().encode(characters));

/** The objects of a data block, and those that every meter has; each name once. */
export function objectsOf(block: string, state: DlmsState): MeterObject[] {
  const all = [
    clock(state),
    object(CLASS.data, "0-0:42.0.0*255", { 2: text(deviceName(state.physical)) }),
    object(CLASS.data, "0-0:43.1.0*255", { 2: integer("double-long-unsigned", Math.max(0, state.heard)) }),
    { ...object(CLASS.associationLn, "0-0:40.0.0*255", { 2: NULL }), version: 1 },
    object(CLASS.sapAssignment, "0-0:41.0.0*255", {
      2: { type: "array", items: [structure(integer("long-unsigned", 1), text(deviceName(state.physical)))] },
    }),
    disconnectControl(state),
    ...parseDataBlock(block).sets.flatMap(({ address, values }) => {
      const name = parseObis(address);
      return name === "" || values.length === 0 ? [] : [valueObject(name, values[0]!, state)];
    }),
  ];
  all.push(profile(state, all.some(({ name }) => name === EXPORT)));
  const names = new Set<string>();
  return all.filter(({ name }) => !names.has(name) && names.add(name))
    .map((each, at) => ({ ...each, baseName: SHORT_BASE + at * 0x100 }));
}

function object(classId: number, name: string, attributes: Record<number, Data>): MeterObject {
  return { classId, name, attributes: { 1: octetString(encodeLogicalName(name)), ...attributes } };
}

function clock(state: DlmsState): MeterObject {
  const { offsetMinutes } = state;
  const its = object(CLASS.clock, "0-0:1.0.0*255", { 3: integer("long", -offsetMinutes) });
  Object.defineProperty(its.attributes, 2, {
    enumerable: true,
    get: () => octetString(encodeDateTime(dateTimeOf(state.nowMs() + state.aheadMs, -offsetMinutes))),
    set: (data: Data) => {
      const moment = decodeDateTime(octetsOf(data) ?? new Uint8Array());
      const atMs = moment && instantOf(moment, { deviationMinutes: -offsetMinutes });
      if (atMs !== undefined) state.aheadMs = atMs - state.nowMs();
    },
  });
  return { ...its, writable: [2] };
}

/** A register where it is a number with a unit, else a text that can be written. */
function valueObject(name: string, { text: digits, unit }: DataValue, state: DlmsState): MeterObject {
  const scaled = unit === undefined ? undefined : scaledUnit(digits.trim(), unit.trim());
  if (!scaled) return { ...written(object(CLASS.data, name, { 2: text(digits) }), state), writable: [2] };
  const { value, scaler, number } = scaled;
  return object(CLASS.register, name, {
    2: value > 0xffff_ffffn ? { type: "long64-unsigned", value } : integer("double-long-unsigned", Number(value)),
    3: structure(integer("integer", scaler), integer("enum", number)),
  });
}

/** Keeps what is written for the next client too. */
function written(its: MeterObject, { written }: DlmsState): MeterObject {
  const first = its.attributes[2]!;
  Object.defineProperty(its.attributes, 2, {
    enumerable: true,
    get: () => written.get(its.name) ?? first,
    set: (data: Data) => written.set(its.name, data),
  });
  return its;
}

const POWERS: Readonly<Record<string, number>> = { "": 0, k: 3, M: 6, G: 9 };

/** `0147238.4`, `kWh` → 1472384 × 10² Wh; `undefined`: no number, or a unit that DLMS does not have. */
function scaledUnit(digits: string, unit: string) {
  const [, whole, fraction = ""] = /^(\d+)(?:\.(\d+))?$/.exec(digits) ?? [];
  if (whole === undefined) return undefined;
  for (const [prefix, power] of Object.entries(POWERS)) {
    if (!unit.startsWith(prefix)) continue;
    const rest = unit.slice(prefix.length);
    const number = UNIT_NUMBERS.get(rest === "m3" ? "m³" : rest);
    if (number !== undefined) return { value: BigInt(whole + fraction), scaler: power - fraction.length, number };
  }
  return undefined;
}

const UNIT_NUMBERS = new Map(
  unitNumbers().filter((number) => number < 128).map((number) => [unitName(number), number]),
);

/** States of a breaker; modes in which it is closed from afar, and not by its button (class 70). */
const [DISCONNECTED, CONNECTED, READY] = [0, 1, 2];
const CLOSED_FROM_AFAR: readonly number[] = [2, 4];

/** A breaker that can be opened and closed; its mode can be written, and says who may close it. */
function disconnectControl({ written }: DlmsState): MeterObject {
  const name = "0-0:96.3.10*255";
  const number = (key: string, first: number) => Number(textOf(written.get(key) ?? integer("enum", first)));
  const [state, mode] = [() => number(`${name} state`, CONNECTED), () => number(`${name} mode`, CLOSED_FROM_AFAR[1]!)];
  const its = object(CLASS.disconnectControl, name, {});
  const enumerable = true;
  Object.defineProperties(its.attributes, {
    2: { enumerable, get: () => ({ type: "boolean", value: state() === CONNECTED }) },
    3: { enumerable, get: () => integer("enum", state()) },
    4: { enumerable, get: () => integer("enum", mode()), set: (data: Data) => written.set(`${name} mode`, data) },
  });
  return {
    ...its,
    writable: [4],
    act: (method) => {
      if (method !== 1 && method !== 2) return { result: 3 };
      const closed = CLOSED_FROM_AFAR.includes(mode()) ? CONNECTED : READY;
      written.set(`${name} state`, integer("enum", method === 1 ? DISCONNECTED : closed));
      return { result: 0 };
    },
  };
}

/** Quarter hours of the last 40 days, that nobody measured: clock, status, energy in Wh, and its export if it has one. */
function profile(state: DlmsState, exports: boolean): MeterObject {
  const columns = [
    CLOCK_COLUMN,
    { classId: CLASS.data, name: "0-0:96.10.1*255", attribute: 2, index: 0 },
    ...[ENERGY, ...exports ? [EXPORT] : []].map((name) => ({ classId: CLASS.register, name, attribute: 2, index: 0 })),
  ];
  const its = object(CLASS.profileGeneric, "1-0:99.1.0*255", {
    3: captureObjectsData(columns),
    4: integer("double-long-unsigned", PERIOD_MS / 1000),
    7: integer("double-long-unsigned", KEPT_MS / PERIOD_MS),
    8: integer("double-long-unsigned", KEPT_MS / PERIOD_MS),
  });
  Object.defineProperty(its.attributes, 2, { enumerable: true, get: () => rows(state, columns.length - 2) });
  return { ...its, version: 1 };
}

function rows({ nowMs, offsetMinutes }: DlmsState, channels: number): Data {
  const last = Math.floor(nowMs() / PERIOD_MS) * PERIOD_MS;
  const items = Array.from({ length: KEPT_MS / PERIOD_MS }, (_, at) => {
    const atMs = last - KEPT_MS + (at + 1) * PERIOD_MS;
    const time = octetString(encodeDateTime(dateTimeOf(atMs, -offsetMinutes)));
    const energy = energyAt(atMs);
    const its = [energy, Math.round(energy / 10)].slice(0, channels);
    return structure(time, integer("unsigned", 0), ...its.map((value) => integer("double-long-unsigned", value)));
  });
  return { type: "array", items };
}

/** Wh since 2020: 400 W on average, more in the evening. */
function energyAt(atMs: number): number {
  const hours = (atMs - Date.UTC(2020, 0, 1)) / 3_600_000;
  return Math.round(400 * hours + 900 * Math.sin(hours / 24 * 2 * Math.PI));
}
