/** The readout of a meter in modes A, B and C: from the request to the break, as in the flow chart of IEC 62056-21. @module */
import { type Cut, type Dialogue, flush, Inbox, type Patience, pause, send, setLine, taking } from "../dialogue.ts";
import { ProtocolError, RefusalError, SilenceError } from "../errors.ts";
import { type LineSettings, SIGN_ON_LINE } from "../line.ts";
import { type Manners, meterTypeOf } from "../meters/mod.ts";
import type { Check, DataBlock, DataSet, Identification, Telegram } from "../telegram.ts";
import { acceptsSum7, type Checksum, type ChecksumRule } from "./bcc.ts";
import { join } from "../bytes.ts";
import { ETX, hex, STX, toText, visible } from "./characters.ts";
import { formatDataSet, parseDataBlock } from "./data_block.ts";
import { type DataMessage, dataMessageBeforeSilence, endOfPush, findDataMessage, findEnough } from "./framing.ts";
import { mannersWith, type Speed, speedOf } from "./manners.ts";
import { encodeIdentification, encodeOptionSelect, REPEAT_REQUEST } from "./messages.ts";
import { modeOf, reactionMs, REPEAT_MS, SILENCE_MS } from "./modes.ts";
import { signOff } from "./sign_off.ts";
import { signOn, type SignOnOptions } from "./sign_on.ts";

/** No message is longer: a peer that sends for ever is cut here. */
export const MESSAGE_LIMIT_BYTES = 256 * 1024;

/** Some meters gather their registers first, so twice the reaction time of the standard. */
const PATIENCE: Patience = { firstMs: 2 * SILENCE_MS, nextMs: SILENCE_MS, limitBytes: MESSAGE_LIMIT_BYTES };

/** Data messages that may still be asked for in this slot: repeat requests and new sign-ons count alike. */
export interface Tries {
  left: number;
}

/** What the messages of a meter have shown of its check characters so far. */
export interface Seen {
  /** How many had the sum. */
  sums: number;
  /** How many in a row had none though they had STX or ETX. */
  unchecked: number;
  /** Readouts in a row that came at the speed of the sign-on alone, though another one was agreed: {@link isSlow}. */
  slow: number;
}

/** One might be a disturbance. */
const SLOW_READOUTS = 2;
/** After so many it is tried anew: the head or the meter may be another one. */
const SLOW_FOR = 100;

/** Whether a meter has shown that it does not come along to the agreed speed: then none is agreed for a while. */
export function isSlow({ slow }: Seen): boolean {
  return slow >= SLOW_READOUTS;
}

/** How to read a meter. */
export interface ReadoutOptions {
  /** The device that shall answer; absent: any. */
  readonly address?: string;
  /** `auto` (the default): the identification says which. Another one wins over it. */
  readonly mode?: "A" | "B" | "C" | "auto";
  /** Speed and format of the sign-on; 300 Bd 7E1 by the standard. Another speed is a port's own and stays. */
  readonly line?: LineSettings;
  /** Bound for the speed that is acknowledged (mode C); 300 stays at the speed of the sign-on. */
  readonly maxBaud?: number;
  /** A file of `config/meters/`, whatever the meter says of itself. */
  readonly type?: string;
  /** What is to be done otherwise than its type has it. */
  readonly manners?: Manners;
  /** Which check character is right; `auto`: xor, and the sum where the maker is known for it or two messages fit it. */
  readonly checksum?: Checksum;
  readonly tries?: Tries;
  /** Kept by the caller from session to session, so that a meter without a check character is asked twice only once. */
  readonly seen?: Seen;
  /**
   * Asked after each line: whether the sets so far are enough, so that a break ends the readout early. Its check
   * character has not come then, and its check is `absent`.
   */
  readonly enough?: (sets: readonly DataSet[], identification: Identification) => boolean;
  /** Takes the session over where the identification offers something better; `undefined`: it does not. */
  readonly instead?: (identification: Identification) => Dialogue<Telegram> | undefined;
}

