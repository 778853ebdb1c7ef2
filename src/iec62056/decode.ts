// deno-lint-ignore-file no-control-regex -- control characters frame the messages
/** Telegrams in captured bytes: files as people keep and post them, with or without what stood around the data. @module */
import type { Identification, Telegram } from "../telegram.ts";
import { acceptsSum7, sum7, xor } from "./bcc.ts";
import { hasEighthBit, toText } from "./characters.ts";
import { fitsCrc16 } from "./crc16.ts";
import { parseDataBlock } from "./data_block.ts";
import { isP1 } from "./listen.ts";
import { parseIdentification } from "./messages.ts";
import { modeOf } from "./modes.ts";

// What may be long is bounded, so that no file, whatever is in it, takes longer than its length.

/** What may stand before a message and says nothing: blanks, control characters, echoes of a request or an option select. */
const PRELUDE = /(?:\/[?#0-9][^/!\r\n()]*!\r?\n?|\x06[^\r\n]{0,4}\r?\n|[\x00\x05-\x20\x7f\xff])*/y;
const IDENTIFICATION = /\/[A-Za-z]{3}[^\r\n()!]{1,200}(\r\n?|\n)/y;
/** ETX or EOT; `!` that no bracket follows on its line; an identification: then the telegram before it broke off. */
const END = /[\x03\x04]|!(?=[^()\r\n]{0,200}(?:[\r\n]|$))|\/[A-Za-z]{3}[^\r\n()!]{1,200}(?=[\r\n])/g;
/** Where the next message may begin, after one has ended. */
const START = /\x02|\/[A-Za-z]{3}[^\r\n()!]|\/[?#0-9][^/!\r\n()]*!/g;
/** What comes first: STX, data, or the identification of another message. */
const STX_OR_DATA = /[\x02(]|\/[A-Za-z]{3}[^\r\n()!]{1,200}[\r\n]/g;
/** Data sets that go on behind an ETX and its check character: then it was noise. */
const DATA_BEHIND_ETX = /[^\x02/(]{0,200}\(/y;
const ETX_BEHIND_BANG = /[ \r\n]*[\x03\x04]/y;
const CRC_BEHIND_BANG = /[0-9A-Fa-f]{1,4}(?=[\r\n]|$)/y;

/**
 * All telegrams in `bytes`, in order, whole or not: check, completeness and damaged lines are in them; `atMs` is 0.
 * Characters with even parity in bit 7 are read without it. Text without a single data set is no telegram.
 */
export function decodeTelegrams(bytes: Uint8Array): Telegram[] {
  const plain = withoutParity(bytes);
  const text = toText(plain);
  const telegrams: Telegram[] = [];
  let at = 0;
  while (at < text.length) {
    const [telegram, next] = decodeOne(plain, text, at);
    if (telegram) telegrams.push(telegram);
    at = next;
  }
  return telegrams;
}

/** The same bytes in seven bits, where bit 7 of each is its even parity (a 7E1 line recorded as 8N1); else as they are. */
export function withoutParity(bytes: Uint8Array): Uint8Array {
  return hasEighthBit(bytes) && bytes.every(isEven) ? bytes.map((byte) => byte & 0x7f) : bytes;
}

function isEven(byte: number): boolean {
  const folded = byte ^ (byte >> 4);
  return (0x9669 >> (folded & 0xf) & 1) === 1;
}

/** One telegram from `from` on, if there is one, and where to go on. */
function decodeOne(bytes: Uint8Array, text: string, from: number): [Telegram | undefined, number] {
  const start = skip(PRELUDE, text, from);
  const lineEnd = skip(IDENTIFICATION, text, start);
  const identification = lineEnd > start ? parseIdentification(text.slice(start, lineEnd).trimEnd()) : undefined;
  const blockStart = startOfBlock(text, lineEnd);
  const end = endOfBlock(text, blockStart);
  const parsed = parseDataBlock(text.slice(blockStart, end.block));
  const isEmpty = parsed.sets.length === 0 && (!identification || !parsed.complete && parsed.damaged.length === 0);
  if (isEmpty) return [undefined, end.next];
  const block = { ...parsed, complete: parsed.complete || end.etx !== undefined };
  const pulled = text[blockStart - 1] === "\x02" || end.etx !== undefined || !isPushed(text, lineEnd, identification);
  const mode = end.crc !== undefined || !pulled ? "D" : identification ? modeOf(identification) : "C";
  const check = end.etx !== undefined
    ? bccOf(bytes, blockStart, end.etx, identification)
    : end.crc !== undefined
    ? crcOf(bytes.subarray(start, end.block), end.crc, identification)
    : { kind: isP1(block) ? "crc" : mode === "D" ? "none" : "bcc", result: "absent" } as const;
  const said = identification ? { identification } : {};
  return [{ mode, ...said, block, check, atMs: 0, bytes: bytes.slice(start, end.end) }, end.next];
}

/** Behind what `pattern` (sticky) matches at `from`. */
function skip(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : from;
}

/** Behind STX, if one comes before the first bracket; else behind what says nothing. */
function startOfBlock(text: string, from: number): number {
  const start = skip(PRELUDE, text, from);
  STX_OR_DATA.lastIndex = start;
  const found = STX_OR_DATA.exec(text);
  return found?.[0] === "\x02" ? found.index + 1 : start;
}

/** Where a message ends. */
interface End {
  /** End of the data block, with its `!`. */
  readonly block: number;
  /** Position of ETX or EOT. */
  readonly etx?: number;
  /** The CRC's digits. */
  readonly crc?: string;
  /** End of all that belongs to it. */
  readonly end: number;
  /** Where the next one may begin. */
  readonly next: number;
}

function endOfBlock(text: string, from: number): End {
  END.lastIndex = from;
  for (let found = END.exec(text); found; found = END.exec(text)) {
    const at = found.index;
    if (text[at] === "/") return { block: at, end: at, next: at };
    if (text[at] !== "!") {
      if (skip(DATA_BEHIND_ETX, text, at + 2) > at + 2) continue;
      return endedAt(text, { block: at, etx: at, end: Math.min(at + 2, text.length) });
    }
    const behindEtx = skip(ETX_BEHIND_BANG, text, at + 1);
    if (behindEtx > at + 1) {
      return endedAt(text, { block: at + 1, etx: behindEtx - 1, end: Math.min(behindEtx + 1, text.length) });
    }
    const behindCrc = skip(CRC_BEHIND_BANG, text, at + 1);
    const crc = behindCrc > at + 1 ? { crc: text.slice(at + 1, behindCrc) } : {};
    return endedAt(text, { block: at + 1, ...crc, end: behindCrc });
  }
  return { block: text.length, end: text.length, next: text.length };
}

function endedAt(text: string, end: Omit<End, "next">): End {
  START.lastIndex = end.end;
  return { ...end, next: START.exec(text)?.index ?? text.length };
}

/** An empty line behind the identification tells a push from an answer; heat meters of mode B leave some too. */
function isPushed(text: string, lineEnd: number, identification: Identification | undefined): boolean {
  return identification !== undefined && /[\r\n]/.test(text.charAt(lineEnd)) && modeOf(identification) !== "B";
}

function bccOf(
  bytes: Uint8Array,
  blockStart: number,
  etx: number,
  said: Identification | undefined,
): Telegram["check"] {
  const bcc = bytes[etx + 1];
  if (bcc === undefined) return { kind: "bcc", result: "absent" };
  const checked = bytes.subarray(blockStart, etx + 1);
  const good = xor(checked) === (bcc & 0x7f) || acceptsSum7(said) && sum7(checked) === (bcc & 0x7f);
  return { kind: "bcc", result: good ? "good" : "wrong" };
}

/** The CRC begins with the identification: where that is missing, it can't be right. */
function crcOf(bytes: Uint8Array, digits: string, said: Identification | undefined): Telegram["check"] {
  return { kind: "crc", result: said && fitsCrc16(bytes, digits) ? "good" : "wrong" };
}
