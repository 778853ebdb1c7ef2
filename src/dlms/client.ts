/** What a client reads, writes and has done by the objects of a meter, block by block where it is long (Green Book, 9.3). @module */
import type { Dialogue } from "../dialogue.ts";
import { ProtocolError, RefusalError } from "../errors.ts";
import { type ActionResult, decodeActionResponse, encodeActionRequest, readActionResult } from "./action.ts";
import { type Association, CURRENT_ASSOCIATION } from "./association.ts";
import { decodeData, encodeData, type ReadDataOptions } from "./axdr.ts";
import type { Data } from "./data.ts";
import { decodeGetResponse, encodeGetRequest } from "./get.ts";
import { type ListedObject, readObjectList } from "./objects.ts";
import { join } from "../bytes.ts";
import { Reader, toHex } from "./octets.ts";
import {
  type AttributeReference,
  type Block,
  INVOKE,
  isAnswerTo,
  type Reference,
  type Result,
  type Selection,
} from "./references.ts";
import { explainResult } from "./refusals.ts";
import { decodeSetResponse, encodeSetRequest, type SetRequest } from "./set.ts";
import {
  decodeReadResponse,
  decodeWriteResponse,
  encodeReadRequest,
  encodeWriteRequest,
  shortName,
} from "./short_names.ts";

/** How to read one attribute. */
export interface GetOptions extends ReadDataOptions {
  /** For the first octet of each answer; long lists take a meter a while. */
  readonly withinMs?: number;
}

/** A value or an error, and when its first octet came: ms since 1970. */
export type Got = Result & { readonly atMs: number };

/** More of one value than this is none that a meter has. */
const MAX_VALUE_OCTETS = 16 << 20;
const MAX_BLOCKS = 1 << 15;

/** Long lists and profiles: some meters think before they answer. */
const LONG_MS = 15_000;

const OBJECT_UNDEFINED = 4;
const [TEMPORARY_FAILURE, BLOCK_UNAVAILABLE, BLOCK_NUMBER_INVALID] = [2, 14, 19];
/** Worth one more try: what went wrong was in between. */
const PASSING = new Set([TEMPORARY_FAILURE, BLOCK_UNAVAILABLE, BLOCK_NUMBER_INVALID]);

/** First octet of an answer to read, which its blocks leave out. */
const READ_RESPONSE = 0x0c;

/** Octets of a request around the raw octets of its block, and of a cipher around both. */
const BLOCK_OVERHEAD = 64;

/** The blocks of a long value, as far as they have come. They count from any number on: one maker never begins anew. */
class Blocks {
  readonly #parts: Uint8Array[] = [];
  #octets = 0;
  #number: number | undefined;

  /** The last one that came. */
  get number(): number {
    return this.#number ?? 0;
  }

  /** All together. */
  get whole(): Uint8Array {
    return join(...this.#parts);
  }

  /** Takes the next one. @throws {ProtocolError} it is not the next one, or there is no end to them */
  add({ block, raw, last }: Block): void {
    if (raw.length === 0 && !last) {
      throw new ProtocolError("endless", `The meter's block ${block} is empty, and not the last`);
    }
    if (this.#number !== undefined && block !== this.#number + 1) {
      throw new ProtocolError("unreadable", `The meter sends block ${block} after block ${this.#number}`, raw);
    }
    this.#number = block;
    this.#octets += raw.length;
    if (this.#octets > MAX_VALUE_OCTETS || this.#parts.push(raw) > MAX_BLOCKS) {
      throw new ProtocolError("endless", "The meter's blocks have no end");
    }
  }
}

/** The objects of a meter as one association shows them. */
export class Client {
  readonly #association: Association;
  #objects: readonly ListedObject[] | undefined;

  constructor(association: Association) {
    this.#association = association;
  }

  /** Reads an attribute, once more where the meter says that it may be better then. @throws {SilenceError} {ProtocolError} */
  *get(attribute: AttributeReference, options: GetOptions = {}): Dialogue<Got> {
    const got = yield* this.#getOnce(attribute, options);
    return "error" in got && PASSING.has(got.error) ? yield* this.#getOnce(attribute, options) : got;
  }

