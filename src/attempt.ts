/**
 * One attempt at a meter, asked or heard: what the loops of all lines share, what is kept of a telegram, what an error
 * means, and where both lead the meter's turn.
 * @module
 */
import { asItWrites, isWanted, notInModeE } from "./asking.ts";
import type { Backfill, BackfillContext } from "./backfill.ts";
import { type Clock, systemClock, timeOf } from "./clock.ts";
import type { CollectorReport } from "./collector_report.ts";
import type { MeterConfig } from "./config.ts";
import { isOfMeterOrWire, LineError, ProtocolError, SilenceError } from "./errors.ts";
import type { InvocationCounters } from "./invocation_counters.ts";
import type { Journal } from "./journal.ts";
import type { Moments } from "./moments.ts";
import { missingCodes, normalise, verifyIdentity } from "./normalise.ts";
import type { Progress } from "./progress.ts";
import { isRapid, slotUntil } from "./schedule.ts";
import { stampOf } from "./stamp.ts";
import { type MeterTurn, Standing } from "./standing.ts";
import type { Telegram } from "./telegram.ts";
import { type Outcome, type Present, settle, turnTime } from "./turns.ts";
import type { Wire, WireOptions } from "./wire.ts";

/** The clock is looked at this often at least, for somebody may set it. */
export const NAP_MS = 30_000;
/**
 * A loop that has not moved for so long stands still, and the watchdog ends the service: more than any step of a session
 * takes, or the journal, or a rest.
 */
const STANDSTILL_MS = 60_000;

/** A clock that is set by more shows other slots. */
const ANOTHER_CLOCK_MS = 60_000;

/** What the loops of all lines share. */
export interface CollectorContext extends Pick<WireOptions, "open"> {
  readonly journal: Pick<Journal, "append">;
  /** The journal as back-filling needs it; absent: gaps stay. */
  readonly notes?: BackfillContext["journal"];
  /** Readouts of meters that are read in rapid succession may wait so long for others to share a commit. Default: not. */
  readonly groupCommitMs?: number;
  readonly report: CollectorReport;
  readonly moments: Moments;
  readonly progress: Progress;
  /** From where each ciphered message of DLMS meters has its number, and what was heard from those that call in. */
  readonly counters?: InvocationCounters;
  /** Where the meters stand, when their lines may be started anew; and since when these are wanted, ms since 1970. */
  readonly standing?: { readonly of: Standing; readonly sinceMs: number };
  /** Ends a session at once, the meter signed off. */
  readonly stop: AbortSignal;
  /** Ends the loop between two sessions. */
  readonly retire: AbortSignal;
  readonly clock?: Clock;
  /** Of the line that is served. */
  readonly backfill?: Backfill | undefined;
}

/** What came of asking or hearing a meter once: delivered, or why not. */
export type Attempt =
  | { readonly outcome: "read" }
  | { readonly outcome: Exclude<Outcome, "read">; readonly reason: string; readonly loud?: boolean };

/** Says that a line's loop moves, and will again soon after the longest that it may wait for now. */
export function moves(line: string, { progress }: CollectorContext, longestMs = 0): void {
  progress.promise(line, longestMs + STANDSTILL_MS);
}

/** Telegram → readings → journal. A meter that is not the one it should be delivers nothing. */
export async function keep(
  telegram: Telegram,
  configured: MeterConfig,
  { journal, groupCommitMs = 0, report, moments, clock = systemClock, backfill }: CollectorContext,
  slot?: number,
): Promise<Attempt> {
  const meter = asItWrites(configured, telegram);
  const { name, labels, obis, expect } = meter;
  const stranger = expect && verifyIdentity(telegram, expect);
  if (stranger) {
    return { outcome: "final", reason: `another meter answers, nothing is delivered: ${stranger}`, loud: true };
  }
  report.damagedLines(name, telegram);
  report.notInModeE(name, notInModeE(meter, telegram));
  const { atMs, flags, moment, ...its } = stampOf(telegram, meter, {
    clock,
    moments,
    ...slot !== undefined && { slot },
  });
  report.clockOf(name, its);
  const all = normalise({ ...telegram, atMs }, { meter: name, labels, flags, ...obis && { obis } });
  const readings = all.filter((reading) => isWanted(meter, reading));
  const missing = obis ? missingCodes(readings, obis) : [];
  if (missing.length > 0) report.missing(name, missing);
  const note = await backfill?.noteAfter(configured, slot, moment);
  const stored = journal.append(readings, moment, isRapid(meter.schedule) ? groupCommitMs : 0, note);
  return committed(stored, { meter, readings: readings.length, report }); // which holds nothing of what was said meanwhile
}

