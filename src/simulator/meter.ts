/**
 * The meter's half of the conversation (IEC 62056-21, 6.4), a dialogue like the reader's: from the request to the last
 * repetition in modes A, B and C, or on its own in mode D. It breaks the standard only where a fault is asked for.
 * @module
 */
import { type Dialogue, Inbox, pause, send, setLine } from "../dialogue.ts";
import { ProtocolError, SilenceError } from "../errors.ts";
import { encodeBreak, encodeIdentification, isAddressed, type OptionSelect } from "../iec62056/messages.ts";
import { hex, toBytes } from "../iec62056/characters.ts";
import { baudOf, SILENCE_MS } from "../iec62056/modes.ts";
import { characterMs, type LineSettings } from "../line.ts";
import type { SimulatedMode, Words } from "./capture.ts";
import { type ClientMessage, findClientMessage } from "./client_messages.ts";
import { type Faults, noise, withFlippedDigit, withWrongCheck, withWrongCrc } from "./faults.ts";

/** What a simulated meter does that its owner may want to know. */
export type MeterEvent =
  | { readonly kind: "request"; readonly address: string; readonly answered: boolean }
  | { readonly kind: "data"; readonly line: LineSettings }
  | { readonly kind: "push" }
  | { readonly kind: "repeat" }
  | { readonly kind: "break" }
  /** The client did what a meter can't understand. */
  | { readonly kind: "complaint"; readonly message: string };

/** How a meter is made. */
export interface MeterOptions {
  readonly mode: SimulatedMode;
  /** Answers requests for this number; absent: only those for everybody. */
  readonly address?: string;
  /** Speed and format in which it waits for a request, or pushes. */
  readonly line: LineSettings;
  /** Its port has one speed: it announces another and does not change. */
  readonly fixed?: boolean;
  /** Before each message, ms after the last one of the other side. */
  readonly reactionMs: number;
  /** From one push to the next, begin to begin (mode D). */
  readonly periodMs: number;
  /** How many bytes are said at a stretch: after each the meter looks for a break. */
  readonly stretch: (line: LineSettings) => number;
  /** What it says now: asked once a session or push. */
  readonly words: () => Words;
  readonly faults: Faults;
  readonly notice: (event: MeterEvent) => void;
}

/** Thrown out of a meter that hangs up (the fault `disconnect`). */
export class HangUp extends Error {
  override readonly name = "HangUp";
}

/** How often a data message is repeated before the meter gives up. */
const REPEATS = 3;
/** More than this without a message is noise. */
const LIMIT_BYTES = 1024;
/** Between two pushes at least: a receiver must see where one ends. */
const PUSH_GAP_MS = 100;

/** A meter that lives until its wire is gone. @throws {HangUp} where the fault says so */
export function meter(options: MeterOptions): Dialogue<never> {
  return options.mode === "D" ? push(options) : answer(options);
}

function* answer(meter: MeterOptions): Dialogue<never> {
  const inbox = new Inbox();
  /** A request that came in the middle of a session: it begins the next one. */
  let next: ClientMessage | undefined;
  while (true) {
    yield* setLine(meter.line);
    const message = next ?? (yield* hear(meter, inbox, Infinity));
    next = undefined;
    if (message?.kind === "break") meter.notice(message);
    if (message?.kind !== "request") continue;
    const { command, address = "" } = message.request;
    const answered = command === "?" && isAddressed(address, meter.address) &&
      !meter.faults.strike("silent", (argument) => argument !== "data");
    meter.notice({ kind: "request", address, answered });
    if (answered) next = yield* session(meter, inbox);
  }
}