/** What a session with one meter knows. */
interface Session {
  readonly inbox: Inbox;
  readonly identification: Identification;
  readonly mode: "A" | "B" | "C";
  /** Of the sign-on. */
  readonly line: LineSettings;
  readonly manners: Manners;
  readonly speed: Speed;
  readonly checksum: Checksum;
  readonly tries: Tries;
  readonly enough: ReadoutOptions["enough"];
  readonly seen: Seen;
}

/**
 * Reads a meter once. The telegram is whole: its check is good, or the meter sends none. `take` has it before the meter is
 * signed off, which takes a while and may fail, and what it makes of it comes home. The session is always signed off,
 * whatever happens.
 * @throws {SilenceError} nobody answers, or not after the identification
 * @throws {ProtocolError} `damaged` to the end of the tries, `unreadable`, `endless`
 * @throws {RefusalError} the meter sends an error message instead of its data
 */
export function readout(options?: ReadoutOptions): Dialogue<Telegram>;
export function readout<T>(options: ReadoutOptions, take: (telegram: Telegram) => T): Dialogue<T>;
export function* readout<T>(
  options: ReadoutOptions = {},
  take = (telegram: Telegram) => telegram as T,
): Dialogue<T> {
  const { line = SIGN_ON_LINE, checksum = "auto", tries = { left: 3 }, enough } = options;
  const seen = options.seen ?? { sums: 0, unchecked: 0, slow: 0 };
  const fixed = { inbox: new Inbox(), line, checksum, tries, enough, seen };
  let failure: Error | undefined;
  let stay = isSlow(seen);
  while (tries.left > 0) {
    if (failure) yield* pause(REPEAT_MS);
    const identification = yield* signOnAgain(fixed.inbox, { ...options, line }, failure);
    const other = options.instead?.(identification);
    if (other) return yield* taking(other, take);
    const session = { ...fixed, identification, ...agreed(identification, { ...options, line }, stay) };
    const outcome: Taken<T> | Error | undefined = yield* readData(session, take); // it may be interrupted
    if (!(outcome instanceof Error)) {
      seen.slow = stay ? (seen.slow + 1) % SLOW_FOR : 0;
      return outcome?.taken as T;
    }
    stay = goesElsewhere(session, outcome);
    if (!failure || failure instanceof SilenceError && outcome instanceof ProtocolError) failure = outcome; // it says more
  }
  throw failure ?? new ProtocolError("damaged", "No data message left to ask for in this slot");
}

/** Mode and speed of a session; `stay`: at that of the sign-on, for the other way has failed. */
function agreed(
  identification: Identification,
  { mode: asked = "auto", line, maxBaud, manners: given }: ReadoutOptions & { readonly line: LineSettings },
  stay: boolean,
): Pick<Session, "mode" | "manners" | "speed"> {
  const mode = asked === "auto" ? modeOf(identification) : asked;
  const own = mannersWith(given, identification);
  const manners = stay && mode === "C" ? { ...own, baudPolicy: "none" } as const : own;
  const speed = speedOf(identification, { mode, line, manners, ...maxBaud !== undefined && { maxBaud } });
  return { mode, manners, speed };
}

/**
 * Whether the meter, or what stands between, has not come along to the speed that was agreed: what came is garbled, or
 * nothing came twice and one try is left. Then the next session stays at the speed of the sign-on.
 */
function goesElsewhere(session: Session, failure: Error): boolean {
  return isSwitched(session) && (isGarbled(failure) || failure instanceof SilenceError && session.tries.left === 1);
}

function isSwitched({ mode, line, speed }: Session): boolean {
  return mode === "C" && speed.baud !== line.baud;
}

/** Characters that no meter sends, and no data set among them. */
function isGarbled(failure: Error): boolean {
  if (!(failure instanceof ProtocolError) || failure.trouble !== "unreadable") return false;
  // deno-lint-ignore no-control-regex -- those that a meter sends
  return /[^\x02\x03\x06\x7f\r\n -~]/.test(toText(failure.bytes));
}

/** What `take` made of a telegram. */
interface Taken<T> {
  readonly taken: T;
}

/** The sign-on; that nobody answers any more says less than what went wrong before. */
function* signOnAgain(inbox: Inbox, options: SignOnOptions, failure?: Error): Dialogue<Identification> {
  try {
    return yield* signOn(inbox, options);
  } catch (error) {
    throw error instanceof SilenceError && failure ? failure : error;
  }
}

