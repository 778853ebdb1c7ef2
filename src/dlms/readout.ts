/** All that a DLMS meter says of itself, or what is asked of it, as the words of a telegram. @module */
import type { Dialogue } from "../dialogue.ts";
import type { DamagedText, DataSet, DataValue, Telegram } from "../telegram.ts";
import type { Client } from "./client.ts";
import type { LogicalName } from "./logical_name.ts";
import { CLASS, type ListedObject } from "./objects.ts";
import { ValueReader } from "./reading.ts";

/** Attributes that are values of a reading, by class, in the order in which they stand in a data set. */
const VALUES: Readonly<Record<number, readonly number[]>> = {
  [CLASS.register]: [2],
  [CLASS.data]: [2],
  [CLASS.extendedRegister]: [2, 5],
  [CLASS.demandRegister]: [2, 3, 6],
  [CLASS.clock]: [2],
  [CLASS.disconnectControl]: [2],
};

/** Classes in the order in which an object is looked for whose class nobody has said: registers are most. */
const GUESSES: readonly number[] = [
  ...[CLASS.register, CLASS.extendedRegister, CLASS.demandRegister, CLASS.data, CLASS.clock],
  CLASS.disconnectControl,
];

/** What of a meter is read. */
export interface DlmsReadoutOptions {
  /** Absent: every object with a value that the meter's own description shows and allows to be read. */
  readonly names?: readonly LogicalName[];
  /** Classes of objects that answered before: they are neither looked for nor asked for again, and new ones come in. */
  readonly known?: Map<LogicalName, number>;
  /** Known ones are asked for with few questions, each for several, where the meter takes that. Absent: one by one. */
  readonly lists?: Lists;
}

/** What became of such questions. A meter that failed at one is asked no other: it may answer when asked one by one. */
export interface Lists {
  failed?: boolean;
}

/** One object's values, or why there are none. */
type Said = { readonly set: DataSet; readonly atMs: number } | { readonly refused: string };

/** Reads a meter. What it refuses is told beside the rest, as lines of a telegram that could not be read. */
export function* dlmsReadout(
  client: Client,
  { names, known = new Map(), lists }: DlmsReadoutOptions = {},
): Dialogue<Telegram> {
  const reader = new ValueReader(client);
  if (!names && known.size === 0) {
    for (const { name, classId } of readable(yield* client.objectList())) known.has(name) || known.set(name, classId);
  }
  const asked = names ?? [...known.keys()];
  if (lists && !lists.failed) yield* inLists(reader, asked, known, lists);
  const sets: DataSet[] = [];
  const damaged: DamagedText[] = [];
  let atMs: number | undefined;
  for (const name of asked) {
    const said = yield* readByName(reader, name, known);
    if ("refused" in said) damaged.push({ text: name, offset: 0, reason: said.refused });
    else {
      atMs ??= said.atMs;
      sets.push(said.set);
    }
  }
  return {
    mode: "E",
    block: { sets, damaged, complete: true },
    check: { kind: "none", result: "good" },
    atMs: atMs ?? 0,
    bytes: new Uint8Array(),
  };
}

/** Asks for what is known to have a value. Whatever ends it, but that it ends well, is a failure. */
function* inLists(
  reader: ValueReader,
  names: readonly LogicalName[],
  known: ReadonlyMap<LogicalName, number>,
  lists: Lists,
): Dialogue<void> {
  lists.failed = true;
  const references = names.flatMap((name) => {
    const classId = known.get(name);
    return classId === undefined ? [] : VALUES[classId]!.map((id) => ({ classId, name, id }));
  });
  lists.failed = !(yield* reader.fetchAhead(references));
}

/** Objects with values, of which the client may read the first. */
function readable(objects: readonly ListedObject[]): readonly Pick<ListedObject, "classId" | "name">[] {
  return objects.filter(({ classId, attributes }) => {
    const right = attributes.find(({ id }) => id === 2);
    return classId in VALUES && (right === undefined || right.read);
  });
}

function* readObject(reader: ValueReader, { classId, name }: Pick<ListedObject, "classId" | "name">): Dialogue<Said> {
  const values: DataValue[] = [];
  let atMs = 0;
  for (const id of VALUES[classId]!) {
    const read = yield* reader.read({ classId, name, id });
    if (id === 2 && read.refused !== undefined) return { refused: read.refused };
    if (id === 2) atMs = read.atMs;
    if (read.refused !== undefined) continue;
    const { text, unit } = read.value;
    values.push({ text, ...(unit === "" ? {} : { unit }) });
  }
  return { set: { address: name, values }, atMs };
}

/** Tries one class after the other where nobody has said which it is. */
function* readByName(reader: ValueReader, name: LogicalName, known: Map<LogicalName, number>): Dialogue<Said> {
  const its = known.get(name);
  let first: Said | undefined;
  for (const classId of its === undefined ? GUESSES : [its]) {
    const said: Said = yield* readObject(reader, { classId, name });
    if ("set" in said) {
      known.set(name, classId);
      return said;
    }
    first ??= said;
  }
  return first!;
}
