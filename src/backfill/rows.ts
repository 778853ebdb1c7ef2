/** Rows of a meter's load profile, whatever protocol it speaks: each is a dialogue that brings home the same rows. @module */
import { type AskingOptions, askProgramming } from "../asking.ts";
import type { askDlmsClock, askDlmsProfile } from "../asking_dlms.ts";
import type { MeterConfig } from "../config.ts";
import type { Dialogue } from "../dialogue.ts";
import { type FetchedDay, type Profile, readProfile, type StampForm, type Zone } from "../iec62056/mod.ts";
import type { Endpoint } from "../transport/endpoint.ts";

/** How DLMS meters (mode E) are asked; absent where none is configured, for it is a lot of code. */
export interface DlmsAsking {
  readonly askDlmsProfile: typeof askDlmsProfile;
  readonly askDlmsClock: typeof askDlmsClock;
  readonly counters: NonNullable<AskingOptions["counters"]>;
}

/** Which rows: those that end from `fromMs` to `toMs`, both included, not more than a day. */
export interface RowsRequest {
  readonly endpoint: Endpoint;
  readonly fromMs: number;
  readonly toMs: number;
  readonly zone: Zone;
  /** The form of stamps that the meter took before. */
  readonly form?: StampForm | undefined;
  /** Wanted where the meter is in mode E. */
  readonly dlms?: DlmsAsking | undefined;
}

/** What came, oldest first; rows beside the range included, for some meters round it. */
export interface FetchedRows extends Pick<Profile, "rows" | "damaged"> {
  readonly isUnchecked: boolean;
  readonly form?: StampForm | undefined;
  /** When the answer's first byte came; absent: the meter has no data, or it is not known. */
  readonly atMs?: number | undefined;
}

/** Opens a session, fetches, signs off; another one where the meter has ended it before all had come. @throws {RefusalError} {SilenceError} {ProtocolError} */
export function* fetchRows(meter: MeterConfig, request: RowsRequest): Dialogue<FetchedRows> {
  const { endpoint, fromMs, toMs, zone, form, dlms } = request;
  const days: FetchedDay[] = [];
  if (meter.mode === "E") {
    const { askDlmsProfile, counters } = dlms!;
    days.push(yield* askDlmsProfile(meter, { endpoint, counters }, { fromMs, toMs, zone }));
  } else {
    let doneMs = fromMs;
    const onDay = (day: FetchedDay) => {
      const lastMs = days.at(-1)?.rows.at(-1)?.endMs ?? -Infinity; // a range has its begin in it
      days.push({ ...day, rows: day.rows.filter(({ endMs }) => endMs > lastMs) });
      doneMs = day.untilMs;
    };
    const address = meter.backfill!.profile;
    const habits = { zone, isZoneSure: meter.backfill!.timeZone !== undefined, ...form && { form } };
    while (doneMs < toMs) { // again where the meter ended its session behind an answer that was cut short
      const asked = { address, fromMs: doneMs, toMs, exact: true, onDay, ...habits } as const;
      yield* askProgramming(meter, { endpoint, tries: { left: 1 } }, (its) => readProfile(its, asked));
    }
  }
  return {
    rows: days.flatMap(({ rows }) => rows),
    damaged: days.flatMap(({ damaged }) => damaged),
    isUnchecked: days.some(({ check }) => check !== "good"),
    form: days.at(-1)?.form,
    atMs: days[0]?.atMs,
  };
}

/** From one interval to the next, by rows that are whole; a day is a day on both nights of the year. */
export function periodOf(rows: FetchedRows["rows"]): number | undefined {
  const whole = rows.filter(({ startMs, endMs, flags }) => endMs > startMs && !flags.includes("partial"));
  const ms = whole.length > 0 ? Math.min(...whole.map(({ startMs, endMs }) => endMs - startMs)) : undefined;
  return ms !== undefined && Math.abs(ms - 86_400_000) <= 3_600_000 ? 86_400_000 : ms;
}
