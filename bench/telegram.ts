/** The telegram that every measure reads: 70 data sets, 1.5 kB, as an industrial meter writes them; all values are made up. @module */
import { join } from "../src/bytes.ts";
import { encodeDataMessage, encodeIdentification } from "../src/iec62056/mod.ts";

/** Billing periods of one register: `1.8.1*04(012345.678*kWh)`. */
const billed = (register: string, unit: string) =>
  Array.from({ length: 8 }, (_, at) => `${register}*${String(12 - at).padStart(2, "0")}(${digits(at)}*${unit})`);

const digits = (seed: number) => `0${41207 + 977 * seed}.${100 + 37 * seed}`;

const DATA_SETS: readonly string[] = [
  ...["F.F(00000000)", "0.0.0(70012345)", "0.0.1(70012345)", "0.9.1(143005)", "0.9.2(241124)", "0.1.0(12)"],
  ...["0.1.2*12(2410312400)", "0.2.0(V3.07)", "0.2.2(00000001)", "C.1.0(70012345)", "C.7.0(0003)", "C.5.0(6404)"],
  ...["1.8.0(051234.567*kWh)", "1.8.1(031234.500*kWh)", "1.8.2(020000.067*kWh)", "2.8.0(000123.400*kWh)"],
  ...["3.8.0(004321.005*kvarh)", "4.8.0(000017.250*kvarh)", "9.8.0(052345.100*kVAh)", "1.2.1(0412.32*kW)"],
  ...["1.6.1(07.412*kW)(2411201045)", "1.6.2(05.870*kW)(2411120715)", "1.4.1(02.113*kW)", "1.7.0(02.342*kW)"],
  ...["32.7.0(231.15*V)", "52.7.0(230.87*V)", "72.7.0(232.02*V)", "31.7.0(004.12*A)", "51.7.0(003.08*A)"],
  ...["71.7.0(003.97*A)", "33.7.0(0.98)", "53.7.0(0.97)", "73.7.0(0.98)", "14.7.0(50.01*Hz)", "13.7.0(0.98)"],
  ...["21.7.0(00.934*kW)", "41.7.0(00.692*kW)", "61.7.0(00.716*kW)"],
  ...billed("1.8.1", "kWh"),
  ...billed("1.8.2", "kWh"),
  ...billed("3.8.0", "kvarh"),
  ...billed("2.8.0", "kWh"),
];

/** How many data sets it has; one of them twice a value, so readings are two more. */
export const SETS: number = DATA_SETS.length;

/** Values, and so readings: one set may have two. */
export const READINGS: number = DATA_SETS.join("").split("(").length - 1;

/** What the meter answers to a request; with a reaction time of 200 ms, or where `quick` 20 ms (6.4.3.6). */
export function identification(quick = false): Uint8Array {
  return encodeIdentification({ line: `/EX${quick ? "m" : "M"}5BENCH` });
}

/** STX, data block, ETX, check character. */
export const DATA_MESSAGE: Uint8Array = encodeDataMessage(DATA_SETS.map((set) => `${set}\r\n`).join("") + "!\r\n");

/** The whole: identification and data message, as a capture of a readout has them. */
export function telegram(quick = false): Uint8Array {
  return join(identification(quick), DATA_MESSAGE);
}
