/** A meter's own description: its objects, what the client may do with them, and what they hold. @module */
import type { Dialogue } from "../dialogue.ts";
import type { Client } from "./client.ts";
import { CLASS, type ListedObject } from "./objects.ts";
import { ValueReader } from "./reading.ts";
import type { Value } from "./values.ts";

/** Classes whose second attribute is a value that a person can read in one line. */
const READABLE: readonly number[] = [
  ...[CLASS.data, CLASS.register, CLASS.extendedRegister, CLASS.demandRegister, CLASS.clock, CLASS.disconnectControl],
];

/** One object, and what it holds. */
export interface DescribedObject extends ListedObject {
  /** Its second attribute; absent: it is no value for a person, or nobody asked, or it is refused. */
  readonly value?: Value;
  /** Why it cannot be read, in words. */
  readonly refused?: string;
}

/** How much of it is read. */
export interface DescriptionOptions {
  /** Whether values are read: one or two questions for each object. Default yes. */
  readonly values?: boolean;
  /** Told how far it is. */
  readonly onProgress?: (done: number, all: number) => void;
}

/** All objects that the association shows, in the meter's order. @throws {RefusalError} it shows no list */
export function* describeObjects(
  client: Client,
  { values = true, onProgress = () => {} }: DescriptionOptions = {},
): Dialogue<DescribedObject[]> {
  const reader = new ValueReader(client);
  const objects = yield* client.objectList();
  const described: DescribedObject[] = [];
  for (const object of objects) {
    onProgress(described.length, objects.length);
    described.push(values && mayBeRead(object) ? yield* withValue(reader, object) : object);
  }
  return described;
}

function mayBeRead({ classId, attributes }: ListedObject): boolean {
  return READABLE.includes(classId) && (accessTo(attributes, 2)?.read ?? true);
}

function* withValue(reader: ValueReader, object: ListedObject): Dialogue<DescribedObject> {
  const { classId, name } = object;
  const { refused, value } = yield* reader.read({ classId, name, id: 2 });
  return refused === undefined ? { ...object, value } : { ...object, refused };
}

/** What may be done with attribute `id`; `undefined`: the list does not say. */
export function accessTo(
  attributes: ListedObject["attributes"],
  id: number,
): ListedObject["attributes"][number] | undefined {
  return attributes.find((right) => right.id === id);
}
