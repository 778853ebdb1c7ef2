/** The table in which the measures stand. @module */

/** One line of the table. */
export interface Row {
  readonly measure: string;
  readonly result: string;
  readonly bound: string;
  /** What others take for the same: of this run, or quoted where that is said. */
  readonly peer?: string;
  /** Whether the result keeps the bound; absent: there is none. */
  readonly met?: boolean;
}

/** Anything that can be measured. */
export interface Measure {
  /** By which it is chosen: `deno task bench NAME`. */
  readonly name: string;
  /** What will be measured, and how long it takes. */
  readonly summary: string;
  run(): Promise<readonly Row[]>;
}

/** Columns as wide as their widest cell, for a terminal and for Markdown alike. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map(({ measure, result, bound, met, peer = "" }) => [measure, result, mark(bound, met), peer]);
  const all = [["measure", "result", "bound", "peer"], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]!.length)));
  const format = (row: readonly string[]) => `| ${row.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |`;
  const [head, ...rest] = all.map(format);
  return [head, `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rest].join("\n") + "\n";
}

function mark(bound: string, met: boolean | undefined): string {
  return met === undefined ? bound : `${bound} ${met ? "✓" : "✗"}`;
}

/** The middle one of several numbers. */
export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

/** The smallest number that at least this share of them does not exceed. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}
