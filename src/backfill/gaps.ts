/**
 * Which intervals of a meter's load profile are missing. A gap lies between two readouts of which the schedule wanted at
 * least one more: the power, the line, the host or the meter was away. What is missing is then told by the profile's own
 * grid: each interval that ends between the two. So a quarter hour comes once, live or from the profile, never from both;
 * to follow the whole profile instead would give the live ones a second time and cost the line each hour of its life.
 * @module
 */
import { instantOf, type Zone } from "../iec62056/mod.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Until the meter has told its own. */
const USUAL_PERIOD_MS = 15 * MINUTE_MS;
/** At most so much is asked for at once: with an hour at both ends it is a day. */
const PART_MS = 22 * HOUR_MS;
/** A meter that comes and goes for weeks: the two oldest gaps become one. */
const GAPS_LIMIT = 100;
/** A row may be so late: the meter's clock is slow, or it writes them together. */
const LATE_MS = HOUR_MS;

/** Intervals that end after `fromMs` and before `toMs`, which were readouts' slots. Times in ms since 1970. */
export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
  /** Dealt with up to here, included. */
  readonly doneMs: number;
  /** Intervals that came, and those that the meter has not or no more. */
  readonly rows: number;
  readonly gone: number;
}

/** Readouts one behind the other whose time is not known, by a clock that nobody sets: ms since the machine started. */
export interface HeldStretch {
  readonly bootId: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** All that must be known of a meter's profile beyond a restart. */
export interface Ledger {
  /** Slot of the last readout that was kept; absent: of none the time is known. */
  readonly readMs?: number;
  /** Readouts whose slots are not known yet. */
  readonly held?: readonly HeldStretch[];
  /** From one interval to the next. */
  readonly periodMs: number;
  /** Whether the meter has been asked for its profile, which tells the period. */
  readonly probed: boolean;
  /** Those that are open, oldest first. */
  readonly gaps: readonly Gap[];
  /** Gaps ever found, filled, and given up because intervals in them were gone. */
  readonly found: number;
  readonly filled: number;
  readonly givenUp: number;
  /** Intervals ever delivered, and those that were gone. */
  readonly rows: number;
  readonly gone: number;
}

/** The grid of a profile: interval ends stand evenly on the meter's local clock. */
export interface Grid {
  readonly periodMs: number;
  readonly zone: Zone;
}

/** Of a meter that was never read. */
export const NEW_LEDGER: Ledger = {
  ...{ periodMs: USUAL_PERIOD_MS, probed: false, gaps: [] },
  ...{ found: 0, filled: 0, givenUp: 0, rows: 0, gone: 0 },
};

/** What makes a gap. `sinceMs`: where the first one begins if there was no readout before; absent: nowhere. */
export interface GapOptions {
  readonly slots: (afterMs: number) => number;
  readonly zone: Zone;
  readonly sinceMs?: number;
}

/** A ledger when a readout was kept. */
export function afterReadout(
  ledger: Ledger | undefined,
  slotMs: number,
  { slots, zone, sinceMs }: GapOptions,
): Ledger {
  const before = ledger ?? NEW_LEDGER;
  const { readMs: lastMs } = before;
  const fromMs = lastMs ?? sinceMs ?? slotMs;
  const wasMissed = fromMs < slotMs && (lastMs === undefined || slots(fromMs) < slotMs);
  const wasSetBack = lastMs !== undefined && slotMs < lastMs && lastMs - slotMs < DAY_MS; // what was read once is not missing
  const readMs = wasSetBack ? lastMs : slotMs;
  if (!wasMissed || nextEnd(fromMs, { ...before, zone }) >= slotMs) return { ...before, readMs };
  const gap = { fromMs, toMs: slotMs, doneMs: fromMs, rows: 0, gone: 0 };
  return { ...before, readMs, gaps: bounded([...before.gaps, gap]), found: before.found + 1 };
}

function bounded(gaps: readonly Gap[]): readonly Gap[] {
  const [first, second, ...rest] = gaps;
  return gaps.length <= GAPS_LIMIT ? gaps : [{ ...first!, toMs: second!.toMs }, ...rest];
}

/** The first interval end after a moment. */
export function nextEnd(afterMs: number, { periodMs, zone }: Grid): number {
  const offsetMs = zone.offsetMs(afterMs);
  const localMs = (Math.floor((afterMs + offsetMs) / periodMs) + 1) * periodMs;
  if (periodMs % DAY_MS !== 0) return localMs - offsetMs;
  const endMs = instantOf({ localMs }, zone);
  return endMs > afterMs ? endMs : instantOf({ localMs: localMs + periodMs }, zone);
}

/** How many intervals end after `fromMs`, up to and with `untilMs`. */
export function countEnds(fromMs: number, untilMs: number, grid: Grid): number {
  let count = 0;
  for (let endMs = nextEnd(fromMs, grid); endMs <= untilMs; endMs = nextEnd(endMs, grid)) count++;
  return count;
}

/** What is asked for at once: intervals that end from `fromMs` to `toMs`, both included. */
export interface Part {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
  /** The gap is done up to here, included, when it is answered. */
  readonly untilMs: number;
}

/** The next part of the oldest gap, of at most `rows` intervals; `undefined`: nothing is missing. After {@link expire}. */
export function nextPart({ gaps: [gap], periodMs }: Ledger, zone: Zone, rows: number): Part | undefined {
  if (!gap) return undefined;
  const grid = { periodMs, zone };
  const fromMs = nextEnd(gap.doneMs, grid);
  let [toMs, count] = [fromMs, 1];
  for (let endMs = nextEnd(fromMs, grid); count < rows; endMs = nextEnd(endMs, grid)) {
    if (endMs >= gap.toMs || endMs - fromMs > PART_MS) break;
    [toMs, count] = [endMs, count + 1];
  }
  return { fromMs, toMs, count, untilMs: nextEnd(toMs, grid) >= gap.toMs ? gap.toMs - 1 : toMs };
}

/** A part's answer as far as the ledger wants to know it. */
export interface PartAnswer {
  /** Ends of the rows that came, ascending, also of those that nobody lacks. */
  readonly ends: readonly number[];
  /** By the rows themselves; absent: they do not tell. */
  readonly periodMs?: number;
  readonly nowMs: number;
}

/** What an answer leads to. */
export interface PartOutcome {
  readonly ledger: Ledger;
  /** Which rows are delivered: those that end after `afterMs`, up to and with `untilMs`. */
  readonly afterMs: number;
  readonly untilMs: number;
  /** The gap, if this was the last of it. */
  readonly closed?: Gap;
  /** The newest rows are not written yet: the rest is worth asking for later. */
  readonly early: boolean;
}

/** Whether rows are missing at the edges of an answer, where a meter that is an hour off would hide them. */
export function lacksEdge({ fromMs, toMs, count }: Part, { ends }: Pick<PartAnswer, "ends">): boolean {
  return count > 0 && !(ends.some((endMs) => endMs <= fromMs) && ends.some((endMs) => endMs >= toMs));
}

/** The oldest gap when a part of it was answered. What did not come is gone, unless it may only be late. */
export function afterPart(ledger: Ledger, part: Part, zone: Zone, answer: PartAnswer): PartOutcome {
  const [gap, ...others] = ledger.gaps as [Gap, ...Gap[]];
  const { nowMs, periodMs = ledger.periodMs } = answer;
  const came = answer.ends.filter((endMs) => endMs > gap.doneMs && endMs <= part.untilMs);
  const lastMs = came.at(-1) ?? gap.doneMs;
  const early = lastMs < part.toMs && nowMs - part.toMs < LATE_MS;
  const untilMs = early ? lastMs : part.untilMs;
  const gone = Math.max(0, countEnds(gap.doneMs, untilMs, { periodMs, zone }) - came.length);
  const next = { ...gap, doneMs: untilMs, rows: gap.rows + came.length, gone: gap.gone + gone };
  const closed = nextEnd(untilMs, { periodMs, zone }) >= gap.toMs;
  const counted = { ...ledger, periodMs, rows: ledger.rows + came.length, gone: ledger.gone + gone };
  return {
    ledger: closed ? close(counted, next, others) : { ...counted, gaps: [next, ...others] },
    afterMs: gap.doneMs,
    untilMs,
    ...closed && { closed: next },
    early,
  };
}

function close(ledger: Ledger, { gone }: Gap, gaps: readonly Gap[]): Ledger {
  const { filled, givenUp } = ledger;
  return { ...ledger, gaps, filled: filled + (gone === 0 ? 1 : 0), givenUp: givenUp + (gone === 0 ? 0 : 1) };
}

/** Gives up what is older than `limitMs`, and a gap in which no interval ends any more; `undefined`: there is nothing of it. */
export function expire(ledger: Ledger, zone: Zone, limitMs: number): PartOutcome | undefined {
  const [gap] = ledger.gaps;
  if (!gap) return undefined;
  const next = nextEnd(gap.doneMs, { ...ledger, zone });
  if (next >= limitMs && next < gap.toMs) return undefined;
  const untilMs = (next >= gap.toMs ? gap.toMs : Math.min(limitMs, gap.toMs)) - 1;
  const part = { fromMs: gap.fromMs, toMs: untilMs, count: 0, untilMs };
  return afterPart(ledger, part, zone, { ends: [], nowMs: Infinity });
}

/** The ledger as it is kept. */
export function formatLedger(ledger: Ledger): string {
  const gaps = ledger.gaps.map(({ fromMs, toMs, doneMs, rows, gone }) => [fromMs, toMs, doneMs, rows, gone]);
  return JSON.stringify({ ...ledger, gaps });
}

/** A ledger that was kept; `undefined`: there is none, or none that can be read. */
export function parseLedger(text: string | undefined): Ledger | undefined {
  if (text === undefined) return undefined;
  try {
    const { gaps, ...rest } = JSON.parse(text) as Omit<Ledger, "gaps"> & { readonly gaps: readonly number[][] };
    const named = gaps.map(([fromMs, toMs, doneMs, rows, gone]) => ({ fromMs, toMs, doneMs, rows, gone }) as Gap);
    return { ...rest, gaps: named };
  } catch {
    return undefined; // as if it were the first start
  }
}
