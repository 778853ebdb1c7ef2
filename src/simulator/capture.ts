/**
 * What a meter said once, cut out of a captured text so that a simulated meter can say it again: with or without
 * identification, control characters and check, with whatever line ends somebody's terminal made of it.
 * @module
 */
import { parseDataBlock } from "../iec62056/data_block.ts";
import { encodeDataMessage, encodeP1, encodePush, parseIdentification } from "../iec62056/messages.ts";
import { blockCheck, type ChecksumRule } from "../iec62056/bcc.ts";
import { fitsCrc16 } from "../iec62056/crc16.ts";
import { ETX, STX, toBytes, toText } from "../iec62056/characters.ts";
import { baudCharacterOf, baudOf, modeOf } from "../iec62056/modes.ts";
import type { Identification } from "../telegram.ts";

/** The modes that a simulated meter can speak. */
export type SimulatedMode = "A" | "B" | "C" | "D";

/** One telegram of a captured file. */
export interface Capture {
  readonly identification: Identification;
  /** Data lines that end in CR LF, then `!` CR LF; one character a byte. */
  readonly block: string;
  /** How the file shows that it was said: pushed in mode D where an empty line follows the identification. */
  readonly mode: SimulatedMode;
  /** Whether a CRC stood behind `!`: a P1 telegram. */
  readonly p1: boolean;
  /** The file's own message, byte for byte, where it is whole and its check right; else it is framed anew. */
  readonly own?: Uint8Array;
}

/** The identification of a text that has none. */
const MADE_UP = "/OBI5SIMULATED";

/** Every telegram of a captured file; none: it is no telegram. */
export function parseCaptures(file: Uint8Array): Capture[] {
  const text = toText(file);
  const starts = Array.from(text.matchAll(/(?<=^|[\r\n\0])\/[A-Za-z]{3}[^\r\n]+/g), (found) => found.index);
  const pieces = starts.map((start, index) => text.slice(start, starts[index + 1]));
  return (pieces.length > 0 ? pieces : [`${MADE_UP}\r\n${withoutPreface(text)}`])
    .map(parseCapture)
    .filter((capture) => capture !== undefined);
}

/** Text lines before the first data set are no part of it: a request's echo, a damaged identification. */
function withoutPreface(text: string): string {
  const lines = text.split(/(?<=\n)/);
  const first = lines.findIndex((line) => /\(.*\)/.test(line));
  const stx = text.indexOf("\x02");
  return stx >= 0 ? text.slice(stx) : lines.slice(Math.max(0, first)).join("");
}

function parseCapture(text: string): Capture | undefined {
  const line = /^[^\r\n]*/.exec(text)![0].trimEnd();
  const identification = parseIdentification(line) ?? parseIdentification(MADE_UP)!;
  const [, ends, body] = /^[^\r\n]*((?:\r?\n|\r)*)([\s\S]*)$/.exec(text) as unknown as [string, string, string];
  const start = body.startsWith("\x02") ? 1 : 0;
  const block = body.slice(start, start + endOfBlock(body.slice(start)));
  if (parseDataBlock(`${block}!`).sets.length === 0) return undefined;
  const p1 = /^![0-9A-Fa-f]{1,4}\s*(?:$|[\r\n])/.test(body.slice(start + block.length));
  const pushed = p1 || start === 0 && /\n\r?\n/.test(ends);
  const own = p1 ? wholeP1(text) : start === 1 ? wholeMessage(body) : undefined;
  return {
    identification,
    block: normalForm(block),
    mode: pushed ? "D" : modeOf(identification),
    p1,
    ...(own === undefined ? {} : { own }),
  };
}

/** Offset of the `!` that stands outside brackets, else of ETX, else of the end; a line end closes every bracket. */
function endOfBlock(text: string): number {
  let open = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === "\x03" || character === "!" && !open) return at;
    if (character === "(") open = true;
    else if (character === ")" || character === "\r" || character === "\n") open = false;
  }
  return text.length;
}

/** Line ends as the standard wants them, no empty lines, `!` behind. */
function normalForm(block: string): string {
  const lines = block.split(/\r\n|\r|\n/).filter((line) => line.trim() !== "");
  return lines.map((line) => `${line}\r\n`).join("") + "!\r\n";
}

/** The message from STX to a check character that is right. */
function wholeMessage(body: string): Uint8Array | undefined {
  const etx = body.indexOf("\x03");
  if (etx < 0 || etx + 1 >= body.length) return undefined;
  const bytes = toBytes(body.slice(0, etx + 2));
  return blockCheck(bytes.subarray(1, -1)) === bytes.at(-1) ? bytes : undefined;
}

/** The telegram from `/` to the line end behind a CRC that is right. */
function wholeP1(text: string): Uint8Array | undefined {
  const found = /^([\s\S]*!)([0-9A-Fa-f]{4})\r\n/.exec(text);
  if (!found) return undefined;
  return fitsCrc16(toBytes(found[1]!), found[2]!) ? toBytes(found[0]) : undefined;
}

/** What a simulated meter says now. */
export interface Words {
  readonly identification: Identification;
  /** Modes A, B, C: STX to check character. */
  readonly message: Uint8Array;
  /** Mode D: from identification to `!`, or to the CRC. */
  readonly push: Uint8Array;
}

/** A capture in the meter's mouth; `block` replaces its own where values move, and checks are made anew. */
export function speak(
  capture: Capture,
  mode: SimulatedMode,
  block: string = capture.block,
  rule: ChecksumRule = "xor",
): Words {
  const identification = announcing(capture.identification, mode);
  const { line } = identification;
  const own = block === capture.block && rule === "xor" ? capture.own : undefined;
  const isMessage = own?.[0] === STX && own.at(-2) === ETX;
  return {
    identification,
    message: own && isMessage ? own : encodeDataMessage(block, rule),
    push: own && !isMessage ? own : capture.p1 ? encodeP1(line, block) : encodePush(line, block),
  };
}

/** The same capture of a meter that offers mode E: `\\2` stands behind the maker and Z. */
export function offeringModeE(capture: Capture): Capture {
  const { line } = capture.identification;
  const identification = parseIdentification(
    `${line.slice(0, 4)}${/^[0-9]$/.test(line[4]!) ? line[4] : "5"}\\2${line.slice(5)}`,
  );
  return { ...capture, identification: identification!, mode: "C" };
}

/** The identification with a Z that announces `mode`: a meter that was told to be another says so. */
function announcing(identification: Identification, mode: SimulatedMode): Identification {
  const present = modeOf(identification);
  if (mode === "D" || mode === present) return identification;
  const baud = baudOf(present, identification.baudCharacter) ?? 300;
  const z = mode === "A" ? "z" : baudCharacterOf(mode, Math.max(baud, mode === "B" ? 600 : 300))!;
  const line = identification.line.slice(0, 4) + z + identification.line.slice(5);
  return { ...identification, line, baudCharacter: z };
}

/** The number under which a meter is known by itself: its address where none is given. */
export function ownAddress({ block }: Capture): string | undefined {
  const sets = parseDataBlock(block).sets;
  const known = ["0.0.0", "C.1.0", "1-0:0.0.0*255", "1-0:0.0.0", "0.0"];
  const set = known.map((address) => sets.find((set) => set.address === address)).find((set) => set !== undefined);
  return set?.values[0]?.text.trim() || undefined;
}
