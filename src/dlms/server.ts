/**
 * A DLMS meter that is none: it grants associations, proves itself, and answers from a table of objects. Client and
 * this are written against the standard's vectors, not only against each other.
 * @module
 */
import { ProtocolError } from "../errors.ts";
import { type AssociationRequest, decodeAssociationRequest, encodeRelease } from "./acse.ts";
import { type ActionResult, decodeActionRequest } from "./action.ts";
import { ActionServer } from "./action_server.ts";
import { CURRENT_ASSOCIATION } from "./association.ts";
import { answerChallenge, isRightAnswer } from "./authentication.ts";
import { encodeData } from "./axdr.ts";
import { BlockServer } from "./block_server.ts";
import { decodeCiphered } from "./ciphered_apdu.ts";
import { Ciphering, countFrom } from "./ciphering.ts";
import { type Data, NULL, octetsOf, octetString } from "./data.ts";
import { decodeGetRequest, encodeGetResponse } from "./get.ts";
import { CONFORMANCE, decodeInitiateRequest } from "./initiate.ts";
import type { MeterObject } from "./meter_objects.ts";
import { Reader } from "./octets.ts";
import { encodeException } from "./refusals.ts";
import type { AttributeReference, Reference } from "./references.ts";
import {
  DEFAULT_PDU_OCTETS,
  encodeGrant,
  encodeRefusal,
  encodeSettled,
  NO_REASON,
  refusalOf,
  type ServedAssociation,
  SHORT_BASE,
} from "./served_association.ts";
import { OBJECT_UNDEFINED, ServedObjects } from "./served_objects.ts";
import { decodeSetRequest } from "./set.ts";
import { SetServer } from "./set_server.ts";
import {
  decodeReadRequest,
  decodeWriteRequest,
  encodeReadResponse,
  encodeWriteResponse,
  type ReadResult,
  shortName,
  type Variable,
} from "./short_names.ts";

/** A meter. */
export interface Meter {
  /** System title: eight octets. */
  readonly title: Uint8Array;
  readonly objects: readonly MeterObject[];
  readonly associations: readonly ServedAssociation[];
  /** Whether the profile's rows can be chosen. Default yes. */
  readonly selects?: boolean;
}

const EXCEPTION = {
  notPossible: encodeException({ state: 1, error: 1 }),
  unknown: encodeException({ state: 2, error: 2 }),
  tooLong: encodeException({ state: 1, error: 4 }),
};
const CANNOT_DECIPHER = encodeException({ state: 1, error: 5 });
const [SCOPE_VIOLATED, NO_LONG_GET, BLOCK_NUMBER_INVALID] = [13, 16, 19];
/** Octets around a block's raw octets, and of a cipher around both. */
const OVERHEAD = 64;
/** Octets in front of a list of results: tag, kind, invoke id. */
const LIST_HEAD = 3;
const AARQ = 0x60;
const SHORT_REPLY = 0xfa58;

/** One client's end of a meter: messages in, answers out. */
export class Server {
  readonly #title: Uint8Array;
  readonly #objects: ServedObjects;
  readonly #served: ServedAssociation | undefined;
  readonly #ciphering: Ciphering | undefined;
  #state: "none" | "pending" | "open" = "none";
  #request: AssociationRequest | undefined;
  #clientMax = 0xffff;
  /** A value on its way out, in blocks. */
  #outgoing: { readonly raw: Uint8Array; at: number; block: number } | undefined;
  #blocks: BlockServer | undefined;
  #more: Uint8Array[] = [];
  #sets: SetServer;
  #actions: ActionServer;

  constructor(meter: Meter, client: number) {
    this.#title = meter.title;
    this.#objects = new ServedObjects(meter.objects, meter.selects ?? true);
    this.#sets = new SetServer(this.#objects);
    this.#actions = new ActionServer((method, data) => this.#act(method, data));
    this.#served = meter.associations.find((each) => each.client === client);
    this.#ciphering = this.#served?.ciphering && new Ciphering(this.#served.ciphering);
  }

  /** The answer to a message, or the first of several. */
  answer(apdu: Uint8Array): Uint8Array {
    const { maxPduOctets = DEFAULT_PDU_OCTETS } = this.#served ?? {};
    if (apdu.length > maxPduOctets && apdu[0] !== AARQ) return EXCEPTION.tooLong;
    const messages = this.#blocks?.answer(apdu, (whole) => this.#answerWhole(whole)) ?? [this.#answerWhole(apdu)];
    this.#more = messages.slice(1);
    return messages[0] ?? EXCEPTION.notPossible;
  }

  /** A further message to the same question; `undefined`: there is none. */
  more(): Uint8Array | undefined {
    return this.#more.shift();
  }

