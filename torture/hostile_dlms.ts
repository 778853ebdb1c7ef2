/**
 * A DLMS meter that does what no meter should: a sound one answers, and what it says is spoilt before it reaches the line,
 * as a message (its frames then have right check sequences) or as octets.
 * @module
 */
import { join } from "../src/bytes.ts";
import {
  encodeAssociationResponse,
  encodeException,
  encodeFrame,
  encodeGetResponse,
  encodeTransferBlock,
  encodeWrapped,
  findFrame,
  findWrapped,
  type Frame,
  fromHex,
  hdlcAddress,
  hdlcStation,
  type Meter,
  Server,
  wrapperStation,
} from "../src/dlms/mod.ts";
import type { Answering, Reply } from "./hostile_meter.ts";

/** What carries the messages. */
export type Carrier = "hdlc" | "wrapper";

/** What is known when a message is spoilt: how many were, and what the meter said before. */
export interface Moment {
  /** From 1; of this meter, whatever was asked. */
  readonly count: number;
  readonly before: readonly Uint8Array[];
}

/** What becomes of one answer. What is absent stays as it should be. */
export interface Scene {
  readonly message?: (apdu: Uint8Array, moment: Moment) => Uint8Array;
  /** Of the frames or wrapped messages of an answer, what goes on the line. */
  readonly octets?: (sent: readonly Uint8Array[], moment: Moment) => Uint8Array;
  readonly then?: Reply["then"];
}

/** Its address on HDLC, and as a port. */
const [STATION, PORT] = [hdlcAddress(1, 17), 1];
/** So small that a value takes many frames, so wide a window that they can change places. */
const FRAMES = { maxSend: 64, maxReceive: 64, windowSend: 3, windowReceive: 1 };
const NOTHING = { bytes: new Uint8Array(), atMs: 0 };
const [STRANGER, STRANGE_FRAMES] = [99, 64];
const HUGE = 2000;

/** A meter whose `n`-th answer (from 0) becomes what `sceneOf` says. */
export function dlmsMeter(meter: Meter, carrier: Carrier, sceneOf: (n: number) => Scene): Answering {
  let asked = 0;
  let scene: Scene = {};
  const messages: Uint8Array[] = [];
  const octets: Uint8Array[] = [];
  const serve = (client: number) => {
    const server = new Server(meter, client);
    return {
      answer(apdu: Uint8Array) {
        const sound = server.answer(apdu);
        const said = scene.message?.(sound, { count: messages.length + 1, before: messages }) ?? sound;
        messages.push(sound);
        return said;
      },
    };
  };
  const station = carrier === "hdlc"
    ? hdlcStation({ address: STATION, serve, parameters: FRAMES })
    : wrapperStation({ port: PORT, serve });
  station.next();
  return (bytes) => {
    scene = sceneOf(asked++);
    const sent: Uint8Array[] = [];
    let step = station.next({ bytes, atMs: 0 });
    for (; !step.done && step.value.kind !== "receive"; step = station.next(NOTHING)) {
      if (step.value.kind === "send") sent.push(step.value.bytes);
    }
    const said = scene.octets?.(sent, { count: octets.length + 1, before: octets }) ?? join(...sent);
    octets.push(join(...sent));
    return [{ bytes: said, then: scene.then ?? "silence" }];
  };
}

const get = (result: Uint8Array) => join(Uint8Array.of(0xc4, 1, 0xc1, 0), result);

/** Messages that no meter should send in answer to any question; each is whole, and framed with right checks. */
export const MESSAGES: Readonly<Record<string, NonNullable<Scene["message"]>>> = {
  "a thousand structures, one in the other": () => get(fromHex("0201".repeat(1000) + "00")),
  "arrays of arrays that are said to be long": () => get(fromHex("0184FFFFFFFF".repeat(300))),
  "an octet string longer than the message": () => get(fromHex("0984FFFFFFFF00")),
  "a length of a hundred octets": () => get(join(fromHex("09E4"), new Uint8Array(100).fill(0xff))),
  "an array of four billion nothings": () => get(fromHex("0184FFFFFFFF" + "00".repeat(500))),
  "a compact array of nothing, without end": () => get(fromHex("130084FFFFFFFF")),
  "a type that there is not": () => get(Uint8Array.of(0x77, 1, 2)),
  "blocks without end": (_, { count }) =>
    encodeGetResponse({ kind: "block", invoke: 0xc1, last: false, block: count, raw: new Uint8Array(1000) }),
  "empty blocks": (_, { count }) =>
    encodeGetResponse({ kind: "block", invoke: 0xc1, last: false, block: count, raw: new Uint8Array() }),
  "blocks out of turn": (_, { count }) =>
    encodeGetResponse({ kind: "block", invoke: 0xc1, last: count % 3 === 0, block: 7 * count, raw: new Uint8Array(9) }),
  "a general block transfer without end": (_, { count }) => transfer(count, 1000),
  "a general block transfer of nothing": (_, { count }) => transfer(count, 0),
  "a general block transfer that never goes on": () => transfer(1, 10),
  "an answer to another question": (apdu) => apdu.with(2, (apdu[2] ?? 0) ^ 5),
  "an answer of another service": (apdu) => apdu.with(0, 0xc5),
  "an association once more": () => {
    const initiate = fromHex("0800065F1F0400007E1F04B00007");
    const diagnostic = { source: "user", code: 0 } as const;
    const context = { names: "logical", ciphered: false } as const;
    return encodeAssociationResponse({ context, result: "accepted", diagnostic, initiate });
  },
  "a push that nobody asked for": () => fromHex("0F0000000100020309060100010800FF0600000001161E"),
  "an exception": () => encodeException({ state: 1, error: 3 }),
  "an exception that asks for a higher counter": () => fromHex("D80106FFFFFFFE"),
  "the answer before": (apdu, { before }) => before.at(-1) ?? apdu,
  "the first answer": (apdu, { before }) => before[0] ?? apdu,
  nothing: () => new Uint8Array(),
  "a message of 64 kB": (apdu) => join(apdu, new Uint8Array(60_000)),
};

