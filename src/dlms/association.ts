/**
 * A client's association with a logical device: asked for, proven, used, released (Green Book, 9.4). Whatever the
 * meter refuses is said in words.
 * @module
 */
import type { Cut, Dialogue } from "../dialogue.ts";
import { isOfMeterOrWire, ProtocolError, RefusalError, SilenceError } from "../errors.ts";
import {
  type ApplicationContext,
  type AssociationResponse,
  AUTHENTICATION_FAILURE,
  AUTHENTICATION_REQUIRED,
  decodeAssociationResponse,
  decodeRelease,
  encodeAssociationRequest,
  encodeRelease,
  explainRejection,
} from "./acse.ts";
import { decodeActionResponse, encodeActionRequest } from "./action.ts";
import { type AssociationOptions, associationRequest } from "./association_options.ts";
import { answerChallenge, isRightAnswer, type Proof, type Secret } from "./authentication.ts";
import { isTransferBlock } from "./block_transfer.ts";
import { decodeCiphered } from "./ciphered_apdu.ts";
import { Ciphering, type CipheringOptions } from "./ciphering.ts";
import { type Data, octetsOf, octetString } from "./data.ts";
import { CONFORMANCE, decodeInitiateResponse, type InitiateResponse } from "./initiate.ts";
import type { ExchangeOptions, Link } from "./link.ts";
import { equal } from "./octets.ts";
import { INVOKE } from "./references.ts";
import {
  decodeException,
  decodeServiceError,
  explainException,
  explainResult,
  explainServiceError,
  isException,
  isServiceError,
} from "./refusals.ts";
import { decodeReadResponse, encodeReadRequest } from "./short_names.ts";
import { Transfer } from "./transfer.ts";

/** The object that answers for the association, whichever it is; and its method that takes answers to challenges. */
export const CURRENT_ASSOCIATION = { classId: 15, name: "0-0:40.0.0*255" } as const;
const REPLY_METHOD = { ...CURRENT_ASSOCIATION, id: 1 };
const SHORT_REPLY_OFFSET = 0x58;

/** Time for a meter to compute, ms. */
const PROOF_MS = 10_000;
const RELEASE_MS = 3000;

/** An association. */
export class Association {
  readonly #link: Link;
  readonly #options: AssociationOptions;
  readonly #ciphering: Ciphering | undefined;
  #settled: InitiateResponse | undefined;
  /** Whether an exchange has begun and not ended: then there is no signing off, only hanging up. */
  #interrupted = false;

