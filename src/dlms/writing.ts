/** Writing an attribute and having an object do something, block after block where it is long (SET, ACTION, WRITE; Green Book 9.3). @module */
import type { Dialogue } from "../dialogue.ts";
import { type ActionResult, decodeActionResponse, encodeActionRequest, readActionResult } from "./action.ts";
import { encodeData } from "./axdr.ts";
import { type Data, NULL } from "./data.ts";
import { type Asking, checkInvoke, OTHER_REASON, senseless } from "./fetching.ts";
import { Blocks, Collected } from "./long_values.ts";
import { Reader } from "./octets.ts";
import { type AttributeReference, type Block, INVOKE, type Reference } from "./references.ts";
import { decodeSetResponse, encodeSetRequest, type SetRequest } from "./set.ts";
import { decodeReadResponse, decodeWriteResponse, encodeReadRequest, encodeWriteRequest } from "./short_names.ts";

/** Cuts octets into pieces of at most `room`. */
function piecesOf(raw: Uint8Array, room: number): Block[] {
  return Array.from({ length: Math.ceil(raw.length / room) }, (_, at) => ({
    ...{ last: (at + 1) * room >= raw.length, block: at + 1 },
    raw: raw.subarray(at * room, (at + 1) * room),
  }));
}

/** Writes an attribute by its name, in blocks of `room` octets. @returns 0, or why not @throws {SilenceError} {ProtocolError} */
export function* setByName(
  exchange: Asking,
  attribute: AttributeReference,
  data: Data,
  room: number,
): Dialogue<number> {
  const raw = encodeData(data);
  if (raw.length <= room) return yield* setAnswer(exchange, { kind: "normal", invoke: INVOKE, attribute, data });
  let code = 0;
  for (const piece of piecesOf(raw, room)) {
    const request = piece.block === 1
      ? { kind: "first-block", invoke: INVOKE, attribute, ...piece } as const
      : { kind: "block", invoke: INVOKE, ...piece } as const;
    code = yield* setAnswer(exchange, request);
    if (code !== 0) break;
  }
  return code;
}

function* setAnswer(exchange: Asking, request: SetRequest): Dialogue<number> {
  const { value } = yield* exchange(encodeSetRequest(request));
  const response = decodeSetResponse(value);
  checkInvoke(response.invoke, value);
  if (response.kind === "normal" || response.kind === "last-block") return response.result;
  if (response.kind === "block" && "block" in request && response.block === request.block && !request.last) return 0;
  throw senseless("SET", value);
}

/** Calls a method by its name, what it needs in blocks of `room` octets. @throws {SilenceError} {ProtocolError} */
export function* actByName(
  exchange: Asking,
  method: Reference,
  data: Data | undefined,
  room: number,
): Dialogue<ActionResult> {
  const raw = data ? encodeData(data) : new Uint8Array();
  if (raw.length > room) return yield* actInBlocks(exchange, method, piecesOf(raw, room));
  const request = encodeActionRequest({ kind: "normal", invoke: INVOKE, method, ...(data ? { data } : {}) });
  return yield* actionAnswer(exchange, (yield* exchange(request)).value);
}

function* actInBlocks(exchange: Asking, method: Reference, pieces: readonly Block[]): Dialogue<ActionResult> {
  let received: Uint8Array = new Uint8Array();
  for (const piece of pieces) {
    const request = piece.block === 1
      ? { kind: "first-block", invoke: INVOKE, method, ...piece } as const
      : { kind: "block", invoke: INVOKE, ...piece } as const;
    received = (yield* exchange(encodeActionRequest(request))).value;
    if (piece.last) break;
    const response = decodeActionResponse(received);
    checkInvoke(response.invoke, received);
    if (response.kind === "normal" && response.result !== 0) break; // it wants no more
    if (response.kind !== "next" || response.block !== piece.block) throw senseless("ACTION", received);
  }
  return yield* actionAnswer(exchange, received);
}

/** What a method did, block after block where that is long. */
function* actionAnswer(exchange: Asking, first: Uint8Array): Dialogue<ActionResult> {
  const [blocks, octets] = [new Blocks(), new Collected()];
  let received = first;
  while (true) {
    const response = decodeActionResponse(received);
    checkInvoke(response.invoke, received);
    if (response.kind === "normal") return response;
    if (response.kind === "list") return response.results[0] ?? { result: OTHER_REASON };
    if (response.kind === "next") throw senseless("ACTION", received);
    blocks.check(response);
    octets.take(response.raw);
    if (response.last) return readActionResult(new Reader(octets.whole, "the answer to ACTION"));
    const request = encodeActionRequest({ kind: "next", invoke: INVOKE, block: blocks.number });
    received = (yield* exchange(request)).value;
  }
}

/** Writes an attribute by its number. @returns 0, or why not @throws {SilenceError} {ProtocolError} */
export function* writeByNumber(exchange: Asking, name: number, data: Data): Dialogue<number> {
  const [result] = decodeWriteResponse((yield* exchange(encodeWriteRequest([{ name }], [data]))).value);
  if (result === "success") return 0;
  return result && "error" in result ? result.error : OTHER_REASON;
}

/** Calls a method by its number: read with what it needs; by meters that refuse that, written. @throws {SilenceError} {ProtocolError} */
export function* actByNumber(exchange: Asking, name: number, data: Data = NULL): Dialogue<ActionResult> {
  const request = encodeReadRequest([{ name, selection: { selector: 0, parameters: data } }]);
  const [read] = decodeReadResponse((yield* exchange(request)).value);
  if (read && "data" in read) return { result: 0, returned: read };
  return { result: yield* writeByNumber(exchange, name, data) };
}
