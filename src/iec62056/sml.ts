/** Smart Message Language, which many German meters push instead: recognised, and not spoken here. @module */
import { crcKermit, crcX25 } from "../crc.ts";
import type { Check } from "../telegram.ts";
import { toText } from "./characters.ts";

/** Four escapes, with which each of its files begins and ends. */
const ESCAPE = "\x1b\x1b\x1b\x1b";
/** Behind them at the begin: version 1 of its transport protocol. */
const START = `${ESCAPE}\x01\x01\x01\x01`;
/** Behind them at the end, with the count of fill bytes and the CRC. */
const END = "\x1a";
/** Escapes stand at multiples of it. */
const WORD = 4;

/** Whether these bytes, or a piece of them, are SML. */
export function isSml(bytes: Uint8Array | string): boolean {
  return (typeof bytes === "string" ? bytes : toText(bytes)).includes(START);
}

/** What a person is told of it. */
export function explainSml(bytes: Uint8Array): string {
  const how = { good: " and undamaged", wrong: ", and damaged", absent: "" }[checkSml(bytes)];
  return `this is SML${how}, a language of its own that obisd does not speak`;
}

/** The CRC of the first whole file in these bytes: X.25, or KERMIT as some makers have it; `absent`: none is whole. */
export function checkSml(bytes: Uint8Array): Check {
  const text = toText(bytes);
  const start = text.indexOf(START);
  if (start < 0) return "absent";
  for (let at = start + START.length; at + 2 * WORD <= bytes.length; at += WORD) {
    if (!text.startsWith(ESCAPE, at)) continue;
    at += WORD; // what is escaped is no escape: in the data four of them are doubled
    if (text[at] !== END) continue;
    const crc = bytes[at + 2]! | bytes[at + 3]! << 8;
    const file = bytes.subarray(start, at + 2);
    return [crcX25(file), crcKermit(file)].includes(crc) ? "good" : "wrong";
  }
  return "absent";
}
