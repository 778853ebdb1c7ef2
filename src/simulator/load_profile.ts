/** A load profile P.01 that nobody measured: quarter hours of a household, the same each time they are asked for. @module */
import { formatStamp, instantOf, parseStamp, type Stamp, type StampForm, type Zone } from "../iec62056/time_stamp.ts";

const PERIOD_MS = 900_000;
/** A meter keeps so much. */
const KEPT_MS = 40 * 86_400_000;
const HEADER = "(15)(2)(1-1:1.5)(kW)(1-1:2.5)(kW)";

/** What the meter knows of time. */
export interface ProfileClock {
  readonly zone: Zone;
  readonly nowMs: number;
  /** When its power failed, each time for less than an interval. */
  readonly blinksMs?: readonly number[];
}

/** Status of a header: the season changed, or the power failed and came back. */
const [SEASON, BLINK] = [0x08, 0xc0];

/**
 * The data lines of the rows whose ends lie in a range, as `from;to` says it; `undefined`: the range cannot be read; empty:
 * there are none. Where the season changes or the power failed, a new header says so. `most`: it ends after so many rows.
 */
export function profileLines(
  range: string,
  { zone, nowMs, blinksMs = [] }: ProfileClock,
  { inStandardTime = false, most = NaN }: { readonly inStandardTime?: boolean; readonly most?: number } = {},
): string[] | undefined {
  const [from = "", to = ""] = range.split(";");
  const [first, last] = [from, to].map((text) => text === "" ? undefined : parseStamp(text));
  if (from !== "" && !first || to !== "" && !last) return undefined;
  const form = (from.length || to.length || 13) as StampForm;
  const instant = (stamp: Stamp) => {
    const atMs = instantOf(stamp, zone);
    return inStandardTime ? atMs + zone.offsetMs(atMs) - zone.normalMs(atMs) : atMs;
  };
  const fromMs = Math.max(first ? instant(first) : 0, nowMs - KEPT_MS);
  const toMs = Math.min(last ? instant(last) : nowMs, nowMs);
  const lines: string[] = [];
  let offset = NaN;
  const firstMs = Math.ceil(fromMs / PERIOD_MS) * PERIOD_MS;
  for (let endMs = firstMs; endMs <= toMs && !(endMs - firstMs >= most * PERIOD_MS); endMs += PERIOD_MS) {
    const blink = blinksMs.some((ms) => ms > endMs - PERIOD_MS && ms <= endMs) ? BLINK : 0;
    const season = zone.offsetMs(endMs) !== offset && lines.length > 0 ? SEASON : 0;
    if (lines.length === 0 || season + blink > 0) {
      const status = (season + blink).toString(16).padStart(8, "0").toUpperCase();
      lines.push(`P.01(${formatStamp(endMs, zone, form)})(${status})${HEADER}`);
      offset = zone.offsetMs(endMs);
    }
    lines.push(row(endMs + offset));
  }
  return lines;
}

/** Import and export of the quarter hour that ends at a local time: mornings, evenings, sun at noon, and some chance. */
function row(localMs: number): string {
  const hour = localMs / 3_600_000 % 24;
  const bell = (middle: number, width: number) => Math.exp(-(((hour - middle) / width) ** 2));
  const chance = Math.abs(Math.sin(localMs / 7e5) * 1e4 % 1);
  const used = 0.2 + 0.9 * bell(7.5, 1.2) + 1.6 * bell(19, 2) + 0.25 * chance;
  const made = 2.4 * bell(12.5, 2.6) * (0.6 + 0.4 * Math.abs(Math.sin(localMs / 86_400_000)));
  const net = used - made;
  return `(${Math.max(0, net).toFixed(3)})(${Math.max(0, -net).toFixed(3)})`;
}
