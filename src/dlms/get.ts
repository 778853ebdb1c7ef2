/** GET: reading attributes (xDLMS, Green Book 9.3.6). @module */
import { type Reader, Writer } from "./octets.ts";
import {
  type AttributeReference,
  begin,
  type Block,
  type RawResult,
  readAttribute,
  readList,
  readRawResult,
  readResult,
  type Result,
  writeAttribute,
  writeList,
  writeResult,
} from "./references.ts";

/** What a client asks. */
export type GetRequest =
  | { readonly kind: "normal"; readonly invoke: number; readonly attribute: AttributeReference }
  /** The block behind this one. */
  | { readonly kind: "next"; readonly invoke: number; readonly block: number }
  | { readonly kind: "list"; readonly invoke: number; readonly attributes: readonly AttributeReference[] };

/** What the meter answers. */
export type GetResponse = GetResponseOf<Result>;

/** The same, whatever a value is read as. */
type GetResponseOf<R> =
  | { readonly kind: "normal"; readonly invoke: number; readonly result: R }
  | { readonly kind: "block"; readonly invoke: number } & (Block | Omit<Block, "raw"> & { readonly error: number })
  | { readonly kind: "list"; readonly invoke: number; readonly results: readonly R[] };

const [REQUEST, RESPONSE] = [0xc0, 0xc4];
const [NORMAL, BLOCK, LIST] = [1, 2, 3];

/** The octets of a request. */
export function encodeGetRequest(request: GetRequest): Uint8Array {
  const writer = new Writer().put(REQUEST, { normal: NORMAL, next: BLOCK, list: LIST }[request.kind], request.invoke);
  if (request.kind === "normal") writeAttribute(writer, request.attribute);
  else if (request.kind === "next") writer.integer(request.block, 4);
  else writeList(writer, request.attributes, writeAttribute);
  return writer.bytes;
}

/** A request that a client sent. @throws {ProtocolError} */
export function decodeGetRequest(apdu: Uint8Array): GetRequest {
  const [reader, kind, invoke] = begin(apdu, REQUEST, "the GET request");
  if (kind === NORMAL) return { kind: "normal", invoke, attribute: readAttribute(reader) };
  if (kind === BLOCK) return { kind: "next", invoke, block: reader.unsigned(4) };
  if (kind === LIST) return { kind: "list", invoke, attributes: readList(reader, readAttribute) };
  throw reader.error(`there is no kind ${kind}`);
}

/** The octets of an answer. */
export function encodeGetResponse(response: GetResponse): Uint8Array {
  const { kind, invoke } = response;
  const writer = new Writer().put(RESPONSE, { normal: NORMAL, block: BLOCK, list: LIST }[kind], invoke);
  if (response.kind === "normal") writeResult(writer, response.result);
  else if (response.kind === "list") writeList(writer, response.results, writeResult);
  else {
    writer.put(response.last ? 1 : 0).integer(response.block, 4);
    if ("raw" in response) writer.put(0).octets(response.raw);
    else writer.put(1, response.error);
  }
  return writer.bytes;
}

/** An answer that a meter sent. @throws {ProtocolError} */
export function decodeGetResponse(apdu: Uint8Array): GetResponse {
  return readResponse(apdu, (reader) => readResult(reader));
}

/** The same, the one value that was asked for left as the octets that it is. @throws {ProtocolError} */
export function openGetResponse(apdu: Uint8Array): GetResponseOf<RawResult> {
  return readResponse(apdu, readRawResult);
}

function readResponse<R>(apdu: Uint8Array, read: (reader: Reader) => R): GetResponseOf<R> {
  const [reader, kind, invoke] = begin(apdu, RESPONSE, "the answer to GET");
  if (kind === NORMAL) return { kind: "normal", invoke, result: read(reader) };
  if (kind === LIST) return { kind: "list", invoke, results: readList(reader, read) };
  if (kind !== BLOCK) throw reader.error(`there is no kind ${kind}`);
  const [last, block] = [reader.unsigned(1) !== 0, reader.unsigned(4)];
  const failed = reader.unsigned(1) !== 0;
  if (failed) return { kind: "block", invoke, last, block, error: reader.unsigned(1) };
  return { kind: "block", invoke, last, block, raw: reader.left > 0 ? reader.octets() : reader.rest() };
}
