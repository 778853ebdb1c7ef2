/** READ and WRITE: meters whose attributes have numbers instead of names (short name referencing, Green Book 9.3.14). @module */
import { join } from "../bytes.ts";
import { readData, writeData } from "./axdr.ts";
import type { Data } from "./data.ts";
import { Reader, Writer } from "./octets.ts";
import {
  type RawResult,
  readList,
  readSelection,
  type Reference,
  type Selection,
  writeList,
  writeSelection,
} from "./references.ts";

/** What is asked for: an attribute by its number, or the block behind this one of an answer. */
export type Variable =
  | { readonly name: number; readonly selection?: Selection }
  | { readonly block: number };

/** What reading brings. Blocks together are an answer without its first octet. */
export type ReadResult =
  | { readonly data: Data }
  | { readonly error: number }
  | { readonly last: boolean; readonly block: number; readonly raw: Uint8Array }
  | { readonly block: number };

/** The same, a value as the octets that it is. */
export type RawReadResult = RawResult | Exclude<ReadResult, { readonly data: Data } | { readonly error: number }>;

/** What writing brings. */
export type WriteResult = "success" | { readonly error: number } | { readonly block: number };

const [READ, WRITE, READ_RESPONSE, WRITE_RESPONSE] = [0x05, 0x06, 0x0c, 0x0d];
const [NAME, SELECTED, BLOCK] = [2, 4, 5];

/** The number of an attribute: base name and 8 for each attribute before it. */
export function shortName(baseName: number, attribute: number): number {
  return baseName + 8 * (attribute - 1) & 0xffff;
}

/** Where the methods of a class begin, from its base name on, for those that this program calls: the breaker's. */
const METHODS: Readonly<Record<number, number>> = { 70: 0x20 };

/** The number of a method; `undefined`: of a class of which it is not known here. */
export function shortMethod(baseName: number, { classId, id }: Reference): number | undefined {
  const first = METHODS[classId];
  return first === undefined ? undefined : shortName(baseName + first, id);
}

/** ReadRequest. */
export function encodeReadRequest(variables: readonly Variable[]): Uint8Array {
  const writer = new Writer().put(READ);
  writeList(writer, variables, writeVariable);
  return writer.bytes;
}

/** A ReadRequest that a client sent. @throws {ProtocolError} */
export function decodeReadRequest(apdu: Uint8Array): Variable[] {
  return readList(begin(apdu, READ, "the read request"), readVariable);
}

function writeVariable(writer: Writer, variable: Variable): void {
  if ("block" in variable) writer.put(BLOCK).integer(variable.block, 2);
  else if (variable.selection) writeSelection(writer.put(SELECTED).integer(variable.name, 2), variable.selection);
  else writer.put(NAME).integer(variable.name, 2);
}

/** One of the things that a message is about. */
export function readVariable(reader: Reader): Variable {
  const kind = reader.unsigned(1);
  if (kind === NAME) return { name: reader.unsigned(2) };
  if (kind === SELECTED) return { name: reader.unsigned(2), selection: readSelection(reader) };
  if (kind === BLOCK) return { block: reader.unsigned(2) };
  throw reader.error(`there is no kind of variable ${kind}`);
}

/** ReadResponse. */
export function encodeReadResponse(results: readonly ReadResult[]): Uint8Array {
  const writer = new Writer().put(READ_RESPONSE);
  writeList(writer, results, writeReadResult);
  return writer.bytes;
}

/** A ReadResponse that a meter sent. @throws {ProtocolError} */
export function decodeReadResponse(apdu: Uint8Array): ReadResult[] {
  return readList(begin(apdu, READ_RESPONSE, "the answer to read"), readReadResult);
}

/** The same to one question, a value left as the octets that it is. @throws {ProtocolError} */
export function openReadResponse(apdu: Uint8Array): RawReadResult {
  const reader = begin(apdu, READ_RESPONSE, "the answer to read");
  if (reader.length() === 0) throw reader.error("it is empty");
  if (reader.peek() !== 0) return readReadResult(reader) as RawReadResult;
  reader.unsigned(1);
  return { value: reader.rest() };
}

/** The answer that came in blocks: they leave out its first octet. */
export function readResponseOf(raw: Uint8Array): Uint8Array {
  return join(Uint8Array.of(READ_RESPONSE), raw);
}

function writeReadResult(writer: Writer, result: ReadResult): void {
  if ("data" in result) writeData(writer.put(0), result.data);
  else if ("error" in result) writer.put(1, result.error);
  else if ("raw" in result) writer.put(2, result.last ? 1 : 0).integer(result.block, 2).octets(result.raw);
  else writer.put(3).integer(result.block, 2);
}

function readReadResult(reader: Reader): ReadResult {
  const kind = reader.unsigned(1);
  if (kind === 0) return { data: readData(reader) };
  if (kind === 1) return { error: reader.unsigned(1) };
  if (kind === 2) return { last: reader.unsigned(1) !== 0, block: reader.unsigned(2), raw: reader.octets() };
  if (kind === 3) return { block: reader.unsigned(2) };
  throw reader.error(`there is no kind of result ${kind}`);
}

/** WriteRequest: names and as many values. */
export function encodeWriteRequest(variables: readonly Variable[], data: readonly Data[]): Uint8Array {
  const writer = new Writer().put(WRITE);
  writeList(writer, variables, writeVariable);
  writeList(writer, data, writeData);
  return writer.bytes;
}

/** A WriteRequest that a client sent. @throws {ProtocolError} */
export function decodeWriteRequest(apdu: Uint8Array): { readonly variables: Variable[]; readonly data: Data[] } {
  const reader = begin(apdu, WRITE, "the write request");
  return { variables: readList(reader, readVariable), data: readList(reader, (each) => readData(each)) };
}

/** WriteResponse. */
export function encodeWriteResponse(results: readonly WriteResult[]): Uint8Array {
  const writer = new Writer().put(WRITE_RESPONSE);
  writeList(writer, results, writeWriteResult);
  return writer.bytes;
}

/** A WriteResponse that a meter sent. @throws {ProtocolError} */
export function decodeWriteResponse(apdu: Uint8Array): WriteResult[] {
  return readList(begin(apdu, WRITE_RESPONSE, "the answer to write"), readWriteResult);
}

function writeWriteResult(writer: Writer, result: WriteResult): void {
  if (result === "success") writer.put(0);
  else if ("error" in result) writer.put(1, result.error);
  else writer.put(2).integer(result.block, 2);
}

function readWriteResult(reader: Reader): WriteResult {
  const kind = reader.unsigned(1);
  if (kind === 0) return "success";
  if (kind === 1) return { error: reader.unsigned(1) };
  if (kind === 2) return { block: reader.unsigned(2) };
  throw reader.error(`there is no kind of result ${kind}`);
}

function begin(apdu: Uint8Array, tag: number, what: string): Reader {
  const reader = new Reader(apdu, what);
  if (reader.unsigned(1) !== tag) throw reader.error(`it begins with ${apdu[0]!.toString(16).toUpperCase()}`);
  return reader;
}
