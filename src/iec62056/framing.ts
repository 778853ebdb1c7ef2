/**
 * Where a message begins and ends in a stream of bytes that also brings echoes, noise and the rest of what was said
 * before (IEC 62056-21, 6.3). Each finder looks at each byte once: make a new one for each message.
 * @module
 */
import type { Finder } from "../dialogue.ts";
import type { Check, DataSet, Identification } from "../telegram.ts";
import { blockCheck, type ChecksumRule } from "./bcc.ts";
import { join } from "../bytes.ts";
import { ACK, CR, DEL, EOT, ETX, LF, STX, toText } from "./characters.ts";
import { parseDataBlock } from "./data_block.ts";
import { parseIdentification } from "./messages.ts";

const BLANK = 0x20;
const BANG = 0x21;

/** An identification has 20 characters or so; more of a line is not looked at. */
const IDENTIFICATION_LENGTH = 200;

/** A line of the stream that holds an identification: where it begins in it. */
export interface FoundIdentification {
  readonly start: number;
  readonly identification: Identification;
}

/**
 * The identification in a line, from the last `/` that three letters follow; what stands before it is noise or the rest
 * of something else. Echoes of requests (`/?!`, `/1Bla0!`) and units (`Imp/kWh`) are none.
 */
export function identificationIn(line: string): FoundIdentification | undefined {
  const first = Math.max(0, line.length - IDENTIFICATION_LENGTH);
  for (let start = line.lastIndexOf("/"); start >= first; start = start === 0 ? -1 : line.lastIndexOf("/", start - 1)) {
    const identification = parseIdentification(line.slice(start));
    if (identification) return { start, identification };
  }
  return undefined;
}

/** Finds an identification line. It ends at LF; a missing CR is passed over. */
export function findIdentification(): Finder<Identification> {
  let lineStart = 0;
  let looked = 0;
  return (bytes) => {
    for (; looked < bytes.length; looked++) {
      if (bytes[looked] !== LF) continue;
      const end = bytes[looked - 1] === CR && looked > lineStart ? looked - 1 : looked;
      const found = identificationIn(toText(bytes.subarray(lineStart, end)));
      const start = lineStart;
      lineStart = looked + 1;
      if (found) return { start: start + found.start, end: ++looked, value: found.identification };
    }
    return undefined;
  };
}

/** An identification whose LF never came: CR and then silence ended it. */
export function identificationBeforeSilence(bytes: Uint8Array): Identification | undefined {
  const line = /([^\r\n]+)\r$/.exec(toText(bytes))?.[1];
  return line === undefined ? undefined : identificationIn(line)?.identification;
}

/** A data message as it came, and whether its check character fits. */
export interface DataMessage {
  /** All of it, from STX to the check character. */
  readonly bytes: Uint8Array;
  /** What stands between STX and ETX, or all that came of it. */
  readonly block: Uint8Array;
  /** By the rule of the standard. */
  readonly xor: Check;
  /** By the sum modulo 128. */
  readonly sum7: Check;
  /** Its end came: ETX, or `!` where that is missing. */
  readonly complete: boolean;
  /** Nobody waits for its end: all that is wanted has come. */
  readonly early?: true;
}

/**
 * Finds a data message: passes over what comes before STX (echo, `ACK CR LF`, blanks, NUL), takes exactly one byte
 * behind ETX or EOT as check character, whatever it is. Without STX the block begins at its first printable
 * character: STX is not in the check, so that one still tells.
 *
 * An ETX with a check character that does not fit and no `!` in front is taken for noise: the end is yet to come.
 */
export function findDataMessage(): Finder<DataMessage> {
  let looked = 0;
  let start = -1; // of the block; -1: not begun
  let stx = false;
  let echo = 0; // characters that may still belong to the echo of an option select
  let xor = 0;
  let sum = 0;
  return (bytes) => {
    for (; looked < bytes.length; looked++) {
      const byte = bytes[looked]!;
      if (byte === STX && !stx) {
        [stx, start, xor, sum] = [true, looked + 1, 0, 0];
        continue;
      }
      if (start < 0) {
        if (byte === ACK) echo = 6;
        else if (byte === LF) echo = 0;
        if (echo-- > 0 || byte <= BLANK || byte === DEL) continue;
        start = looked;
      }
      if (byte === ETX || byte === EOT) {
        const check = bytes[looked + 1];
        if (check === undefined) return undefined;
        const goodXor = (xor ^ byte ^ check) % 0x80 === 0;
        const goodSum = (sum + byte - check) % 0x80 === 0;
        if (goodXor || goodSum || endsWithBang(bytes.subarray(start, looked))) {
          const [first, end] = [stx ? start - 1 : start, looked + 2];
          const message = bytes.slice(first, end);
          const value = {
            bytes: message,
            block: message.subarray(start - first, -2),
            xor: goodXor ? "good" : "wrong",
            sum7: goodSum ? "good" : "wrong",
            complete: true,
          } as const;
          return { start: first, end, value };
        }
      }
      xor ^= byte;
      sum += byte;
    }
    return undefined;
  };
}

