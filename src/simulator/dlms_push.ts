/** What a simulated DLMS meter pushes: its registers, in frames of HDLC or of a wired M-Bus, plain or ciphered. @module */
import { type Dialogue, pause, send, setLine } from "../dialogue.ts";
import {
  type CipheringOptions,
  CLASS,
  type Data,
  dateTimeOf,
  encodeCiphered,
  encodeDataNotification,
  encodeDateTime,
  encodeFrame,
  encodeGeneralCiphering,
  encodeGeneralHeader,
  encodeLogicalName,
  encodeLongFrame,
  hdlcAddress,
  type MeterObject,
  NULL,
  octetString,
  protect,
  segment,
  structure,
  Writer,
} from "../dlms/mod.ts";
import type { LineSettings } from "../line.ts";

/** What carries the messages. */
export const PUSH_FRAMINGS = ["hdlc", "m-bus"] as const;

/** How it pushes. */
export interface PushOptions {
  readonly framing: typeof PUSH_FRAMINGS[number];
  /** From one message to the next. */
  readonly everyMs: number;
  readonly line: LineSettings;
  /** Its logical device, and what a frame holds. */
  readonly server: number;
  readonly frameOctets: number;
  /** Absent: in plain. */
  readonly ciphering?: Pick<CipheringOptions, "keys" | "protection" | "title" | "counter"> & {
    /** By general-ciphering (DD), not with the title alone in front (DB). */
    readonly isGeneral?: boolean;
  };
}

/** What it knows at each moment. */
export interface PushWorld {
  readonly nowMs: () => number;
  readonly offsetMinutes: number;
  readonly objects: () => readonly MeterObject[];
  /** A frame as the faults leave it. */
  readonly spoilt: (octets: Uint8Array) => Uint8Array;
}

/** To whom it speaks: a customer's display. */
const DISPLAY = 103;
/** Control and address of an M-Bus master's frames to everybody, and the octets that fit into one. */
const [SEND_USER_DATA, EVERYBODY, LONG_FRAME_OCTETS] = [0x53, 0xff, 250];

/** Pushes until its wire is gone. */
export function* pushing(options: PushOptions, world: PushWorld): Dialogue<never> {
  yield* setLine(options.line);
  for (let invoke = 1;; invoke = (invoke + 1) & 0xffffff) {
    const message = ciphered(notification(invoke, world), options);
    for (const frame of options.framing === "hdlc" ? hdlcFrames(message, options) : longFrames(message)) {
      yield* send(world.spoilt(frame));
    }
    yield* pause(options.everyMs);
  }
}

function notification(invoke: number, { nowMs, offsetMinutes, objects }: PushWorld): Uint8Array {
  const dateTime = encodeDateTime(dateTimeOf(nowMs(), -offsetMinutes));
  return encodeDataNotification({ invoke, dateTime, data: { type: "array", items: objects().flatMap(rowOf) } });
}

/** Name, value, and scaler with unit where there is one. */
function rowOf({ classId, name, attributes }: MeterObject): Data[] {
  if (classId !== CLASS.register && classId !== CLASS.data) return [];
  const unit = classId === CLASS.register ? [attributes[3] ?? NULL] : [];
  return [structure(octetString(encodeLogicalName(name)), attributes[2] ?? NULL, ...unit)];
}

function ciphered(plain: Uint8Array, { ciphering }: PushOptions): Uint8Array {
  if (!ciphering) return plain;
  const { keys, title, counter, protection, isGeneral = false } = ciphering;
  if (isGeneral) return generallyCiphered(plain, ciphering);
  const octets = protect(plain, keys, { title, counter: counter.next() }, protection);
  return encodeCiphered({ kind: "general-global", title, ciphered: octets }, plain[0]!);
}

/** With the global key, for nobody in particular, its number standing for the transaction. */
function generallyCiphered(
  plain: Uint8Array,
  { keys, title, counter, protection }: NonNullable<PushOptions["ciphering"]>,
): Uint8Array {
  const number = counter.next();
  const none = new Uint8Array();
  const transaction = new Writer().integer(number, 4).bytes;
  const header = { transaction, originator: title, recipient: none, dateTime: none, other: none };
  const octets = protect(plain, keys, { title, counter: number }, protection, encodeGeneralHeader(header));
  return encodeGeneralCiphering({ header, key: { kind: "identified", key: 0 }, ciphered: octets });
}

function hdlcFrames(message: Uint8Array, { server, frameOctets }: PushOptions): Uint8Array[] {
  const pieces = segment(message, frameOctets, "response");
  return pieces.map((information, at) => {
    const segmented = at < pieces.length - 1;
    const addresses = { destination: hdlcAddress(DISPLAY), source: hdlcAddress(server) };
    return encodeFrame({ ...addresses, control: { kind: "UI", poll: !segmented }, segmented, information });
  });
}

function longFrames(message: Uint8Array): Uint8Array[] {
  const count = Math.ceil(message.length / LONG_FRAME_OCTETS);
  return Array.from({ length: count }, (_, piece) =>
    encodeLongFrame({
      ...{ control: SEND_USER_DATA, address: EVERYBODY, source: 1, destination: DISPLAY },
      ...{ piece: piece & 0x0f, last: piece === count - 1 },
      data: message.subarray(piece * LONG_FRAME_OCTETS, (piece + 1) * LONG_FRAME_OCTETS),
    }));
}
