/** Load profiles and logs: which part to ask for, and rows out of what comes (class 7, Green Book 4.3.6). @module */
import { ProtocolError } from "../errors.ts";
import { array, type Data, integer, integerOf, itemsOf, octetsOf, octetString, structure } from "./data.ts";
import { type DateTime, dateTimeOf, decodeDateTime, encodeDateTime, instantOf } from "./date_time.ts";
import { decodeLogicalName, encodeLogicalName, type LogicalName } from "./logical_name.ts";
import { CLASS } from "./objects.ts";
import type { Selection } from "./references.ts";

/** What one column of a profile captures. */
export interface CaptureObject {
  readonly classId: number;
  readonly name: LogicalName;
  readonly attribute: number;
  /** 0: the whole attribute; else the n-th element of it. */
  readonly index: number;
}

/** The clock that every profile's first column mostly is. */
export const CLOCK_COLUMN: CaptureObject = { classId: CLASS.clock, name: "0-0:1.0.0*255", attribute: 2, index: 0 };

function columnData({ classId, name, attribute, index }: CaptureObject): Data {
  const [object, logicalName] = [integer("long-unsigned", classId), octetString(encodeLogicalName(name))];
  return structure(object, logicalName, integer("integer", attribute), integer("long-unsigned", index));
}

/** Attribute capture_objects. @throws {ProtocolError} it is no list of columns */
export function readCaptureObjects(data: Data): CaptureObject[] {
  return (itemsOf(data) ?? []).map((item) => {
    const [object, logicalName, attributeId, dataIndex] = itemsOf(item) ?? [];
    const [classId, attribute, index] = [object, attributeId, dataIndex].map(integerOf);
    const name = octetsOf(logicalName);
    if (classId === undefined || attribute === undefined || index === undefined || name?.length !== 6) {
      throw new ProtocolError(
        "unreadable",
        "Cannot read the columns of a profile: one is no {class, name, attribute, index}",
      );
    }
    return { classId, name: decodeLogicalName(name), attribute, index };
  });
}

/** Attribute capture_objects as a meter sends it. */
export function captureObjectsData(columns: readonly CaptureObject[]): Data {
  return array(columns.map(columnData));
}

/** From when to when, both included. */
export interface Range {
  readonly from: DateTime;
  readonly to: DateTime;
  /** The column that is compared; default: the clock. */
  readonly by?: CaptureObject;
  /** Only these columns; default: all. */
  readonly columns?: readonly CaptureObject[];
}

/** Rows by their time (selector 1). */
export function selectRange({ from, to, by = CLOCK_COLUMN, columns = [] }: Range): Selection {
  const bounds = [from, to].map((moment) => octetString(encodeDateTime(moment)));
  return { selector: 1, parameters: structure(columnData(by), ...bounds, captureObjectsData(columns)) };
}

/** Rows by their number, from 1; `to` 0: up to the last (selector 2). */
export function selectEntries(from: number, to: number): Selection {
  const entries = [from, to].map((entry) => integer("double-long-unsigned", entry));
  const columns = [1, 0].map((column) => integer("long-unsigned", column));
  return { selector: 2, parameters: structure(...entries, ...columns) };
}

/** What a request for rows says; a meter reads it. `undefined`: no selector of profiles. */
export function readRowSelection({ selector, parameters }: Selection):
  | { readonly from: DateTime; readonly to: DateTime }
  | { readonly first: number; readonly last: number }
  | undefined {
  const items = itemsOf(parameters) ?? [];
  if (selector === 1) {
    const [from, to] = items.slice(1, 3).map((each) => decodeDateTime(octetsOf(each) ?? new Uint8Array()));
    return from && to && { from, to };
  }
  const [first, last] = items.map(integerOf);
  return selector === 2 && first !== undefined && last !== undefined ? { first, last } : undefined;
}

/** One row: when, if the profile says so, and its columns. */
export interface Row {
  /** Milliseconds since 1970; absent: the row has no time, or its clock tells no zone. */
  readonly atMs?: number;
  readonly cells: readonly Data[];
}

/** Where a clock is that does not say how far it is from UTC. */
export interface ZoneOptions {
  /** UTC is local time plus this, always. */
  readonly deviationMinutes?: number;
  /** The same for a moment, which comes behind another one; ms since 1970. */
  readonly deviationOf?: (moment: DateTime, afterMs?: number) => number | undefined;
}

/** What a buffer alone does not say. */
export interface RowOptions extends ZoneOptions {
  readonly columns: readonly CaptureObject[];
  /** Attribute capture_period: a row without a time is this much later than the row before it. */
  readonly periodS?: number;
}

/** The rows of a buffer. @throws {ProtocolError} no rows */
export function readRows(buffer: Data, options: RowOptions): Row[] {
  return (itemsOf(buffer) ?? noRows()).map(rowReader(options));
}

/** Reads row after row of a buffer. Where a cell is null it is what it was in the row before. @throws {ProtocolError} no row */
export function rowReader({ columns, periodS = 0, ...zone }: RowOptions): (item: Data) => Row {
  const clock = columns.findIndex(({ classId, attribute }) => classId === CLASS.clock && attribute === 2);
  let [before, beforeMs]: [readonly Data[], number | undefined] = [[], undefined];
  return (item) => {
    const own = itemsOf(item) ?? noRows();
    if (own.length !== columns.length) throw misfit(own.length, columns.length);
    const isWhole = own.every(({ type }) => type !== "null-data"); // mostly: then a copy would be memory for nothing
    const cells = isWhole ? own : own.map((cell, at) => cell.type === "null-data" ? before[at] ?? cell : cell);
    const time = own[clock];
    const atMs: number | undefined = time?.type === "null-data" && beforeMs !== undefined
      ? beforeMs + periodS * 1000
      : momentOf(time, zone, beforeMs);
    [before, beforeMs] = [cells, atMs];
    return { ...(atMs === undefined ? {} : { atMs }), cells: withTime(cells, clock, time, atMs, zone) };
  };
}

/** Nobody could say which cell is which. */
function misfit(cells: number, columns: number): ProtocolError {
  return new ProtocolError(
    "unreadable",
    `Cannot read a profile's buffer: a row of ${cells} cells has ${columns} columns`,
  );
}

function noRows(): never {
  throw new ProtocolError("unreadable", "Cannot read a profile's buffer: it is no list of rows");
}

/** A row that left its time out gets the one that follows from the row before. */
function withTime(
  cells: readonly Data[],
  clock: number,
  time: Data | undefined,
  atMs: number | undefined,
  { deviationMinutes = 0 }: ZoneOptions,
): readonly Data[] {
  if (time?.type !== "null-data" || atMs === undefined) return cells;
  const before = decodeDateTime(octetsOf(cells[clock]) ?? new Uint8Array());
  const moment = dateTimeOf(atMs, before?.deviationMinutes ?? deviationMinutes);
  return cells.with(
    clock,
    octetString(encodeDateTime({ ...moment, ...(before?.status ? { status: before.status } : {}) })),
  );
}

/** Twelve octets, or seconds since 1970. */
function momentOf(
  data: Data | undefined,
  { deviationMinutes, deviationOf }: ZoneOptions,
  afterMs?: number,
): number | undefined {
  const moment = decodeDateTime(octetsOf(data) ?? new Uint8Array());
  if (moment) {
    const deviation = moment.deviationMinutes ?? deviationMinutes ?? deviationOf?.(moment, afterMs);
    return instantOf(moment, deviation === undefined ? {} : { deviationMinutes: deviation });
  }
  return data?.type === "double-long-unsigned" ? data.value * 1000 : undefined;
}