/** From the identification to the end of the data. Brings home what the client said last, if that begins a new session. */
function* session(meter: MeterOptions, inbox: Inbox): Dialogue<ClientMessage | undefined> {
  const words = meter.words();
  yield* pause(meter.reactionMs);
  if (yield* say(meter, inbox, identificationOf(meter, words), meter.line)) return undefined;
  if (meter.faults.strike("silent", (argument) => argument === "data")) return yield* nextRequest(meter, inbox);
  if (meter.mode !== "C") return yield* readout(meter, inbox, words, proposedLine(meter, words));
  const reply = yield* hear(meter, inbox, SILENCE_MS);
  if (reply?.kind === "select") {
    const line = selectedLine(meter, words, reply.select);
    return line && (yield* readout(meter, inbox, words, line));
  }
  if (reply?.kind === "break") meter.notice(reply);
  if (reply?.kind === "break" || reply?.kind === "request") return reply.kind === "request" ? reply : undefined;
  complain(meter, `${reply === undefined ? "no" : "a wrong"} acknowledgement: data at ${meter.line.baud} Bd`);
  return yield* readout(meter, inbox, words, meter.line);
}

/** The line after the identification, at the speed that Z stands for. */
function proposedLine(meter: MeterOptions, { identification }: Words): LineSettings {
  const baud = meter.fixed ? undefined : baudOf(meter.mode, identification.baudCharacter);
  return baud === undefined ? meter.line : { ...meter.line, baud };
}

/** The line that the client selected; `undefined`: it selected something else than a readout. */
function selectedLine(meter: MeterOptions, words: Words, select: OptionSelect): LineSettings | undefined {
  const { protocol, baudCharacter, option } = select;
  if (protocol !== "0" || option !== "0") {
    complain(meter, `only the data readout (0${baudCharacter}0) can be had, not ${protocol}${baudCharacter}${option}`);
    return undefined;
  }
  if (meter.faults.strike("ignore-ack")) return meter.line;
  const z = words.identification.baudCharacter;
  if (baudCharacter === z) return proposedLine(meter, words);
  if (baudCharacter !== "0") {
    complain(
      meter,
      `the acknowledgement selects speed ${baudCharacter} instead of ${z}: data at ${meter.line.baud} Bd`,
    );
  }
  return meter.line;
}

/** Data messages until the client is content, at the speed `line`. */
function* readout(
  meter: MeterOptions,
  inbox: Inbox,
  words: Words,
  line: LineSettings,
): Dialogue<ClientMessage | undefined> {
  yield* setLine(line);
  for (let repeats = 0; repeats <= REPEATS; repeats++) {
    yield* pause(meter.reactionMs);
    meter.notice({ kind: "data", line });
    if (yield* sayData(meter, inbox, words.message, line)) return undefined;
    const reply = yield* hear(meter, inbox, SILENCE_MS);
    if (reply?.kind === "break" || reply?.kind === "repeat") meter.notice(reply);
    if (reply?.kind !== "repeat") return reply?.kind === "request" ? reply : undefined;
    if (meter.faults.strike("no-nak")) return yield* nextRequest(meter, inbox);
  }
  if (meter.mode === "C") yield* send(encodeBreak());
  return undefined;
}

/** Says nothing any more until the time is over; a new request is heard. */
function* nextRequest(meter: MeterOptions, inbox: Inbox): Dialogue<ClientMessage | undefined> {
  const message = yield* hear(meter, inbox, SILENCE_MS);
  if (message?.kind === "break") meter.notice(message);
  return message?.kind === "request" ? message : undefined;
}

function identificationOf(meter: MeterOptions, { identification }: Words): Uint8Array {
  if (meter.faults.strike("garbage", (argument) => argument === undefined || argument === "ident")) return noise(20);
  return withNoiseBefore(meter, encodeIdentification(identification));
}

function withNoiseBefore(meter: MeterOptions, message: Uint8Array): Uint8Array {
  if (!meter.faults.strike("garbage", (argument) => argument === "before")) return message;
  return Uint8Array.of(...noise(16), ...message);
}

