/** The load profile of a DLMS meter (class 7), in the same rows as others. @module */
import type { Dialogue } from "./dialogue.ts";
import {
  CLASS,
  type Client,
  type Data,
  type DateTime,
  dateTimeOf,
  octetsOf,
  type ProfileColumns,
  type ScaledRow,
  ValueReader,
} from "./dlms/mod.ts";
import type { Channel, FetchedDay, Gap, ProfileRow, Zone } from "./iec62056/mod.ts";
import { instantOf } from "./iec62056/time_stamp.ts";

/** The profile that most meters keep their quarter hours in. */
export const LOAD_PROFILE = "1-0:99.1.0*255";
const SUMMER = 0x80;
/** Bits of a clock's status: its time is invalid, or doubtful; all of them: it does not say. */
const [DOUBTFUL, UNSAID] = [0x03, 0xff];
const DATE_TIME_OCTETS = 12;
const NO_FLAGS: ProfileRow["flags"] = [];
const CLOCK_DOUBTFUL: ProfileRow["flags"] = ["clock-doubtful"];

/** What is fetched. */
export interface DlmsRange {
  readonly fromMs: number;
  readonly toMs: number;
  /** What the meter's clock shows where it does not say so itself. */
  readonly zone: Zone;
}

/** What is told of a profile besides its rows. */
export type FetchedRange = Omit<FetchedDay, "rows">;

/** Fetches the rows of a range: the meter sends them in blocks, and each is handed on when it comes. @throws {RefusalError} */
export function* streamProfile(
  client: Client,
  name: string,
  { fromMs, toMs, zone }: DlmsRange,
  onRow: (row: ProfileRow) => void,
): Dialogue<FetchedRange> {
  const bound = (ms: number) => dateTimeOf(ms, -zone.offsetMs(ms) / 60_000);
  const range = { kind: "range", from: bound(fromMs), to: bound(toMs) } as const;
  const gaps: Gap[] = [];
  let undated = 0;
  let [firstMs, beforeMs]: (number | undefined)[] = [];
  const convert = rowConverter();
  yield* new ValueReader(client).profile(name, range, (row, profile) => {
    const { atMs } = row;
    if (atMs === undefined) return void undated++;
    firstMs ??= atMs;
    beforeMs ??= atMs;
    const [fromMs, toMs] = atMs < firstMs ? [atMs, beforeMs] : [beforeMs, atMs]; // some meters begin with the newest
    gaps.push(...gapBetween(fromMs, toMs, profile.periodS * 1000));
    beforeMs = atMs;
    onRow(convert({ ...row, atMs }, profile));
  }, { deviationOf: deviationIn(zone) });
  return { gaps, damaged: undated > 0 ? [`${undated} rows say no time`] : [], check: "good", untilMs: toMs };
}

/** The same, all rows at once: for ranges of a day or so. */
export function* fetchProfile(client: Client, name: string, range: DlmsRange): Dialogue<FetchedDay> {
  const rows: ProfileRow[] = [];
  return { ...yield* streamProfile(client, name, range, (row) => rows.push(row)), rows };
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

/** Rows in the form of all others; their channels are the same for all. */
function rowConverter(): (row: ScaledRow & { readonly atMs: number }, profile: ProfileColumns) => ProfileRow {
  let channels: readonly Channel[] | undefined;
  return ({ atMs, values, cells }, { columns, periodS }) => {
    const isClock = (at: number) => columns[at]!.classId === CLASS.clock && columns[at]!.attribute === 2;
    channels ??= columns.map(({ name, attribute, unit }) => ({
      address: attribute === 2 ? name : `${name}/${attribute}`,
      unit,
    })).filter((_, at) => !isClock(at));
    const its = values.map(({ text, unit }) => ({ text, unit })).filter((_, at) => !isClock(at));
    return {
      startMs: atMs - periodS * 1000,
      endMs: atMs,
      channels,
      values: its,
      status: 0,
      flags: flagsOf(cells.find((_, at) => isClock(at))),
    };
  };
}

/** What a row's time says of itself. A status column is the maker's own, and stays a value. */
function flagsOf(time: Data | undefined): ProfileRow["flags"] {
  const octets = time && octetsOf(time);
  const status = octets?.length === DATE_TIME_OCTETS ? octets.at(-1)! : UNSAID;
  return status !== UNSAID && (status & DOUBTFUL) !== 0 ? CLOCK_DOUBTFUL : NO_FLAGS;
}

/** Where more than one interval lies between two rows; none where a clock went back. */
function gapBetween(fromMs: number, toMs: number, periodMs: number): Gap[] {
  const missing = periodMs === 0 ? 0 : Math.round((toMs - fromMs) / periodMs) - 1;
  return missing > 0 ? [{ fromMs, toMs: toMs - periodMs, missing }] : [];
}
