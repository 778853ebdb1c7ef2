/** What an identification means: the mode, its speed, and how fast the meter answers (IEC 62056-21, 6.3.14, 6.4). @module */
import { meterTypeOf } from "../meters/mod.ts";
import type { Identification, Mode } from "../telegram.ts";

/** A meter answers, and is answered, 200 ms after the last character at the earliest (6.4.3.6) … */
export const REACTION_MS = 200;
/** … or after 20 ms, where the third letter of its maker is in lower case. */
export const QUICK_REACTION_MS = 20;
/** A meter answers within 1500 ms, and leaves no longer gap between two characters of a message. */
export const SILENCE_MS = 1500;
/** A request is repeated 1500 to 2200 ms after the last one was left without an identification. */
export const REPEAT_MS = 2000;

/** Speeds by the baud character, modes C and E: 7 to 9 are reserved. */
const DIGITS: Readonly<Record<string, number>> = { 0: 300, 1: 600, 2: 1200, 3: 2400, 4: 4800, 5: 9600, 6: 19200 };
/** Mode B: G to I are reserved. */
const LETTERS: Readonly<Record<string, number>> = { A: 600, B: 1200, C: 2400, D: 4800, E: 9600, F: 19200 };

/**
 * The mode that the meter speaks: that of its type where that is known to announce another, else what Z announces: a digit
 * C (also where `\2` offers E), a letter from A to F B, anything else A.
 */
export function modeOf(identification: Identification): "A" | "B" | "C" {
  const { baudCharacter } = identification;
  const own = meterTypeOf(identification)?.mode;
  if (own) return own;
  if (/^[0-9]$/.test(baudCharacter)) return "C";
  return baudCharacter in LETTERS ? "B" : "A";
}

/** Whether the meter offers mode E (DLMS) as well. */
export function offersModeE({ escapes }: Identification): boolean {
  return escapes.includes("2");
}

/** Speed that Z stands for, in bits per second; `undefined` where it stands for none: the line stays as it is. */
export function baudOf(mode: Mode, baudCharacter: string): number | undefined {
  if (mode === "B") return LETTERS[baudCharacter];
  return mode === "C" || mode === "E" ? DIGITS[baudCharacter] : undefined;
}

/** The baud character of a speed: what a meter announces. */
export function baudCharacterOf(mode: "B" | "C" | "E", baud: number): string | undefined {
  const table = mode === "B" ? LETTERS : DIGITS;
  return Object.keys(table).find((character) => table[character] === baud);
}

/**
 * Z of the acknowledgement: what the meter announced, or 0 (stay at the speed of the sign-on) where that is reserved or
 * faster than `maxBaud`. No other: meters that are offered a third speed stay silent.
 */
export function acknowledgedCharacter({ baudCharacter }: Identification, maxBaud = Infinity): string {
  const baud = DIGITS[baudCharacter];
  return baud === undefined || baud > maxBaud ? "0" : baudCharacter;
}

/** Milliseconds to leave between the meter's last character and our next message: its type's, else the standard's. */
export function reactionMs(identification: Identification): number {
  const { maker } = identification;
  const own = meterTypeOf(identification)?.manners?.reactionMs;
  if (own !== undefined) return own;
  return /[a-z]$/.test(maker) ? QUICK_REACTION_MS : REACTION_MS;
}
