/** Units by their number, in the normal form of readings (Green Book, table 4). @module */

/** Numbers from 1 on; `-` where there is none. Volume at norm conditions is told from volume as metered. */
const UNITS = `
year month week d h min s ° °C - m m/s m³ m³_(norm) m³/h m³/h_(norm) m³/d m³/d_(norm) L kg N Nm Pa bar J J/h
W VA var Wh VAh varh A C V V/m F Ω Ωm²/m Wb T A/m H Hz 1/Wh 1/varh 1/VAh V²h A²h kg/s S K 1/(V²h) 1/(A²h) 1/m³ %
Ah - - Wh/m³ J/m³ mol% g/m³ Pa_s J/kg g/cm² atm - - dBm dBµV dB
`;

/** Numbers from 128 on: what is used with feet and pounds. */
const IMPERIAL_UNITS = `
in ft lb °F °R in² ft² acre in³ ft³ acre_ft gal_(UK) gal_(US) lbf psi lb/ft³ lb/(ft_s) ft²/s Btu thm_(EU) thm_(US)
Btu/lb Btu/ft³ ft³ ft/s ft³/s ft³/min ft³/h ft³/d acre_ft/s acre_ft/min acre_ft/h acre_ft/d gal_(UK) gal_(UK)/s
gal_(UK)/min gal_(UK)/h gal_(UK)/d gal_(US) gal_(US)/s gal_(US)/min gal_(US)/h gal_(US)/d Btu/s Btu/min Btu/h Btu/d
`;

function table(names: string, first: number): [number, string][] {
  return names.trim().split(/\s+/).map((name, at) => [first + at, name === "-" ? "" : name.replaceAll("_", " ")]);
}

/** 254: another unit than these; 255: a count, no unit. */
const NAMES = new Map([...table(UNITS, 1), ...table(IMPERIAL_UNITS, 128), [254, ""], [255, ""]] as [number, string][]);

/** `Wh` of 30; `""` where there is no unit; `unit-77` for a number that nobody has given a meaning. */
export function unitName(number: number): string {
  return NAMES.get(number) ?? `unit-${number}`;
}

/** Every number that has a name. */
export function unitNumbers(): number[] {
  return [...NAMES.keys()];
}