  #answerWhole(apdu: Uint8Array): Uint8Array {
    try {
      if (apdu[0] === AARQ) return this.#associate(decodeAssociationRequest(apdu));
      if (apdu[0] === 0x62) return this.#release();
      if (this.#state === "none") return EXCEPTION.notPossible;
      const replayed = this.#tooLow(apdu);
      if (replayed) return replayed;
      const plain = this.#ciphering?.unwrap(apdu) ?? apdu;
      const answer = this.#serve(plain);
      return this.#ciphering && answer[0] !== 0xd8 ? this.#ciphering.wrap(answer) : answer;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return error.trouble === "damaged" ? CANNOT_DECIPHER : EXCEPTION.unknown;
    }
  }

  #tooLow(apdu: Uint8Array): Uint8Array | undefined {
    const outer = this.#ciphering && decodeCiphered(apdu);
    if (!outer || outer.ciphered.length < 5) return undefined;
    const counter = new Reader(outer.ciphered.subarray(1), "a counter").unsigned(4);
    const heard = this.#ciphering!.heard;
    return counter > heard ? undefined : encodeException({ state: 1, error: 6, invocationCounter: heard + 1 });
  }

  #release(): Uint8Array {
    this.#state = "none";
    return encodeRelease("response", { reason: 0 });
  }

  #associate(request: AssociationRequest): Uint8Array {
    const replayed = this.#tooLow(request.initiate);
    if (replayed) return replayed;
    const served = this.#served;
    const refused = refusalOf(request, served);
    if (!served || refused !== undefined) return encodeRefusal(request, refused ?? NO_REASON);
    if (this.#ciphering) this.#ciphering.otherTitle = request.title;
    const initiate = decodeInitiateRequest(this.#ciphering?.unwrap(request.initiate) ?? request.initiate);
    if (this.#ciphering) this.#ciphering.dedicatedKey = initiate.dedicatedKey;
    this.#clientMax = initiate.maxPduOctets || 0xffff;
    const { generalBlocks } = served;
    const isProposed = (initiate.conformance & CONFORMANCE.generalBlockTransfer) !== 0;
    this.#blocks = generalBlocks && isProposed ? new BlockServer(generalBlocks) : undefined;
    [this.#request, this.#outgoing, this.#sets] = [request, undefined, new SetServer(this.#objects)];
    this.#actions = new ActionServer((method, data) => this.#act(method, data));
    this.#state = "challenge" in served.credentials ? "pending" : "open";
    const settled = encodeSettled(initiate, served);
    return encodeGrant(request, served, {
      title: this.#title,
      initiate: this.#ciphering?.wrap(settled, "global") ?? settled,
    });
  }

  #serve(apdu: Uint8Array): Uint8Array {
    const tag = apdu[0]!;
    if (this.#state === "pending" && tag !== 0xc3 && tag !== 0x05) return EXCEPTION.notPossible;
    if (tag === 0xc3) return this.#action(apdu);
    if (tag === 0x05) return this.#read(decodeReadRequest(apdu));
    if (tag === 0xc0) return this.#get(apdu);
    if (tag === 0xc1) return this.#sets.answer(decodeSetRequest(apdu));
    if (tag === 0x06) return this.#write(apdu);
    return EXCEPTION.unknown;
  }

  #get(apdu: Uint8Array): Uint8Array {
    const request = decodeGetRequest(apdu);
    const { invoke } = request;
    if (request.kind === "next") return this.#nextBlock(invoke, request.block);
    if (request.kind === "list") return this.#getList(invoke, request.attributes);
    const result = this.#objects.value(request.attribute);
    const whole = encodeGetResponse({ kind: "normal", invoke, result });
    if (whole.length <= this.#blockOctets() || "error" in result) return whole;
    this.#outgoing = { raw: encodeData(result.data), at: 0, block: 0 };
    return this.#nextBlock(invoke, 0);
  }

  /** In blocks they are results as a list has them. */
  #getList(invoke: number, attributes: readonly AttributeReference[]): Uint8Array {
    const results = attributes.map((each) => this.#objects.value(each));
    const whole = encodeGetResponse({ kind: "list", invoke, results });
    if (whole.length <= this.#blockOctets()) return whole;
    this.#outgoing = { raw: whole.subarray(LIST_HEAD), at: 0, block: 0 };
    return this.#nextBlock(invoke, 0);
  }

  #blockOctets(): number {
    if (this.#blocks) return Infinity;
    return this.#served?.blockOctets ?? Math.max(OVERHEAD, this.#clientMax - OVERHEAD);
  }

  #nextBlock(invoke: number, block: number): Uint8Array {
    const out = this.#outgoing;
    if (!out) return encodeGetResponse({ kind: "block", invoke, last: true, block, error: NO_LONG_GET });
    if (block !== out.block) {
      return encodeGetResponse({ kind: "block", invoke, last: true, block, error: BLOCK_NUMBER_INVALID });
    }
    const raw = out.raw.subarray(out.at, out.at + this.#blockOctets());
    out.at += raw.length;
    out.block++;
    const last = out.at >= out.raw.length;
    if (last) this.#outgoing = undefined;
    return encodeGetResponse({ kind: "block", invoke, last, block: out.block, raw });
  }

  #action(apdu: Uint8Array): Uint8Array {
    const request = decodeActionRequest(apdu);
    if (this.#state === "pending" && !("method" in request && isReply(request.method))) return EXCEPTION.notPossible;
    return this.#actions.answer(request);
  }

  #act(method: Reference, data: Data | undefined): ActionResult {
    return isReply(method) ? this.#prove(octetsOf(data) ?? new Uint8Array()) : this.#objects.act(method, data);
  }

  /** Checks the client's answer to our challenge, and answers its. */
  #prove(answer: Uint8Array): ActionResult {
    const credentials = this.#served?.credentials;
    if (!credentials || !("challenge" in credentials) || !this.#request) return { result: SCOPE_VIOLATED };
    const [own, client] = [this.#title, this.#request.title ?? new Uint8Array()];
    const [challenge, counterChallenge] = [this.#request.authentication!, credentials.challenge];
    const theirs = { ownTitle: client, otherTitle: own, challenge: counterChallenge, counterChallenge: challenge };
    if (!isRightAnswer(answer, credentials, theirs)) {
      this.#state = "none";
      return { result: SCOPE_VIOLATED };
    }
    this.#state = "open";
    const counter = (this.#served?.ciphering?.counter ?? countFrom(1)).next();
    const proof = { ownTitle: own, otherTitle: client, challenge, counterChallenge };
    return { result: 0, returned: { data: octetString(answerChallenge(credentials, proof, counter)) } };
  }

  #read(variables: readonly Variable[]): Uint8Array {
    if (variables.length === 1 && "block" in variables[0]!) return this.#nextReadBlock(variables[0].block);
    const whole = encodeReadResponse(variables.map((each) => "block" in each ? { error: 250 } : this.#named(each)));
    if (whole.length <= this.#blockOctets()) return whole;
    this.#outgoing = { raw: whole.subarray(1), at: 0, block: 0 };
    return this.#nextReadBlock(0);
  }

  #nextReadBlock(block: number): Uint8Array {
    const out = this.#outgoing;
    if (!out || out.block !== block) return encodeReadResponse([{ error: BLOCK_NUMBER_INVALID }]);
    const raw = out.raw.subarray(out.at, out.at + this.#blockOctets());
    out.at += raw.length;
    out.block++;
    return encodeReadResponse([{ last: out.at >= out.raw.length, block: out.block, raw }]);
  }

  #named({ name, selection }: Extract<Variable, { name: number }>): ReadResult {
    if (name === SHORT_REPLY && selection) {
      const { result, returned } = this.#prove(octetsOf(selection.parameters) ?? new Uint8Array());
      return result === 0 && returned ? returned : { error: result };
    }
    if (this.#state === "pending") return { error: SCOPE_VIOLATED };
    if (name === shortName(SHORT_BASE, 2)) return { data: this.#objects.list("short") };
    const method = selection && this.#objects.methodOf(name);
    if (method) return this.#called(method, selection.parameters);
    const reference = this.#objects.referenceOf(name);
    return reference
      ? this.#objects.value({ ...reference, ...(selection ? { selection } : {}) })
      : { error: OBJECT_UNDEFINED };
  }

  #called(method: Reference, data: Data): ReadResult {
    const { result, returned } = this.#objects.act(method, data);
    return result === 0 ? returned ?? { data: NULL } : { error: result };
  }

  #write(apdu: Uint8Array): Uint8Array {
    const { variables, data } = decodeWriteRequest(apdu);
    return encodeWriteResponse(variables.map((variable, at) => {
      const error = "name" in variable ? this.#stored(variable.name, data[at] ?? NULL) : OBJECT_UNDEFINED;
      return error === 0 ? "success" : { error };
    }));
  }

  #stored(name: number, data: Data): number {
    const method = this.#objects.methodOf(name);
    if (method) return this.#objects.act(method, data).result;
    const reference = this.#objects.referenceOf(name);
    return reference ? this.#objects.store(reference, data) : OBJECT_UNDEFINED;
  }
}

/** Whether a method takes the answer to our challenge. */
function isReply({ classId, id }: Reference): boolean {
  return classId === CURRENT_ASSOCIATION.classId && id === 1;
}
