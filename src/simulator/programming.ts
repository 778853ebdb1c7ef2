/** The meter's half of programming mode (IEC 62056-21, 6.3.5 to 6.3.12): commands in, answers out, until the break. @module */
import { join } from "../bytes.ts";
import { type Dialogue, type Inbox, pause, setLine } from "../dialogue.ts";
import { EOT, ETX, STX } from "../iec62056/characters.ts";
import { formatDataSet } from "../iec62056/data_block.ts";
import { ACKNOWLEDGEMENT, type Command, encodeBreak, encodeCommand, encodeDataMessage } from "../iec62056/messages.ts";
import { REPEAT_REQUEST } from "../iec62056/messages.ts";
import type { LineSettings } from "../line.ts";
import { type ClientMessage, type CommandMessage, findSessionMessage } from "./client_messages.ts";
import type { Programmed } from "./registers.ts";
import { type CommandEnd, complain, hear, type MeterOptions, say, sayData } from "./speech.ts";

/** A meter that hears nothing for so long leaves programming mode. */
const INACTIVITY_MS = 90_000;
/** How often a message is repeated before the meter gives up. */
const REPEATS = 3;

/** What a meter knows of its session. */
interface Session {
  readonly meter: MeterOptions;
  readonly programmed: Programmed;
  readonly inbox: Inbox;
  readonly line: LineSettings;
  /** A password was given. */
  admitted: boolean;
  /** Partial blocks that are still to be asked for. */
  blocks: Uint8Array[];
  /** What was said last, for NAK. */
  last: Uint8Array;
  /** Of a command in parts, what came so far. */
  parts: string;
}

/** What a command leads to: a message, nothing at all, or the end of the session. */
type Answer = { readonly says: Uint8Array; readonly end?: true } | "nothing";

/** From P0 to the break. Brings home a request that begins the next session. */
export function* programmingMode(
  meter: MeterOptions,
  inbox: Inbox,
  line: LineSettings,
): Dialogue<ClientMessage | undefined> {
  const programmed = meter.programming!;
  const state = { admitted: false, blocks: [], last: new Uint8Array(), parts: "" };
  const session: Session = { meter, programmed, inbox, line, ...state };
  yield* setLine(line);
  meter.notice({ kind: "programming", line });
  if (meter.faults.strike("break", (step) => step === "p0")) return yield* leave(session);
  const silent = meter.faults.strike("silent", (step) => step === "p0");
  if (!silent) yield* answer(session, { says: opening(session) });
  let repeats = 0;
  while (true) {
    const message = yield* hear(meter, inbox, INACTIVITY_MS, findSessionMessage);
    if (message === undefined) return yield* leave(session);
    if (message.kind === "break" || message.kind === "repeat") meter.notice(message);
    if (message.kind === "break") return undefined;
    if (message.kind === "request") return message;
    repeats = message.kind === "repeat" ? repeats + 1 : 0;
    if (repeats > REPEATS) return yield* leave(session);
    const next = reply(session, message);
    if (next === "nothing") continue;
    if ((yield* answer(session, next)) || next.end) return undefined;
  }
}

/** A register that is asked for in one packet, without a session. */
export function* answerPacket(
  meter: MeterOptions,
  inbox: Inbox,
  message: CommandMessage,
): Dialogue<void> {
  const state = { admitted: false, blocks: [], last: new Uint8Array(), parts: "" };
  const session: Session = { meter, programmed: meter.programming!, inbox, line: meter.line, ...state };
  const next = reply(session, message);
  if (next !== "nothing") yield* answer(session, next);
}

function rule({ programmed }: Session): "sum7" | "xor" {
  return programmed.dialect.sum === undefined ? "xor" : "sum7";
}

function opening(session: Session): Uint8Array {
  const { dialect, seed } = session.programmed;
  if (dialect["no-p0"] !== undefined) return ACKNOWLEDGEMENT;
  return encodeCommand({ name: "P0", data: `(${seed})` }, rule(session));
}

function* leave(session: Session): Dialogue<undefined> {
  yield* answer(session, { says: encodeBreak(rule(session)) });
  return undefined;
}

/** A message of ours; one with data goes through the faults. @returns whether the client ended it */
function* answer(session: Session, { says }: Exclude<Answer, "nothing">): Dialogue<boolean> {
  const { meter, inbox, line } = session;
  session.last = says;
  yield* pause(meter.reactionMs);
  return yield* (says[0] === STX ? sayData : say)(meter, inbox, says, line);
}

function reply(session: Session, message: ClientMessage): Answer {
  const { meter } = session;
  if (message.kind === "repeat") {
    return meter.faults.strike("no-nak") ? "nothing" : { says: session.last };
  }
  if (message.kind === "acknowledge") {
    const block = meter.faults.strike("silent", (step) => step === "block") ? undefined : session.blocks.shift();
    return block ? { says: block } : "nothing";
  }
  if (message.kind !== "command") {
    complain(meter, `a message (${message.kind}) that has no place in programming mode`);
    return "nothing";
  }
  if (message[rule(session)] === "wrong" || meter.faults.strike("nak")) return { says: REPEAT_REQUEST };
  return obey(session, message.command, message.last);
}

