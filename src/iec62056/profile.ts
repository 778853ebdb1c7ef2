/**
 * Load profiles (P.01, P.02) as VDEW writes them: a header with the time of the first interval's end, then rows of bare
 * values. A meter writes a new header wherever the even sequence breaks: power failures, clocks that were set, season
 * changes; some write it into every row. Here each row gets its time back, in UTC.
 * @module
 */
import type { DataSet, DataValue } from "../telegram.ts";
import { formatStamp, instantOf, parseStamp, type Stamp, type StampForm, type Zone } from "./time_stamp.ts";

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;

/** What a status word says of an interval or an event, by its bits (VDEW). Bits that it has no name for stay in `status`. */
export const STATUS_FLAGS = {
  0x80: "power-failure",
  0x40: "power-return",
  0x20: "clock-set",
  0x10: "billing-reset",
  0x08: "season-change",
  0x04: "disturbed",
  0x02: "clock-doubtful",
  0x01: "device-error",
  0x8000: "before-clock-set",
  0x4000: "profile-cleared",
  0x2000: "log-cleared",
  0x0400: "limit-end",
  0x0200: "limit-begin",
  0x0100: "variable-set",
} as const;

/** What may be said of a row. `partial`: the interval is shorter, or not all of it was measured; `overlap`: the clock was set back, and two rows tell of the same time. */
export type ProfileFlag = typeof STATUS_FLAGS[keyof typeof STATUS_FLAGS] | "partial" | "overlap";

/** Status bits after which an interval's value is right, but not of the whole interval. */
const PARTIAL = 0x80 | 0x40 | 0x04;
const SEASON_CHANGE = 0x08;
const NO_FLAGS: readonly ProfileFlag[] = [];

/** What a column is: the code as the meter writes it, `1-1:1.5`, and its unit. */
export interface Channel {
  readonly address: string;
  readonly unit: string;
}

/** One interval, from `startMs` to `endMs`, ms since 1970. */
export interface ProfileRow {
  readonly startMs: number;
  readonly endMs: number;
  readonly channels: readonly Channel[];
  /** As many as channels, as the meter wrote them. */
  readonly values: readonly DataValue[];
  /** Of the header, where one stands before the row; else 0. */
  readonly status: number;
  readonly flags: readonly ProfileFlag[];
}

/** Intervals that the meter does not have: it had no power, or its clock was set ahead. */
export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
  /** Whole intervals in it. */
  readonly missing: number;
}

/** A load profile as far as it was answered. */
export interface Profile {
  /** Oldest first. */
  readonly rows: readonly ProfileRow[];
  readonly gaps: readonly Gap[];
  /** What could not be read, in words. */
  readonly damaged: readonly string[];
}

/** What stands in a header. */
interface Header {
  readonly stamp: Stamp;
  readonly status: number;
  readonly minutes: number;
  readonly channels: readonly Channel[];
  /** Values on the header's own line. */
  readonly values: readonly DataValue[];
}

/** Reads the answer to a profile request: its data sets, of one block or of several joined. */
export function parseProfile(sets: readonly DataSet[], zone: Zone): Profile {
  const timeline = new Timeline(zone);
  for (const set of sets) {
    if (set.address === "") timeline.add(set.values);
    else timeline.begin(headerOf(set), set.address);
  }
  return timeline.end();
}

function headerOf({ values }: DataSet): Header | undefined {
  const [stamp, status, minutes, count, ...rest] = values.map(({ text }) => text.trim());
  const [at, columns] = [parseStamp(stamp ?? ""), Number(count)];
  if (!at || !/^\d+$/.test(minutes ?? "") || !/^[1-9]\d?$/.test(count ?? "") || rest.length < 2 * columns) {
    return undefined;
  }
  return {
    stamp: at,
    status: parseStatus(status!),
    minutes: Number(minutes),
    channels: Array.from({ length: columns }, (_, column) => ({
      address: rest[2 * column]!,
      unit: rest[2 * column + 1]!,
    })),
    values: values.slice(4 + 2 * columns),
  };
}

/** Hex digits, 2 to 8 of them; what is none counts as nothing. */
export function parseStatus(text: string): number {
  return /^[0-9A-Fa-f]{1,8}$/.test(text.trim()) ? parseInt(text, 16) : 0;
}

/** The names of a status word's bits. */
export function flagsOfStatus(status: number): ProfileFlag[] {
  if (status === 0) return [];
  return Object.entries(STATUS_FLAGS).filter(([bit]) => (status & Number(bit)) !== 0).map(([, flag]) => flag);
}

/** Rows in the order in which they come, and where in time that is. */
class Timeline {
  readonly #zone: Zone;
  readonly #rows: ProfileRow[] = [];
  readonly #gaps: Gap[] = [];
  readonly #damaged: string[] = [];
  #header: Header | undefined;
  /** End of the header's first interval, and how many of its rows have come. */
  #firstMs = 0;
  #count = 0;
  /** The meter's local time minus UTC at its last header. */
  #offsetMs = 0;
  /** Values that are not a whole row yet: rows may be broken over lines. */
  #pending: DataValue[] = [];
  /** Whether local midnights count, and not 24 hours: daily values where the zone has the meter's season. */
  #daily = false;

  constructor(zone: Zone) {
    this.#zone = zone;
  }

