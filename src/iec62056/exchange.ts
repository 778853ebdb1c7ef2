/**
 * A message to a meter in programming mode and its answer (IEC 62056-21, 6.3.6 to 6.3.12): what is repeated how often, which
 * check character holds, and what it means when the meter says no.
 * @module
 */
import { join } from "../bytes.ts";
import { type Cut, type Dialogue, flush, type Inbox, pause, send } from "../dialogue.ts";
import { ProtocolError, RefusalError, SilenceError } from "../errors.ts";
import type { LineSettings } from "../line.ts";
import { meterTypeOf } from "../meters/mod.ts";
import type { Check, Identification } from "../telegram.ts";
import { acceptsSum7, type Checksum, type ChecksumRule } from "./bcc.ts";
import { hex, SOH, visible } from "./characters.ts";
import { parseDataBlock } from "./data_block.ts";
import { REPEAT_REQUEST } from "./messages.ts";
import { reactionMs, SILENCE_MS } from "./modes.ts";
import { errorIn } from "./refusals.ts";
import { type Block, type Checks, findReply, type Reply, replyBeforeSilence } from "./replies.ts";

/** A message that is answered by NAK, or whose answer is damaged, is sent or asked for so often in all. */
const ATTEMPTS = 3;
/** A profile of many days in one block; more is no message. */
const LIMIT_BYTES = 1024 * 1024;

/** A session with one meter. Its state is the dialogue's; others read. */
export interface Session {
  readonly inbox: Inbox;
  readonly identification: Identification;
  /** Of the sign-on. */
  readonly line: LineSettings;
  readonly checksum: Checksum;
  /** The request that stands before each command, where both are one packet; absent: the meter has signed on. */
  readonly packet?: Uint8Array;
  /** What P0 brought; absent: the meter has sent none. */
  seed?: string;
  /** Goes into the second bracket of each W5. */
  bracketPassword?: string;
  /** Speed and format now. */
  current: LineSettings;
  /** By which we make check characters. */
  rule: ChecksumRule;
  /** Messages so far whose check character was the sum. */
  sums: number;
  /** What we sent last: a two-wire line gives it back. */
  echo: Uint8Array;
  /** What came last and was no message. */
  noise: Uint8Array;
  /** Never to be shown. */
  secrets: string[];
  /** The meter has ended the session. */
  over: boolean;
  /** A password was sent, and its answer is not known. */
  inDoubt: boolean;
}

/** A session after the sign-on. */
export function newSession(
  { packet, ...its }: Pick<Session, "inbox" | "identification" | "line" | "checksum" | "packet">,
): Session {
  const { identification, line, checksum } = its;
  const rule = checksum !== "auto" ? checksum : acceptsSum7(identification) ? "sum7" : "xor";
  const nothing = new Uint8Array();
  const state = { rule, sums: 0, echo: nothing, noise: nothing, secrets: [], over: false, inDoubt: false };
  return { ...its, current: line, ...packet && { packet }, ...state } satisfies Session;
}

/** A block whose check character is right, or absent. */
export interface GoodBlock extends Block {
  readonly check: Check;
  /** Arrival of its first byte, ms since 1970. */
  readonly atMs: number;
}

/** What a message is for, and how it may be repeated. */
export interface ExchangeOptions {
  /** For errors: `R1 1.8.0()`. */
  readonly what: string;
  /** How long the answer may take to begin; default twice the reaction time of the standard. */
  readonly firstMs?: number;
  /** How often it is sent in all where NAK answers; default 3. */
  readonly attempts?: number;
  /** It asks for data: once more after silence; and data may follow an ACK. */
  readonly asks?: boolean;
  /** A piece of it that nobody may see. */
  readonly secret?: string;
}

/** Sends a message until the meter answers it by ACK or by a block that is whole. @throws {RefusalError} @throws {SilenceError} @throws {ProtocolError} */
export function* exchange(
  session: Session,
  bytes: Uint8Array,
  options: ExchangeOptions,
): Dialogue<{ readonly kind: "acknowledgement" } | GoodBlock> {
  const { what, attempts = ATTEMPTS, asks = false, secret } = options;
  let silences = 0;
  for (let sent = 1;; sent++) {
    yield* say(session, bytes, secret);
    const reply = yield* undamaged(session, options);
    if (reply === undefined) {
      if (!asks || ++silences > 1) throw silent(session, what);
    } else if (reply.kind === "repeat") {
      if (sent >= attempts) throw commandRefused(session, what, `NAK${sent > 1 ? `, ${sent} times` : ""}`);
    } else if (reply.kind === "break") throw ended(session, what);
    else if (reply.kind === "operand") throw refused(session, what, "it opens programming mode anew");
    else return reply;
  }
}

/** Our next message, after the reaction time; what came unasked is forgotten. */
export function* say(session: Session, message: Uint8Array, secret?: string): Dialogue<void> {
  const bytes = session.packet && message[0] === SOH ? join(session.packet, message) : message;
  yield* pause(reactionMs(session.identification));
  yield* flush();
  session.inbox.clear();
  session.echo = bytes;
  yield* send(bytes, secret);
}

