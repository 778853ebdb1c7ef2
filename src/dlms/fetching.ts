/** Reading an attribute to its end, block after block where it is long (GET and READ, Green Book 9.3). @module */
import type { Cut, Dialogue } from "../dialogue.ts";
import { ProtocolError } from "../errors.ts";
import { decodeGetResponse, encodeGetRequest, openGetResponse } from "./get.ts";
import { Blocks, Collected, type Intake } from "./long_values.ts";
import { Reader, toHex } from "./octets.ts";
import {
  type AttributeReference,
  INVOKE,
  isAnswerTo,
  type RawResult,
  readList,
  readResult,
  type Result,
  type Selection,
} from "./references.ts";
import {
  decodeReadResponse,
  encodeReadRequest,
  openReadResponse,
  readResponseOf,
  type ReadResult,
} from "./short_names.ts";

/** Sends a plain message, and brings home the plain answer. */
export type Asking = (apdu: Uint8Array) => Dialogue<Cut<Uint8Array>>;

/** What became of a question whose answer an intake has taken. */
export interface Fetched {
  readonly error?: number;
  readonly atMs: number;
}

/** An attribute by its number. */
export interface ShortReference {
  readonly name: number;
  readonly selection?: Selection | undefined;
}

/** No reason in particular: what an answer without a result counts as. */
export const OTHER_REASON = 250;

/** Reads an attribute by its name. @throws {SilenceError} {ProtocolError} */
export function* fetchByName(exchange: Asking, attribute: AttributeReference, intake: Intake): Dialogue<Fetched> {
  const first = yield* exchange(encodeGetRequest({ kind: "normal", invoke: INVOKE, attribute }));
  const blocks = new Blocks();
  const { atMs } = first;
  let received = first.value;
  while (true) {
    const response = openGetResponse(received);
    checkInvoke(response.invoke, received);
    if (response.kind !== "block") {
      return { ...take(response.kind === "list" ? response.results[0] : response.result, intake), atMs };
    }
    if ("error" in response) return { error: response.error, atMs };
    blocks.check(response);
    intake.take(response.raw, response.last);
    if (response.last) return { atMs };
    received = (yield* exchange(encodeGetRequest({ kind: "next", invoke: INVOKE, block: blocks.number }))).value;
  }
}

/** Reads several attributes with one question; `undefined`: it is answered by no list. @throws {SilenceError} {ProtocolError} */
export function* fetchList(
  exchange: Asking,
  attributes: readonly AttributeReference[],
): Dialogue<{ readonly results: readonly Result[]; readonly atMs: number } | undefined> {
  const first = yield* exchange(encodeGetRequest({ kind: "list", invoke: INVOKE, attributes }));
  const [blocks, octets] = [new Blocks(), new Collected()];
  const { atMs } = first;
  let received = first.value;
  while (true) {
    const response = decodeGetResponse(received);
    checkInvoke(response.invoke, received);
    if (response.kind === "list") return { results: response.results, atMs };
    if (response.kind === "normal" || "error" in response) return undefined;
    blocks.check(response);
    octets.take(response.raw);
    if (response.last) return { results: readList(new Reader(octets.whole, "a list of values"), readResult), atMs };
    received = (yield* exchange(encodeGetRequest({ kind: "next", invoke: INVOKE, block: blocks.number }))).value;
  }
}

/** The same by their numbers. @throws {SilenceError} {ProtocolError} */
export function* fetchNumbers(
  exchange: Asking,
  names: readonly number[],
): Dialogue<{ readonly results: readonly Result[]; readonly atMs: number } | undefined> {
  const first = yield* exchange(encodeReadRequest(names.map((name) => ({ name }))));
  const [blocks, octets] = [new Blocks(), new Collected()];
  const { atMs } = first;
  let received = first.value;
  while (true) {
    const results = decodeReadResponse(received);
    const [piece] = results;
    if (!piece || !("raw" in piece)) return results.every(isResult) ? { results, atMs } : undefined;
    blocks.check(piece);
    octets.take(piece.raw);
    received = piece.last
      ? readResponseOf(octets.whole)
      : (yield* exchange(encodeReadRequest([{ block: piece.block }]))).value;
  }
}

function isResult(result: ReadResult): result is Result {
  return "data" in result || "error" in result;
}

/** Reads an attribute by its number. @throws {SilenceError} {ProtocolError} */
export function* fetchByNumber(
  exchange: Asking,
  { name, selection }: ShortReference,
  intake: Intake,
): Dialogue<Fetched> {
  const first = yield* exchange(encodeReadRequest([{ name, ...(selection ? { selection } : {}) }]));
  const blocks = new Blocks();
  const { atMs } = first;
  let received = first.value;
  for (let count = 0;; count++) {
    const result = openReadResponse(received);
    if (!("raw" in result)) {
      if ("block" in result) throw senseless("read", received);
      return { ...take(result, intake), atMs };
    }
    blocks.check(result);
    const begun = count === 0 ? openReadResponse(readResponseOf(result.raw)) : { value: result.raw };
    if (!("value" in begun)) return { ...take("error" in begun ? begun : undefined, intake), atMs };
    intake.take(begun.value, result.last);
    if (result.last) return { atMs };
    received = (yield* exchange(encodeReadRequest([{ block: result.block }]))).value;
  }
}

/** Takes what is no block: the whole value, or an error. */
function take(result: RawResult | undefined, intake: Intake): { readonly error?: number } {
  if (!result || "error" in result) return { error: result?.error ?? OTHER_REASON };
  intake.take(result.value, true);
  return {};
}

/** @throws {ProtocolError} it answers another question */
export function checkInvoke(invoke: number, received: Uint8Array): void {
  if (isAnswerTo(INVOKE, invoke)) return;
  throw new ProtocolError(
    "unreadable",
    `The meter answers question ${invoke & 15}, asked was ${INVOKE & 15}`,
    received,
  );
}

/** That an answer is none. */
export function senseless(service: string, apdu: Uint8Array): ProtocolError {
  const what = `Cannot make sense of the answer to ${service}: ${toHex(apdu.subarray(0, 32))}`;
  return new ProtocolError("unreadable", what, apdu);
}
