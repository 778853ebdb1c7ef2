/** Readings as points of InfluxDB: no two of a readout fall on one. @module */
import { Point } from "@influxdata/influxdb-client";
import { occurrenceOf, occurrencesIn, type Reading } from "../../src/sink.ts";

/**
 * Which data set of its address, within its readout, each reading belongs to: 1, 2, … A sink keeps one, so that a batch
 * that comes again in halves keeps the places that it had as a whole.
 */
export class Occurrences {
  readonly #known = new WeakMap<Reading, number>();

  /** Looks at a batch of whole readouts, at a part of one that it has seen, or at dead letters that come again. */
  count(readings: readonly Reading[]): void {
    const occurrences = occurrencesIn(readings);
    readings.forEach((reading, at) => {
      if (!this.#known.has(reading)) this.#known.set(reading, occurrenceOf(reading) ?? occurrences[at]!);
    });
  }

  /** Of a reading that was looked at. */
  of(reading: Reading): number {
    return this.#known.get(reading)!;
  }
}

/** One line of line protocol, time stamp in milliseconds. */
export function toLine(
  reading: Reading,
  { measurement, occurrence }: { measurement: string; occurrence: number },
): string {
  const { time, meter, obis, address, index, value, text, unit, labels } = reading;
  const point = new Point(measurement).timestamp(String(Date.parse(time)));
  const tags = { ...labels, meter, obis, address, unit, ...(index > 0 && { index: String(index) }) };
  for (const [name, content] of Object.entries(tags)) if (content !== "") point.tag(name, tagValue(content));
  if (occurrence > 1) point.tag("occurrence", String(occurrence));
  if (value !== null && Number.isFinite(value)) point.floatField("value", value);
  else point.stringField("text", text);
  return point.toLineProtocol()!;
}

/**
 * Line protocol has no way to write a backslash before a separator, nor at the end of a tag: it would swallow the
 * separator, and with it the line. It becomes `＼` (U+FF3C), which looks alike and swallows nothing.
 */
function tagValue(text: string): string {
  return text.replace(/\\+(?=[,= \n\r\t]|$)/g, (slashes) => "＼".repeat(slashes.length));
}
