/** Fetching a load profile in programming mode: day by day, in the form of request that this meter takes. @module */
import type { Dialogue } from "../dialogue.ts";
import { RefusalError } from "../errors.ts";
import { meterTypeOf } from "../meters/mod.ts";
import type { Check } from "../telegram.ts";
import { read } from "./commands.ts";
import { parseDataBlock } from "./data_block.ts";
import { hasLeft, type Session } from "./exchange.ts";
import { isLogBook, logBookRows, parseLogBook } from "./log_book.ts";
import { formatProfileRequest, parseProfile, type Profile } from "./profile.ts";
import type { Programming } from "./programming.ts";
import { type StampForm, standardTime, type Zone } from "./time_stamp.ts";

const DAY_MS = 86_400_000;
/** Rows of a partial block. */
const BLOCK_ROWS = 16;
/** Some meters are asked for their summer in standard time: their rows begin an hour late. */
const HOUR_MS = 3_600_000;
/** A range without any row is no reason to doubt its hours if it is longer. */
const SURELY_EMPTY_MS = 3 * HOUR_MS;
/** Forms of stamps, in the order in which they are tried; what is known of the meter's type stands before them. */
const FORMS: readonly StampForm[] = [13, 11, 12, 10];

/** What is to be fetched. */
export interface ProfileRequest {
  /** `P.01`, `P.02` … */
  readonly address: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** What the meter's clock shows. */
  readonly zone: Zone;
  /** The profile's times are in this zone, whatever is usual with the meter's type. */
  readonly isZoneSure?: boolean;
  /** `R5`, the default but for types that say otherwise, or `R6`: in partial blocks. */
  readonly command?: "R5" | "R6";
  /** The form of stamps that this meter is known to take; absent: all are tried. */
  readonly form?: StampForm;
  /** Asked as it is: who asks sees for himself whether rows are missing at its ends. */
  readonly exact?: true;
  /** Told of each day's rows as they come: what was fetched before a session broke off is not lost. */
  readonly onDay: (day: FetchedDay) => void;
}

/** A day's answer. */
export interface FetchedDay extends Profile {
  readonly check: Check;
  /** The form of stamps that it was answered to, and when the answer's first byte came; absent: the meter has no data. */
  readonly form?: StampForm;
  readonly atMs?: number;
  /** So far it has been fetched, ms since 1970. */
  readonly untilMs: number;
}

/**
 * Fetches a profile. Days overlap by one row, for ranges are inclusive and some meters round them. Where rows are missing at
 * the ends of a day, it is asked for with an hour on either side, and so are the others of that season if that brings more.
 * Where the meter ends the session behind an answer, so does this: the rest, from that day's `untilMs` on, is for another one.
 * @throws {RefusalError} the meter takes no form of request; a day without data is no error
 */
export function* readProfile(meter: Programming, asked: ProfileRequest): Dialogue<void> {
  const habits = meterTypeOf(meter.identification)?.profile;
  const zone = habits?.standardTime && !asked.isZoneSure ? standardTime(asked.zone) : asked.zone;
  const request = { ...asked, zone };
  const { fromMs, toMs, onDay } = request;
  const stamp = request.form ?? habits?.stamp;
  let forms = stamp === undefined ? FORMS : [stamp, ...FORMS.filter((form) => form !== stamp)];
  const margins = new Map<number, number>();
  for (let startMs = fromMs; startMs < toMs; startMs += DAY_MS) {
    const range = { fromMs: startMs, toMs: Math.min(startMs + DAY_MS, toMs) };
    const season = zone.offsetMs(startMs);
    const marginMs = request.exact || isLogBook(request.address) ? 0 : margins.get(season);
    let day = yield* readDay(meter, request, { ...widened(range, marginMs ?? 0), forms });
    if (day.form) forms = [day.form];
    const goesOn = range.toMs < toMs || marginMs === undefined && lacksEnd(day, range);
    if (meter.over || goesOn && (yield* hasLeft(meter as Session))) {
      return onDay({ ...day, untilMs: reached(day, range) });
    }
    if (marginMs === undefined && lacksEnd(day, range)) {
      const wide = yield* unlessRefused(meter, readDay(meter, request, { ...widened(range, HOUR_MS), forms }));
      margins.set(season, wide && rowsIn(wide, range) > rowsIn(day, range) ? HOUR_MS : 0);
      if (wide && margins.get(season) === HOUR_MS) day = wide;
    } else if (marginMs === undefined) margins.set(season, 0);
    onDay({ ...day, untilMs: range.toMs });
  }
}

