/** A meter's error message (IEC 62056-21, 6.3.9): how it is known from a value, and what its words mean. @module */
import type { DataSet } from "../telegram.ts";

/** `ER`, `ERR`, `ERROR`, with or without a number; `#0004` of gas volume correctors. */
const ERROR = /^(?:ER|ERR|ERROR)[ _:.-]?\d{0,4}$|^#\d{4}$/i;

/** What the numbers mean where a maker has said so: the ZDUE list and LIS-200. */
const MEANINGS: Readonly<Record<string, string>> = {
  "ERROR00": "invalid command",
  "ERROR01": "unknown command",
  "ERROR04": "invalid class",
  "ERROR11": "invalid time or date",
  "ERROR14": "its serial number is set already",
  "#0001": "unknown address",
  "#0002": "object not available",
  "#0004": "unknown attribute",
  "#0006": "value out of range",
  "#0017": "wrong access code",
  "#0018": "no right to read",
  "#0019": "no right to write",
  "#0103": "archive empty",
  "#0104": "range limit not found",
  "#0105": "range limit not found",
  "#0200": "syntax",
  "#0201": "wrong password",
};

/**
 * The error message that an answer is, in the meter's own words with its brackets, and in ours where they are known:
 * `(ERROR01), which means: unknown command`; `undefined`: it is a value. Some write the address before it: `P.01(ERROR)`.
 * `bare`: this meter writes the address in every answer, so that one without it is an error message: `(01)`.
 */
export function errorIn(
  sets: readonly DataSet[],
  { bare = false }: { readonly bare?: boolean } = {},
): string | undefined {
  const [set, more] = sets;
  if (!set || more || set.values.length !== 1) return undefined;
  const { text, unit } = set.values[0]!;
  const isBare = bare && set.address === "";
  if (unit !== undefined || !isBare && !ERROR.test(text.trim())) return undefined;
  const meaning = MEANINGS[text.trim().toUpperCase()];
  return `(${text})${meaning === undefined ? "" : `, which means: ${meaning}`}`;
}