  /** The same where nothing else will do. @throws {RefusalError} an error */
  *demand(attribute: AttributeReference, options: GetOptions = {}): Dialogue<Data> {
    const got = yield* this.get(attribute, options);
    if ("data" in got) return got.data;
    throw this.#refused("read", attribute, got.error);
  }

  #refused(what: string, { name, id }: Reference, code: number): RefusalError {
    return new RefusalError(`Cannot ${what} ${name} attribute ${id}: ${explainResult(code)}`);
  }

  #getOnce(attribute: AttributeReference, options: GetOptions): Dialogue<Got> {
    return this.#association.names === "short" ? this.#read(attribute, options) : this.#getByName(attribute, options);
  }

  *#getByName(attribute: AttributeReference, options: GetOptions): Dialogue<Got> {
    const { exchange } = this.#asking(options);
    const first = yield* exchange(encodeGetRequest({ kind: "normal", invoke: INVOKE, attribute }));
    const blocks = new Blocks();
    let received = first.value;
    while (true) {
      const response = decodeGetResponse(received, options);
      this.#checkInvoke(response.invoke, received);
      const { atMs } = first;
      if (response.kind === "normal") return { ...response.result, atMs };
      if (response.kind === "list") return { ...response.results[0] ?? { error: 250 }, atMs };
      if ("error" in response) return { error: response.error, atMs };
      blocks.add(response);
      if (response.last) return { data: decodeData(blocks.whole, options), atMs };
      received = (yield* exchange(encodeGetRequest({ kind: "next", invoke: INVOKE, block: blocks.number }))).value;
    }
  }

  #asking({ withinMs }: GetOptions) {
    const options = withinMs === undefined ? {} : { withinMs };
    return { exchange: (apdu: Uint8Array) => this.#association.exchange(apdu, options) };
  }

  #checkInvoke(invoke: number, received: Uint8Array): void {
    if (isAnswerTo(INVOKE, invoke)) return;
    throw new ProtocolError(
      "unreadable",
      `The meter answers question ${invoke & 15}, asked was ${INVOKE & 15}`,
      received,
    );
  }

  *#read(attribute: AttributeReference, options: GetOptions): Dialogue<Got> {
    const { id, selection } = attribute;
    const object = yield* this.#baseOf(attribute);
    if (!object) return { error: OBJECT_UNDEFINED, atMs: 0 };
    return yield* this.#readVariable(shortName(object.baseName!, id), selection, options);
  }

  *#readVariable(name: number, selection: Selection | undefined, options: GetOptions): Dialogue<Got> {
    const { exchange } = this.#asking(options);
    const first = yield* exchange(encodeReadRequest([{ name, ...(selection ? { selection } : {}) }]));
    const { atMs } = first;
    const blocks = new Blocks();
    let received = first.value;
    while (true) {
      const [result] = decodeReadResponse(received, options);
      if (!result || !("data" in result || "error" in result || "raw" in result)) throw senseless("read", received);
      if (!("raw" in result)) return { ...result, atMs };
      blocks.add(result);
      if (result.last) received = join(Uint8Array.of(READ_RESPONSE), blocks.whole);
      else received = (yield* exchange(encodeReadRequest([{ block: result.block }]))).value;
    }
  }

  *#baseOf({ classId, name }: Reference): Dialogue<ListedObject | undefined> {
    const objects = this.#objects ?? (yield* this.objectList());
    return objects.find((object) =>
      object.name === name && object.classId === classId && object.baseName !== undefined
    );
  }

  /** The meter's own description: all objects that this association shows. Read once. @throws {RefusalError} */
  *objectList(): Dialogue<readonly ListedObject[]> {
    if (this.#objects) return this.#objects;
    const options = { withinMs: LONG_MS, mayEndEarly: true };
    const list = this.#association.names === "short"
      ? this.#readVariable(shortName(this.#association.settled.vaaName, 2), undefined, options)
      : this.get({ ...CURRENT_ASSOCIATION, id: 2 }, options);
    const got = yield* list;
    if ("error" in got) {
      const why = explainResult(got.error);
      throw new RefusalError(`Cannot read the meter's list of objects: ${why}; ask for single codes instead`);
    }
    const { data } = got;
    const listed = readObjectList(data);
    const own = listed.find(({ classId, name }) =>
      classId === CURRENT_ASSOCIATION.classId && name === CURRENT_ASSOCIATION.name
    );
    this.#objects = own && own.version >= 3 ? readObjectList(data, own.version) : listed;
    return this.#objects;
  }

  /** Writes an attribute. @throws {RefusalError} the meter takes it not */
  *set(attribute: AttributeReference, data: Data): Dialogue<void> {
    const code = this.#association.names === "short"
      ? yield* this.#write(attribute, data)
      : yield* this.#setByName(attribute, data);
    if (code !== 0) throw this.#refused("write", attribute, code);
  }

  *#setByName(attribute: AttributeReference, data: Data): Dialogue<number> {
    const raw = encodeData(data);
    const room = this.#room();
    if (raw.length <= room) {
      return yield* this.#setAnswer({ kind: "normal", invoke: INVOKE, attribute, data });
    }
    for (let block = 1, at = 0;; block++, at += room) {
      const piece = { last: at + room >= raw.length, block, raw: raw.subarray(at, at + room) };
      const request = block === 1
        ? { kind: "first-block", invoke: INVOKE, attribute, ...piece } as const
        : { kind: "block", invoke: INVOKE, ...piece } as const;
      const code = yield* this.#setAnswer(request);
      if (piece.last || code !== 0) return code;
    }
  }

  *#setAnswer(request: SetRequest): Dialogue<number> {
    const { value } = yield* this.#association.exchange(encodeSetRequest(request));
    const response = decodeSetResponse(value);
    this.#checkInvoke(response.invoke, value);
    if (response.kind === "normal" || response.kind === "last-block") return response.result;
    if (response.kind === "block" && "block" in request && response.block === request.block && !request.last) return 0;
    throw new ProtocolError(
      "unreadable",
      `Cannot make sense of the answer to SET: ${toHex(value.subarray(0, 32))}`,
      value,
    );
  }

  /** Octets that fit into one request to this meter. */
  #room(): number {
    const { maxPduOctets } = this.#association.settled;
    return (maxPduOctets === 0 ? 0xffff : Math.max(maxPduOctets, 2 * BLOCK_OVERHEAD)) - BLOCK_OVERHEAD;
  }

  *#write(attribute: AttributeReference, data: Data): Dialogue<number> {
    const object = yield* this.#baseOf(attribute);
    if (!object) return OBJECT_UNDEFINED;
    const variable = { name: shortName(object.baseName!, attribute.id) };
    const { value } = yield* this.#association.exchange(encodeWriteRequest([variable], [data]));
    const [result] = decodeWriteResponse(value);
    if (result === "success") return 0;
    return result && "error" in result ? result.error : 250;
  }

  /** Has an object do something. @throws {RefusalError} it does not */
  *action(method: Reference, data?: Data): Dialogue<ActionResult> {
    const request = { kind: "normal", invoke: INVOKE, method, ...(data ? { data } : {}) } as const;
    const result = yield* this.#actionAnswer((yield* this.#association.exchange(encodeActionRequest(request))).value);
    if (result.result === 0) return result;
    throw new RefusalError(`Cannot execute method ${method.id} of ${method.name}: ${explainResult(result.result)}`);
  }

  *#actionAnswer(first: Uint8Array): Dialogue<ActionResult> {
    const blocks = new Blocks();
    let received = first;
    while (true) {
      const response = decodeActionResponse(received);
      this.#checkInvoke(response.invoke, received);
      if (response.kind === "normal") return response;
      if (response.kind === "list") return response.results[0] ?? { result: 250 };
      if (response.kind === "next") throw senseless("ACTION", received);
      blocks.add(response);
      if (response.last) return readActionResult(new Reader(blocks.whole, "the answer to ACTION"));
      const request = encodeActionRequest({ kind: "next", invoke: INVOKE, block: blocks.number });
      received = (yield* this.#association.exchange(request)).value;
    }
  }
}

function senseless(service: string, apdu: Uint8Array): ProtocolError {
  const what = `Cannot make sense of the answer to ${service}: ${toHex(apdu.subarray(0, 32))}`;
  return new ProtocolError("unreadable", what, apdu);
}
