/** SET: writing attributes (xDLMS, Green Book 9.3.7). @module */
import { readData, writeData } from "./axdr.ts";
import type { Data } from "./data.ts";
import { Writer } from "./octets.ts";
import {
  type AttributeReference,
  begin,
  type Block,
  readAttribute,
  readBlock,
  readList,
  writeAttribute,
  writeBlock,
  writeList,
} from "./references.ts";

/** What a client writes. Blocks together are the value, or with a list of attributes the list of values. */
export type SetRequest =
  | { readonly kind: "normal"; readonly invoke: number; readonly attribute: AttributeReference; readonly data: Data }
  | { readonly kind: "first-block"; readonly invoke: number; readonly attribute: AttributeReference } & Block
  | { readonly kind: "block"; readonly invoke: number } & Block
  | {
    readonly kind: "list";
    readonly invoke: number;
    readonly attributes: readonly AttributeReference[];
    readonly data: readonly Data[];
  }
  | { readonly kind: "list-first-block"; readonly invoke: number; readonly attributes: readonly AttributeReference[] }
    & Block;

/** What the meter answers; a result of 0 is success. */
export type SetResponse =
  | { readonly kind: "normal"; readonly invoke: number; readonly result: number }
  | { readonly kind: "block"; readonly invoke: number; readonly block: number }
  | { readonly kind: "last-block"; readonly invoke: number; readonly result: number; readonly block: number }
  | {
    readonly kind: "list-last-block";
    readonly invoke: number;
    readonly results: readonly number[];
    readonly block: number;
  }
  | { readonly kind: "list"; readonly invoke: number; readonly results: readonly number[] };

const [REQUEST, RESPONSE] = [0xc1, 0xc5];
const REQUESTS = ["normal", "first-block", "block", "list", "list-first-block"] as const;
const RESPONSES = ["normal", "block", "last-block", "list-last-block", "list"] as const;

/** The octets of a request. */
export function encodeSetRequest(request: SetRequest): Uint8Array {
  const writer = new Writer().put(REQUEST, REQUESTS.indexOf(request.kind) + 1, request.invoke);
  if ("attribute" in request) writeAttribute(writer, request.attribute);
  if ("attributes" in request) writeList(writer, request.attributes, writeAttribute);
  if ("raw" in request) writeBlock(writer, request);
  else if (request.kind === "list") writeList(writer, request.data, writeData);
  else writeData(writer, request.data);
  return writer.bytes;
}

/** A request that a client sent. @throws {ProtocolError} */
export function decodeSetRequest(apdu: Uint8Array): SetRequest {
  const [reader, number, invoke] = begin(apdu, REQUEST, "the SET request");
  const kind = REQUESTS[number - 1];
  switch (kind) {
    case "normal":
      return { kind, invoke, attribute: readAttribute(reader), data: readData(reader) };
    case "first-block":
      return { kind, invoke, attribute: readAttribute(reader), ...readBlock(reader) };
    case "block":
      return { kind, invoke, ...readBlock(reader) };
    case "list": {
      const attributes = readList(reader, readAttribute);
      return { kind, invoke, attributes, data: readList(reader, (each) => readData(each)) };
    }
    case "list-first-block":
      return { kind, invoke, attributes: readList(reader, readAttribute), ...readBlock(reader) };
  }
  throw reader.error(`there is no kind ${number}`);
}

/** The octets of an answer. */
export function encodeSetResponse(response: SetResponse): Uint8Array {
  const writer = new Writer().put(RESPONSE, RESPONSES.indexOf(response.kind) + 1, response.invoke);
  if ("result" in response) writer.put(response.result);
  if ("results" in response) writer.octets(Uint8Array.from(response.results));
  if ("block" in response) writer.integer(response.block, 4);
  return writer.bytes;
}

/** An answer that a meter sent. @throws {ProtocolError} */
export function decodeSetResponse(apdu: Uint8Array): SetResponse {
  const [reader, number, invoke] = begin(apdu, RESPONSE, "the answer to SET");
  const kind = RESPONSES[number - 1];
  switch (kind) {
    case "normal":
      return { kind, invoke, result: reader.unsigned(1) };
    case "block":
      return { kind, invoke, block: reader.unsigned(4) };
    case "last-block":
      return { kind, invoke, result: reader.unsigned(1), block: reader.unsigned(4) };
    case "list-last-block":
      return { kind, invoke, results: [...reader.octets()], block: reader.unsigned(4) };
    case "list":
      return { kind, invoke, results: [...reader.octets()] };
  }
  throw reader.error(`there is no kind ${number}`);
}
