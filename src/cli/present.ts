/** How `read` and `decode` show readings. @module */
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

/** Readings as text for standard output, without the last line end; `""`: there is nothing to show. */
export function present(readings: readonly Reading[], format: Format): string {
  switch (format) {
    case "table":
      return toTable(readings, { colour: Deno.stdout.isTerminal() && !Deno.noColor, ...consoleWidth() });
    case "json":
      return readings.map(toJson).join("\n");
    case "csv":
      return [CSV_HEADER, ...readings.map(toCsv)].map((row) => row + "\r").join("\n"); // RFC 4180 wants CR LF
  }
}

/** How wide the terminal is, if it is one; a serial console does not know, and says 0. */
export function consoleWidth(): { readonly width?: number } {
  return Deno.stdout.isTerminal() ? { width: Deno.consoleSize().columns || 80 } : {};
}
