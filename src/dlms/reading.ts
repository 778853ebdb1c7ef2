/** From attributes to values: digits with scaler and unit, rows of profiles, the description of a meter. @module */
import type { Dialogue } from "../dialogue.ts";
import { RefusalError } from "../errors.ts";
import type { Client, Counted, Got } from "./client.ts";
import { type Data, integerOf, NULL } from "./data.ts";
import { type DateTime, instantOf } from "./date_time.ts";
import { CLASS, scalerUnitAttribute } from "./objects.ts";
import {
  type CaptureObject,
  readCaptureObjects,
  type Row,
  rowReader,
  selectEntries,
  selectRange,
  type ZoneOptions,
} from "./profile.ts";
import type { AttributeReference, Reference, Selection } from "./references.ts";
import { explainResult } from "./refusals.ts";
import { readScalerUnit, readValue, type ScalerUnit, type Value } from "./values.ts";

/** What reading one attribute brought. */
export interface AttributeReading {
  readonly reference: Reference;
  /** When the first octet of the answer came: ms since 1970. */
  readonly atMs: number;
  /** Why there is no value, in words; else there is one. */
  readonly refused?: string;
  readonly data: Data;
  readonly value: Value;
}

/** What the columns of a profile are. */
export interface ProfileColumns {
  readonly columns: readonly (CaptureObject & { readonly unit: string })[];
  /** From row to row, as the meter says; 0: it does not. */
  readonly periodS: number;
}

/** A row with its digits scaled. */
export interface ScaledRow extends Row {
  readonly values: readonly Value[];
}

/** Is given one row after the other, in the meter's order, while more come. */
export type OnRow = (row: ScaledRow, profile: ProfileColumns) => void;

/** Which rows: by time, the last so many, or all. */
export type Rows =
  | { readonly kind: "range"; readonly from: DateTime; readonly to: DateTime }
  | { readonly kind: "last"; readonly count: number }
  | { readonly kind: "all" };

const NO_VALUE: Value = { text: "", unit: "", number: false };

/** Profiles and lists: some meters think before they answer. */
const LONG_MS = 15_000;

/** Attributes in one question: the answer, values and scalers of registers, is then hardly longer than a short message. */
const LIST_LENGTH = 16;

/** Reads values; scaler and unit of each register are asked for once. */
export class ValueReader {
  readonly #client: Client;
  readonly #scales = new Map<string, Scale>();
  /** Values that were asked for with others, until they are read. */
  readonly #ahead = new Map<string, Got>();

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * An attribute with its digits scaled. A refusal is told, not thrown: others may be readable. A register whose scaler is
   * refused is one: nobody knows by which power of ten its digits count.
   */
  *read(reference: AttributeReference): Dialogue<AttributeReading> {
    return yield* this.#scaled(reference, yield* this.#get(reference));
  }