function obey(session: Session, command: Command, last: boolean): Answer {
  const { meter } = session;
  const step = /^P[12]$/.test(command.name) ? "password" : "answer";
  if (meter.faults.strike("silent", (argument) => argument === step)) return "nothing";
  if (meter.faults.strike("break", (argument) => argument === step)) {
    return { says: encodeBreak(rule(session)), end: true };
  }
  const { name, data = "" } = command;
  if (step === "password") return admit(session, name, data.slice(1, -1));
  if (name.startsWith("R")) return readOut(session, name, data);
  if (/^(W[1-5]|E2)$/.test(name)) return take(session, name, data, last);
  return refuse(session, { name, data }, "refused");
}

function admit(session: Session, name: string, operand: string): Answer {
  session.admitted = session.programmed.admits(name, operand);
  if (!session.admitted) return refuse(session, { name }, "wrong password");
  session.meter.notice({ kind: "command", text: name, done: "answered" });
  return { says: ACKNOWLEDGEMENT };
}

/** R1 to R6. */
function readOut(session: Session, name: string, data: string): Answer {
  const { programmed, meter } = session;
  const { dialect } = programmed;
  const [, address = "", operand = ""] = /^([^(]*)\(([^)]*)\)$/.exec(data) ?? [];
  if (programmed.isProtected(name) && !session.admitted) return refuse(session, { name, data }, "refused");
  if (dialect.only !== undefined && dialect.only !== name) return refuse(session, { name, data }, "refused");
  if (name === "R1" && dialect.counted !== undefined && operand !== "1") return { says: ACKNOWLEDGEMENT };
  const bare = dialect["no-address"] !== undefined;
  const lines = programmed.profile(address, operand) ??
    programmed.sets(meter.block(), address).map((set) => formatDataSet(bare ? { ...set, address: "" } : set));
  if (lines.length === 0 && address.startsWith("P.")) {
    return { says: encodeDataMessage(`${address}(ERROR)`, rule(session)) };
  }
  if (lines.length === 0) return refuse(session, { name, data }, "refused");
  const perBlock = dialect.blocks ?? (name === "R6" ? operand.split(";")[2] : undefined);
  const [first, ...blocks] = inMessages(lines, /^R[346]$/.test(name) ? perBlock : undefined, {
    by: rule(session),
    partialEnd: dialect["etx-blocks"] === undefined ? EOT : ETX,
  });
  session.blocks = blocks;
  meter.notice({ kind: "command", text: `${name} ${data}`, done: "answered" });
  const leaves = dialect.leaves !== undefined && address.startsWith("P.") && blocks.length === 0;
  return leaves ? { says: join(first!, encodeBreak(rule(session))), end: true } : { says: first! };
}

/** One message, or partial blocks of so many lines. */
function inMessages(
  lines: readonly string[],
  perBlock: string | undefined,
  { by, partialEnd }: { readonly by: "sum7" | "xor"; readonly partialEnd: number },
): Uint8Array[] {
  const count = perBlock === undefined ? lines.length : Number(perBlock || 4);
  const starts = lines.map((_, at) => at).filter((at) => at % count === 0);
  return starts.map((at) => {
    const text = lines.length === 1 ? lines[0]! : lines.slice(at, at + count).map((line) => `${line}\r\n`).join("");
    return encodeDataMessage(text, by, at + count < lines.length ? partialEnd : ETX);
  });
}

/** W1 to W5 and E2. */
function take(session: Session, name: string, data: string, last: boolean): Answer {
  const { programmed, meter } = session;
  session.parts += data;
  if (!last) return { says: ACKNOWLEDGEMENT };
  const whole = session.parts;
  session.parts = "";
  const [, address = "", text = "", bracket] = /^([^(]*)\(([^)]*)\)(?:\(([^)]*)\))?$/.exec(whole) ?? [];
  const admitted = session.admitted || name === "W5" && bracket !== undefined && programmed.admits("W5", bracket);
  const shown = { name, data: `${address}(${text})` };
  if (programmed.isProtected(name) && !admitted) return refuse(session, shown, "refused");
  if (name.startsWith("W")) {
    if (programmed.sets(meter.block(), address).length === 0) return refuse(session, shown, "refused");
    programmed.write(meter.block(), address, text);
  }
  meter.notice({ kind: "command", text: `${name} ${shown.data}`, done: "written" });
  return { says: ACKNOWLEDGEMENT };
}

/** No, as this meter says it; to a wrong password by a break, where nothing else is asked for. */
function refuse(session: Session, { name, data = "" }: Command, done: CommandEnd): Answer {
  const how = session.programmed.dialect.refuses ?? (done === "wrong password" ? "break" : "ERROR");
  session.meter.notice({ kind: "command", text: `${name} ${data}`.trim(), done });
  if (how === "nak") return { says: REPEAT_REQUEST };
  if (how === "break") return { says: encodeBreak(rule(session)), end: true };
  return { says: encodeDataMessage(`(${how})`, rule(session)) };
}
