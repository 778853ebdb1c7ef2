/** The messages of both halves of a conversation, value ↔ bytes (IEC 62056-21, 6.3). @module */
import type { Identification } from "../telegram.ts";
import { type ChecksumRule, withCheck, xor } from "./bcc.ts";
import { join } from "../bytes.ts";
import { ACK, EOT, ETX, NAK, SOH, STX, toBytes, toText } from "./characters.ts";
import { formatCrc16 } from "./crc16.ts";

/** The first words of a session: `/?12345678!`. */
export interface Request {
  /** The device that shall answer; absent: every device. */
  readonly address?: string;
  /** `?` by the standard; some makers take a digit for one of their lists (`/2!`) or `#`. */
  readonly command?: string;
}

/** `/?!` CR LF. */
export function encodeRequest({ address = "", command = "?" }: Request = {}): Uint8Array {
  return toBytes(`/${command}${address}!\r\n`);
}

/** The request that ends `bytes`; `undefined`: it is none. */
export function decodeRequest(bytes: Uint8Array): Request | undefined {
  const found = /\/([?#0-9])([^/!\r\n]*)!\r?\n?$/.exec(toText(bytes));
  if (!found) return undefined;
  const [, command, address] = found as unknown as [string, string, string];
  return { command, ...(address === "" ? {} : { address }) };
}

/** Whether a request for `asked` means the device `own`: leading zeros don't count, an empty one means everybody. */
export function isAddressed(asked: string | undefined, own: string | undefined): boolean {
  if (asked === undefined || asked === "") return true;
  const bare = (address: string) => address.replace(/^0+(?=.)/, "");
  return own !== undefined && bare(asked) === bare(own);
}

/** Three letters, Z, pairs of `\W` (or what a lost backslash left of one), the maker's text; no bracket and no `!`. */
// deno-lint-ignore no-control-regex -- 02 is what is left of "\2" in real meters' identifications
const IDENTIFICATION = /^\/([A-Za-z]{3})([^\x00-\x1f\x7f/!()])((?:\\[^\r\n]|\x02)*)([^\x00-\x1f\x7f!()]*)$/;

/** Reads an identification line from `/`, without CR LF; `undefined`: it is none. */
export function parseIdentification(line: string): Identification | undefined {
  const found = IDENTIFICATION.exec(line);
  if (!found) return undefined;
  const [, maker, baudCharacter, pairs, text] = found as unknown as [string, string, string, string, string];
  const escapes = Array.from(pairs.replaceAll("\x02", "\\2").matchAll(/\\(.)/g), ([, character]) => character!);
  return { line, maker, baudCharacter, escapes, text: text.trimEnd() };
}

/** The line that says it: `/LGZ5\2ZMD4054407.B14`. */
export function formatIdentification(
  { maker, baudCharacter, escapes, text }: Omit<Identification, "line">,
): string {
  return `/${maker}${baudCharacter}${escapes.map((character) => `\\${character}`).join("")}${text}`;
}

/** The line as it stands, CR LF. */
export function encodeIdentification({ line }: Pick<Identification, "line">): Uint8Array {
  return toBytes(`${line}\r\n`);
}

/** ACK V Z Y: which procedure, at which speed, for what. */
export interface OptionSelect {
  /** V: `0` normal, `2` HDLC (mode E). */
  readonly protocol: string;
  /** Z: the announced speed, or `0` to stay. */
  readonly baudCharacter: string;
  /** Y: `0` data readout, `1` programming mode, `2` HDLC, `6` to `9` the maker's own. */
  readonly option: string;
}

/** `<ACK>050<CR><LF>`. */
export function encodeOptionSelect({ protocol, baudCharacter, option }: OptionSelect): Uint8Array {
  return toBytes(`\x06${protocol}${baudCharacter}${option}\r\n`);
}

/** @returns `undefined`: it is none */
export function decodeOptionSelect(bytes: Uint8Array): OptionSelect | undefined {
  // deno-lint-ignore no-control-regex -- ACK begins it
  const found = /^\x06([0-9])([0-9A-I])([0-9A-Z])\r?\n$/.exec(toText(bytes));
  if (!found) return undefined;
  const [, protocol, baudCharacter, option] = found as unknown as [string, string, string, string];
  return { protocol, baudCharacter, option };
}

/** STX, the data block with its `!`, ETX, check character: modes A, B, C; also the answer of programming mode. */
export function encodeDataMessage(block: string, rule: ChecksumRule = "xor", end = ETX): Uint8Array {
  return join(Uint8Array.of(STX), withCheck(toBytes(block), rule, end));
}

/** What a meter pushes in mode D: identification, empty line, data block. */
export function encodePush(line: string, block: string): Uint8Array {
  return toBytes(`${line}\r\n\r\n${block}`);
}

/** The same as a P1 telegram: the CRC stands behind `!`. */
export function encodeP1(line: string, block: string): Uint8Array {
  const checked = encodePush(line, block.replace(/!\s*$/, "!"));
  return join(checked, toBytes(`${formatCrc16(checked)}\r\n`));
}

/** A command of programming mode (6.3.5): SOH, two characters, a data set or none. */
export interface Command {
  /** `R1`, `W5`, `P1`, `B0` … */
  readonly name: string;
  /** `1.8.0()`; absent where the command has none. */
  readonly data?: string;
}

/** `<SOH>R1<STX>1.8.0()<ETX>Z`. `end` is EOT in a partial block. */
export function encodeCommand({ name, data }: Command, rule: ChecksumRule = "xor", end = ETX): Uint8Array {
  return join(Uint8Array.of(SOH), withCheck(toBytes(name + (data === undefined ? "" : `\x02${data}`)), rule, end));
}

/** A whole command, and whether its check character is right; `undefined`: it is none. */
export function decodeCommand(bytes: Uint8Array): Command & { readonly good: boolean } | undefined {
  const end = bytes[bytes.length - 2];
  if (bytes[0] !== SOH || bytes.length < 5 || (end !== ETX && end !== EOT)) return undefined;
  const name = toText(bytes.subarray(1, 3));
  const good = xor(bytes.subarray(1, -1)) === (bytes.at(-1)! & 0x7f);
  return bytes[3] === STX ? { name, data: toText(bytes.subarray(4, -2)), good } : { name, good };
}

/** Ends a session: `<SOH>B0<ETX>q`; B1 leaves a battery meter so that a short run of NULs wakes it. */
export function encodeBreak(rule: ChecksumRule = "xor", name: "B0" | "B1" = "B0"): Uint8Array {
  return encodeCommand({ name }, rule);
}

/** Asks for the last message once more. */
export const REPEAT_REQUEST: Uint8Array = Uint8Array.of(NAK);

/** Says yes to a command, or asks for the next partial block. */
export const ACKNOWLEDGEMENT: Uint8Array = Uint8Array.of(ACK);
