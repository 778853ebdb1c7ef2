/** The meter's side of a line: answers frames or wrapped messages, one client after the other (IEC 62056-46, -47). @module */
import { type Dialogue, Inbox, send } from "../dialogue.ts";
import { SilenceError } from "../errors.ts";
import { encodeFrame, findFrame, type Frame } from "./hdlc.ts";
import { type HdlcAddress, isSameStation } from "./hdlc_address.ts";
import type { Control } from "./hdlc_control.ts";
import { decodeParameters, encodeParameters, type LinkParameters } from "./hdlc_parameters.ts";
import { segment, stripLlc } from "./llc.ts";
import { join } from "../bytes.ts";
import { encodeWrapped, findWrapped } from "./wrapper.ts";

/** What answers a client's messages; made anew when the client connects. */
export interface Answering {
  answer(apdu: Uint8Array): Uint8Array;
  /** A further message to the same question, if there is one. */
  more?(): Uint8Array | undefined;
}

/** All messages that answer a question. */
function messagesOf(answering: Answering, apdu: Uint8Array): Uint8Array[] {
  const messages = [answering.answer(apdu)];
  for (let more = answering.more?.(); more; more = answering.more?.()) messages.push(more);
  return messages;
}

/** A frame's part of an answer; `segmented`: its message goes on. */
interface Piece {
  readonly octets: Uint8Array;
  readonly segmented: boolean;
}

/** A meter on an HDLC line. */
export interface StationOptions {
  readonly address: HdlcAddress;
  readonly serve: (client: number) => Answering;
  /** What it takes and sends. Default: 128 octets, one frame. */
  readonly parameters?: LinkParameters;
  /** Forgets its client when nothing comes for this long. Default two minutes. */
  readonly inactivityMs?: number;
  /** Ends when its client has disconnected or is forgotten, as after a sign-on; else it waits for the next. */
  readonly once?: boolean;
  /** What becomes of the octets of its `count`-th frame (from 1): changed, or none at all. For tests and faults. */
  readonly fault?: (octets: Uint8Array, count: number) => Uint8Array;
}

const PARAMETERS: LinkParameters = { maxSend: 128, maxReceive: 128, windowSend: 1, windowReceive: 1 };
const INACTIVITY_MS = 120_000;
const NOTHING = new Uint8Array();

/** A client that is connected. */
interface Connection {
  readonly client: HdlcAddress;
  readonly answering: Answering;
  readonly parameters: LinkParameters;
  /** V(R), and what has come of a question in segments. */
  receive: number;
  parts: Uint8Array[];
  /** The last answer in pieces, the number of the first, and how many the client has. */
  pieces: Piece[];
  base: number;
  acknowledged: number;
}

/** Answers on an HDLC line until it is ended from outside, or once. */
export function* hdlcStation(options: StationOptions): Dialogue<void> {
  const inbox = new Inbox();
  const { address, inactivityMs = INACTIVITY_MS, once = false, fault = (octets) => octets } = options;
  const patience = { firstMs: inactivityMs, nextMs: inactivityMs, limitBytes: 1 << 16 };
  let connection: Connection | undefined;
  for (let count = 1;;) {
    const asked = yield* takeOrForget(inbox, patience);
    if (!asked) connection = undefined;
    else if (isSameStation(asked.destination, address)) {
      connection = connect(options, asked) ?? connection;
      const answers = answersTo(options, connection, asked);
      if (asked.control.kind === "DISC") connection = undefined;
      for (const octets of answers) yield* send(fault(octets, count++));
    }
    if (once && !connection && (!asked || asked.control.kind === "DISC")) return;
  }
}

function* takeOrForget(inbox: Inbox, patience: Parameters<Inbox["take"]>[1]): Dialogue<Frame | undefined> {
  try {
    return (yield* inbox.take(findFrame(), patience)).value;
  } catch (error) {
    if (!(error instanceof SilenceError)) throw error;
    inbox.clear();
    return undefined;
  }
}

/** SNRM begins anew. */
function connect({ serve, parameters = PARAMETERS }: StationOptions, asked: Frame): Connection | undefined {
  if (asked.control.kind !== "SNRM") return undefined;
  const theirs = decodeParameters(asked.information);
  return {
    ...{ client: asked.source, answering: serve(asked.source.upper), parameters: agreed(parameters, theirs) },
    ...{ receive: 0, parts: [], pieces: [], base: 0, acknowledged: 0 },
  };
}