/** Waits for the commit, but of a meter whose next telegram is on its way. */
async function committed(
  stored: Promise<unknown>,
  { meter: { name, schedule }, readings, report }: Pick<CollectorContext, "report"> & {
    readonly meter: MeterConfig;
    readonly readings: number;
  },
): Promise<Attempt> {
  const kept = stored.then(() => report.kept(name, readings));
  try {
    if (!isRapid(schedule)) await kept;
    else kept.catch((error) => report.unheard(name, lossOf(error)));
  } catch (error) {
    return { outcome: "final", reason: lossOf(error), loud: true };
  }
  return { outcome: "read" };
}

/** The slot of a readout: the one that it was wanted for, unless the clock has become another one since. */
export function slotOf(turn: MeterTurn, { atMs }: Telegram, clock: Clock): number {
  const byMs = clock.now() - turnTime(turn, presentOf(clock));
  return Math.abs(byMs) < ANOTHER_CLOCK_MS ? turn.slot : slotUntil(turn.slots, timeOf(atMs, clock));
}

function lossOf(error: unknown): string {
  return `its readout is lost: ${(error as Error).message}`;
}

/** What an error means for the meter's slot, once the wire is as it must be after it. */
export async function explain(
  error: unknown,
  wire: Wire,
  meter: MeterConfig,
  context: CollectorContext,
): Promise<Attempt> {
  await wire.afterTrouble(error);
  if (!isOfMeterOrWire(error)) context.report.unforeseen(meter.name, error);
  return { outcome: outcomeOf(error), reason: error instanceof Error ? error.message : String(error) };
}

function outcomeOf(error: unknown): Exclude<Outcome, "read"> {
  if (error instanceof LineError) return "away";
  const again = error instanceof SilenceError || error instanceof ProtocolError && error.trouble === "unreadable";
  return again ? "unanswered" : "final";
}

export function waitingTurn(meter: MeterConfig, { standing, clock = systemClock }: CollectorContext): MeterTurn {
  const { of, sinceMs } = standing ?? { of: new Standing(), sinceMs: clock.now() };
  return of.take(meter, sinceMs);
}

/** What time it is, or was when a {@link steadyClock} showed `steadyMs`. */
export function presentOf(clock: Clock, steadyMs = clock.monotonic()): Present {
  return { nowMs: timeOf(steadyMs, clock), steadyMs, trusted: clock.trust !== "unknown" };
}

/** Leads the meter to its next attempt or its next slot. */
export function settleTurn(turn: MeterTurn, attempt: Attempt, shared: boolean, context: CollectorContext): void {
  const { clock = systemClock, report } = context;
  const { slot, lostInARow, meter: { name }, slots } = turn;
  const over = settle(turn, attempt.outcome, turnTime(turn, presentOf(clock)), shared);
  if (attempt.outcome === "read") return report.readAgain(name, lostInARow);
  const { reason, loud = false } = attempt;
  if (!over && attempt.outcome === "away") {
    if (turn.toldSlot !== slot) report.askedAgain(name, reason, { inARow: lostInARow + 1 });
    turn.toldSlot = slot;
    return;
  }
  if (!over) return report.askedAgain(name, reason, turn);
  let count = 1;
  for (let left = slots(slot); left < turn.slot; left = slots(left)) count++;
  report.lost(name, { reason, slot, next: turn.slot, count, inARow: turn.lostInARow, loud });
}
