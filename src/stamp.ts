/** Which time a readout gets: when it came, its slot, or what the meter's own clock says. @module */
import { type Clock, timeOf } from "./clock.ts";
import type { MeterConfig } from "./config.ts";
import { meterTime } from "./meter_clock.ts";
import type { Moments } from "./moments.ts";
import type { Flag } from "./reading.ts";
import type { Telegram } from "./telegram.ts";

/** Farther from ours, a meter's clock dates no reading: an hour is the summer time that it, or its `time_zone`, lacks. */
const PLAUSIBLE_MS = 30 * 60_000;
/** Where our own clock is unknown, the meter's may show a time within these. */
const POSSIBLE_MS = [Date.UTC(2026, 0, 1), Date.UTC(2056, 0, 1)] as const;

/** The time of a readout, and what is to be said about it. */
export interface Stamp {
  /** Since 1970. */
  readonly atMs: number;
  readonly flags: readonly Flag[];
  /** When it came, by the clock that nobody sets; absent where that has no name. */
  readonly moment?: { readonly bootId: string; readonly monotonicMs: number; readonly trusted: boolean };
  /** By how much the meter's clock is ahead of ours; absent: it has none, or ours is unknown. */
  readonly aheadMs?: number;
  /** Why the meter's clock, which was to date it, does not. */
  readonly unfit?: string;
}

/** What a stamp depends on besides the telegram, whose `atMs` a {@link steadyClock} showed. */
export interface StampContext {
  readonly clock: Clock;
  readonly moments: Moments;
  /** The slot it was read for; absent: none. */
  readonly slot?: number;
}

/** Dates a readout. No other one of this meter has the same time. */
export function stampOf(telegram: Telegram, meter: MeterConfig, { clock, moments, slot }: StampContext): Stamp {
  const { name, timestamp, timeZone } = meter;
  const trust = clock.trust ?? "synchronised";
  const arrivedMs = timeOf(telegram.atMs, clock);
  const meterMs = meterTime(telegram, timeZone, arrivedMs);
  const known = trust !== "unknown";
  const unfit = timestamp === "meter" ? troubleOf(meterMs, arrivedMs, known) : undefined;
  const byMeter = timestamp === "meter" && unfit === undefined;
  const wantedMs = byMeter ? meterMs! : timestamp === "slot" ? slot ?? arrivedMs : arrivedMs;
  const atMs = moments.of(name, wantedMs, known || byMeter);
  const monotonicMs = wantedMs === arrivedMs ? telegram.atMs + atMs - arrivedMs : telegram.atMs;
  return {
    atMs,
    flags: trust === "kept" && !byMeter ? ["clock-unsynchronised"] : [],
    ...clock.bootId !== undefined && { moment: { bootId: clock.bootId, monotonicMs, trusted: known || byMeter } },
    ...known && meterMs !== undefined && { aheadMs: meterMs - arrivedMs },
    ...unfit !== undefined && { unfit },
  };
}

function troubleOf(meterMs: number | undefined, arrivedMs: number, known: boolean): string | undefined {
  if (meterMs === undefined) return "it says no time that can be read";
  const aheadMs = meterMs - arrivedMs;
  const [from, to] = known
    ? [-PLAUSIBLE_MS, PLAUSIBLE_MS]
    : POSSIBLE_MS.map((ms) => ms - arrivedMs) as [number, number];
  if (aheadMs >= from && aheadMs <= to) return undefined;
  return `its clock shows ${new Date(meterMs).toISOString().slice(0, 19)}Z`;
}
