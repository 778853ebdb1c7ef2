/** The load profile of a DLMS meter (class 7), in the same rows as others. @module */
import type { Dialogue } from "./dialogue.ts";
import { CLASS, type Client, type DateTime, dateTimeOf, type Profile as DlmsProfile, ValueReader } from "./dlms/mod.ts";
import type { Channel, FetchedDay, Gap, ProfileRow, Zone } from "./iec62056/mod.ts";
import { instantOf } from "./iec62056/time_stamp.ts";

/** The profile that most meters keep their quarter hours in. */
export const LOAD_PROFILE = "1-0:99.1.0*255";
const SUMMER = 0x80;

/** What is fetched. */
export interface DlmsRange {
  readonly fromMs: number;
  readonly toMs: number;
  /** What the meter's clock shows where it does not say so itself. */
  readonly zone: Zone;
}

/** Fetches the rows of a range at once: the meter sends them in blocks. @throws {RefusalError} */
export function* fetchProfile(client: Client, name: string, { fromMs, toMs, zone }: DlmsRange): Dialogue<FetchedDay> {
  const bound = (ms: number) => dateTimeOf(ms, -zone.offsetMs(ms) / 60_000);
  const range = { kind: "range", from: bound(fromMs), to: bound(toMs) } as const;
  const profile = yield* new ValueReader(client).profile(name, range, { deviationOf: deviationIn(zone) });
  const rows = rowsOf(profile);
  const undated = profile.rows.length - rows.length;
  const damaged = undated > 0 ? [`${undated} rows say no time`] : [];
  return { rows, gaps: gapsOf(rows, profile.periodS * 1000), damaged, check: "good", untilMs: toMs };
}

/** What UTC is ahead of a local time, minutes; of the hour that comes twice, the pass behind the row before. */
export function deviationIn(zone: Zone) {
  return (
    { year, month, day, hour, minute, second = 0, status = 0 }: DateTime,
    afterMs?: number,
  ): number | undefined => {
    if (year === undefined || month === undefined || day === undefined) return undefined;
    const localMs = Date.UTC(year, month - 1, day, hour, minute, second);
    const season = (status & SUMMER) !== 0 ? { season: "1" } as const : {};
    return (instantOf({ localMs, ...season }, zone, afterMs) - localMs) / 60_000;
  };
}

function rowsOf({ columns, rows, periodS }: DlmsProfile): ProfileRow[] {
  const isClock = columns.map(({ classId, attribute }) => classId === CLASS.clock && attribute === 2);
  const channels: Channel[] = columns.map(({ name, attribute, unit }) => ({
    address: attribute === 2 ? name : `${name}/${attribute}`,
    unit,
  })).filter((_, at) => !isClock[at]);
  return rows.flatMap(({ atMs, values }) => {
    if (atMs === undefined) return [];
    const its = values.map(({ text, unit }) => ({ text, unit })).filter((_, at) => !isClock[at]);
    return [{ startMs: atMs - periodS * 1000, endMs: atMs, channels, values: its, status: 0, flags: [] }];
  });
}

/** Where more than one interval lies between two rows. */
function gapsOf(rows: readonly ProfileRow[], periodMs: number): Gap[] {
  if (periodMs === 0) return [];
  return rows.slice(1).flatMap(({ endMs }, at) => {
    const before = rows[at]!.endMs;
    const missing = Math.round((endMs - before) / periodMs) - 1;
    return missing > 0 ? [{ fromMs: before, toMs: endMs - periodMs, missing }] : [];
  });
}
