/** What a client may say to a meter, found in the stream of what came (IEC 62056-21, 6.3). @module */
import type { Finder } from "../dialogue.ts";
import { toText } from "../iec62056/characters.ts";
import {
  decodeCommand,
  decodeOptionSelect,
  decodeRequest,
  type OptionSelect,
  type Request,
} from "../iec62056/messages.ts";

/** A message of the reading side. */
export type ClientMessage =
  | { readonly kind: "request"; readonly request: Request }
  | { readonly kind: "select"; readonly select: OptionSelect }
  | { readonly kind: "repeat" }
  | { readonly kind: "break" }
  /** Of programming mode, which the simulated meter does not have. */
  | { readonly kind: "command"; readonly name: string };

// deno-lint-ignore no-control-regex -- control characters begin and end messages
const MESSAGE = /\/[?#0-9][^/!\r\n]*!\r?\n|\x06[0-9][^\r\n]{2}\r?\n|\x15|\x01[A-Z][0-9][^\x03\x04]*[\x03\x04][\s\S]/;

/** Finds the first message, whatever stands before it. */
export const findClientMessage: Finder<ClientMessage> = (bytes) => {
  const found = MESSAGE.exec(toText(bytes));
  if (!found) return undefined;
  const end = found.index + found[0].length;
  const value = decode(bytes.subarray(found.index, end));
  return value && { start: found.index, end, value };
};

function decode(bytes: Uint8Array): ClientMessage | undefined {
  if (bytes[0] === 0x15) return { kind: "repeat" };
  if (bytes[0] === 0x2f) return { kind: "request", request: decodeRequest(bytes)! };
  if (bytes[0] === 0x06) {
    const select = decodeOptionSelect(bytes);
    return select && { kind: "select", select };
  }
  const command = decodeCommand(bytes);
  return command && (/^B[01]$/.test(command.name) ? { kind: "break" } : { kind: "command", name: command.name });
}
