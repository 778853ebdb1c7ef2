/** Fetching a load profile in programming mode: day by day, in the form of request that this meter takes. @module */
import type { Dialogue } from "../dialogue.ts";
import { RefusalError } from "../errors.ts";
import { meterTypeOf } from "../meters/mod.ts";
import type { Check } from "../telegram.ts";
import { parseDataBlock } from "./data_block.ts";
import { formatProfileRequest, parseProfile, type Profile } from "./profile.ts";
import { type Answer, type Programming, read } from "./programming.ts";
import type { StampForm, Zone } from "./time_stamp.ts";

const DAY_MS = 86_400_000;
/** Rows of a partial block. */
const BLOCK_ROWS = 16;
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
  /** `R5`, the default but for types that say otherwise, or `R6`: in partial blocks. */
  readonly command?: "R5" | "R6";
  /** The form of stamps that this meter is known to take; absent: all are tried. */
  readonly form?: StampForm;
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
 * Fetches a profile. Days overlap by one row, for ranges are inclusive and some meters round them.
 * @throws {RefusalError} the meter takes no form of request; a day without data is no error
 */
export function* readProfile(meter: Programming, request: ProfileRequest): Dialogue<void> {
  const { fromMs, toMs, zone, onDay } = request;
  const stamp = request.form ?? meterTypeOf(meter.identification)?.profile?.stamp;
  let forms = stamp === undefined ? FORMS : [stamp, ...FORMS.filter((form) => form !== stamp)];
  for (let startMs = fromMs; startMs < toMs; startMs += DAY_MS) {
    const untilMs = Math.min(startMs + DAY_MS, toMs);
    const found = yield* readDay(meter, request, { fromMs: startMs, toMs: untilMs, forms });
    if (found) forms = [found.form];
    const sets = found ? parseDataBlock(found.answer.text).sets : [];
    const answered = found && { form: found.form, atMs: found.answer.atMs };
    onDay({ ...parseProfile(sets, zone), check: found?.answer.check ?? "good", ...answered, untilMs });
  }
}

/** The first form that is answered by data; `undefined`: there are none. */
function* readDay(
  meter: Programming,
  { address, zone, command = meterTypeOf(meter.identification)?.profile?.command ?? "R5" }: ProfileRequest,
  { fromMs, toMs, forms }: { readonly fromMs: number; readonly toMs: number; readonly forms: readonly StampForm[] },
): Dialogue<{ readonly answer: Answer; readonly form: StampForm } | undefined> {
  const range = { fromMs, toMs, ...command === "R6" && { rows: BLOCK_ROWS } };
  let first: RefusalError | undefined;
  let isEmpty = false;
  for (const form of forms) {
    try {
      const data = formatProfileRequest(address, range, { zone, form });
      return { answer: yield* read(meter, { name: command, data }), form };
    } catch (error) {
      if (!(error instanceof RefusalError) || meter.over) throw error;
      first ??= error;
      isEmpty ||= error.what === "no data";
    }
  }
  if (isEmpty) return undefined;
  throw first;
}
