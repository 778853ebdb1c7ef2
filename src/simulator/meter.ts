/**
 * The meter's half of the conversation (IEC 62056-21, 6.4), a dialogue like the reader's: from the request to the last
 * repetition in modes A, B and C, or on its own in mode D. It breaks the standard only where a fault is asked for.
 * @module
 */
import { type Dialogue, flush, Inbox, pause, send, setLine } from "../dialogue.ts";
import {
  encodeBreak,
  encodeIdentification,
  encodeOptionSelect,
  isAddressed,
  type OptionSelect,
  type Request,
} from "../iec62056/messages.ts";
import { baudCharacterOf, baudOf, SILENCE_MS } from "../iec62056/modes.ts";
import { characterMs, type LineSettings } from "../line.ts";
import type { Words } from "./capture.ts";
import type { ClientMessage } from "./client_messages.ts";
import { distortedIdentification } from "./distortions.ts";
import { answerPacket, programmingMode } from "./programming.ts";
import { AWAKE_MS, DEEP, LIGHT, sleep } from "./sleep.ts";
import { complain, hear, Interruption, type MeterOptions, say, sayData } from "./speech.ts";

/** How often a data message is repeated before the meter gives up. */
const REPEATS = 3;
/** Speed of a session that was never ended. */
const STUCK_BAUD = 9600;
/** Between two pushes at least: a receiver must see where one ends. */
const PUSH_GAP_MS = 100;

/** A meter that lives until its wire is gone. @throws {HangUp} where the fault says so */
export function meter(options: MeterOptions): Dialogue<never> {
  return options.mode === "D" ? push(options) : answer(options);
}

function* answer(options: MeterOptions): Dialogue<never> {
  const inbox = new Inbox();
  const nuls = options.faults.get("asleep") && Number(options.faults.get("asleep")!.argument ?? DEEP.nuls);
  let depth = { ...DEEP, nuls: nuls ?? 0 };
  const meter: MeterOptions = {
    ...options,
    notice: (event) => {
      if (event.kind === "break") depth = event.light ? LIGHT : { ...DEEP, nuls: nuls ?? 0 };
      options.notice(event);
    },
  };
  /** A request that came in the middle of a session: it begins the next one. */
  let next: ClientMessage | undefined;
  let sessions = 0;
  if (meter.faults.strike("stuck")) yield* waitForBreak(meter, inbox);
  while (true) {
    yield* setLine(meter.line);
    if (nuls && !next) yield* sleep(depth, (message) => complain(meter, message));
    const message = next ?? (yield* hear(meter, inbox, nuls ? AWAKE_MS : Infinity));
    next = undefined;
    if (message?.kind === "break") meter.notice(message);
    if (message?.kind === "packet" && takesPacket(meter, message.request)) {
      yield* answerPacket(meter, inbox, message.message);
    }
    if (message?.kind !== "request") continue;
    const { command, address = "" } = message.request;
    const limit = meter.faults.get("limit");
    const answered = command === "?" && isAddressed(address, meter.address) &&
      !(limit && sessions >= Number(limit.argument ?? 1)) &&
      !meter.faults.strike("silent", (argument) => argument === undefined || argument === "ident");
    meter.notice({ kind: "request", address, answered });
    if (!answered) continue;
    sessions++;
    next = yield* sessionOrNext(meter, inbox);
    if (meter.faults.get("rest")) next = yield* rest(meter, inbox);
  }
}

function takesPacket({ programming, address }: MeterOptions, request: Request): boolean {
  return programming?.dialect.packet !== undefined && isAddressed(request.address ?? "", address);
}

/** Deaf for a while after a session. */
function* rest({ faults }: MeterOptions, inbox: Inbox): Dialogue<undefined> {
  yield* pause(Number(faults.get("rest")!.argument ?? SILENCE_MS));
  yield* flush();
  inbox.clear();
  return undefined;
}

