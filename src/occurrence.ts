/**
 * A meter may say an address twice in one readout: which of its data sets a reading belongs to, 1, 2, …, so that no two
 * readings of a readout are taken for one.
 * @module
 */
import type { Reading } from "./reading.ts";

/** Of each reading of a batch of whole readouts, parallel to it. */
export function occurrencesIn(readings: readonly Reading[]): number[] {
  let seen = new Map<string, { occurrence: number; index: number }>();
  let last: Reading | undefined;
  return readings.map((reading) => {
    if (reading.time !== last?.time || reading.meter !== last.meter) seen = new Map();
    last = reading;
    const before = seen.get(reading.address);
    const again = before !== undefined && reading.index <= before.index; // an index that starts anew: another data set
    const occurrence = (before?.occurrence ?? 1) + (again ? 1 : 0);
    seen.set(reading.address, { occurrence, index: reading.index });
    return occurrence;
  });
}

const alone = new WeakMap<Reading, number>();

/** Of a reading that comes without the rest of its readout, a dead letter that is offered again; absent: the rest is there. */
export function occurrenceOf(reading: Reading): number | undefined {
  return alone.get(reading);
}

/** The same reading, which will come without the rest of its readout. */
export function comingAlone(reading: Reading, occurrence: number): Reading {
  alone.set(reading, occurrence);
  return reading;
}