/** From the identification to the break. @returns what went wrong, where a new sign-on may help */
function* readData<T>(
  session: Session,
  take: (telegram: Telegram) => T,
): Dialogue<Taken<T> | Error> {
  const { inbox, identification, mode, line, manners, speed: { character, baud }, tries } = session;
  const reaction = reactionMs(identification);
  let current = line;
  let accepted = false;
  let early = false;
  let failure: ProtocolError | undefined;
  try {
    tries.left--;
    if (mode === "C") {
      yield* pause(reaction);
      yield* send(encodeOptionSelect({ protocol: "0", baudCharacter: character, option: manners.option ?? "0" }));
    }
    if (mode === "C" && manners.ackDelayMs !== undefined) yield* pause(manners.ackDelayMs);
    if (baud !== line.baud) yield* setLine(current = { ...line, baud });
    while (true) {
      const message = yield* dataMessage(session);
      if (!message) return failure ?? silentAfter(session);
      early = message.value.early === true;
      const outcome = judge(session, message);
      if (!(outcome instanceof Error)) {
        accepted = true;
        return taken(session, outcome, take);
      }
      failure = outcome;
      if (tries.left <= 0 || isSwitched(session) && isGarbled(failure)) return failure; // NAK would be garbled as well
      tries.left--;
      yield* pause(reaction);
      yield* flush();
      inbox.clear();
      yield* send(REPEAT_REQUEST);
    }
  } finally {
    // A meter of modes A and B is done when its data are; in mode C it waits for the break, and so does a failed one.
    const back = current === line ? undefined : line;
    if (mode === "C" || !accepted || early) {
      yield* signOff({ identification, manners, rule: ruleOf(session), line: back });
    } else if (back) yield* setLine(back);
  }
}

/** Of our own check characters. */
function ruleOf({ seen, checksum }: Session): ChecksumRule {
  return seen.sums > 0 || checksum === "sum7" ? "sum7" : "xor";
}

/** The next data message, whole or what silence left of it; `undefined`: silence. @throws {ProtocolError} it was pushed */
function* dataMessage(session: Session): Dialogue<Cut<DataMessage> | undefined> {
  const { inbox, enough, identification, mode } = session;
  const find = enough ? findEnough((sets) => enough(sets, identification)) : findDataMessage();
  try {
    return yield* inbox.take((bytes) => {
      const end = mode === "C" ? endOfPush(bytes) : undefined;
      if (end !== undefined) throw pushed(session, bytes.slice(0, end));
      return find(bytes);
    }, PATIENCE);
  } catch (error) {
    if (!(error instanceof SilenceError)) throw error;
    const rest = inbox.takeAll();
    return rest && !isNothing(rest.value) ? { ...rest, value: dataMessageBeforeSilence(rest.value) } : undefined;
  }
}

/** Whether only an echo of ours came, or a few characters without meaning. */
function isNothing(bytes: Uint8Array): boolean {
  // deno-lint-ignore no-control-regex -- ACK, NAK, NUL, DEL
  return bytes.length < 16 && /^(?:\x06[0-9A-Z]{0,3}\r?\n|[\s\x00\x06\x15\x7f])*$/.test(toText(bytes));
}

/** A message that is taken for what the meter said. */
interface Accepted extends Cut<DataMessage> {
  readonly result: Check;
}

/**
 * The telegram is in the hands of `take` alone, and not of a dialogue that waits for its sign-off: in memory it is fifteen
 * times its bytes, and a thousand meters may have been asked together.
 */
function taken<T>(
  { identification, mode }: Session,
  { value: message, result, atMs }: Accepted,
  take: (telegram: Telegram) => T,
): Taken<T> {
  const block = { ...parseDataBlock(toText(message.block)), complete: message.complete };
  const bytes = join(encodeIdentification(identification), message.bytes);
  return { taken: take({ mode, identification, block, check: { kind: "bcc", result }, atMs, bytes }) };
}

