/** Values out of a pushed message, however its maker has laid them out (specs of the makers' push lists). @module */
import { type Data, itemsOf, octetsOf } from "./data.ts";
import { decodeLogicalName, type LogicalName } from "./logical_name.ts";
import { type CaptureObject, readCaptureObjects } from "./profile.ts";
import { readScalerUnit, readValue, type ScalerUnit, type Value } from "./values.ts";

/** One pushed value. */
export interface PushedValue {
  /** Absent where the maker says none: `place` is all that tells. */
  readonly name?: LogicalName;
  /** From 1, in the order of the message. */
  readonly place: number;
  readonly data: Data;
  readonly value: Value;
}

/** A value and what stands with it, before its place is known. */
type Found = Omit<PushedValue, "place">;

/**
 * All values of a message's body. Known: names, values and units in one row; a list of {name, value, unit}; values behind
 * the list of the objects they are of; values alone.
 */
export function pushedValues(body: Data): PushedValue[] {
  return [...found(body)].map((value, at) => ({ ...value, place: at + 1 }));
}

function* found(data: Data): Generator<Found> {
  const items = itemsOf(data);
  if (!items) return yield valueOf(data);
  const objects = describedBy(items);
  if (objects) return yield* items.slice(1).map((item, at) => ({ ...valueOf(item), name: objects[at + 1]!.name }));
  for (let at = 0; at < items.length; at++) {
    const name = nameIn(items[at]);
    const value = items[at + 1];
    if (name !== undefined && value) {
      const scalerUnit = unitIn(items[at + 2]);
      yield { ...valueOf(value, scalerUnit), name };
      at += scalerUnit ? 2 : 1;
    } else yield* found(items[at]!);
  }
}

function valueOf(data: Data, scalerUnit?: ScalerUnit): Found {
  return { data, value: readValue(data, scalerUnit) };
}

/** Six octets are a name. */
function nameIn(data: Data | undefined): LogicalName | undefined {
  const octets = data?.type === "octet-string" ? octetsOf(data) : undefined;
  return octets?.length === 6 ? decodeLogicalName(octets) : undefined;
}

/** {scaler, unit}, and nothing else. */
function unitIn(data: Data | undefined): ScalerUnit | undefined {
  const [scaler, unit, ...rest] = itemsOf(data) ?? [];
  const fits = data?.type === "structure" && scaler?.type === "integer" && unit?.type === "enum" && rest.length === 0;
  return fits ? readScalerUnit(data) : undefined;
}

/** The list of objects in front of values, itself among them; `undefined`: there is none. */
function describedBy(items: readonly Data[]): CaptureObject[] | undefined {
  const [first] = items;
  const objects = first?.type === "array" ? first.items : [];
  if (objects.length < 2 || objects.length !== items.length) return undefined;
  return objects.every((object) => isCaptureObject(object)) ? readCaptureObjects(first!) : undefined;
}

function isCaptureObject(data: Data): boolean {
  const types = (itemsOf(data) ?? []).map(({ type }) => type).join();
  return types === "long-unsigned,octet-string,integer,long-unsigned" && nameIn(itemsOf(data)![1]) !== undefined;
}
