/** Mode D and P1: a meter that speaks unasked, from any point in its stream (IEC 62056-21, 6.4.4; DSMR P1, 5). @module */
import { type Cut, type Dialogue, type Finder, type Inbox, type Patience, setLine } from "../dialogue.ts";
import { SilenceError } from "../errors.ts";
import { formatLine, type LineSettings, PUSH_LINE } from "../line.ts";
import type { DataBlock, Identification, Telegram } from "../telegram.ts";
import { join } from "../bytes.ts";
import { CR, LF, toText } from "./characters.ts";
import { fitsCrc16 } from "./crc16.ts";
import { parseDataBlock } from "./data_block.ts";
import { identificationIn } from "./framing.ts";

/** The slowest meters push every 20 s; a caller that waits for rarer ones asks again. */
const PATIENCE: Patience = { firstMs: 30_000, nextMs: 30_000, limitBytes: 256 * 1024 };

/** Noise without an end of line is forgotten when it is longer than any identification. */
const NOISE_BYTES = 1024;

const [BLANK, BANG, OPEN, CLOSE, SLASH] = [0x20, 0x21, 0x28, 0x29, 0x2f];

/** A pushed telegram as it came. */
export interface Push {
  readonly identification: Identification;
  /** From `/` to the end of the CRC, or to `!` where there is none. */
  readonly bytes: Uint8Array;
  /** Behind the identification line, `!` included. */
  readonly block: Uint8Array;
  /** From `/` to `!`: what the CRC is made of. */
  readonly checked: Uint8Array;
  /** The CRC's hex digits as written; `""`: none; `"?"`: something that is no digit stands there. */
  readonly crc: string;
}

/**
 * Brings home the next whole telegram. What came before its identification is dropped, and so is a telegram that breaks
 * off and another begins. Its check may be `wrong`: whether to deliver it is the caller's to decide.
 * @param inbox kept by the caller from telegram to telegram: the next one may have begun
 * @throws {SilenceError} nothing came for 30 s
 * @throws {ProtocolError} `endless`: an identification, and 256 KiB without an end
 */
export function* listen(inbox: Inbox, { line = PUSH_LINE }: { readonly line?: LineSettings } = {}): Dialogue<Telegram> {
  yield* setLine(line);
  while (true) {
    const { value: push, atMs } = yield* nextPush(inbox, line);
    if (push) return pushedTelegram(push, atMs);
  }
}

function* nextPush(inbox: Inbox, line: LineSettings): Dialogue<Cut<Push | undefined>> {
  try {
    return yield* inbox.take(findPush(), PATIENCE);
  } catch (error) {
    if (!(error instanceof SilenceError)) throw error;
    const all = inbox.takeAll();
    const push = all && findPush()(join(all.value, Uint8Array.of(LF)))?.value; // "!" may be the last we hear of it
    if (push) return { value: push, atMs: all.atMs };
    const message = `Nothing whole was pushed at ${formatLine(line)} for ${PATIENCE.firstMs / 1000} s`;
    throw new SilenceError(message, { cause: error });
  }
}

/** Finds a pushed telegram; the value `undefined` stands for noise that may be forgotten. */
export function findPush(): Finder<Push | undefined> {
  let looked = 0;
  let lineStart = 0;
  let slash = false; // in this line
  let telegram: { start: number; blockStart: number; identification: Identification } | undefined;
  let bang = -1;
  return (bytes) => {
    for (; looked < bytes.length; looked++) {
      const byte = bytes[looked]!;
      if (telegram && bang >= 0 && !(isHex(byte) && looked - bang <= 4)) {
        const end = bytes[looked - 1] === CR ? looked - 1 : looked;
        if (byte === CR && end === looked) continue; // LF belongs to it
        if (byte !== OPEN && byte !== CLOSE) {
          const isClean = byte === LF || byte === SLASH || end < looked;
          const crc = toText(bytes.subarray(bang + 1, end)) || (isClean ? "" : "?");
          const value = cutPush(bytes, { ...telegram, bang, end, crc });
          return { start: telegram.start, end: byte === LF ? looked + 1 : looked, value };
        }
        bang = -1; // a bracket follows: noise within a data set
      }
      if (byte === SLASH) slash = true;
      else if (byte === BANG && telegram && endsData(bytes[looked - 1])) bang = looked;
      else if (byte === LF || byte === CR) {
        const found = slash ? identificationIn(toText(bytes.subarray(lineStart, looked))) : undefined;
        if (found) telegram = { ...found, start: lineStart + found.start, blockStart: looked + 1 };
        [lineStart, slash] = [looked + 1, false];
        if (!telegram) return { start: 0, end: ++looked, value: undefined };
      } else if (!telegram && looked - lineStart >= NOISE_BYTES) return { start: 0, end: ++looked, value: undefined };
    }
    return undefined;
  };
}

function cutPush(
  bytes: Uint8Array,
  { start, blockStart, bang, end, ...said }: {
    readonly start: number;
    readonly blockStart: number;
    readonly bang: number;
    readonly end: number;
    readonly identification: Identification;
    readonly crc: string;
  },
): Push {
  const all = bytes.slice(start, end);
  return {
    ...said,
    bytes: all,
    block: all.subarray(blockStart - start, bang + 1 - start),
    checked: all.subarray(0, bang + 1 - start),
  };
}

/** Data block and check of a pushed telegram. */
export function pushedTelegram({ identification, bytes, block: text, checked, crc }: Push, atMs: number): Telegram {
  const block = parseDataBlock(toText(text));
  const good = crc !== "" && fitsCrc16(checked, crc);
  const result = crc === "" ? "absent" : good ? "good" : "wrong";
  const kind = crc !== "" || isP1(block) ? "crc" : "none";
  return { mode: "D", identification, block, check: { kind, result }, atMs, bytes };
}

/** P1 telegrams of before DSMR 4 have no CRC; what they speak of tells them from a plain push. */
export function isP1({ sets }: DataBlock): boolean {
  return sets.some(({ address }) => /^0-\d:(24\.\d+\.\d+|96\.14\.0|96\.1\.1)$/.test(address));
}

const isHex = (byte: number) =>
  byte >= 0x30 && byte <= 0x39 || byte >= 0x41 && byte <= 0x46 || byte >= 0x61 && byte <= 0x66;

/** `!` stands behind a bracket or at the beginning of a line. */
const endsData = (byte: number | undefined) => byte === CLOSE || byte === CR || byte === LF || byte === BLANK;