/** The message, or what is wrong with it. @throws {RefusalError} it is an error message */
function judge(session: Session, { value: message, atMs }: Cut<DataMessage>): Accepted | ProtocolError {
  const { identification } = session;
  const result = checkOf(session, message);
  const parsed = parseDataBlock(toText(message.block), result === "good" ? 2 : Infinity); // two tell it from an error message
  const bytes = join(encodeIdentification(identification), message.bytes);
  if (result === "good" && isErrorMessage(parsed)) {
    throw new RefusalError(`The meter ${identification.line} refuses: ${formatDataSet(parsed.sets[0]!)}`);
  }
  const block = { ...parsed, complete: message.complete };
  const spoilt = () => damaged(message, identification, { bytes, lines: parsed.damaged.length });
  const whole = result === "good" ? parsed.complete || parsed.sets.length > 0 : isWholeUnchecked(block);
  if (result === "absent" && whole && !mayLackCheck(session, message)) return spoilt();
  if (result === "good") session.seen.unchecked = 0;
  if (result !== "wrong" && whole) return { value: message, result, atMs };
  return parsed.sets.length > 0 ? spoilt() : unreadable(session, message, bytes);
}

/** Whether the check character is right by the rule that holds for this meter. */
function checkOf({ checksum, identification, seen }: Session, message: DataMessage): Check {
  if (checksum === "sum7") return message.sum7;
  if (message.xor !== "wrong" || checksum === "xor" || message.sum7 === "wrong") return message.xor;
  // Twice the sum and not the xor is no chance (1 in 16384) but this meter's rule.
  return ++seen.sums > 1 || acceptsSum7(identification) ? "good" : "wrong";
}

/**
 * Whether a message without a check character is taken for what it is: it has neither STX nor ETX, as the standard allows, or
 * this meter sends none, which its type says or the second message without one shows. The first one that began with STX or
 * has its ETX may have lost its end on the way, and is asked for again.
 */
function mayLackCheck({ identification, seen }: Session, { bytes, early }: DataMessage): boolean {
  const isBare = bytes[0] !== STX && bytes.at(-1) !== ETX;
  return early === true || isBare || meterTypeOf(identification)?.bcc === "none" || ++seen.unchecked > 1;
}

/** `(ERROR)` and nothing else. */
function isErrorMessage({ sets, complete }: DataBlock): boolean {
  return !complete && sets.length === 1 && sets[0]!.address === "" && sets[0]!.values.length === 1;
}

/** Without a check, a block has to be free of faults. */
function isWholeUnchecked({ sets, damaged, complete }: DataBlock): boolean {
  return complete && sets.length > 0 && damaged.length === 0;
}

function damaged(
  { xor, complete }: DataMessage,
  { line }: Identification,
  { bytes, lines }: { readonly bytes: Uint8Array; readonly lines: number },
): ProtocolError {
  const why = !complete
    ? "it broke off"
    : xor === "wrong"
    ? "its check character is wrong"
    : lines > 0 || xor !== "absent"
    ? "a line cannot be read"
    : "its check character is missing";
  return new ProtocolError("damaged", `Data message of ${line} damaged: ${why}`, bytes);
}

function pushed({ identification }: Session, data: Uint8Array): ProtocolError {
  const what =
    `${identification.line} sends its data without waiting for an acknowledgement, as a meter that speaks by itself`;
  const hint = "mode D hears it (--mode D, mode: D); if it speaks only when it is asked, it is mode A";
  return new ProtocolError("unreadable", `${what}: ${hint}`, join(encodeIdentification(identification), data));
}

function unreadable(session: Session, { bytes }: DataMessage, all: Uint8Array): ProtocolError {
  const { baud } = session.speed;
  const hint = isSwitched(session) ? `; if the line cannot change to ${baud} Bd, try max_baud=300` : "";
  const found = `no data set in ${hex(bytes)} ("${visible(bytes.subarray(0, 32))}")`;
  return new ProtocolError(
    "unreadable",
    `Cannot read the data of ${session.identification.line}: ${found}${hint}`,
    all,
  );
}

function silentAfter(session: Session): SilenceError {
  const { baud } = session.speed;
  const hint = isSwitched(session) ? `; if the line cannot change its speed, try max_baud=300` : "";
  return new SilenceError(`Silent after its identification ${session.identification.line} at ${baud} Bd${hint}`);
}