function transfer(block: number, octets: number): Uint8Array {
  const its = { last: false, streaming: false, window: 1, acknowledged: 0 };
  return encodeTransferBlock({ ...its, block, data: new Uint8Array(octets) });
}

/** What no line should carry; where there are no frames, the like of it in wrapped messages. */
export const LINES: Readonly<Record<string, NonNullable<Scene["octets"]>>> = {
  "not ready, for ever": each((frame) => ({
    ...frame,
    control: { kind: "RNR", receive: numberOf(frame), poll: true },
  })),
  "ready, and nothing else": each((frame) => ({
    ...frame,
    control: { kind: "RR", receive: numberOf(frame), poll: true },
  })),
  "segments without end": each((frame) => ({ ...frame, segmented: true })),
  "frames to another client": each((frame) => ({ ...frame, destination: hdlcAddress(STRANGER) })),
  "frames of another meter": each((frame) => ({ ...frame, source: hdlcAddress(1, STRANGER) })),
  "another number": each((frame) => {
    const { control } = frame;
    return "send" in control ? { ...frame, control: { ...control, send: (control.send + 3) % 8 } } : frame;
  }),
  "acknowledged what was never sent": each((frame) => {
    const { control } = frame;
    return "receive" in control ? { ...frame, control: { ...control, receive: (control.receive + 5) % 8 } } : frame;
  }),
  "the link dropped": each((frame) => ({
    ...frame,
    control: { kind: "DM", poll: true },
    information: new Uint8Array(),
  })),
  "the frame rejected": each((frame) => ({ ...frame, control: { kind: "FRMR", poll: true } })),
  "connected once more": each((frame) => ({ ...frame, control: { kind: "UA", poll: true } })),
  "huge frames": each((frame) => ({ ...frame, information: new Uint8Array(HUGE) })),
  "frames without information": each((frame) => ({ ...frame, information: new Uint8Array() })),
  "never the last frame": each((frame) => ({ ...frame, control: { ...frame.control, poll: false } })),
  "many frames for others": (sent) =>
    join(
      ...Array<Uint8Array>(STRANGE_FRAMES).fill(
        each((frame) => ({ ...frame, destination: hdlcAddress(STRANGER) }))(sent),
      ),
    ),
  "frames in reverse": (sent) => join(...sent.toReversed()),
  "everything twice": (sent) => join(...sent, ...sent),
  "everything but the first octet": (sent) => join(...sent).subarray(1),
  "a length that lies": (sent) => patched(sent, (octets) => isFrame(octets) ? 2 : 7, 0xff),
  "a length of nothing": (sent) => patched(sent, (octets) => isFrame(octets) ? 2 : 7, 0),
  "the answer before": (sent, { before }) => before.at(-1) ?? join(...sent),
  "the answer before the last": (sent, { before }) => before.at(-2) ?? join(...sent),
  "flags alone": () => new Uint8Array(300).fill(0x7e),
  silence: () => new Uint8Array(),
};

/** Changes each frame, and gives it right checks again; of a wrapped message it changes the ports. */
function each(change: (frame: Frame) => Frame): (sent: readonly Uint8Array[]) => Uint8Array {
  return (sent) =>
    join(...sent.map((octets) => {
      const frame = findFrame()(octets)?.value;
      if (frame) return encodeFrame(change(frame));
      const wrapped = findWrapped()(octets)?.value;
      return wrapped ? encodeWrapped({ ...wrapped, destination: STRANGER }) : octets;
    }));
}

function numberOf({ control }: Frame): number {
  return "receive" in control ? control.receive : 0;
}

function isFrame(octets: Uint8Array): boolean {
  return octets[0] === 0x7e;
}

function patched(sent: readonly Uint8Array[], at: (octets: Uint8Array) => number, by: number): Uint8Array {
  const whole = join(...sent);
  return at(whole) < whole.length ? whole.with(at(whole), by) : whole;
}