  constructor(link: Link, options: AssociationOptions) {
    [this.#link, this.#options] = [link, options];
    this.#ciphering = options.ciphering && new Ciphering(withTitle(options.ciphering, options.serverTitle));
  }

  /** What client and meter settled. @throws {TypeError} there is no association yet */
  get settled(): InitiateResponse {
    if (!this.#settled) throw new TypeError("There is no association yet");
    return this.#settled;
  }

  /** How objects are named. */
  get names(): ApplicationContext["names"] {
    return this.#options.names ?? "logical";
  }

  /** The client's number. */
  get client(): number {
    return this.#options.client;
  }

  /** Asks for the association and proves who we are. @throws {RefusalError} {SilenceError} {ProtocolError} */
  *open(): Dialogue<void> {
    const secret = this.#options.credentials.mechanism === "low";
    const wrap = (initiate: Uint8Array) => this.#ciphering?.wrap(initiate, "global") ?? initiate;
    const ask = () =>
      this.#link.exchange(encodeAssociationRequest(associationRequest(this.#options, wrap)), { secret });
    const first = (yield* ask()).value;
    const value = this.#raised(first) ? (yield* ask()).value : first;
    this.#throwRefusal(value);
    const response = decodeAssociationResponse(value);
    if (response.result !== "accepted") throw this.#rejected(response);
    if (this.#ciphering) this.#ciphering.otherTitle ??= response.title;
    if (!response.initiate) {
      throw new ProtocolError("unreadable", "The meter grants an association but settles nothing", value);
    }
    const initiate = this.#ciphering?.unwrap(response.initiate) ?? response.initiate;
    this.#throwRefusal(initiate);
    this.#settled = decodeInitiateResponse(initiate);
    const { credentials } = this.#options;
    if ("challenge" in credentials) yield* this.#prove(credentials, response);
    else if (response.diagnostic.code === AUTHENTICATION_REQUIRED) throw this.#rejected(response);
  }

  #rejected(response: AssociationResponse): RefusalError {
    const words = [explainRejection(response, this.client)];
    if (response.initiate && isServiceError(response.initiate)) {
      words.push(explainServiceError(decodeServiceError(response.initiate)));
    }
    const { source, code } = response.diagnostic;
    const what = source === "user" && code === AUTHENTICATION_FAILURE ? { what: "password" } as const : {};
    return new RefusalError(`The meter refuses the association: ${words.join("; ")}`, what);
  }

  /** Answers the meter's challenge, and has it answer ours (passes 3 and 4). */
  *#prove(
    credentials: Secret & { challenge: Uint8Array },
    { authentication, title }: AssociationResponse,
  ): Dialogue<void> {
    if (!authentication?.length) throw new ProtocolError("unreadable", "The meter sends no challenge to sign on with");
    if (equal(authentication, credentials.challenge)) {
      throw new ProtocolError("damaged", "The meter sends our own challenge back: somebody stands in between");
    }
    const ownTitle = this.#options.ciphering?.title ?? this.#options.title ?? new Uint8Array();
    const otherTitle = title ?? this.#options.serverTitle ?? new Uint8Array();
    const proof: Proof = {
      ...{ ownTitle, otherTitle, challenge: authentication, counterChallenge: credentials.challenge },
    };
    const counter = credentials.mechanism === "gmac" ? this.#nextCounter() : 0;
    const answer = yield* this.#reply(answerChallenge(credentials, proof, counter));
    if (!answer && this.#options.trustsUnproven) return;
    const mirrored = { ownTitle: otherTitle, otherTitle: ownTitle };
    const theirs = { ...mirrored, challenge: credentials.challenge, counterChallenge: authentication };
    if (answer && isRightAnswer(answer, credentials, theirs)) return;
    const found = answer ? "its answer to our challenge is wrong" : "it does not answer our challenge";
    throw new ProtocolError("damaged", `The meter does not prove that it knows the key: ${found}`, answer);
  }

  #nextCounter(): number {
    const counter = this.#options.ciphering?.counter ?? this.#options.counter;
    if (!counter) throw new TypeError("GMAC needs an invocation counter");
    return counter.next();
  }

  /** The answer is kept secret too: with the challenge beside it, a weak password could be guessed. */
  *#reply(answer: Uint8Array): Dialogue<Uint8Array | undefined> {
    const data = octetString(answer);
    if (this.names === "short") return octetsOf(yield* this.#shortReply(data));
    const request = encodeActionRequest({ kind: "normal", invoke: INVOKE, method: REPLY_METHOD, data });
    const response = decodeActionResponse((yield* this.exchange(request, { withinMs: PROOF_MS, secret: true })).value);
    const { result = 250, returned = undefined } = response.kind === "normal" ? response : {};
    if (result !== 0) throw this.#wrongProof(result);
    return returned && "data" in returned ? octetsOf(returned.data) : undefined;
  }

  *#shortReply(parameters: Data): Dialogue<Data | undefined> {
    const name = this.settled.vaaName + SHORT_REPLY_OFFSET & 0xffff;
    const request = encodeReadRequest([{ name, selection: { selector: 0, parameters } }]);
    const [result] = decodeReadResponse((yield* this.exchange(request, { withinMs: PROOF_MS, secret: true })).value);
    if (result && "error" in result) throw this.#wrongProof(result.error);
    return result && "data" in result ? result.data : undefined;
  }

