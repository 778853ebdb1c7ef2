/**
 * Programming mode (IEC 62056-21, 6.3.5 to 6.3.8, 6.4.3.2): a session in which a meter answers commands, one by one. From
 * the request to the break, which is always sent, whatever happens, unless the meter has ended the session itself.
 * @module
 */
import { type Dialogue, Inbox, pause, setLine } from "../dialogue.ts";
import { ProtocolError, RefusalError, SilenceError } from "../errors.ts";
import { type LineSettings, SIGN_ON_LINE } from "../line.ts";
import { type Manners, type MeterType, meterTypeNamed } from "../meters/mod.ts";
import type { Identification } from "../telegram.ts";
import { presentationOf } from "./access.ts";
import type { Checksum } from "./bcc.ts";
import { ended, errorOf, exchange, newSession, refused, say, type Session, undamaged } from "./exchange.ts";
import { mannersWith, speedOf } from "./manners.ts";
import { encodeCommand, encodeOptionSelect, encodeRequest } from "./messages.ts";
import { modeOf, REPEAT_MS } from "./modes.ts";
import type { Tries } from "./readout.ts";
import { signOff } from "./sign_off.ts";
import { signOn } from "./sign_on.ts";

/** A password is sent once more after NAK and never after silence: some meters lock themselves after three wrong ones. */
const PASSWORD_ATTEMPTS = 2;

/** How to open a session. */
export interface ProgrammingOptions {
  /** The device that shall answer; absent: any. */
  readonly address?: string;
  /** `C` wins over an identification that announces another; `auto` is the default. */
  readonly mode?: "A" | "B" | "C" | "auto";
  /** Speed and format of the sign-on; 300 Bd 7E1 by the standard. Another speed is a port's own and stays. */
  readonly line?: LineSettings;
  /** Bound for the speed that is acknowledged; 300 stays at the speed of the sign-on. */
  readonly maxBaud?: number;
  /** A file of `config/meters/`, whatever the meter says of itself. */
  readonly type?: string;
  /** What is to be done otherwise than its type has it. */
  readonly manners?: Manners;
  readonly checksum?: Checksum;
  /** Absent: none is presented. Never in an error or a trace. */
  readonly password?: string;
  /** One of `ACCESSES`; absent: `auto`. */
  readonly access?: string;
  /** Sessions that may be opened: when a meter falls silent, another one begins the work anew. Default one. */
  readonly tries?: Tries;
}

/** A session that is open: for `read` and `write`. */
export type Programming = Readonly<Pick<Session, "identification" | "seed" | "current" | "over" | "packet">>;

/**
 * Opens a session, lets `work` read and write, and signs off. Brings home what `work` does.
 * @throws {SilenceError} nobody answers, or not any more
 * @throws {RefusalError} no programming mode, wrong password, or what `work` throws
 * @throws {ProtocolError} `damaged` to the end of the tries, `unreadable`, `endless`
 */
export function* programming<T>(
  options: ProgrammingOptions,
  work: (meter: Programming) => Dialogue<T>,
): Dialogue<T> {
  const { line = SIGN_ON_LINE, checksum = "auto", tries = { left: 1 } } = options;
  while (true) {
    tries.left--;
    const inbox = new Inbox();
    const type = meterTypeNamed(options.type);
    const session = type?.registers?.packet
      ? newSession({ inbox, line, checksum, identification: unasked(type), packet: packetRequest(options) })
      : newSession({ inbox, line, checksum, identification: yield* signOn(inbox, { ...options, line }) });
    try {
      return yield* runSession(session, options, work);
    } catch (error) {
      const again = error instanceof SilenceError || error instanceof ProtocolError && error.trouble === "unreadable";
      if (session.inDoubt) tries.left = 0; // nor by whoever shares these tries: some meters lock themselves
      if (!again || tries.left <= 0) throw error;
    }
    yield* pause(REPEAT_MS);
  }
}

function* runSession<T>(
  session: Session,
  options: ProgrammingOptions,
  work: (meter: Programming) => Dialogue<T>,
): Dialogue<T> {
  if (session.packet) {
    yield* setLine(session.line);
    return yield* work(session);
  }
  try {
    yield* open(session, options);
    if (options.password !== undefined) yield* logIn(session, options.password, options.access);
    return yield* work(session);
  } finally {
    const { over, identification, rule, current, line } = session;
    const back = current === line ? undefined : line;
    if (!over) {
      yield* signOff({ identification, manners: mannersWith(options.manners, identification), rule, line: back });
    } else if (back) yield* setLine(back);
  }
}

/** What stands for the identification of a meter that is not asked for it. */
function unasked({ id, name }: MeterType): Identification {
  return { line: name, maker: "", baudCharacter: "0", escapes: [], text: "", type: id };
}

/** The request without its line end, behind which a command follows in the same packet. */
function packetRequest({ address }: ProgrammingOptions): Uint8Array {
  return encodeRequest(address === undefined ? {} : { address }).slice(0, -2);
}

/** Option select with Y = 1, the change of speed, P0. Meters that send ACK or nothing instead of P0 are open as well. */
function* open(
  session: Session,
  { mode = "auto", maxBaud, manners: given }: ProgrammingOptions,
): Dialogue<void> {
  const { identification, line } = session;
  if ((mode === "auto" ? modeOf(identification) : mode) !== "C") {
    throw new RefusalError(`${identification.line} speaks mode A or B: programming mode is entered in mode C`);
  }
  const manners = mannersWith(given, identification);
  const { character, baud } = speedOf(identification, {
    mode: "C",
    line,
    manners,
    ...maxBaud !== undefined && { maxBaud },
  });
  yield* say(session, encodeOptionSelect({ protocol: "0", baudCharacter: character, option: "1" }));
  if (manners.ackDelayMs !== undefined) yield* pause(manners.ackDelayMs);
  if (baud !== line.baud) yield* setLine(session.current = { ...line, baud });
  const reply = yield* undamaged(session, { what: "the option select" });
  if (reply?.kind === "operand") session.seed = reply.text;
  if (reply?.kind === "break") throw ended(session, "the option select");
  if (reply?.kind === "repeat") throw refused(session, "programming mode", "NAK");
  if (reply?.kind === "block") {
    throw refused(session, "programming mode", errorOf(session, reply) ?? "it sends its data instead of P0");
  }
}

/**
 * Presents a password in a session that is open: P1 or P2, or keeps it for the second bracket of W5. For who wants to know
 * first which meter it is; else `programming` does it. `access` is one of `ACCESSES`. @throws {RefusalError}
 */
export function* logIn(meter: Programming, password: string, access = "auto"): Dialogue<void> {
  const session = meter as Session;
  if (session.packet) {
    throw refused(session, "a password", "in one packet a register can be read, and nothing else be done");
  }
  session.secrets.push(password);
  if (access === "bracket") {
    session.bracketPassword = password;
    return;
  }
  const { identification, seed = "" } = session;
  const { name, operand } = presentationOf(password, { access, identification, seed });
  session.secrets.push(operand);
  session.inDoubt = true;
  const bytes = encodeCommand({ name, data: `(${operand})` }, session.rule);
  const reply = yield* exchange(session, bytes, {
    what: "the password",
    attempts: PASSWORD_ATTEMPTS,
    secret: operand,
  });
  if (reply.kind === "block") throw refused(session, "the password", errorOf(session, reply) ?? reply.text);
  session.inDoubt = false;
}