/** How far a day has come that may have been cut short; one without rows is done. */
function reached({ rows }: Profile, { fromMs, toMs }: Range): number {
  const lastMs = rows.at(-1)?.endMs ?? toMs;
  return lastMs > fromMs && lastMs < toMs ? lastMs : toMs;
}

/** What it brings home; nothing where the meter refuses it and the session goes on: what came before is good. */
function* unlessRefused<T>(meter: Programming, work: Dialogue<T>): Dialogue<T | undefined> {
  try {
    return yield* work;
  } catch (error) {
    if (!(error instanceof RefusalError) || meter.over) throw error;
    return undefined;
  }
}

interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

const widened = ({ fromMs, toMs }: Range, marginMs: number): Range => ({
  fromMs: fromMs - marginMs,
  toMs: toMs + marginMs,
});

/** How many rows end behind its begin, and not behind its end. */
function rowsIn({ rows }: Profile, { fromMs, toMs }: Range): number {
  return rows.filter(({ endMs }) => endMs > fromMs && endMs <= toMs).length;
}

/** Whether a range's first or last interval is missing; the meter may not have it, or have understood other hours. */
function lacksEnd({ rows }: Profile, { fromMs, toMs }: Range): boolean {
  const [first, last] = [rows[0], rows.at(-1)];
  if (!first || !last) return toMs - fromMs < SURELY_EMPTY_MS;
  const periodMs = last.endMs - last.startMs;
  return first.startMs > fromMs + periodMs || last.endMs <= toMs - periodMs;
}

/**
 * A day's rows. Where an answer ends early, for more did not fit into it, the rest is asked for, as long as that brings
 * more: from an hour before its last stamp, for the meter may be that much off.
 */
function* readDay(meter: Programming, request: ProfileRequest, asked: Asked): Dialogue<Answered> {
  let day = yield* readPart(meter, request, asked);
  while (true) {
    const last = day.rows.at(-1);
    if (!last || last.endMs > asked.toMs - (last.endMs - last.startMs)) return day;
    if (yield* hasLeft(meter as Session)) return day;
    const more = yield* unlessRefused(
      meter,
      readPart(meter, request, { ...asked, fromMs: last.endMs - HOUR_MS, forms: [day.form!] }),
    );
    const rows = more?.rows.filter(({ endMs }) => endMs > last.endMs && endMs <= asked.toMs) ?? [];
    if (!more || rows.length === 0) return day;
    day = {
      ...day,
      rows: [...day.rows, ...rows],
      gaps: [...day.gaps, ...more.gaps.filter(({ fromMs }) => fromMs >= last.endMs)],
      damaged: [...day.damaged, ...more.damaged],
      check: more.check === "good" ? day.check : more.check,
    };
  }
}

/** What is asked for at once, by stamps that the meter may take. */
interface Asked extends Range {
  readonly forms: readonly StampForm[];
}

type Answered = Omit<FetchedDay, "untilMs">;

/** The answer to the first form that is answered by data; without rows where the meter has none. */
function* readPart(
  meter: Programming,
  { address, zone, command = meterTypeOf(meter.identification)?.profile?.command ?? "R5" }: ProfileRequest,
  { fromMs, toMs, forms }: Asked,
): Dialogue<Answered> {
  const range = { fromMs, toMs, ...command === "R6" && { rows: BLOCK_ROWS } };
  const goesOn = command === "R6" && ((blocks: readonly string[]) => isCutShort(blocks, { toMs, zone }));
  let first: RefusalError | undefined;
  let isEmpty = false;
  for (const form of forms) {
    try {
      const data = formatProfileRequest(address, range, { zone, form });
      const { text, check, atMs } = yield* read(meter, { name: command, data }, goesOn ? { goesOn } : {});
      const { sets } = parseDataBlock(text);
      const profile = isLogBook(address) ? logBookRows(parseLogBook(sets, zone), address) : parseProfile(sets, zone);
      return { ...profile, check, form, atMs };
    } catch (error) {
      if (!(error instanceof RefusalError) || meter.over) throw error;
      first ??= error;
      isEmpty ||= error.what === "no data";
    }
  }
  if (isEmpty) return { rows: [], gaps: [], damaged: [], check: "good" };
  throw first;
}

/** Whether the last of some blocks is as long as was asked for, and ends before the range does: more must follow. */
function isCutShort(
  blocks: readonly string[],
  { toMs, zone }: { readonly toMs: number; readonly zone: Zone },
): boolean {
  if (parseDataBlock(blocks.at(-1)!).sets.length < BLOCK_ROWS) return false;
  const last = parseProfile(parseDataBlock(blocks.join("")).sets, zone).rows.at(-1);
  return last !== undefined && last.endMs <= toMs - (last.endMs - last.startMs);
}