  #wrongProof(result: number): RefusalError {
    const why = explainResult(result);
    return new RefusalError(
      `The meter refuses the association: wrong password or key for client ${this.client}: ${why}`,
      { what: "password" },
    );
  }

  /**
   * Sends a plain message and brings home the plain answer; ciphers, blocks of the general transfer and a counter that
   * the meter finds too low are seen to. @throws {RefusalError} an exception @throws {SilenceError} {ProtocolError}
   */
  *exchange(apdu: Uint8Array, options?: ExchangeOptions): Dialogue<Cut<Uint8Array>> {
    const first = yield* this.#once(apdu, options);
    const answer = this.#raised(first.value) ? yield* this.#once(apdu, options) : first;
    this.#throwRefusal(answer.value);
    return answer;
  }

  /** Whether a message was refused for its number alone; the next one has a higher one. */
  #raised(answer: Uint8Array): boolean {
    const { invocationCounter } = isException(answer) ? decodeException(answer) : {};
    if (invocationCounter === undefined || !this.#options.ciphering) return false;
    this.#options.ciphering.counter.raise(invocationCounter + 1);
    return true;
  }

  *#once(apdu: Uint8Array, options?: ExchangeOptions): Dialogue<Cut<Uint8Array>> {
    const wrapped = this.#ciphering?.wrap(apdu) ?? apdu;
    this.#interrupted = true;
    const first = this.#isTooLong(wrapped)
      ? yield* new Transfer(this.#link, options).send(wrapped, this.settled.maxPduOctets)
      : yield* this.#link.exchange(wrapped, options);
    const { value, atMs } = isTransferBlock(first.value) ? yield* new Transfer(this.#link).receive(first) : first;
    this.#interrupted = false;
    if (this.#ciphering) return { value: this.#ciphering.unwrap(value), atMs };
    if (!decodeCiphered(value)) return { value, atMs };
    throw new ProtocolError("damaged", "The meter ciphers its answer: it wants keys, and security: both", value);
  }

  /** Whether a message is more than the meter takes at once, and it takes it in blocks. */
  #isTooLong({ length }: Uint8Array): boolean {
    const { maxPduOctets = 0, conformance = 0 } = this.#settled ?? {};
    return maxPduOctets > 0 && length > maxPduOctets && (conformance & CONFORMANCE.generalBlockTransfer) !== 0;
  }

  #throwRefusal(apdu: Uint8Array): void {
    if (isException(apdu)) {
      const why = explainException(decodeException(apdu), this.#ciphering?.sent);
      throw new RefusalError(`The meter refuses: ${why}`);
    }
    if (isServiceError(apdu)) {
      throw new RefusalError(`The meter refuses: ${explainServiceError(decodeServiceError(apdu))}`);
    }
  }

  /** Signs off. That a meter does not answer, or badly, changes nothing. */
  *close(): Dialogue<void> {
    this.#ciphering?.settle();
    if (!this.#settled || this.#interrupted || this.#options.releases === false) return;
    this.#settled = undefined;
    try {
      const { value } = yield* this.#link.exchange(encodeRelease("request", { reason: 0 }), { withinMs: RELEASE_MS });
      decodeRelease("response", value);
    } catch (error) {
      if (!isOfMeterOrWire(error)) throw error;
    }
  }
}

function withTitle(ciphering: CipheringOptions, otherTitle: Uint8Array | undefined): CipheringOptions {
  return otherTitle ? { ...ciphering, otherTitle } : ciphering;
}

/** Opens link and association, does `work`, and closes both whatever happens. */
export function* associated<T>(
  link: Link,
  options: AssociationOptions,
  work: (association: Association) => Dialogue<T>,
): Dialogue<T> {
  const association = new Association(link, options);
  try {
    yield* link.open();
    try {
      yield* signOn(association, options);
      return yield* work(association);
    } finally {
      yield* association.close();
    }
  } finally {
    yield* link.close();
  }
}

/** Whoever sees nothing but silence cannot know whether the meter has counted a wrong password. */
function* signOn(association: Association, { credentials: { mechanism }, client }: AssociationOptions): Dialogue<void> {
  try {
    yield* association.open();
  } catch (error) {
    if (!(error instanceof SilenceError) || mechanism === "none") throw error;
    throw new SilenceError(`Client ${client} signed on, and then: ${error.message}`, {
      cause: error,
      what: "password",
    });
  }
}
