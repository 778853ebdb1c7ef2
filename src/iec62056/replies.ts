/** What a meter may say in programming mode, found in the stream of what came (IEC 62056-21, 6.3.6 to 6.3.12). @module */
import { commonLength } from "../bytes.ts";
import type { Finder } from "../dialogue.ts";
import type { Check } from "../telegram.ts";
import { blockCheck, type ChecksumRule } from "./bcc.ts";
import { ACK, EOT, NAK, SOH, STX, toText } from "./characters.ts";
import { dataMessageBeforeSilence, findDataMessage } from "./framing.ts";

/** How the check character of a message fits by either rule. */
export interface Checks {
  readonly xor: Check;
  readonly sum7: Check;
}

/** A message with data between STX and ETX, or EOT where more blocks follow. */
export interface Block extends Checks {
  readonly kind: "block";
  /** What stands in it, one character a byte. */
  readonly text: string;
  /** Whether it ended in ETX: no block follows. */
  readonly last: boolean;
  /** Its end came. */
  readonly complete: boolean;
  /** From STX to the check character. */
  readonly bytes: Uint8Array;
}

/** What a meter answers. */
export type Reply =
  | { readonly kind: "acknowledgement" }
  /** NAK: it did not understand, or does not want to. */
  | { readonly kind: "repeat" }
  /** It has left programming mode. */
  | { readonly kind: "break" }
  /** P0: programming mode is open. `text` is the seed of a challenge, often empty. */
  | { readonly kind: "operand"; readonly text: string } & Checks
  | Block;

/** SOH, two characters, a data set or none, ETX or EOT, check character. */
// deno-lint-ignore no-control-regex -- they frame the message
const COMMAND = /^\x01([A-Z][0-9])(?:\x02([^\x03\x04]*))?[\x03\x04]([\s\S]?)/;
/** Some meters end the session without SOH and check character. */
const BARE_BREAK = "B0\x03";

/**
 * Finds the first message of a meter. What stands before it is passed over: `echo`, which is what we sent last and what a
 * two-wire line gives back, commands (no meter sends any: a damaged echo) and noise.
 */
export function findReply(echo: Uint8Array = new Uint8Array()): Finder<Reply> {
  const findBlock = findDataMessage();
  return (bytes) => {
    const start = startOfReply(bytes, echo);
    if (start === undefined) return undefined;
    const first = bytes[start];
    if (first === ACK) return { start, end: start + 1, value: { kind: "acknowledgement" } };
    if (first === NAK) return { start, end: start + 1, value: { kind: "repeat" } };
    if (first !== STX) return findCommand(bytes, start, 1);
    const found = findBlock(bytes.subarray(start));
    if (!found) return undefined;
    const { bytes: message, block, xor, sum7, complete } = found.value;
    const last = message.at(-2) !== EOT;
    const value = { kind: "block", text: toText(block), last, complete, xor, sum7, bytes: message } as const;
    return { start: start + found.start, end: start + found.end, value };
  };
}

/** What silence has left of a reply: without a check character, broken off, or nothing (`undefined`). */
export function replyBeforeSilence(bytes: Uint8Array, echo: Uint8Array = new Uint8Array()): Reply | undefined {
  const start = startOfReply(bytes, bytes.length < echo.length ? new Uint8Array() : echo);
  if (start === undefined) return undefined;
  if (bytes[start] === ACK) return { kind: "acknowledgement" }; // not the begin of our option select after all
  const whole = findCommand(bytes, start, 0);
  if (whole) return whole.value;
  if (bytes[start] !== STX) return undefined;
  const { bytes: message, block, ...rest } = dataMessageBeforeSilence(bytes.subarray(start));
  return { kind: "block", text: toText(block), last: true, ...rest, bytes: message };
}

/** P0 or a break; `checkBytes`: how many must stand behind ETX. */
function findCommand(bytes: Uint8Array, start: number, checkBytes: number): ReturnType<Finder<Reply>> {
  const text = toText(bytes.subarray(start));
  if (text.startsWith(BARE_BREAK)) return { start, end: start + BARE_BREAK.length, value: { kind: "break" } };
  const found = COMMAND.exec(text);
  if (!found || found[3]!.length < checkBytes) return undefined;
  const end = start + found[0].length;
  const [, name, data = ""] = found as unknown as [string, string, string?];
  if (name[0] === "B") return { start, end, value: { kind: "break" } };
  const checked = bytes.subarray(start + 1, end - found[3]!.length);
  const value = { kind: "operand", text: data.replace(/^\(|\)$/g, ""), ...checksOf(checked, found[3]!) } as const;
  return { start, end, value };
}

function checksOf(checked: Uint8Array, check: string): Checks {
  if (check === "") return { xor: "absent", sum7: "absent" };
  const by = (rule: ChecksumRule) => blockCheck(checked, rule) === (check.charCodeAt(0) & 0x7f) ? "good" : "wrong";
  return { xor: by("xor"), sum7: by("sum7") };
}

/** Where the first message of a meter begins; `undefined`: more bytes are needed. */
function startOfReply(bytes: Uint8Array, echo: Uint8Array): number | undefined {
  let at = 0;
  const same = commonLength(bytes, echo);
  if (same === echo.length) at = same;
  else if (same === bytes.length) return undefined; // it may become the echo
  for (; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === ACK || byte === NAK || byte === STX) return at;
    if (byte === BARE_BREAK.charCodeAt(0) && toText(bytes.subarray(at, at + 3)) === BARE_BREAK) return at;
    if (byte !== SOH) continue;
    const command = COMMAND.exec(toText(bytes.subarray(at)));
    if (!command || /^(P0|B[01])/.test(command[1]!)) return at;
    at += command[0].length - 1;
  }
  return undefined;
}
