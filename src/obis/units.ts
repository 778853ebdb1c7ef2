/** Units as meters spell them, and the one form in which readings carry them. @module */

/** What the code says about the quantity, where a spelling means two things. */
export interface UnitContext {
  /** `m` is minutes for a duration, months for a battery. */
  readonly measure?: "duration" | "battery" | "power factor";
}

/** Normal form, then other spellings that were met. Multiples are kept: a value is never rescaled. */
const SPELLINGS = `
Wh: wh
kWh: KWh kwh KWH kW*h
MWh: Mwh
varh: Varh VArh
kvarh: kVArh kVarh KVARH kvar*h kVARh kvArh
Mvarh: MVArh MVarh
kVAh: KVAh
kW: KW
kvar: kVAr kVar kVAR
Mvar: MVAr
kVA: KVA
Hz: hz
°: deg Deg grad
°C: C degC Cel oC \u00f8C
m³: m3 m^3 M3 cbm
m³ (norm): Nm3 m3N Sm3
L: l dm3 ltr
m³/h: m3/h m3ph m3h m^3/h cbm/h
L/h: l/h lph
L/min: l/min
bar: Bar
kg/m³: kg/m3
s: sec
h: hrs hr Std
d: day days
Imp/kWh: imp/kWh I/kWh P/kWh p/kWh Imp.
EUR: €
`;

/** Units that everyone spells alike. */
const PLAIN = `
GWh VAh MVAh W MW GW var VA MVA V kV mV A mA kA Ah kAh kHz % K J kJ MJ GJ TJ cal kcal Mcal Gcal mbar Pa hPa kPa MPa
kg t kWh/m3 MJ/m3 min dBm ppm NOK kr
`;

let spellings: Map<string, string> | undefined;

function table(): Map<string, string> {
  if (spellings) return spellings;
  spellings = new Map(PLAIN.trim().split(/\s/).map((unit) => [unit, unit]));
  for (const line of SPELLINGS.trim().split("\n")) {
    const [normal, others] = line.split(": ");
    for (const spelling of [normal!, ...others!.split(" ")]) spellings.set(spelling, normal!);
  }
  return spellings;
}

/** Whether a spelling is in the table, so that it may be cut off a number it is glued to. */
export function isUnit(unit: string, context: UnitContext = {}): boolean {
  return lookUp(unit, context) !== undefined;
}

/**
 * The normal form of a unit as a meter spelled it: `kVArh` → `kvarh`, `m3ph` → `m³/h`. A stray `*` and blanks at the
 * ends are cut; a unit that is in no table is kept as written.
 */
export function normalUnit(unit: string, context: UnitContext = {}): string {
  const known = lookUp(unit, context); // first, for it costs a tenth of the cutting
  if (known !== undefined) return known;
  const spelled = unit.replace(/^[* ]+|[* ]+$/g, "");
  return lookUp(spelled, context) ?? spelled;
}

function lookUp(unit: string, { measure }: UnitContext): string | undefined {
  if (unit === "m" && measure === "duration") return "min";
  if (unit === "m" && measure === "battery") return "month";
  if (unit === "k" && measure === "power factor") return "1";
  return table().get(unit) ?? table().get(foldKilo(unit));
}

/** `K` for kilo, which is kelvin elsewhere: only before W and V. */
function foldKilo(unit: string): string {
  return /^K[WV]/.test(unit) ? "k" + unit.slice(1) : unit;
}

const DECIMAL = /^ *[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+) *$/;

/** 10⁰ to 10¹⁵: exact, so that digits divided by one are the nearest double as long as the digits are exact too. */
const POWERS_OF_TEN = Array.from({ length: 16 }, (_, exponent) => 10 ** exponent);

/**
 * The number that a text says, or null when it is no plain decimal: `000123.45`, `+1,5`, `12.`; not `---.-`, `?`,
 * `032A.871`, `1e3`. The nearest double: the digits themselves stay in the text.
 */
export function parseDecimal(text: string): number | null {
  let [number, digits, decimals] = [0, 0, -1];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) {
      number = number * 10 + code - 0x30;
      digits++;
      if (decimals >= 0) decimals++;
    } else if (code === 0x2e && decimals < 0) decimals = 0;
    else return parseDecorated(text);
  }
  if (digits === 0 || digits > 15) return parseDecorated(text); // of 15 digits every number is exact
  return decimals > 0 ? number / POWERS_OF_TEN[decimals]! : number;
}

/** The same with signs, blanks, a comma or any number of digits, which few values have. */
function parseDecorated(text: string): number | null {
  if (!DECIMAL.test(text)) return null;
  const value = Number(text.includes(",") ? text.replace(",", ".") : text);
  return Number.isFinite(value) ? value + 0 : null; // + 0: "-0.0" is 0
}

const GLUED = /^( *[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+))( *)([^\d\s.,+-]\S*) *$/;

/** A number and the unit that follows it without `*`: `231.15V`, `024562 kWh`; undefined when that is not what it is. */
export function splitGluedUnit(
  text: string,
  context: UnitContext = {},
): { readonly text: string; readonly unit: string } | undefined {
  const found = GLUED.exec(text);
  return found && isUnit(found[3]!, context) ? { text: found[1]!, unit: found[3]! } : undefined;
}
