/** The regular names of electricity: what groups C and D say without any table (OBIS, 1-x:C.D.E). @module */

/** Groups C, D and E of an electricity code; E 0 when not used. */
export interface ElectricityCode {
  readonly c: number;
  readonly d: number;
  readonly e: number;
}

/** Groups C 1 to 20; 21 to 80 repeat them for L1, L2 and L3. */
const POWERS: Record<number, readonly [string, string]> = {
  1: ["Active", "import"],
  2: ["Active", "export"],
  3: ["Reactive", "import"],
  4: ["Reactive", "export"],
  5: ["Reactive", "QI"],
  6: ["Reactive", "QII"],
  7: ["Reactive", "QIII"],
  8: ["Reactive", "QIV"],
  9: ["Apparent", "import"],
  10: ["Apparent", "export"],
  15: ["Active", "absolute sum"],
  16: ["Active", "net"],
  17: ["Active", "QI"],
  18: ["Active", "QII"],
  19: ["Active", "QIII"],
  20: ["Active", "QIV"],
};

/** Groups C that stand outside of the twenty. */
const SINGLES: Record<number, string> = {
  82: "Unitless quantity",
  84: "Power factor export total",
  85: "Power factor export L1",
  86: "Power factor export L2",
  87: "Power factor export L3",
  88: "Ampere-squared hours",
  89: "Volt-squared hours",
  90: "Current, sum of the phase currents",
  91: "Current neutral",
  92: "Voltage neutral",
  124: "Voltage L1 to L2",
  125: "Voltage L2 to L3",
  126: "Voltage L3 to L1",
};

const PROCESSINGS: Record<number, string> = {
  0: "billing period average",
  1: "cumulative minimum 1",
  2: "cumulative maximum 1",
  3: "minimum 1",
  4: "current average 1",
  5: "last average 1",
  6: "maximum 1",
  7: "instantaneous",
  8: "time integral 1",
  9: "time integral 2",
  10: "time integral 3",
  11: "cumulative minimum 2",
  12: "cumulative maximum 2",
  13: "minimum 2",
  14: "current average 2",
  15: "last average 2",
  16: "maximum 2",
  17: "time integral 7",
  18: "time integral 8",
  19: "time integral 9",
  20: "time integral 10",
  21: "cumulative minimum 3",
  22: "cumulative maximum 3",
  23: "minimum 3",
  24: "current average 3",
  25: "last average 3",
  26: "maximum 3",
  27: "current average 5",
  28: "current average 6",
  29: "time integral 5",
  30: "time integral 6",
  31: "under limit threshold",
  32: "under limit count",
  33: "under limit duration",
  34: "under limit magnitude",
  35: "over limit threshold",
  36: "over limit count",
  37: "over limit duration",
  38: "over limit magnitude",
  39: "missing threshold",
  40: "missing count",
  41: "missing duration",
  42: "missing magnitude",
  43: "time threshold under limit",
  44: "time threshold over limit",
  45: "time threshold missing",
  46: "contracted value",
  49: "average of recording interval 1",
  50: "minimum of recording interval 1",
  51: "maximum of recording interval 1",
  52: "average of recording interval 2",
  53: "minimum of recording interval 2",
  54: "maximum of recording interval 2",
  55: "test average",
  58: "time integral 4",
};

/** What voltage calls its limits. */
const SAGS: Record<number, string> = {
  32: "number of sags",
  33: "duration of sags",
  36: "number of swells",
  37: "duration of swells",
};

const ENERGIES = new Set([8, 9, 10, 17, 18, 19, 20, 29, 30, 58]);
const ANGLE_POINTS: Record<number, string> = { 0: "U", 1: "U", 2: "U", 4: "I", 5: "I", 6: "I", 7: "I" };

/** The English name of an electricity quantity, or undefined when groups C, D and E follow no rule. */
export function electricityName(code: ElectricityCode): string | undefined {
  const { c, d, e } = code;
  if (c === 81) return angleName(d, e);
  const subject = subjectName(c, d);
  const processing = PROCESSINGS[d];
  if (subject === undefined || processing === undefined) return undefined;
  const split = harmonicName(code);
  if (split !== undefined) return `${subject}, ${split}`;
  if (e > 63) return undefined;
  if (d === 8 && SINGLES[c] === undefined && isPower(c) || c === 82) {
    return `${subject}, ${e === 0 ? "total" : `rate ${e}`}`;
  }
  return `${subject}, ${processingName(code)}${e === 0 ? "" : `, rate ${e}`}`;
}

/** Whether the quantity is a plain ratio: the power factors. */
export function isPowerFactor(c: number): boolean {
  return c >= 84 && c <= 87 || c <= 80 && base(c) === 13;
}

/** Whether processing D gives a time span. */
export function isDuration(d: number): boolean {
  return d === 33 || d === 37 || d === 41 || d >= 43 && d <= 45;
}

/** Whether processing D gives an extreme value, behind which meters write when it was. */
export function isExtreme(d: number): boolean {
  return d <= 26 && (d % 10 === 3 || d % 10 === 6);
}

function base(c: number): number {
  return (c - 1) % 20 + 1;
}

function isPower(c: number): boolean {
  return c <= 80 && POWERS[base(c)] !== undefined;
}

function subjectName(c: number, d: number): string | undefined {
  if (c > 80) return SINGLES[c];
  const phase = ["", " L1", " L2", " L3"][Math.floor((c - 1) / 20)]!;
  const power = POWERS[base(c)];
  if (power) return `${power[0]} ${ENERGIES.has(d) ? "energy" : "power"} ${power[1]}${phase}`;
  switch (base(c)) {
    case 11:
      return `Current${phase || " any phase"}`;
    case 12:
      return `Voltage${phase || " any phase"}`;
    case 13:
      return `Power factor${phase || " total"}`;
    default:
      return `Frequency${phase}`;
  }
}

function isVoltage(c: number): boolean {
  return c === 92 || c <= 80 && base(c) === 12;
}

function processingName({ c, d }: ElectricityCode): string {
  if (isVoltage(c) && SAGS[d] !== undefined) return SAGS[d];
  const processing = PROCESSINGS[d]!;
  return isPower(c) && (d === 6 || d === 16 || d === 26) ? processing.replace("maximum", "maximum demand") : processing;
}

/** E of an instantaneous current, voltage or power is the order of a harmonic. */
function harmonicName({ c, d, e }: ElectricityCode): string | undefined {
  const swings = isPower(c) || isVoltage(c) || c === 91 || c <= 80 && base(c) === 11;
  if (!swings || d !== 7 && d !== 24) return undefined;
  if (e === 124) return "total harmonic distortion";
  return e >= 1 && e <= 120 ? `harmonic ${e}` : undefined;
}

/** E is ten times the reference plus the measured point. */
function angleName(d: number, e: number): string | undefined {
  const [measured, reference] = [ANGLE_POINTS[e % 10], ANGLE_POINTS[Math.floor(e / 10)]];
  return d === 7 && measured && reference ? `Phase angle ${measured} to ${reference}` : undefined;
}