function agreed(own: LinkParameters, theirs: LinkParameters): LinkParameters {
  return {
    maxSend: Math.min(own.maxSend, theirs.maxReceive),
    maxReceive: Math.min(own.maxReceive, theirs.maxSend),
    windowSend: Math.min(own.windowSend, theirs.windowReceive),
    windowReceive: Math.min(own.windowReceive, theirs.windowSend),
  };
}

/** The frames that answer one. */
function answersTo(options: StationOptions, connection: Connection | undefined, asked: Frame): Uint8Array[] {
  const { control, source } = asked;
  const frame = (control: Control, information: Uint8Array = NOTHING, segmented = false) =>
    encodeFrame({ destination: source, source: options.address, control, segmented, information });
  if (control.kind === "SNRM") return [frame({ kind: "UA", poll: true }, encodeParameters(connection!.parameters))];
  if (!connection || connection.client.upper !== source.upper) return [frame({ kind: "DM", poll: true })];
  if (control.kind === "DISC") return [frame({ kind: "UA", poll: true })];
  if (!("receive" in control)) return [];
  acknowledge(connection, control.receive);
  if (control.kind === "I" && control.send === connection.receive) take(connection, asked);
  if (!control.poll) return [];
  const burst = nextPieces(connection, frame);
  return burst.length > 0 ? burst : [frame({ kind: "RR", receive: connection.receive, poll: true })];
}

function acknowledge(connection: Connection, receive: number): void {
  const arrived = receive - connection.base - connection.acknowledged & 7;
  const open = Math.min(connection.parameters.windowSend, connection.pieces.length - connection.acknowledged);
  if (arrived <= open) connection.acknowledged += arrived;
}

/** The next piece of a question, and the answer once it is whole. */
function take(connection: Connection, { information, segmented }: Frame): void {
  connection.receive = (connection.receive + 1) % 8;
  connection.parts.push(information);
  if (segmented) return;
  const messages = messagesOf(connection.answering, stripLlc(join(...connection.parts)));
  connection.base = (connection.base + connection.pieces.length) % 8;
  [connection.parts, connection.acknowledged] = [[], 0];
  connection.pieces = messages.flatMap((message) => {
    const pieces = segment(message, connection.parameters.maxSend, "response");
    return pieces.map((octets, at) => ({ octets, segmented: at < pieces.length - 1 }));
  });
}

function nextPieces(
  { pieces, acknowledged, base, receive, parameters, parts }: Connection,
  frame: (control: Control, information: Uint8Array, segmented: boolean) => Uint8Array,
): Uint8Array[] {
  if (parts.length > 0) return []; // the question is not whole yet
  const end = Math.min(acknowledged + parameters.windowSend, pieces.length);
  return pieces.slice(acknowledged, end).map(({ octets, segmented }, at) => {
    const number = acknowledged + at;
    const control: Control = { kind: "I", send: (base + number) % 8, receive, poll: number === end - 1 };
    return frame(control, octets, segmented);
  });
}

/** A meter behind a TCP wrapper. */
export interface WrapperStationOptions {
  readonly port: number;
  readonly serve: (client: number) => Answering;
  /** As with {@link StationOptions}. */
  readonly fault?: StationOptions["fault"];
}

/** Answers wrapped messages until it is ended from outside. Each client has its own association. */
export function* wrapperStation({ port, serve, fault = (octets) => octets }: WrapperStationOptions): Dialogue<never> {
  const inbox = new Inbox();
  const clients = new Map<number, Answering>();
  const patience = { firstMs: INACTIVITY_MS, nextMs: INACTIVITY_MS, limitBytes: 1 << 17 };
  for (let count = 1;;) {
    const { source, destination, apdu } = (yield* inbox.take(findWrapped(), patience)).value;
    if (destination !== port) continue;
    const answering = clients.get(source) ?? serve(source);
    clients.set(source, answering);
    for (const message of messagesOf(answering, apdu)) {
      yield* send(fault(encodeWrapped({ source: port, destination: source, apdu: message }), count++));
    }
  }
}
