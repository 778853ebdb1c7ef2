/** Profiles drawn in characters: one picture a channel, as wide as the terminal. @module */
import type { Channel, ProfileRow } from "../iec62056/mod.ts";

/** Lines of a picture. */
const HEIGHT = 8;
const EIGHTHS = " ▁▂▃▄▅▆▇█";
/** For the numbers at the left. */
const MARGIN = 10;

/** How a picture is made. */
export interface PlotOptions {
  readonly width: number;
  /** A moment for a person. */
  readonly label: (ms: number) => string;
}

/** A picture of each channel, without the last line end. Where rows are missing it is blank. */
export function plot(rows: readonly ProfileRow[], options: PlotOptions): string {
  const channels = new Map(rows.flatMap((row) => row.channels).map((channel) => [channel.address, channel]));
  return [...channels.values()].map((channel) => picture(rows, channel, options)).join("\n\n");
}

function picture(rows: readonly ProfileRow[], channel: Channel, { width, label }: PlotOptions): string {
  const columns = Math.max(10, width - MARGIN - 1);
  const [fromMs, toMs] = [rows[0]!.startMs, rows.at(-1)!.endMs];
  const means = meansOf(rows, channel, { columns: Math.min(columns, rows.length), fromMs, toMs });
  const top = Math.max(...means.map((mean) => mean ?? 0)) || 1;
  const lines = Array.from({ length: HEIGHT }, (_, at) => {
    const floor = HEIGHT - 1 - at;
    const bars = means.map((mean) => mean === undefined ? " " : EIGHTHS[eighths(mean / top, floor)]).join("");
    const scale = at === 0 ? top : at === HEIGHT - 1 ? 0 : undefined;
    return (scale === undefined ? "" : Number(scale.toPrecision(4)).toString()).padStart(MARGIN - 1) + "┤" + bars;
  });
  const [first, last] = [label(fromMs), label(toMs)];
  const axis = " ".repeat(MARGIN) + first + last.padStart(Math.max(last.length + 1, means.length - first.length));
  return [`${channel.address} ${channel.unit}`.trim(), ...lines, axis].join("\n");
}

/** How much of a line of the picture a value fills, in eighths; what is more than nothing shows. */
function eighths(share: number, floor: number): number {
  const filled = Math.round(share * HEIGHT * 8) - floor * 8;
  return Math.max(floor === 0 && share > 0 ? 1 : 0, Math.min(8, filled));
}

/** The mean of what falls into each column; `undefined`: nothing does. */
function meansOf(
  rows: readonly ProfileRow[],
  { address }: Channel,
  { columns, fromMs, toMs }: { readonly columns: number; readonly fromMs: number; readonly toMs: number },
): (number | undefined)[] {
  const sums = Array.from({ length: columns }, () => ({ sum: 0, count: 0 }));
  for (const row of rows) {
    const value = Number(row.values[row.channels.findIndex((channel) => channel.address === address)]?.text);
    if (!Number.isFinite(value)) continue;
    const middle = ((row.startMs + row.endMs) / 2 - fromMs) / (toMs - fromMs);
    const cell = sums[Math.min(columns - 1, Math.floor(middle * columns))]!;
    cell.sum += value;
    cell.count++;
  }
  return sums.map(({ sum, count }) => count === 0 ? undefined : sum / count);
}