/** In a session that nobody has ended, at its speed: only a break is heard. */
function* waitForBreak(meter: MeterOptions, inbox: Inbox): Dialogue<void> {
  yield* setLine({ ...meter.line, baud: STUCK_BAUD });
  while (true) {
    const message = yield* hear(meter, inbox, Infinity);
    if (message?.kind === "break") return meter.notice(message);
  }
}

/** A session, or the request that broke it off. */
function* sessionOrNext(meter: MeterOptions, inbox: Inbox): Dialogue<ClientMessage | undefined> {
  try {
    return yield* session(meter, inbox);
  } catch (error) {
    if (!(error instanceof Interruption)) throw error;
    return error.request;
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
    if (meter.programming && reply.select.protocol === "0" && reply.select.option === "1") {
      return yield* programmingMode(meter, inbox, selectedSpeed(meter, words, reply.select));
    }
    if (meter.handedOver && reply.select.protocol === "2" && reply.select.option === "2") {
      return yield* handOver(meter, meter.handedOver, selectedSpeed(meter, words, reply.select));
    }
    const line = selectedLine(meter, words, reply.select);
    return line && (yield* readout(meter, inbox, words, line));
  }
  if (reply?.kind === "break") meter.notice(reply);
  if (reply?.kind === "break" || reply?.kind === "request") return reply.kind === "request" ? reply : undefined;
  complain(meter, `${reply === undefined ? "no" : "a wrong"} acknowledgement: data at ${meter.line.baud} Bd`);
  return yield* readout(meter, inbox, words, meter.line);
}

/** Confirms the speed at that speed, and is on HDLC until its client disconnects (6.4.5). */
function* handOver(meter: MeterOptions, connection: () => Dialogue<void>, line: LineSettings): Dialogue<undefined> {
  const hdlc: LineSettings = { ...line, dataBits: 8, parity: "none" };
  yield* setLine(line);
  yield* pause(meter.reactionMs);
  yield* send(
    encodeOptionSelect({ protocol: "2", baudCharacter: baudCharacterOf("E", line.baud) ?? "0", option: "2" }),
  );
  yield* setLine(hdlc);
  meter.notice({ kind: "hand-over", line: hdlc });
  yield* connection();
  return undefined;
}

/** The line after the identification, at the speed that Z stands for. */
function proposedLine(meter: MeterOptions, { identification }: Words): LineSettings {
  const baud = meter.fixed ? undefined : baudOf(meter.mode, identification.baudCharacter);
  return baud === undefined ? meter.line : { ...meter.line, baud };
}

/** The line that the client selected; `undefined`: it selected what this meter does not have. */
function selectedLine(meter: MeterOptions, words: Words, select: OptionSelect): LineSettings | undefined {
  const { protocol, baudCharacter, option } = select;
  const required = meter.faults.get("require-ack")?.argument;
  if (required !== undefined) {
    return protocol + baudCharacter + option === required ? proposedLine(meter, words) : undefined;
  }
  if (protocol === "0" && option === "0") return selectedSpeed(meter, words, select);
  const had = `the data readout (0${baudCharacter}0)${
    meter.programming ? " and programming mode" : " alone"
  } can be had`;
  complain(meter, `${had}, not ${protocol}${baudCharacter}${option}`);
  return undefined;
}

/** The line at the speed that the client selected, if the meter takes it. */
function selectedSpeed(meter: MeterOptions, words: Words, { baudCharacter }: OptionSelect): LineSettings {
  if (meter.faults.strike("ignore-ack")) return meter.line;
  const z = words.identification.baudCharacter;
  const announced = meter.faults.get("z")?.argument ?? z;
  if (baudCharacter === z || baudCharacter === announced) return proposedLine(meter, words);
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

function identificationOf({ faults }: MeterOptions, { identification }: Words): Uint8Array {
  return distortedIdentification(encodeIdentification(identification), faults);
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
