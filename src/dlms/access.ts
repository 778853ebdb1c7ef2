/** ACCESS: reading, writing and acting in one message (Green Book, 9.3.9). @module */
import { readData, writeData } from "./axdr.ts";
import type { Data } from "./data.ts";
import { Reader, Writer } from "./octets.ts";
import {
  readList,
  readReference,
  readSelection,
  type Reference,
  type Selection,
  writeList,
  writeReference,
  writeSelection,
} from "./references.ts";

/** One thing that is wanted. */
export interface AccessSpecification {
  readonly kind: "get" | "set" | "action";
  readonly reference: Reference;
  readonly selection?: Selection;
}

/** What a client wants; `data` has one value for each specification, null where none is needed. */
export interface AccessRequest {
  readonly invoke: number;
  readonly dateTime: Uint8Array;
  readonly specifications: readonly AccessSpecification[];
  readonly data: readonly Data[];
}

/** What the meter answers; a result of 0 is success. */
export interface AccessResponse {
  readonly invoke: number;
  readonly dateTime: Uint8Array;
  /** The request's, if the meter repeats them. */
  readonly specifications?: readonly AccessSpecification[];
  readonly data: readonly Data[];
  readonly results: readonly { readonly kind: AccessSpecification["kind"]; readonly result: number }[];
}

const [REQUEST, RESPONSE] = [0xd9, 0xda];
const KINDS = ["get", "set", "action"] as const;
/** 4: get, 5: set, with a selection. */
const SELECTED = 3;

function writeSpecification(writer: Writer, { kind, reference, selection }: AccessSpecification): void {
  writeReference(writer.put(KINDS.indexOf(kind) + 1 + (selection ? SELECTED : 0)), reference);
  if (selection) writeSelection(writer, selection);
}

function readSpecification(reader: Reader): AccessSpecification {
  const number = reader.unsigned(1);
  const selected = number > SELECTED;
  const kind = KINDS[(selected ? number - SELECTED : number) - 1];
  if (!kind || number > 5) throw reader.error(`there is no kind of access ${number}`);
  const reference = readReference(reader);
  return { kind, reference, ...(selected ? { selection: readSelection(reader) } : {}) };
}

/** The octets of a request. */
export function encodeAccessRequest({ invoke, dateTime, specifications, data }: AccessRequest): Uint8Array {
  const writer = new Writer().put(REQUEST).integer(invoke, 4).octets(dateTime);
  writeList(writer, specifications, writeSpecification);
  writeList(writer, data, writeData);
  return writer.bytes;
}

/** A request that a client sent. @throws {ProtocolError} */
export function decodeAccessRequest(apdu: Uint8Array): AccessRequest {
  const reader = new Reader(apdu, "the ACCESS request");
  if (reader.unsigned(1) !== REQUEST) throw reader.error("it does not begin with D9");
  const [invoke, dateTime] = [reader.unsigned(4), reader.octets()];
  const specifications = readList(reader, readSpecification);
  return { invoke, dateTime, specifications, data: readList(reader, (each) => readData(each)) };
}

/** The octets of an answer. */
export function encodeAccessResponse(response: AccessResponse): Uint8Array {
  const { invoke, dateTime, specifications, data, results } = response;
  const writer = new Writer().put(RESPONSE).integer(invoke, 4).octets(dateTime).put(specifications ? 1 : 0);
  if (specifications) writeList(writer, specifications, writeSpecification);
  writeList(writer, data, writeData);
  writeList(writer, results, (each, { kind, result }) => void each.put(KINDS.indexOf(kind) + 1, result));
  return writer.bytes;
}

/** An answer that a meter sent. @throws {ProtocolError} */
export function decodeAccessResponse(apdu: Uint8Array): AccessResponse {
  const reader = new Reader(apdu, "the answer to ACCESS");
  if (reader.unsigned(1) !== RESPONSE) throw reader.error("it does not begin with DA");
  const [invoke, dateTime] = [reader.unsigned(4), reader.octets()];
  const specifications = reader.unsigned(1) ? readList(reader, readSpecification) : undefined;
  const data = readList(reader, (each) => readData(each));
  const results = readList(reader, readAccessResult);
  return { invoke, dateTime, ...(specifications ? { specifications } : {}), data, results };
}

function readAccessResult(reader: Reader): AccessResponse["results"][number] {
  const kind = KINDS[reader.unsigned(1) - 1];
  if (!kind) throw reader.error("there is no such kind of access");
  return { kind, result: reader.unsigned(1) };
}