  /**
   * Asks for many with few questions; `read` finds what has come, scalers too. Whatever the meter refuses in such a list
   * is asked for by itself. Brings home whether it takes lists, or none have been agreed on. @throws {SilenceError} {ProtocolError}
   */
  *fetchAhead(references: readonly Reference[]): Dialogue<boolean> {
    const wanted = [...new Map(references.flatMap(withScaler).map((each) => [keyOf(each), each])).values()];
    const length = Math.min(this.#client.listLength, LIST_LENGTH);
    for (let at = 0; length > 1 && at < wanted.length; at += length) {
      const some = wanted.slice(at, at + length);
      const listed = some.length > 1 ? yield* this.#client.getList(some) : [];
      if (!listed) return false;
      for (const [at, got] of listed.entries()) if ("data" in got) this.#ahead.set(keyOf(some[at]!), got);
    }
    return true;
  }

  *#get(reference: Reference): Dialogue<Got> {
    const key = keyOf(reference);
    const got = this.#ahead.get(key);
    this.#ahead.delete(key);
    return got ?? (yield* this.#client.get(reference));
  }

  /** Several, of one moment where the meter can do that. */
  *readAll(references: readonly AttributeReference[]): Dialogue<AttributeReading[]> {
    const readings: AttributeReading[] = [];
    for (const [at, got] of (yield* this.#client.getAll(references)).entries()) {
      readings.push(yield* this.#scaled(references[at]!, got));
    }
    return readings;
  }

  *#scaled(reference: AttributeReference, got: Got): Dialogue<AttributeReading> {
    const { atMs } = got;
    const refused = (why: string) => ({ reference, atMs, refused: why, data: NULL, value: NO_VALUE });
    if ("error" in got) return refused(explainResult(got.error));
    const scale = yield* this.#scale(reference);
    if ("refused" in scale) return refused(`its scaler and unit: ${scale.refused}`);
    return { reference, atMs, data: got.data, value: readValue(got.data, scale.scalerUnit) };
  }

  *#scale({ classId, name, id }: Reference): Dialogue<Scale> {
    const at = scalerUnitAttribute(classId, id);
    if (at === undefined) return {};
    const its = { classId, name, id: at };
    const key = keyOf(its);
    let scale = this.#scales.get(key);
    if (!scale) {
      const got = yield* this.#get(its);
      scale = "error" in got ? { refused: explainResult(got.error) } : scaleOf(got.data);
      this.#scales.set(key, scale);
    }
    return scale;
  }

  /**
   * The rows of a profile, each handed on when it comes: nothing holds all. A meter that knows no selection sends every
   * row, and the rest is left out here. @throws {RefusalError} {ProtocolError}
   */
  *profile(name: string, rows: Rows, onRow: OnRow, zone: ZoneOptions = {}): Dialogue<ProfileColumns> {
    const profile = { classId: CLASS.profileGeneric, name };
    const columns = readCaptureObjects(yield* this.#client.demand({ ...profile, id: 3 }));
    const period = yield* this.#client.get({ ...profile, id: 4 });
    const periodS = "data" in period ? integerOf(period.data) ?? 0 : 0;
    const scales: Scale[] = [];
    for (const { classId, name, attribute: id } of columns) scales.push(yield* this.#scale({ classId, name, id }));
    const units = scales.map((scale) => "refused" in scale ? "" : scale.scalerUnit?.unit ?? "");
    const described = { periodS, columns: columns.map((column, at) => ({ ...column, unit: units[at]! })) };
    const chosen = chooser(rows, zone, (row) => {
      onRow({ ...row, values: row.cells.map((cell, at) => inScale(cell, scales[at]!)) }, described);
    });
    const read = rowReader({ columns, periodS, ...zone });
    yield* this.#buffer(profile, rows, (element) => chosen.take(read(element)));
    chosen.end();
    return described;
  }

  *#buffer(profile: Omit<Reference, "id">, rows: Rows, onElement: (element: Data) => void): Dialogue<void> {
    const selection = yield* this.#selection(profile, rows);
    const buffer = { ...profile, id: 2 };
    const whole = () => this.#client.each(buffer, onElement, { withinMs: LONG_MS });
    if (!selection) return demandRows(buffer, yield* whole());
    const some = yield* this.#client.each({ ...buffer, selection }, onElement, { withinMs: LONG_MS });
    if ("error" in some) demandRows(buffer, yield* whole());
  }

  *#selection(profile: Omit<Reference, "id">, rows: Rows): Dialogue<Selection | undefined> {
    if (rows.kind === "all") return undefined;
    if (rows.kind === "range") return selectRange(rows);
    const used = integerOf(yield* this.#client.demand({ ...profile, id: 7 })) ?? 0;
    return selectEntries(Math.max(1, used - rows.count + 1), 0);
  }
}

function keyOf({ classId, name, id }: Reference): string {
  return `${classId} ${name} ${id}`;
}

/** An attribute, and the one that says how its digits count. */
function withScaler(reference: Reference): Reference[] {
  const id = scalerUnitAttribute(reference.classId, reference.id);
  return id === undefined ? [reference] : [reference, { ...reference, id }];
}

/** Scaler and unit of an attribute, if it has any; or why the meter does not say them. */
type Scale = { readonly scalerUnit?: ScalerUnit } | { readonly refused: string };

function scaleOf(data: Data): Scale {
  const scalerUnit = readScalerUnit(data);
  return scalerUnit ? { scalerUnit } : {};
}

/** The digits of an unknown scale are no number. */
function inScale(cell: Data, scale: Scale): Value {
  return "refused" in scale ? { ...readValue(cell), number: false } : readValue(cell, scale.scalerUnit);
}

/** @throws {RefusalError} */
function demandRows({ name, id }: Reference, got: Counted): void {
  if ("error" in got) throw new RefusalError(`Cannot read ${name} attribute ${id}: ${explainResult(got.error)}`);
}

/** Passes on the rows that are wanted, where the meter sends more; the last ones are known at the end. */
function chooser(wanted: Rows, { deviationMinutes }: ZoneOptions, onRow: (row: Row) => void) {
  if (wanted.kind === "all") return { take: onRow, end() {} };
  if (wanted.kind === "last") {
    const last: Row[] = [];
    return {
      take: (row: Row) => void (last.push(row) > wanted.count && last.shift()),
      end: () => last.forEach(onRow),
    };
  }
  const zone = deviationMinutes === undefined ? {} : { deviationMinutes };
  const [from = -Infinity, to = Infinity] = [instantOf(wanted.from, zone), instantOf(wanted.to, zone)];
  return {
    take: (row: Row) => row.atMs === undefined || from <= row.atMs && row.atMs <= to ? onRow(row) : undefined,
    end() {},
  };
}