/** The next reply; one whose check character is wrong is asked for again by NAK. `undefined`: silence. @throws {ProtocolError} `damaged` */
export function* undamaged(
  session: Session,
  { what, firstMs = 2 * SILENCE_MS, asks = false }: Pick<ExchangeOptions, "what" | "firstMs" | "asks">,
): Dialogue<Exclude<Reply, Block> | GoodBlock | undefined> {
  for (let heard = 1;; heard++) {
    let cut = yield* hear(session, firstMs);
    if (cut?.value.kind === "acknowledgement" && asks) cut = (yield* hear(session, SILENCE_MS)) ?? cut;
    if (!cut) return undefined;
    const { value: reply, atMs } = cut;
    if (reply.kind !== "block" && reply.kind !== "operand") return reply;
    const check = judge(session, reply);
    if (check !== "wrong" && reply.kind === "operand") return reply;
    if (check !== "wrong" && reply.kind === "block" && reply.complete) return { ...reply, atMs, check };
    if (heard >= ATTEMPTS) throw damaged(session, what, reply);
    yield* say(session, session.packet ? session.echo : REPEAT_REQUEST); // a packet is heard by itself: NAK would be none
  }
}

/** The next reply, whole or what silence left of it. */
function* hear(session: Session, firstMs: number): Dialogue<Cut<Reply> | undefined> {
  const { inbox, echo } = session;
  try {
    return yield* inbox.take(findReply(echo), { firstMs, nextMs: SILENCE_MS, limitBytes: LIMIT_BYTES });
  } catch (error) {
    if (!(error instanceof SilenceError)) throw error;
    const rest = inbox.takeAll();
    const reply = rest && replyBeforeSilence(rest.value, echo);
    if (reply) return { value: reply, atMs: rest.atMs };
    if (rest && visible(rest.value) !== visible(echo)) session.noise = rest.value;
    return undefined;
  }
}

/** Whether the meter has ended the session behind its answer, as some do behind the last row of a profile. */
export function* hasLeft(session: Session): Dialogue<boolean> {
  const unasked = session.over ? undefined : yield* hear(session, reactionMs(session.identification));
  return session.over ||= unasked?.value.kind === "break";
}

/** Whether a check character is right by the rule that holds for this meter, which its messages tell. */
function judge(session: Session, { xor, sum7 }: Checks): Check {
  const { checksum, identification } = session;
  if (checksum !== "auto") return checksum === "xor" ? xor : sum7;
  if (xor !== "wrong" || sum7 === "wrong") {
    if (xor === "good" && sum7 === "wrong") session.rule = "xor";
    return xor;
  }
  // Twice the sum and not the xor is no chance (1 in 16384) but this meter's rule.
  if (++session.sums < 2 && !acceptsSum7(identification)) return "wrong";
  session.rule = "sum7";
  return "good";
}

/** The error message that a block is, if it is one. */
export function errorOf({ identification }: Session, { text }: Block): string | undefined {
  return errorIn(parseDataBlock(text).sets, { bare: meterTypeOf(identification)?.registers?.bareErrors === true });
}

/** The meter knows what was asked for, and has nothing: `P.01(ERROR)`. */
export function hasNothing(session: Session, what: string, { text }: Block): RefusalError {
  const message = `The meter ${session.identification.line} has nothing for ${what}: ${visible(text.trim())}`;
  return new RefusalError(masked(session, message), { what: "no data" });
}

/** The meter says no, in its own words. */
export function refused(session: Session, what: string, why: string): RefusalError {
  return refusal(session, `The meter ${session.identification.line} refuses ${what}: ${visible(why)}`);
}

/** The meter says no to a command; where its words do not tell why, what may help stands behind them. */
export function commandRefused(session: Session, what: string, why: string): RefusalError {
  return refused(session, what, why + adviceFor(session, why));
}

/** Most meters say `(ERROR)` alike to what they do not have and to what is behind a password. */
function adviceFor({ inDoubt, packet, secrets }: Session, why: string): string {
  if (inDoubt || packet || /means: (?!no right|wrong)/.test(why)) return "";
  return secrets.length > 0
    ? "; it may want the password of another access level, or another --access (access: in the configuration)"
    : "; it may want a password, and was given none: --password (password: in the configuration)";
}

/** The meter says no by leaving. */
export function ended(session: Session, what: string): RefusalError {
  session.over = true;
  const why = session.inDoubt
    ? "it may be wrong; some meters lock themselves after a few such"
    : "it has ended the session";
  return refusal(session, `The meter ${session.identification.line} answers ${what} by a break: ${why}`);
}

/** As long as the answer to a password is awaited, it is the password that is refused. */
function refusal(session: Session, message: string): RefusalError {
  return new RefusalError(masked(session, message), session.inDoubt ? { what: "password" } : {});
}

/** Nothing came, or nothing that could be read. */
function silent(session: Session, what: string): SilenceError | ProtocolError {
  const { identification, current, line, seed, noise, secrets } = session;
  const speed = current.baud !== line.baud && seed === undefined;
  const hint = speed ? "; if the line cannot change its speed, try max_baud=300" : "";
  if (noise.length === 0) {
    return new SilenceError(
      masked(session, `${identification.line} is silent after ${what} at ${current.baud} Bd${hint}`),
    );
  }
  const found = secrets.length > 0 ? `${noise.length} bytes` : hex(noise); // a password may have come back in them
  const message = `Cannot read the answer of ${identification.line} to ${what}: no message in ${found}${hint}`;
  return new ProtocolError("unreadable", masked(session, message), secrets.length > 0 ? new Uint8Array() : noise);
}

function damaged(session: Session, what: string, reply: Reply): ProtocolError {
  const bytes = reply.kind === "block" ? reply.bytes : new Uint8Array();
  const why = reply.kind === "block" && reply.xor !== "wrong" ? "it broke off" : "its check character is wrong";
  const message = `The answer of ${session.identification.line} to ${what} is damaged: ${why}, ${ATTEMPTS} times`;
  return new ProtocolError("damaged", masked(session, message), bytes);
}

/** A meter may say a password back to us. */
function masked({ secrets }: Session, text: string): string {
  return secrets.reduce((shown, secret) => secret.length < 4 ? shown : shown.replaceAll(secret, "***"), text);
}
