/** What meters send unasked: put together from frames, deciphered, and never believed twice (Green Book, 9.3.10). @module */
import type { Cut, Dialogue, Finder, Inbox } from "../dialogue.ts";
import { ProtocolError } from "../errors.ts";
import { Assembly, decodeTransferBlock, isTransferBlock } from "./block_transfer.ts";
import { decodeCiphered } from "./ciphered_apdu.ts";
import { type CounterMemory, explainReplay } from "./ciphering.ts";
import { findFrame } from "./hdlc.ts";
import { MAX_MESSAGE_OCTETS } from "./link.ts";
import { stripLlc } from "./llc.ts";
import { findLongFrame } from "./mbus.ts";
import { decodeNotification, isNotification, type Notification } from "./notifications.ts";
import { join } from "../bytes.ts";
import { toHex } from "./octets.ts";
import { type Keys, unprotect, type UnprotectOptions } from "./security.ts";
import { findWrapped } from "./wrapper.ts";

/** What carries the messages; `line`: HDLC or M-Bus, whichever a wire has, from any point in its stream. */
export type Framing = "hdlc" | "m-bus" | "wrapper" | "line";

/** How long to wait. */
export interface PushPatience {
  /** For the first frame of a message. */
  readonly withinMs: number;
  /** For the next one of the same message: one maker leaves 3 s. Default 5 s. */
  readonly nextMs?: number;
}

const NEXT_MS = 5000;

/** More than this without a whole piece is none: several times the longest one. */
const LIMIT_BYTES: Readonly<Record<Framing, number>> = {
  hdlc: 1 << 13,
  "m-bus": 1 << 12,
  wrapper: 1 << 17,
  line: 1 << 13,
};

/** A piece of a message, as any framing has it. */
interface Piece {
  readonly data: Uint8Array;
  /** Whether it begins a message, as far as its frame tells. */
  readonly first?: boolean;
  readonly last: boolean;
}

/** Finds pieces. Frames that carry none, of a question and answer that goes on beside, have no data. */
function findPiece(framing: Framing): Finder<Piece> {
  if (framing === "line") return firstOf(findPiece("hdlc"), findPiece("m-bus"));
  if (framing === "wrapper") return mapped(findWrapped(), ({ apdu }) => ({ data: apdu, last: true }));
  if (framing === "m-bus") {
    return mapped(findLongFrame(), ({ data, piece, last }) => ({ data, first: piece === 0, last }));
  }
  return mapped(findFrame(), ({ control, information, segmented }) => {
    const carries = control.kind === "UI" || control.kind === "I";
    return { data: carries ? information : new Uint8Array(), last: !segmented };
  });
}

/** Whoever finds something: check sequences tell what is a frame. */
function firstOf<T>(...finders: readonly Finder<T>[]): Finder<T> {
  return (bytes) => {
    for (const find of finders) {
      const found = find(bytes);
      if (found) return found;
    }
    return undefined;
  };
}

function mapped<A, B>(find: Finder<A>, map: (value: A) => B): Finder<B> {
  return (bytes) => {
    const found = find(bytes);
    return found && { ...found, value: map(found.value) };
  };
}

/** A message as far as it has come. */
class Collected {
  #parts: Uint8Array[] = [];
  #octets = 0;
  #blocks = new Assembly();
  #atMs: number | undefined;

  /** Whether something has come and the rest has not. */
  get begun(): boolean {
    return this.#atMs !== undefined;
  }

  /** The whole message with its last piece. */
  add({ data, first, last }: Piece, atMs: number): Cut<Uint8Array> | undefined {
    if (first) [this.#parts, this.#octets, this.#atMs] = [[], 0, undefined];
    this.#atMs ??= atMs;
    this.#octets += data.length;
    if (this.#octets > MAX_MESSAGE_OCTETS) throw new ProtocolError("endless", "The meter's message has no end");
    this.#parts.push(data);
    if (!last) return undefined;
    const apdu = stripLlc(join(...this.#parts));
    this.#parts = [];
    const whole = isTransferBlock(apdu) ? this.#addBlock(apdu) : apdu;
    return whole && { value: whole, atMs: this.#atMs };
  }

  #addBlock(apdu: Uint8Array): Uint8Array | undefined {
    const block = decodeTransferBlock(apdu);
    if (block.block === 1) this.#blocks = new Assembly();
    return this.#blocks.add(block);
  }
}

/**
 * Waits for a whole message: segments of HDLC, pieces of M-Bus and blocks of the general transfer put together.
 * @throws {SilenceError} nothing came, or the rest of a message did not
 * @throws {ProtocolError} `endless`, or the wrapper's stream is none
 */
export function* receivePush(
  inbox: Inbox,
  framing: Framing,
  { withinMs, nextMs = NEXT_MS }: PushPatience,
): Dialogue<Cut<Uint8Array>> {
  const collected = new Collected();
  while (true) {
    const patience = { firstMs: collected.begun ? nextMs : withinMs, nextMs, limitBytes: LIMIT_BYTES[framing] };
    const { value, atMs } = yield* inbox.take(findPiece(framing), patience);
    const whole = value.data.length > 0 ? collected.add(value, atMs) : undefined;
    if (whole) return whole;
  }
}

/** A meter that pushes ciphered messages. */
export interface PushingMeter extends UnprotectOptions {
  readonly keys: Keys;
  /** Its system title, where the message leaves it out. */
  readonly title?: Uint8Array;
  /** Whether messages without authentication are read: some networks' meters push no others. Default no. */
  readonly acceptsUnauthenticated?: boolean;
  /** What was heard before. */
  readonly heard: CounterMemory;
}

/** What was pushed. */
export interface Push {
  /** System title of the sender; absent in a plain message. */
  readonly title?: Uint8Array;
  readonly counter?: number;
  readonly notification: Notification;
}

/**
 * Reads a message. One with a counter that is not higher than the last one of its meter was heard before, and refused.
 * @throws {ProtocolError} `damaged`: wrong key, changed, heard before · `unreadable`
 */
export function readPush(apdu: Uint8Array, meter?: PushingMeter): Push {
  const outer = decodeCiphered(apdu);
  if (!outer) return { notification: decodeNotification(apdu) };
  const title = outer.title ?? meter?.title;
  if (!meter) throw untrusted("it is ciphered: configure the meter's keys", apdu, title);
  if (!title) throw untrusted("it does not say who sends it: configure the meter's system title", apdu);
  const { plain, counter, protection } = unprotect(outer.ciphered, meter.keys, title, meter, outer.covers);
  if (!protection.authenticated && !meter.acceptsUnauthenticated) {
    throw untrusted("it is not authenticated, so that anybody may have sent it", apdu, title);
  }
  const notification = decodePlain(plain, apdu, title);
  const heard = meter.heard.get(toHex(title));
  if (heard !== undefined && counter <= heard) {
    throw untrusted(explainReplay(counter, heard, title), apdu, title);
  }
  meter.heard.set(toHex(title), counter);
  meter.heard.settle?.();
  return { title, counter, notification };
}

/** Without a tag a wrong key shows only here. */
function decodePlain(plain: Uint8Array, apdu: Uint8Array, title: Uint8Array): Notification {
  if (!isNotification(plain)) {
    throw untrusted("what it holds is no notification: wrong key or system title", apdu, title);
  }
  return decodeNotification(plain);
}

function untrusted(reason: string, apdu: Uint8Array, title?: Uint8Array): ProtocolError {
  const who = title ? ` of meter ${toHex(title)}` : "";
  return new ProtocolError("damaged", `Cannot trust a pushed message${who}: ${reason}`, apdu);
}
