/** Times as meters write them: local, with a season digit or without (VDEW: ZST10, ZSTs11, ZST12, ZSTs13). @module */

const HOUR_MS = 3_600_000;

/** A time on a meter's own clock. */
export interface Stamp {
  /** The wall clock's fields as if they were UTC, ms since 1970. */
  readonly localMs: number;
  /** `0` normal time, `1` summer time, `2` UTC; absent: the meter does not say. */
  readonly season?: "0" | "1" | "2";
}

/** How many digits a stamp has: 11 and 13 begin with the season, 12 and 13 end with seconds. */
export type StampForm = 10 | 11 | 12 | 13;

/** The offsets of a time zone. */
export interface Zone {
  /** Local time minus UTC at a moment, ms. */
  offsetMs(utcMs: number): number;
  /** The same in normal time, in the year of a moment. */
  normalMs(utcMs: number): number;
}

/** The zone of a name like `Europe/Berlin`. What was looked up is kept: a profile asks for the same hours again. */
export function zoneOf(timeZone: string): Zone {
  const known = new Map<number, number>();
  const offsetMs = (utcMs: number) => {
    const quarter = Math.floor(utcMs / (HOUR_MS / 4));
    let offset = known.get(quarter);
    if (offset === undefined) {
      const at = Temporal.Instant.fromEpochMilliseconds(quarter * HOUR_MS / 4).toZonedDateTimeISO(timeZone);
      known.set(quarter, offset = at.offsetNanoseconds / 1e6);
    }
    return offset;
  };
  const normalMs = (utcMs: number) => {
    const year = new Date(utcMs).getUTCFullYear();
    return Math.min(offsetMs(Date.UTC(year, 0, 1)), offsetMs(Date.UTC(year, 6, 1)));
  };
  return { offsetMs, normalMs };
}

/** The same zone without its summer time. */
export function standardTime({ normalMs }: Zone): Zone {
  return { offsetMs: normalMs, normalMs };
}

/** Reads a stamp; `undefined`: it is none, or says "never" (a month or day 0). 24:00 is the next day's 00:00. */
export function parseStamp(text: string): Stamp | undefined {
  const found = /^([0-2](?=\d{10}$|\d{12}$))?(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?$/.exec(text.trim());
  if (!found) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(2).map((digits) => Number(digits ?? 0)) as number[];
  const localMs = localOf({ year: fullYear(year!), month: month!, day: day! }, [hour!, minute!, second!]);
  return localMs === undefined ? undefined : { localMs, ...seasonOf(found[1]) };
}

/** Two digits of a year: up to 50 of this century. */
function fullYear(year: number): number {
  return year > 99 ? year : year + (year > 50 ? 1900 : 2000);
}

/** The season digit as a field, or none. */
function seasonOf(digit: string | undefined): Pick<Stamp, "season"> {
  return digit === "0" || digit === "1" || digit === "2" ? { season: digit } : {};
}

/** Fields to local ms; `undefined`: there is no such day or time. */
function localOf(
  { year, month, day }: { readonly year: number; readonly month: number; readonly day: number },
  [hour = 0, minute = 0, second = 0]: readonly number[],
): number | undefined {
  const midnight = Date.UTC(year, month - 1, day);
  const isDay = new Date(midnight).getUTCMonth() === month - 1 && day >= 1 && month >= 1;
  const seconds = (hour * 60 + minute) * 60 + second;
  return isDay && minute < 60 && second < 60 && seconds <= 86_400 ? midnight + seconds * 1000 : undefined;
}

/**
 * When it was, ms since 1970. By the season digit where there is one; else by the zone: in the repeated hour of autumn
 * the first pass, or the second where the first is not later than `afterMs`.
 */
export function instantOf({ localMs, season }: Stamp, zone: Zone, afterMs = -Infinity): number {
  if (season === "2") return localMs;
  const normalMs = zone.normalMs(localMs);
  if (season !== undefined) return localMs - normalMs - (season === "1" ? HOUR_MS : 0);
  const summer = localMs - normalMs - HOUR_MS;
  const normal = localMs - normalMs;
  const isSummer = zone.offsetMs(summer) === localMs - summer;
  const isNormal = zone.offsetMs(normal) === localMs - normal;
  if (isSummer && isNormal) return summer > afterMs ? summer : normal;
  return isSummer ? summer : normal;
}

/** A moment as a stamp of the form that a meter takes. */
export function formatStamp(utcMs: number, zone: Zone, form: StampForm): string {
  const offset = zone.offsetMs(utcMs);
  const digits = new Date(utcMs + offset).toISOString().replace(/\D/g, "").slice(2, form > 11 ? 14 : 12);
  const season = offset === zone.normalMs(utcMs) ? "0" : "1";
  return form % 2 === 1 ? season + digits : digits;
}
