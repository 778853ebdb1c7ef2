/** Readings as tests need them. */
import type { Reading } from "../../src/sink.ts";

/** 15 January 2026, noon: readout `number` is so many seconds later. */
export const T0 = Date.UTC(2026, 0, 15, 12);

/** One reading, with what is given in place of the usual. */
export function reading(its: Partial<Reading> = {}): Reading {
  const text = its.text ?? "0147238.4";
  return {
    time: new Date(T0).toISOString(),
    meter: "flat-1",
    obis: "1-0:1.8.0*255",
    address: "1.8.0",
    index: 0,
    value: Number(text),
    text,
    unit: "kWh",
    name: "active_energy_import_total",
    labels: {},
    flags: [],
    ...its,
  };
}

/** One readout of `count` registers, each with the number as its value. */
export function readout(number: number, count = 3): Reading[] {
  return Array.from({ length: count }, (_, at) =>
    reading({
      time: new Date(T0 + number * 1000).toISOString(),
      obis: `1-0:${at + 1}.8.0*255`,
      address: `${at + 1}.8.0`,
      text: `${number}`.padStart(6, "0"),
      labels: { site: "north" },
    }));
}

/** The number of each readout in a list of readings. */
export function numbers(readings: readonly Reading[]): number[] {
  return readings.filter(({ address }) => address === "1.8.0").map(({ value }) => value!);
}

/** A folder that is gone after the test. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = Deno.makeTempDirSync();
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}