/** A data message as the faults leave it. @returns whether the client ended it */
function* sayData(meter: MeterOptions, inbox: Inbox, whole: Uint8Array, line: LineSettings): Dialogue<boolean> {
  const { faults } = meter;
  let bytes = whole;
  if (faults.strike("flip-digit")) bytes = withFlippedDigit(bytes);
  if (meter.mode !== "D" && faults.strike("bad-bcc")) bytes = withWrongCheck(bytes);
  if (meter.mode === "D" && faults.strike("wrong-crc")) bytes = withWrongCrc(bytes);
  if (bytes[0] === 0x02 && faults.strike("drop-stx")) bytes = bytes.subarray(1);
  if (faults.strike("garbage", (argument) => argument === "data")) bytes = noise(bytes.length);
  bytes = withNoiseBefore(meter, bytes);
  if (faults.strike("endless")) return yield* sayWithoutEnd(meter, inbox, bytes, line);
  const hangUp = faults.strike("disconnect");
  const cut = hangUp ?? faults.strike("truncate");
  if (cut) bytes = bytes.subarray(0, Number(cut.argument ?? bytes.length >> 1));
  const ended = yield* say(meter, inbox, bytes, line);
  if (hangUp) throw new HangUp("The fault disconnect struck");
  return ended;
}

function* sayWithoutEnd(meter: MeterOptions, inbox: Inbox, bytes: Uint8Array, line: LineSettings): Dialogue<boolean> {
  let part = bytes.subarray(0, bytes.length >> 1);
  while (!(yield* say(meter, inbox, part, line))) {
    part = toBytes("1.8.0(0000000.0*kWh)\r\n".repeat(16));
    if (yield* broken(meter, inbox)) break;
  }
  return true;
}

/** Says a message in stretches and looks for a break after each. @returns whether a break ended it */
function* say(meter: MeterOptions, inbox: Inbox, bytes: Uint8Array, line: LineSettings): Dialogue<boolean> {
  const stretch = Math.max(1, meter.stretch(line));
  for (let at = 0; at < bytes.length; at += stretch) {
    if (at > 0 && (yield* broken(meter, inbox))) return true;
    yield* send(bytes.subarray(at, at + stretch));
  }
  return false;
}

/** Whether a break has come; anything else that came while the meter was speaking is lost on it. */
function* broken(meter: MeterOptions, inbox: Inbox): Dialogue<boolean> {
  if (meter.mode === "D") return false; // a push has no ears
  try {
    const { value } = yield* inbox.take(findClientMessage, { firstMs: 0, nextMs: 0, limitBytes: LIMIT_BYTES });
    if (value.kind === "break") {
      meter.notice(value);
      return true;
    }
    complain(meter, `a message (${value.kind}) came while the meter was speaking`);
  } catch (error) {
    if (!(error instanceof SilenceError || error instanceof ProtocolError)) throw error;
    if (error instanceof ProtocolError) inbox.clear();
  }
  return false;
}

/** The next message of the client, or nothing: silence, or bytes that are none. */
function* hear(meter: MeterOptions, inbox: Inbox, withinMs: number): Dialogue<ClientMessage | undefined> {
  try {
    const patience = { firstMs: withinMs, nextMs: SILENCE_MS, limitBytes: LIMIT_BYTES };
    return (yield* inbox.take(findClientMessage, patience)).value;
  } catch (error) {
    if (!(error instanceof SilenceError || error instanceof ProtocolError)) throw error;
    if (inbox.bytes.some((byte) => byte !== 0)) complain(meter, `cannot understand ${hex(inbox.bytes)}`);
    inbox.clear();
    return undefined;
  }
}

function complain(meter: MeterOptions, message: string): void {
  meter.notice({ kind: "complaint", message });
}

function* push(meter: MeterOptions): Dialogue<never> {
  const inbox = new Inbox();
  yield* setLine(meter.line);
  while (true) {
    const bytes = meter.words().push;
    if (!meter.faults.strike("silent")) {
      meter.notice({ kind: "push" });
      yield* sayData(meter, inbox, bytes, meter.line);
    }
    const saidMs = meter.stretch(meter.line) === Infinity ? 0 : bytes.length * characterMs(meter.line);
    yield* pause(Math.max(meter.periodMs - saidMs, PUSH_GAP_MS));
  }
}
