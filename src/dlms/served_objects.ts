/** What a meter that is none holds: its objects, read and written as its clients may. @module */
import type { ActionResult } from "./action.ts";
import { CURRENT_ASSOCIATION } from "./association.ts";
import { type Data, itemsOf } from "./data.ts";
import { instantOf } from "./date_time.ts";
import { type MeterObject, objectListData } from "./meter_objects.ts";
import { readCaptureObjects, readRows, readRowSelection } from "./profile.ts";
import type { AttributeReference, Reference, Result, Selection } from "./references.ts";
import { shortMethod } from "./short_names.ts";

/** Data-access-results. */
export const [OBJECT_UNDEFINED, DENIED, TYPE_UNMATCHED] = [4, 3, 12];

/** The objects of a meter. */
export class ServedObjects {
  readonly #objects: readonly MeterObject[];
  readonly #selects: boolean;

  /** `selects`: whether the profile's rows can be chosen. */
  constructor(objects: readonly MeterObject[], selects: boolean) {
    [this.#objects, this.#selects] = [objects, selects];
  }

  /** The list of all, as an association shows it. */
  list(names: "logical" | "short" = "logical"): Data {
    return objectListData(this.#objects, names);
  }

  /** An attribute, or what is chosen of it. */
  value(reference: AttributeReference): Result {
    const { selection } = reference;
    if (reference.classId === CURRENT_ASSOCIATION.classId && reference.id === 2) {
      return { data: this.list() };
    }
    const object = this.#object(reference);
    const data = object?.attributes[reference.id];
    if (!object || data === undefined) return { error: OBJECT_UNDEFINED };
    if (object.hidden?.includes(reference.id)) return { error: DENIED };
    return selection ? this.#selected(object, data, selection) : { data };
  }

  #selected(object: MeterObject, buffer: Data, selection: Selection): Result {
    const wanted = readRowSelection(selection);
    const columns = object.attributes[3];
    if (!this.#selects || !wanted || object.classId !== 7 || !columns) return { error: TYPE_UNMATCHED };
    const items = itemsOf(buffer) ?? [];
    if ("first" in wanted) {
      return { data: { type: "array", items: items.slice(wanted.first - 1, wanted.last || undefined) } };
    }
    const rows = readRows(buffer, { columns: readCaptureObjects(columns), deviationMinutes: 0 });
    const [from = -Infinity, to = Infinity] = [instantOf(wanted.from), instantOf(wanted.to)];
    const kept = items.filter((_, at) => from <= rows[at]!.atMs! && rows[at]!.atMs! <= to);
    return { data: { type: "array", items: kept } };
  }

  /** Writes an attribute. @returns 0, or why not */
  store(reference: Reference, data: Data): number {
    const object = this.#object(reference);
    if (!object || object.attributes[reference.id] === undefined) return OBJECT_UNDEFINED;
    if (!object.writable?.includes(reference.id)) return DENIED;
    object.attributes[reference.id] = data;
    return 0;
  }

  /** Calls a method. */
  act(method: Reference, data: Data | undefined): ActionResult {
    const act = this.#object(method)?.act;
    return act ? act(method.id, data) : { result: OBJECT_UNDEFINED };
  }

  /** Which attribute a short name means. */
  referenceOf(name: number): Reference | undefined {
    const object = this.#objects.find(({ baseName = -1 }) => baseName <= name && name < baseName + 0x100);
    return object && { classId: object.classId, name: object.name, id: (name - object.baseName!) / 8 + 1 };
  }

  /** Which method a short name means, of those that are called so. */
  methodOf(name: number): Reference | undefined {
    for (const { classId, name: its, baseName } of this.#objects) {
      for (const id of [1, 2]) {
        const method = { classId, name: its, id };
        if (baseName !== undefined && shortMethod(baseName, method) === name) return method;
      }
    }
    return undefined;
  }

  #object({ classId, name }: Reference): MeterObject | undefined {
    return this.#objects.find((object) => object.classId === classId && object.name === name);
  }
}
