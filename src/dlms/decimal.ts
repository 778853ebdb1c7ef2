/** Exact decimals: a meter's whole number and its power of ten become digits, and none is lost. @module */

/** `12345`, −2 → `123.45`; `5`, −2 → `0.05`; `100000`, 1 → `1000000`; `42.25`, 1 → `422.5`. */
export function scaleDecimal(digits: string, scaler: number): string {
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(digits)!;
  const all = whole! + fraction;
  const point = whole!.length + scaler;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${all}`;
  if (point >= all.length) return sign + bare(all + "0".repeat(point - all.length));
  return `${sign}${bare(all.slice(0, point))}.${all.slice(point)}`;
}

/** Without zeros in front, but with one digit. */
function bare(digits: string): string {
  return digits.replace(/^0+(?=\d)/, "");
}

/** The digits of a number without an exponent; `undefined` for what has none. */
export function plainDigits(value: number | bigint, type?: "float32"): string | undefined {
  if (typeof value === "bigint") return String(value);
  if (!Number.isFinite(value)) return undefined;
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(
    type === "float32" ? shortest32(value) : String(value),
  )!;
  return scaleDecimal(`${sign}${whole}${fraction && "."}${fraction}`, Number(exponent));
}

/** The fewest digits that mean this 32-bit number: 0.1, not 0.10000000149011612. */
function shortest32(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(Number(value.toPrecision(9)));
}
