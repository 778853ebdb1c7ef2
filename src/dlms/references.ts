/** Which attribute or method a message is about, and which part of it; blocks of long values (Green Book, 9.3). @module */
import { readData, writeData } from "./axdr.ts";
import type { Data } from "./data.ts";
import { encodeLogicalName, type LogicalName, readLogicalName } from "./logical_name.ts";
import { Reader, type Writer } from "./octets.ts";

/** The part of an attribute that is wanted; what the parameters mean depends on the class. */
export interface Selection {
  readonly selector: number;
  readonly parameters: Data;
}

/** An attribute (or method, by its number) of an object. */
export interface Reference {
  readonly classId: number;
  readonly name: LogicalName;
  /** 1 is the logical name itself; 0 all attributes. */
  readonly id: number;
}

/** An attribute, or a part of it. */
export interface AttributeReference extends Reference {
  readonly selection?: Selection;
}

/** What reading one attribute brings: a value, or why there is none. */
export type Result = { readonly data: Data } | { readonly error: number };

/** The same, the value as the octets that it is. */
export type RawResult = { readonly value: Uint8Array } | { readonly error: number };

/** A piece of a long value. Blocks count from 1. */
export interface Block {
  readonly last: boolean;
  readonly block: number;
  readonly raw: Uint8Array;
}

/** Confirmed, high priority, number 1. */
export const INVOKE = 0xc1;

/** Whether an answer belongs to a question: by the number alone, and meters that always say 0 are forgiven. */
export function isAnswerTo(asked: number, answered: number): boolean {
  return (answered & 0x0f) === (asked & 0x0f) || (answered & 0x0f) === 0;
}

/** Nine octets. */
export function readReference(reader: Reader): Reference {
  return { classId: reader.unsigned(2), name: readLogicalName(reader), id: reader.signed(1) };
}

/** Nine octets. */
export function writeReference(writer: Writer, { classId, name, id }: Reference): void {
  writer.integer(classId, 2).put(encodeLogicalName(name)).integer(id, 1);
}

/** An attribute and its selection, if there is one. */
export function readAttribute(reader: Reader): AttributeReference {
  const reference = readReference(reader);
  if (reader.unsigned(1) === 0) return reference;
  return { ...reference, selection: readSelection(reader) };
}

/** The same to octets. */
export function writeAttribute(writer: Writer, { selection, ...reference }: AttributeReference): void {
  writeReference(writer, reference);
  writer.put(selection ? 1 : 0);
  if (selection) writeSelection(writer, selection);
}

/** A selector and its parameters. */
export function readSelection(reader: Reader): Selection {
  return { selector: reader.unsigned(1), parameters: readData(reader) };
}

/** The same to octets. */
export function writeSelection(writer: Writer, { selector, parameters }: Selection): void {
  writeData(writer.put(selector), parameters);
}

/** A value or an error. */
export function readResult(reader: Reader): Result {
  return reader.unsigned(1) === 0 ? { data: readData(reader) } : { error: reader.unsigned(1) };
}

/** The same, where the message ends with it. */
export function readRawResult(reader: Reader): RawResult {
  return reader.unsigned(1) === 0 ? { value: reader.rest() } : { error: reader.unsigned(1) };
}

/** The same to octets. */
export function writeResult(writer: Writer, result: Result): void {
  if ("data" in result) writeData(writer.put(0), result.data);
  else writer.put(1, result.error);
}

/** Last, number, octets. */
export function readBlock(reader: Reader): Block {
  return { last: reader.unsigned(1) !== 0, block: reader.unsigned(4), raw: reader.octets() };
}

/** The same to octets. */
export function writeBlock(writer: Writer, { last, block, raw }: Block): void {
  writer.put(last ? 1 : 0).integer(block, 4).octets(raw);
}

/** As many as a count says; each takes at least one octet, so a count that lies is seen at once. */
export function readList<T>(reader: Reader, read: (reader: Reader) => T): T[] {
  const count = reader.length();
  if (count > reader.left) throw reader.error(`${count} elements announced, ${reader.left} octets left`);
  const list: T[] = [];
  while (list.length < count) list.push(read(reader));
  return list;
}

/** The same to octets. */
export function writeList<T>(writer: Writer, list: readonly T[], write: (writer: Writer, item: T) => void): void {
  writer.length(list.length);
  for (const item of list) write(writer, item);
}

/** Tag, kind and invoke id, with which every message of GET, SET and ACTION begins. @throws {ProtocolError} another tag */
export function begin(apdu: Uint8Array, tag: number, what: string): [Reader, kind: number, invoke: number] {
  const reader = new Reader(apdu, what);
  if (reader.unsigned(1) !== tag) throw reader.error(`it begins with ${apdu[0]!.toString(16).toUpperCase()}`);
  return [reader, reader.unsigned(1), reader.unsigned(1)];
}
