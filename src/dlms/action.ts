/** ACTION: having an object do something (xDLMS, Green Book 9.3.8). @module */
import { readData, writeData } from "./axdr.ts";
import type { Data } from "./data.ts";
import { type Reader, Writer } from "./octets.ts";
import {
  begin,
  type Block,
  readBlock,
  readList,
  readReference,
  readResult,
  type Reference,
  type Result,
  writeBlock,
  writeList,
  writeReference,
  writeResult,
} from "./references.ts";

/** What a client wants done. */
export type ActionRequest =
  | { readonly kind: "normal"; readonly invoke: number; readonly method: Reference; readonly data?: Data }
  /** The block of the answer behind this one. */
  | { readonly kind: "next"; readonly invoke: number; readonly block: number }
  | {
    readonly kind: "list";
    readonly invoke: number;
    readonly methods: readonly Reference[];
    readonly data: readonly Data[];
  }
  | { readonly kind: "first-block"; readonly invoke: number; readonly method: Reference } & Block
  | { readonly kind: "list-first-block"; readonly invoke: number; readonly methods: readonly Reference[] } & Block
  | { readonly kind: "block"; readonly invoke: number } & Block;

/** What a method did, 0 is success; what it returned, if anything. */
export interface ActionResult {
  readonly result: number;
  readonly returned?: Result;
}

/** What the meter answers. */
export type ActionResponse =
  | { readonly kind: "normal"; readonly invoke: number } & ActionResult
  | { readonly kind: "block"; readonly invoke: number } & Block
  | { readonly kind: "list"; readonly invoke: number; readonly results: readonly ActionResult[] }
  | { readonly kind: "next"; readonly invoke: number; readonly block: number };

const [REQUEST, RESPONSE] = [0xc3, 0xc7];
const REQUESTS = ["normal", "next", "list", "first-block", "list-first-block", "block"] as const;
const RESPONSES = ["normal", "block", "list", "next"] as const;

/** The octets of a request. */
export function encodeActionRequest(request: ActionRequest): Uint8Array {
  const writer = new Writer().put(REQUEST, REQUESTS.indexOf(request.kind) + 1, request.invoke);
  if ("method" in request) writeReference(writer, request.method);
  if ("methods" in request) writeList(writer, request.methods, writeReference);
  if ("raw" in request) writeBlock(writer, request);
  else if (request.kind === "next") writer.integer(request.block, 4);
  else if (request.kind === "list") writeList(writer, request.data, writeData);
  else if (request.data) writeData(writer.put(1), request.data);
  else writer.put(0);
  return writer.bytes;
}

/** A request that a client sent. @throws {ProtocolError} */
export function decodeActionRequest(apdu: Uint8Array): ActionRequest {
  const [reader, number, invoke] = begin(apdu, REQUEST, "the ACTION request");
  const kind = REQUESTS[number - 1];
  switch (kind) {
    case "normal": {
      const method = readReference(reader);
      return { kind, invoke, method, ...(reader.unsigned(1) ? { data: readData(reader) } : {}) };
    }
    case "next":
      return { kind, invoke, block: reader.unsigned(4) };
    case "list": {
      const methods = readList(reader, readReference);
      return { kind, invoke, methods, data: readList(reader, (each) => readData(each)) };
    }
    case "first-block":
      return { kind, invoke, method: readReference(reader), ...readBlock(reader) };
    case "list-first-block":
      return { kind, invoke, methods: readList(reader, readReference), ...readBlock(reader) };
    case "block":
      return { kind, invoke, ...readBlock(reader) };
  }
  throw reader.error(`there is no kind ${number}`);
}

/** The octets of an answer. */
export function encodeActionResponse(response: ActionResponse): Uint8Array {
  const writer = new Writer().put(RESPONSE, RESPONSES.indexOf(response.kind) + 1, response.invoke);
  if (response.kind === "normal") writeActionResult(writer, response);
  else if (response.kind === "list") writeList(writer, response.results, writeActionResult);
  else if (response.kind === "block") writeBlock(writer, response);
  else writer.integer(response.block, 4);
  return writer.bytes;
}

/** An answer that a meter sent. @throws {ProtocolError} */
export function decodeActionResponse(apdu: Uint8Array): ActionResponse {
  const [reader, number, invoke] = begin(apdu, RESPONSE, "the answer to ACTION");
  const kind = RESPONSES[number - 1];
  switch (kind) {
    case "normal":
      return { kind, invoke, ...readActionResult(reader) };
    case "block":
      return { kind, invoke, ...readBlock(reader) };
    case "list":
      return { kind, invoke, results: readList(reader, readActionResult) };
    case "next":
      return { kind, invoke, block: reader.unsigned(4) };
  }
  throw reader.error(`there is no kind ${number}`);
}

function writeActionResult(writer: Writer, { result, returned }: ActionResult): void {
  writer.put(result, returned ? 1 : 0);
  if (returned) writeResult(writer, returned);
}

/** Some meters end behind the result; some leave out the octet that says "a value, no error". */
export function readActionResult(reader: Reader): ActionResult {
  const result = reader.unsigned(1);
  if (reader.left === 0 || reader.unsigned(1) === 0) return { result };
  if (reader.peek()! > 1) return { result, returned: { data: readData(reader) } };
  return { result, returned: readResult(reader) };
}
