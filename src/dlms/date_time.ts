/**
 * Moments as meters write them: twelve octets, any of which may be unspecified, local time and its distance to UTC
 * (Green Book, 4.1.6.1).
 * @module
 */
import { Writer } from "./octets.ts";

/** A date and a time of day; what the meter left open is absent. */
export interface DateTime {
  readonly year?: number;
  /** 1 to 12; 253 end, 254 begin of daylight saving. */
  readonly month?: number;
  /** 1 to 31; 253 second last, 254 last of the month. */
  readonly day?: number;
  /** 1 Monday to 7 Sunday. */
  readonly weekday?: number;
  readonly hour?: number;
  readonly minute?: number;
  readonly second?: number;
  readonly hundredths?: number;
  /** UTC is local time plus this: −60 in Berlin in winter. */
  readonly deviationMinutes?: number;
  /** Bits: 1 invalid, 2 doubtful, 4 another clock, 8 invalid status, 128 daylight saving. */
  readonly status?: number;
}

const DEVIATION_UNSPECIFIED = -0x8000;

/** The moment in twelve octets; `undefined`: they are not twelve. */
export function decodeDateTime(octets: Uint8Array): DateTime | undefined {
  if (octets.length !== 12) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset, 12);
  const year = view.getUint16(0);
  const deviationMinutes = view.getInt16(9);
  return {
    ...(year === 0xffff ? {} : { year }),
    ...specified("month", octets[2]!),
    ...specified("day", octets[3]!),
    ...specified("weekday", octets[4]!),
    ...specified("hour", octets[5]!),
    ...specified("minute", octets[6]!),
    ...specified("second", octets[7]!),
    ...specified("hundredths", octets[8]!),
    ...(deviationMinutes === DEVIATION_UNSPECIFIED ? {} : { deviationMinutes }),
    ...specified("status", octets[11]!),
  };
}

function specified(name: keyof DateTime, octet: number): DateTime {
  return octet === 0xff ? {} : { [name]: octet };
}

/** The twelve octets; what is absent becomes FF, the deviation 8000. */
export function encodeDateTime(moment: DateTime): Uint8Array {
  const { year = 0xffff, month, day, weekday, hour, minute, second, hundredths, status } = moment;
  const writer = new Writer().integer(year, 2);
  for (const field of [month, day, weekday, hour, minute, second, hundredths]) writer.put(field ?? 0xff);
  return writer.integer(moment.deviationMinutes ?? DEVIATION_UNSPECIFIED, 2).put(status ?? 0xff).bytes;
}

/**
 * Milliseconds since 1970; `undefined` where date, hour or minute are open or impossible. Without a deviation the
 * clock is taken to differ from UTC by `deviationMinutes`, or it is `undefined` too.
 */
export function instantOf(moment: DateTime, { deviationMinutes }: Pick<DateTime, "deviationMinutes"> = {}):
  | number
  | undefined {
  const { year, month, day, hour, minute, second = 0, hundredths = 0 } = moment;
  const deviation = moment.deviationMinutes ?? deviationMinutes;
  if (year === undefined || month === undefined || day === undefined || deviation === undefined) return undefined;
  if (hour === undefined || minute === undefined || month > 12) return undefined;
  const local = Date.UTC(year, month - 1, day, hour, minute, second, hundredths * 10);
  const real = new Date(local).getUTCDate() === day || hour === 24;
  return real ? local + deviation * 60_000 : undefined;
}

/** The moment of a clock that is `deviationMinutes` away from UTC. Hundredths are left open. */
export function dateTimeOf(instantMs: number, deviationMinutes = 0): DateTime {
  const local = new Date(instantMs - deviationMinutes * 60_000);
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    weekday: local.getUTCDay() || 7,
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
    deviationMinutes,
    status: 0,
  };
}

/** `2024-03-30T10:30:00+01:00`: as the meter wrote it; `??` for what it left open, no zone without a deviation. */
export function formatDateTime(moment: DateTime): string {
  const { year, month, day, hour, minute, second, hundredths, deviationMinutes } = moment;
  const date = [year === undefined ? "????" : String(year).padStart(4, "0"), two(month), two(day)].join("-");
  const time = [two(hour), two(minute), two(second)].join(":") + (hundredths ? `.${two(hundredths)}` : "");
  return `${date}T${time}${deviationMinutes === undefined ? "" : formatZone(deviationMinutes)}`;
}

function two(field: number | undefined): string {
  return field === undefined ? "??" : String(field).padStart(2, "0");
}

function formatZone(deviationMinutes: number): string {
  if (deviationMinutes === 0) return "Z";
  const minutes = Math.abs(deviationMinutes);
  return `${deviationMinutes < 0 ? "+" : "-"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
