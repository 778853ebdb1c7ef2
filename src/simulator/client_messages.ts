/** What a client may say to a meter, found in the stream of what came (IEC 62056-21, 6.3). @module */
import type { Finder } from "../dialogue.ts";
import { blockCheck } from "../iec62056/bcc.ts";
import { ACK, ETX, NAK, SOH, toText } from "../iec62056/characters.ts";
import {
  type Command,
  decodeCommand,
  decodeOptionSelect,
  decodeRequest,
  type OptionSelect,
  type Request,
} from "../iec62056/messages.ts";
import type { Checks } from "../iec62056/replies.ts";

/** A message of the reading side. */
export type ClientMessage =
  | { readonly kind: "request"; readonly request: Request }
  | { readonly kind: "select"; readonly select: OptionSelect }
  | { readonly kind: "repeat" }
  /** `light`: B1. */
  | { readonly kind: "break"; readonly light?: true }
  /** ACK alone: the next partial block, please. */
  | { readonly kind: "acknowledge" }
  /** Of programming mode. */
  | CommandMessage
  /** A request without its line end, and a command behind it. */
  | { readonly kind: "packet"; readonly request: Request; readonly message: CommandMessage };

/** A command, and how its check character fits. `last`: it ended in ETX, so that no further part follows. */
export type CommandMessage =
  & { readonly kind: "command"; readonly command: Command; readonly last: boolean }
  & Pick<Checks, "xor" | "sum7">;

const MESSAGE =
  // deno-lint-ignore no-control-regex -- control characters begin and end messages
  /\/[?#0-9][^/!\r\n]*!(?:\r?\n|\x01R[1-6][^\x03\x04]*\x03[\s\S])|\x06[0-9][^\r\n]{2}\r?\n|\x15|\x01[A-Z][0-9][^\x03\x04]*[\x03\x04][\s\S]/;

// deno-lint-ignore no-control-regex -- in a session ACK stands alone
const IN_SESSION = /\/[?#0-9][^/!\r\n]*!\r?\n|\x06|\x15|\x01[A-Z][0-9][^\x03\x04]*[\x03\x04][\s\S]/;

/** Finds the first message, whatever stands before it. */
export const findClientMessage: Finder<ClientMessage> = (bytes) => find(bytes, MESSAGE);

/** The same in programming mode, where ACK alone is a message. */
export const findSessionMessage: Finder<ClientMessage> = (bytes) => find(bytes, IN_SESSION);

function find(bytes: Uint8Array, pattern: RegExp): ReturnType<Finder<ClientMessage>> {
  const found = pattern.exec(toText(bytes));
  if (!found) return undefined;
  const end = found.index + found[0].length;
  const value = decode(bytes.subarray(found.index, end));
  return value && { start: found.index, end, value };
}

/** A request, alone or with a command in one packet. */
function decodeAddressed(bytes: Uint8Array): ClientMessage | undefined {
  const soh = bytes.indexOf(SOH);
  if (soh < 0) return { kind: "request", request: decodeRequest(bytes)! };
  const [request, message] = [decodeRequest(bytes.subarray(0, soh)), decode(bytes.subarray(soh))];
  return request && message?.kind === "command" ? { kind: "packet", request, message } : undefined;
}

function decode(bytes: Uint8Array): ClientMessage | undefined {
  if (bytes[0] === NAK) return { kind: "repeat" };
  if (bytes[0] === 0x2f) return decodeAddressed(bytes);
  if (bytes[0] === ACK) {
    if (bytes.length === 1) return { kind: "acknowledge" };
    const select = decodeOptionSelect(bytes);
    return select && { kind: "select", select };
  }
  const decoded = decodeCommand(bytes);
  if (!decoded) return undefined;
  const { good, ...command } = decoded;
  if (command.name === "B0") return { kind: "break" };
  if (command.name === "B1") return { kind: "break", light: true };
  const sum = blockCheck(bytes.subarray(1, -1), "sum7") === (bytes.at(-1)! & 0x7f);
  const mark = (right: boolean) => right ? "good" : "wrong";
  return { kind: "command", command, last: bytes.at(-2) === ETX, xor: mark(good), sum7: mark(sum) };
}
