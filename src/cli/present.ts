/** How `read` and `decode` show readings, and where they write. @module */
import { UsageError } from "../errors.ts";
import { CSV_HEADER, toCsv, toJson, toTable } from "../format.ts";
import type { Reading } from "../reading.ts";

/** How readings are shown: for people, for programs, for spreadsheets. */
export const FORMATS = ["table", "json", "csv"] as const;

/** One of {@link FORMATS}. */
export type Format = typeof FORMATS[number];

/** The value of `--format`; absent: a table. @throws {UsageError} */
export function parseFormat(text: unknown): Format {
  const format = FORMATS.find((format) => format === (text ?? "table"));
  if (format === undefined) throw new UsageError(`--format ${text}: allowed are ${FORMATS.join(", ")}`);
  return format;
}

/** Writes readings to standard output. */
export function present(readings: readonly Reading[], format: Format): void {
  const colour = Deno.stdout.isTerminal() && !Deno.noColor;
  if (format === "table") print(toTable(readings, { colour, ...consoleWidth() }));
  if (format === "json") print(readings.map((reading) => toJson(reading) + "\n").join(""));
  if (format === "csv") print([CSV_HEADER, ...readings.map(toCsv)].map((row) => row + "\r\n").join(""));
}

function consoleWidth(): { width?: number } {
  return Deno.stdout.isTerminal() ? { width: Deno.consoleSize().columns } : {};
}

/** Writes all of a text to standard output. */
export function print(text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
}