  begin(header: Header | undefined, address: string): void {
    this.#closeRow();
    const before = this.#header;
    this.#header = header;
    this.#count = 0;
    if (!header) return void this.#damaged.push(`the header of ${address} cannot be read`);
    const { localMs, season } = header.stamp;
    const offsetMs = this.#offsetMs;
    if (season === undefined || season !== before?.stamp.season || header.minutes !== before.minutes) {
      const lastMs = this.#rows.at(-1)?.endMs;
      this.#offsetMs = localMs - instantOf(header.stamp, this.#zone, lastMs);
      const isLocal = localMs - instantOf({ localMs }, this.#zone, lastMs) === this.#offsetMs;
      this.#daily = isLocal && header.minutes > 0 && header.minutes % DAY_MINUTES === 0;
    } // else it goes on as before, as with makers that write a header into every row
    this.#firstMs = localMs - this.#offsetMs;
    // Some makers set this bit all summer long: it is an event only where the offset changes.
    const isEvent = before !== undefined && offsetMs !== this.#offsetMs;
    if (!isEvent) this.#header = { ...header, status: header.status & ~SEASON_CHANGE };
    this.add(header.values);
  }

  add(values: readonly DataValue[]): void {
    if (!this.#header) return; // its header is told to be damaged
    const width = this.#header.channels.length;
    if (values.length === width && this.#pending.length === 0) return this.#put(values); // nearly every row
    this.#pending.push(...values);
    for (; this.#pending.length >= width; this.#pending.splice(0, width)) this.#put(this.#pending.slice(0, width));
  }

  end(): Profile {
    this.#closeRow();
    const sorted = this.#rows.toSorted((one, other) => one.endMs - other.endMs);
    const rows = sorted.filter(({ endMs }, at) => sorted[at + 1]?.endMs !== endMs); // of two, what was said last
    return { rows, gaps: this.#gaps, damaged: this.#damaged };
  }

  /** A row that lacks values has broken off. */
  #closeRow(): void {
    if (this.#pending.length > 0) this.#damaged.push(`a row has ${this.#pending.length} values too few or too many`);
    this.#pending = [];
  }

  #endOf(header: Header, count: number): number {
    if (!this.#daily) return this.#firstMs + count * header.minutes * MINUTE_MS;
    return instantOf({ localMs: header.stamp.localMs + count * header.minutes * MINUTE_MS }, this.#zone);
  }

  #put(values: readonly DataValue[]): void {
    const header = this.#header!;
    const isFirst = this.#count === 0;
    const endMs = this.#endOf(header, this.#count);
    const periodMs = endMs - this.#endOf(header, this.#count - 1);
    this.#count++;
    const { channels, status } = header;
    if (!isFirst) {
      this.#rows.push({ startMs: endMs - periodMs, endMs, channels, values, status: 0, flags: NO_FLAGS });
      return;
    }
    const flags = new Set(flagsOfStatus(status));
    if (status & PARTIAL) flags.add("partial");
    const startMs = this.#connect(endMs, periodMs, flags);
    this.#rows.push({ startMs, endMs, channels, values, status, flags: [...flags] });
  }

  /** Where the first interval behind a header begins, seen from the last one before it. */
  #connect(endMs: number, periodMs: number, flags: Set<ProfileFlag>): number {
    const lastMs = this.#rows.at(-1)?.endMs;
    if (lastMs === undefined || periodMs === 0 || endMs - lastMs === periodMs) return endMs - periodMs;
    if (endMs <= lastMs) return this.#overlap(endMs, periodMs, flags);
    const missing = Math.floor((endMs - lastMs) / periodMs) - 1;
    const even = (endMs - lastMs) % periodMs === 0;
    if (!even) flags.add("partial"); // begun by the power's return, or cut by a clock that was set
    if (missing < 0 || missing === 0 && !even) return lastMs;
    this.#gaps.push({ fromMs: lastMs, toMs: endMs - periodMs, missing });
    return endMs - periodMs;
  }

  /** The clock was set back: of two rows that end at the same moment the later one holds, and all of that time are marked. */
  #overlap(endMs: number, periodMs: number, flags: Set<ProfileFlag>): number {
    flags.add("overlap");
    for (let at = this.#rows.length - 1; at >= 0 && this.#rows[at]!.endMs > endMs - periodMs; at--) {
      const row = this.#rows[at]!;
      this.#rows[at] = { ...row, flags: [...new Set([...row.flags, "overlap" as const])] };
    }
    return endMs - periodMs;
  }
}

/** Which rows are asked for. */
export interface ProfileRange {
  /** Absent: from the oldest. */
  readonly fromMs?: number;
  /** Absent: to the newest. */
  readonly toMs?: number;
  /** Rows in a partial block (R6). */
  readonly rows?: number;
}

/** The data set of a request: `P.01(1240601000000;1240601010000)`, with `;8` for R6. */
export function formatProfileRequest(
  address: string,
  { fromMs, toMs, rows }: ProfileRange,
  { zone, form = 13 }: { readonly zone: Zone; readonly form?: StampForm },
): string {
  const stamp = (ms: number | undefined) => ms === undefined ? "" : formatStamp(ms, zone, form);
  return `${address}(${stamp(fromMs)};${stamp(toMs)}${rows === undefined ? "" : `;${rows}`})`;
}
