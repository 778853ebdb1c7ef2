/** The code that says what a value is: `A-B:C.D.E*F` (OBIS, IEC 62056-61). @module */

/** The six groups of an OBIS code, and how the meter spelled it: names depend on the spelling, the code does not. */
export interface ObisCode {
  /** Medium: 0 abstract, 1 electricity, 4 heat cost allocator, 5 cooling, 6 heat, 7 gas, 8 cold water, 9 hot water. */
  readonly a: number;
  /** Channel; 0: the meter itself. */
  readonly b: number;
  /** Quantity. */
  readonly c: number;
  /** Processing: instantaneous, maximum, register, … */
  readonly d: number;
  /** Rate. */
  readonly e: number;
  /** Billing period; 255: the current one. */
  readonly f: number;
  /** Whether the meter wrote a letter where the code has a number (`C.1.0`), or nothing but one (`F`). */
  readonly spelling: "digits" | "letters" | "one letter";
  /** Whether the meter wrote groups A and B itself. */
  readonly medium: boolean;
}

/** What the surroundings of an address say about it. */
export interface ObisContext {
  /** The telegram is an old heat meter's, whose `6.8` is a heat register and not reactive energy. */
  readonly heat?: boolean;
}

const FORM = /^(?:(\d{1,3})-(\d{1,3}):)?(\d{1,3}|[CFLP])\.(\d{1,3}|F)(?:\.(\d{1,3}))?(?:[*&](\d{1,3}))?$/;
const LETTERS: Record<string, number> = { C: 96, F: 97, L: 98, P: 99 };

/** Spellings without a dot: an error register, an identification. */
const DOTLESS: Record<string, string> = { F: "F.F", FF: "F.F", "00": "0.0", "000": "0.0.0" };

/** Six bytes in hexadecimal digits, A to F, of a medium that exists: `0100010800FF`. */
const HEXADECIMAL = /^0[0-9][0-9A-F]{10}$/;

/**
 * The groups of an address, or undefined when it is no OBIS code. What is missing is A 0 for letter codes, 6 in an old
 * heat telegram, else 1; B and E 0; F 255. Suffixes of other forms (`1.6.0,5`, `2.35.0.01`, `1.8.1-01`) fit no form:
 * makers mean different things by them.
 */
export function readObis(address: string, context: ObisContext = {}): ObisCode | undefined {
  if (HEXADECIMAL.test(address)) return fromHexadecimal(address);
  const found = FORM.exec(DOTLESS[address] ?? address);
  if (!found) return undefined;
  const [, a, b, c, d, e, f] = found;
  const letter = c! in LETTERS;
  const code: ObisCode = {
    a: a === undefined ? (letter ? 0 : context.heat ? 6 : 1) : Number(a),
    b: Number(b ?? 0),
    c: group(c!),
    d: group(d!),
    e: Number(e ?? 0),
    f: Number(f ?? 255),
    spelling: address === "F" ? "one letter" : letter ? "letters" : "digits",
    medium: a !== undefined,
  };
  return Math.max(code.a, code.b, code.c, code.d, code.e, code.f) > 255 ? undefined : code;
}

/** `A-B:C.D.E*F` without leading zeros. */
export function formatObis({ a, b, c, d, e, f }: ObisCode): string {
  return `${a}-${b}:${c}.${d}.${e}*${f}`;
}

/**
 * The canonical form of an address, or `""` when it is no OBIS code.
 * @example
 * ```ts
 * import { parseObis } from "./code.ts";
 * parseObis("1.8.0&12"); // "1-0:1.8.0*12"
 * parseObis("6.8", { heat: true }); // "6-0:6.8.0*255"
 * ```
 */
export function parseObis(address: string, context: ObisContext = {}): string {
  const code = readObis(address, context);
  return code ? formatObis(code) : "";
}

function group(text: string): number {
  return LETTERS[text] ?? Number(text);
}

function fromHexadecimal(address: string): ObisCode {
  const [a, b, c, d, e, f] = address.match(/../g)!.map((byte) => parseInt(byte, 16));
  return { a: a!, b: b!, c: c!, d: d!, e: e!, f: f!, spelling: "digits", medium: true };
}
