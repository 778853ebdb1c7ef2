/** From attributes to values: digits with scaler and unit, rows of profiles, the description of a meter. @module */
import type { Dialogue } from "../dialogue.ts";
import type { Client } from "./client.ts";
import { type Data, integerOf, NULL } from "./data.ts";
import { type DateTime, instantOf } from "./date_time.ts";
import { CLASS, scalerUnitAttribute } from "./objects.ts";
import {
  type CaptureObject,
  readCaptureObjects,
  readRows,
  type Row,
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

/** A profile: what its columns are, and its rows with their digits scaled. */
export interface Profile {
  readonly columns: readonly (CaptureObject & { readonly unit: string })[];
  readonly rows: readonly (Row & { readonly values: readonly Value[] })[];
  /** From row to row, as the meter says; 0: it does not. */
  readonly periodS: number;
}

/** Which rows: by time, the last so many, or all. */
export type Rows =
  | { readonly kind: "range"; readonly from: DateTime; readonly to: DateTime }
  | { readonly kind: "last"; readonly count: number }
  | { readonly kind: "all" };

/** A row whose values are made when somebody asks: a buffer of 1 MB has a hundred thousand, and nobody wants all at once. */
class ScaledRow implements Row {
  readonly cells: Row["cells"];
  readonly atMs?: number;
  readonly #scalers: readonly (ScalerUnit | undefined)[];

  constructor({ cells, atMs }: Row, scalers: readonly (ScalerUnit | undefined)[]) {
    [this.cells, this.#scalers] = [cells, scalers];
    if (atMs !== undefined) this.atMs = atMs;
  }

  get values(): readonly Value[] {
    return this.cells.map((cell, at) => readValue(cell, this.#scalers[at]));
  }
}

const NO_VALUE: Value = { text: "", unit: "", number: false };

/** Profiles and lists: some meters think before they answer. */
const LONG_MS = 15_000;

/** Reads values; scaler and unit of each register are asked for once. */
export class ValueReader {
  readonly #client: Client;
  readonly #scalers = new Map<string, ScalerUnit | undefined>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** An attribute with its digits scaled. A refusal is told, not thrown: others may be readable. */
  *read(reference: AttributeReference): Dialogue<AttributeReading> {
    const got = yield* this.#client.get(reference);
    const { atMs } = got;
    if ("error" in got) return { reference, atMs, refused: explainResult(got.error), data: NULL, value: NO_VALUE };
    const scalerUnit = yield* this.#scalerUnit(reference);
    return { reference, atMs, data: got.data, value: readValue(got.data, scalerUnit) };
  }

  *#scalerUnit({ classId, name, id }: Reference): Dialogue<ScalerUnit | undefined> {
    const at = scalerUnitAttribute(classId, id);
    if (at === undefined) return undefined;
    const key = `${classId} ${name} ${at}`;
    if (!this.#scalers.has(key)) {
      const got = yield* this.#client.get({ classId, name, id: at });
      this.#scalers.set(key, "data" in got ? readScalerUnit(got.data) : undefined);
    }
    return this.#scalers.get(key);
  }

  /** The rows of a profile. A meter that knows no selection sends all, and the rest is left out here. @throws {RefusalError} */
  *profile(
    name: string,
    rows: Rows,
    zone: ZoneOptions = {},
  ): Dialogue<Profile> {
    const profile = { classId: CLASS.profileGeneric, name };
    const columns = readCaptureObjects(yield* this.#client.demand({ ...profile, id: 3 }));
    const period = yield* this.#client.get({ ...profile, id: 4 });
    const periodS = "data" in period ? integerOf(period.data) ?? 0 : 0;
    const buffer = yield* this.#buffer(profile, rows);
    const read = chosen(readRows(buffer, { columns, periodS, ...zone }), rows, zone);
    const scalers: (ScalerUnit | undefined)[] = [];
    for (const { classId, name, attribute: id } of columns) {
      scalers.push(yield* this.#scalerUnit({ classId, name, id }));
    }
    return {
      periodS,
      columns: columns.map((column, at) => ({ ...column, unit: scalers[at]?.unit ?? "" })),
      rows: read.map((row) => new ScaledRow(row, scalers)),
    };
  }

  *#buffer(profile: Omit<Reference, "id">, rows: Rows): Dialogue<Data> {
    const selection = yield* this.#selection(profile, rows);
    if (selection) {
      const got = yield* this.#client.get({ ...profile, id: 2, selection }, { withinMs: LONG_MS });
      if ("data" in got) return got.data;
    }
    return yield* this.#client.demand({ ...profile, id: 2 }, { withinMs: LONG_MS });
  }

  *#selection(profile: Omit<Reference, "id">, rows: Rows): Dialogue<Selection | undefined> {
    if (rows.kind === "all") return undefined;
    if (rows.kind === "range") return selectRange(rows);
    const used = integerOf(yield* this.#client.demand({ ...profile, id: 7 })) ?? 0;
    return selectEntries(Math.max(1, used - rows.count + 1), 0);
  }
}

/** The rows that were wanted, where the meter sent more. */
function chosen(rows: Row[], wanted: Rows, { deviationMinutes }: ZoneOptions): Row[] {
  if (wanted.kind === "last") return rows.slice(-wanted.count);
  if (wanted.kind === "all") return rows;
  const zone = deviationMinutes === undefined ? {} : { deviationMinutes };
  const [from = -Infinity, to = Infinity] = [instantOf(wanted.from, zone), instantOf(wanted.to, zone)];
  return rows.filter(({ atMs }) => atMs === undefined || from <= atMs && atMs <= to);
}