/**
 * The end of a telegram that was pushed (mode D, P1), right behind its identification: an empty line, data without STX, `!`
 * and a CRC or none; `undefined`: none, or not yet. Whoever is asked in mode C says nothing of the kind.
 */
export function endOfPush(bytes: Uint8Array): number | undefined {
  if (bytes[0] !== LF && !(bytes[0] === CR && bytes[1] === LF) || bytes.includes(STX)) return undefined;
  const bang = bytes.indexOf(BANG);
  const end = bang < 0 ? -1 : bytes.indexOf(LF, bang);
  return end < 0 ? undefined : end + 1;
}

/**
 * Finds a data message, or as much of it as is enough: asked after each line that came whole, as long as every line
 * could be read, for the check character will never come.
 */
export function findEnough(enough: (sets: readonly DataSet[]) => boolean): Finder<DataMessage> {
  const find = findDataMessage();
  let looked = 0;
  return (bytes) => {
    const whole = find(bytes);
    const end = bytes.lastIndexOf(LF) + 1;
    if (whole || end <= looked) return whole;
    looked = end;
    const message = dataMessageBeforeSilence(bytes.subarray(0, end));
    const { sets, damaged, complete } = parseDataBlock(toText(message.block));
    if (complete || damaged.length > 0 || !enough(sets)) return undefined;
    const start = end - message.bytes.length;
    const value = { ...message, xor: "absent", sum7: "absent", complete: true, early: true } as const;
    return { start, end: bytes.length, value };
  };
}

/**
 * What silence has left of a data message. ETX without a check character, and `!` at the end of a line where ETX is
 * missing too, end an unchecked one, unless ETX stands within it too. One character behind that `!` is the check character whose ETX got lost. All else
 * broke off.
 */
export function dataMessageBeforeSilence(bytes: Uint8Array): DataMessage {
  const start = startOfBlock(bytes);
  const rest = bytes.subarray(start);
  const message = bytes.slice(bytes[start - 1] === STX ? start - 1 : start);
  // deno-lint-ignore no-control-regex -- ETX is one
  const end = /\x03$|(?:^|[)\s])![ \r\n]*(?:\x03|([^ \r\n]))?$/.exec(toText(rest));
  const isUnchecked = end !== null && end[1] === undefined;
  if (!end || isUnchecked && hasEndWithin(rest)) {
    return { bytes: message, block: rest, xor: "wrong", sum7: "wrong", complete: false };
  }
  const block = rest.at(-1) === ETX || !isUnchecked ? rest.subarray(0, -1) : rest;
  if (isUnchecked) return { bytes: message, block, xor: "absent", sum7: "absent", complete: true };
  const checked = join(block, Uint8Array.of(ETX));
  const check = (rule: ChecksumRule) => blockCheck(checked, rule) === (rest.at(-1)! & 0x7f) ? "good" : "wrong";
  return { bytes: message, block, xor: check("xor"), sum7: check("sum7"), complete: true };
}

/** Where the block begins: behind the first STX, else behind blanks, control characters and an echo. */
function startOfBlock(bytes: Uint8Array): number {
  const stx = bytes.indexOf(STX);
  if (stx >= 0) return stx + 1;
  // deno-lint-ignore no-control-regex -- ACK and all below the blank
  return /^(?:\x06[^\n]{0,5}\n|[\x00-\x20\x7f])*/.exec(toText(bytes.subarray(0, 256)))![0].length;
}

/** Whether an end stands before the last byte: then a check character came, and did not fit. */
function hasEndWithin(bytes: Uint8Array): boolean {
  return bytes.subarray(0, -1).some((byte) => byte === ETX || byte === EOT);
}

/** Whether `!` stands at the end, but for line ends and blanks. */
function endsWithBang(block: Uint8Array): boolean {
  let at = block.length - 1;
  while (block[at] === CR || block[at] === LF || block[at] === BLANK) at--;
  return block[at] === BANG;
}
