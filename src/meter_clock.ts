/** What a meter's own clock says: 0.9.1 and 0.9.2, 0.9.4, the time of a P1 telegram or a DLMS meter, 9.36 of old heat meters. @module */
import { readObis } from "./obis/code.ts";
import type { Telegram } from "./telegram.ts";

/** How a local time is meant: winter time, summer time, UTC; absent: as the zone has it. */
type Season = "winter" | "summer" | "utc";

interface Day {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** A clock as it was read. */
interface Parts {
  /** More than one where it is not sure which digits are which (24.06.01). */
  readonly days: readonly Day[];
  /** Since midnight. */
  readonly timeMs: number;
  readonly season?: Season | undefined;
}

/**
 * The meter's own time, ms since 1970, or undefined when the telegram has none that can be read. Of several readings of
 * the same digits (the hour that comes twice, 24.06.01, a time without a date) it is the nearest to `nearMs`.
 */
export function meterTime(telegram: Telegram, timeZone: string, nearMs: number): number | undefined {
  const parts = partsOf(telegram, timeZone, nearMs);
  const candidates = parts?.days.flatMap((day) => instants(day, parts, timeZone)) ?? [];
  if (candidates.length === 0) return undefined;
  return candidates.reduce((best, other) => Math.abs(other - nearMs) < Math.abs(best - nearMs) ? other : best);
}

/** A clock that was set may be off by this when it is read back: it tells whole seconds, and the wire takes its time. */
export const SET_WITHIN_MS = 3000;

/** How far a clock was ahead of ours when it said this, by its registers, ms; `undefined`: nobody knows this form. */
export function aheadMs(
  { texts, atMs }: { readonly texts: Readonly<Record<string, string>>; readonly atMs: number },
  timeZone: string,
): number | undefined {
  const sets = Object.entries(texts).map(([address, text]) => ({ address, values: [{ text }] }));
  const block = { sets, damaged: [], complete: true };
  const check = { kind: "bcc", result: "good" } as const;
  const meterMs = meterTime({ mode: "C", block, check, atMs, bytes: new Uint8Array() }, timeZone, atMs);
  return meterMs === undefined ? undefined : meterMs - atMs;
}

function partsOf({ block }: Telegram, timeZone: string, nearMs: number): Parts | undefined {
  let [date, time, both]: (string | undefined)[] = [];
  for (const { address, values } of block.sets) {
    const place = knownPlace(address);
    if (place === undefined) continue;
    const text = values[0]?.text.trim();
    if (place === "date") date ??= text;
    else if (place === "time") time ??= text;
    else both ??= text;
  }
  if (both !== undefined) return parseBoth(both);
  const clock = parseTime(time ?? "");
  if (!clock) return undefined;
  if (date === undefined) return { ...clock, days: daysAround(nearMs, timeZone) };
  return combine(parseDate(date), clock);
}

/** The same addresses come with every readout. */
const PLACES_LIMIT = 4096;
const places = new Map<string, Place | undefined>();

function knownPlace(address: string): Place | undefined {
  const known = places.get(address);
  if (known !== undefined || places.has(address)) return known;
  if (places.size >= PLACES_LIMIT) places.clear();
  const place = placeOf(address);
  places.set(address, place);
  return place;
}

/** What of a clock a register says. */
type Place = "date" | "time" | "both";

/** Where a clock stands. */
function placeOf(address: string): Place | undefined {
  if (address === "9.36") return "both";
  const code = /0\.9\.|1\.0\.0/.test(address) ? readObis(address) : undefined;
  if (code?.f !== 255) return undefined;
  const { a, c, d, e } = code;
  if (a === 0 && c === 1 && d === 0 && e === 0) return "both"; // P1
  if (a > 1 || c !== 0 || d !== 9) return undefined;
  return e === 1 ? "time" : e === 2 ? "date" : e === 4 ? "both" : undefined;
}

/** `240601143000S`, `2406011430`, `12406011430`, `1240601143000`, `20240601143000`, `2024-06-01 14:30:00`, with `&` too. */
function parseBoth(text: string): Parts | undefined {
  const digits = /^(\d{10,14})([SW])?$/.exec(text);
  if (!digits) {
    const [date, time, zone] = text.split(/[ T&,;]+|(?=[Z+]|-\d\d:\d\d$)/);
    return date && time ? inZone(combine(parseDate(date), parseTime(time)), zone) : undefined;
  }
  const [, all, letter] = digits;
  const timeLength = all!.length === 10 || all!.length === 11 ? 4 : 6;
  const both = combine(parseDate(all!.slice(0, -timeLength)), parseTime(all!.slice(-timeLength)));
  return both && letter ? { ...both, season: letter === "S" ? "summer" : "winter" } : both;
}

/** A DLMS meter's clock may say its zone, `+01:00` or `Z`, which wins over the configured one. */
function inZone(parts: Parts | undefined, zone: string | undefined): Parts | undefined {
  if (!parts || zone === undefined) return parts;
  const [, sign, hours = "0", minutes = "0"] = /^(?:Z|([+-])(\d\d):(\d\d))$/.exec(zone) ?? [];
  const aheadMs = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return { ...parts, timeMs: parts.timeMs + (sign === "-" ? aheadMs : -aheadMs), season: "utc" };
}

function combine(date: Omit<Parts, "timeMs"> | undefined, time: Omit<Parts, "days"> | undefined): Parts | undefined {
  return date && time ? { ...date, ...time, season: time.season ?? date.season } : undefined;
}

const SEASONS: readonly Season[] = ["winter", "summer", "utc"];

/** `143000`, `1430`, `14:30:00`, `14:30`, `1143000` with the season in front. */
function parseTime(text: string): Omit<Parts, "days"> | undefined {
  const found = /^([012])?(\d\d)(\d\d)(\d\d)$/.exec(text) ?? /^()(\d\d):?(\d\d)(?::(\d\d))?$/.exec(text);
  if (!found) return undefined;
  const [, season, hours, minutes, seconds = "0"] = found;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const timeMs = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return { timeMs, ...season && { season: SEASONS[Number(season)] } };
}

/** `240601`, `1240601` with the season in front, `20240601`, `2024-06-01`, `24-06-01`, `24.06.01`, `01.06.24`. */
function parseDate(text: string): Omit<Parts, "timeMs"> | undefined {
  const found = /^(\d{4})[-./]?(\d\d)[-./]?(\d\d)$/.exec(text) ?? /^(\d\d)[-./](\d\d)[-./](\d\d)$/.exec(text) ??
    /^(?:[012](?=\d{6}$))?(\d\d)(\d\d)(\d\d)$/.exec(text);
  if (!found) return undefined;
  const [a, b, c] = found.slice(1).map(Number) as [number, number, number];
  const days = [{ year: a < 100 ? 2000 + a : a, month: b, day: c }];
  if (/^\d\d\./.test(text)) days.push({ year: 2000 + c, month: b, day: a });
  return { days, ...text.length === 7 && { season: SEASONS[Number(text[0])] } };
}

/** A time without a date is of the day before, this one or the next. */
function daysAround(nearMs: number, timeZone: string): Day[] {
  const today = Temporal.Instant.fromEpochMilliseconds(nearMs).toZonedDateTimeISO(timeZone).toPlainDate();
  return [-1, 0, 1].map((days) => today.add({ days })).map(({ year, month, day }) => ({ year, month, day }));
}

/** The moments at which such a clock shows this; none for a day that no calendar has (00-00-00, 63-25-25). */
function instants(day: Day, { timeMs, season }: Parts, timeZone: string): number[] {
  const known = dayIn(timeZone, day);
  if (!known) return [];
  const utcMs = known.utcMs + timeMs;
  if (season === "utc") return [utcMs];
  const { winter, summer, offsetMs } = known;
  if (season && winter !== summer) return [utcMs - (season === "summer" ? summer : winter)];
  if (offsetMs !== undefined) return [utcMs - offsetMs];
  const wall = Temporal.Instant.fromEpochMilliseconds(utcMs).toZonedDateTimeISO("UTC").toPlainDateTime();
  return (["earlier", "later"] as const).map((disambiguation) =>
    wall.toZonedDateTime(timeZone, { disambiguation }).epochMilliseconds
  );
}

/** What a zone makes of a day; times in ms. */
interface ZonedDay {
  /** Its midnight, were its clock UTC. */
  readonly utcMs: number;
  /** What the clock is ahead of UTC all day long; absent: it is changed on that day. */
  readonly offsetMs?: number;
  /** What it is ahead in winter and in summer; the same twice where there is no summer time. */
  readonly winter: number;
  readonly summer: number;
}

/** The calendar takes a quarter of a millisecond, and all meters say the same day. */
const DAYS_LIMIT = 64;
const days = new Map<string, ZonedDay | undefined>();

function dayIn(timeZone: string, day: Day): ZonedDay | undefined {
  const key = `${day.year}-${day.month}-${day.day} ${timeZone}`;
  if (!days.has(key)) {
    if (days.size >= DAYS_LIMIT) days.clear();
    days.set(key, readDay(timeZone, day));
  }
  return days.get(key);
}

function readDay(timeZone: string, day: Day): ZonedDay | undefined {
  let date: Temporal.PlainDate;
  try {
    date = Temporal.PlainDate.from({ ...day }, { overflow: "reject" });
  } catch {
    return undefined;
  }
  const [first, next] = [date, date.add({ days: 1 })].map((date) => date.toZonedDateTime({ timeZone }));
  const steady = first!.hoursInDay === 24 && offsetMs(first!) === offsetMs(next!);
  const offsets = [1, 7].map((month) =>
    offsetMs(Temporal.ZonedDateTime.from({ year: day.year, month, day: 1, timeZone }))
  );
  return {
    utcMs: date.toZonedDateTime("UTC").epochMilliseconds,
    winter: Math.min(...offsets),
    summer: Math.max(...offsets),
    ...steady && { offsetMs: offsetMs(first!) },
  };
}

function offsetMs(zoned: Temporal.ZonedDateTime): number {
  return zoned.offsetNanoseconds / 1e6;
}
