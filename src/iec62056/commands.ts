/**
 * The commands of programming mode (IEC 62056-21, 6.4.3.2): data are read by R1 to R6, written by W1 to W5, and E2 has the
 * meter do something, all in a session that `programming` has opened.
 * @module
 */
import { join } from "../bytes.ts";
import type { Dialogue } from "../dialogue.ts";
import type { Check } from "../telegram.ts";
import { EOT, ETX, visible } from "./characters.ts";
import {
  commandRefused,
  errorOf,
  exchange,
  type GoodBlock,
  hasNothing,
  refused,
  say,
  type Session,
  undamaged,
} from "./exchange.ts";
import { ACKNOWLEDGEMENT, type Command, encodeCommand } from "./messages.ts";
import type { Programming } from "./programming.ts";

/** Some meters gather a profile first. */
const PROFILE_MS = 10_000;
/** Of what W3 and W4 write, in each partial block. */
const BLOCK_CHARACTERS = 64;

/** What a meter answered to a read command: all of its partial blocks, joined. */
export interface Answer {
  /** One character a byte: data sets. */
  readonly text: string;
  /** The worst of its blocks. */
  readonly check: Check;
  /** Arrival of its first byte, ms since 1970. */
  readonly atMs: number;
  /** Its messages as they came. */
  readonly bytes: Uint8Array;
}

/** What only who asks can know of an answer. */
export interface ReadOptions {
  /** Whether more must follow the last of these blocks although it ended in ETX: some meters end each partial one so. */
  readonly goesOn?: (blocks: readonly string[]) => boolean;
}

/**
 * Asks for data by R1 to R6, block by block where the meter sends partial ones.
 * @throws {RefusalError} by an error message, ACK alone, NAK or a break
 */
export function* read(meter: Programming, command: Command, { goesOn }: ReadOptions = {}): Dialogue<Answer> {
  const session = meter as Session;
  const what = describe(command);
  const options = { what, asks: true, ...isProfile(command) && { firstMs: PROFILE_MS } };
  let reply = yield* exchange(session, encodeCommand(command, session.rule), options);
  const blocks: GoodBlock[] = [];
  while (true) {
    if (reply.kind !== "block") {
      throw commandRefused(session, what, "it acknowledges and says nothing, for want of an operand or of the right");
    }
    const error = blocks.length === 0 ? errorOf(session, reply) : undefined;
    if (error !== undefined && !reply.text.trim().startsWith("(")) throw hasNothing(session, what, reply);
    if (error !== undefined) throw commandRefused(session, what, error);
    blocks.push(reply);
    if (!reply.last) reply = yield* exchange(session, ACKNOWLEDGEMENT, { ...options, asks: false });
    else {
      const next = goesOn?.(blocks.map(({ text }) => text)) ? yield* another(session, reply, what) : undefined;
      if (!next) break;
      reply = next;
    }
  }
  return {
    text: blocks.map(({ text }) => text).join(""),
    check: blocks.some(({ check }) => check === "absent") ? "absent" : "good",
    atMs: blocks[0]!.atMs,
    bytes: join(...blocks.map(({ bytes }) => bytes)),
  };
}

/** The block behind one that should have been the last; silence, NAK, a break or the same again: there is none. */
function* another(session: Session, { text }: GoodBlock, what: string): Dialogue<GoodBlock | undefined> {
  yield* say(session, ACKNOWLEDGEMENT);
  const reply = yield* undamaged(session, { what });
  session.over ||= reply?.kind === "break";
  return reply?.kind === "block" && reply.text !== text && errorOf(session, reply) === undefined ? reply : undefined;
}

/**
 * Has the meter do something: W1 to W5, E2; W3 and W4 in partial blocks where the data are long. Brings home what it says
 * beyond its acknowledgement, mostly nothing. After silence it is not told again, for it may have heard.
 * @throws {RefusalError}
 * @throws {SilenceError} whether it was done is not known
 */
export function* write(meter: Programming, command: Command): Dialogue<string> {
  const session = meter as Session;
  const what = describe(command);
  if (session.packet) throw refused(session, what, "in one packet a register can be read, and nothing else be done");
  const own = command.name === "W5" ? session.bracketPassword : undefined;
  const data = own === undefined ? command.data : `${command.data ?? ""}(${own})`;
  const secret = secondBracket({ ...command, ...data !== undefined && { data } });
  if (secret !== undefined) session.secrets.push(secret);
  const parts = /^W[34]$/.test(command.name) ? inBlocks(data ?? "") : [data];
  let said = "";
  for (const [at, part] of parts.entries()) {
    const block = { name: command.name, ...part !== undefined && { data: part } };
    const bytes = encodeCommand(block, session.rule, at < parts.length - 1 ? EOT : ETX);
    const reply = yield* exchange(session, bytes, { what, ...secret !== undefined && { secret } });
    if (reply.kind !== "block") continue;
    const error = errorOf(session, reply);
    if (error !== undefined) throw commandRefused(session, what, error);
    said += reply.text;
  }
  return said;
}

function inBlocks(data: string): string[] {
  const count = Math.max(1, Math.ceil(data.length / BLOCK_CHARACTERS));
  return Array.from({ length: count }, (_, at) => data.slice(at * BLOCK_CHARACTERS, (at + 1) * BLOCK_CHARACTERS));
}

function isProfile({ data = "" }: Command): boolean {
  return /^(?:\d-\d:)?P\.\d/.test(data);
}

/** The password in a W5. */
function secondBracket({ name, data = "" }: Command): string | undefined {
  return name === "W5" ? /^[^(]*\([^)]*\)\(([^)]+)\)/.exec(data)?.[1] : undefined;
}

/** `R1 1.8.0()`, for errors. A password is not in it. */
function describe(command: Command): string {
  const { name, data = "" } = command;
  const shown = secondBracket(command) === undefined ? data : data.replace(/\)\(.*$/s, ")(***)");
  return visible(`${name} ${shown}`).trim();
}
