/** Whose turn it is on a line that meters share: slots, tries within a slot, and how a dead meter steps back. @module */
import type { Clock } from "./clock.ts";
import type { Tries } from "./iec62056/mod.ts";
import type { Priority } from "./schedule.ts";

/** Until a meter that did not answer is asked again within its slot; doubled each time. */
const RETRY_FIRST_MS = 30_000;
/** At most this long is a meter that never answers left out where others wait for the line. */
const STEP_BACK_MAX_MS = 15 * 60_000;
/** More slots than this passed at once: they were not missed, somebody has set the clock. */
const MISSED_MAX = 1000;
/** A clock that is set by less goes on with the slots that it has. */
const STEP_MS = 500;
/** A clock that is right and goes back by less comes to its slot again soon enough. */
const STEP_BACK_MS = 60_000;

/** So many slots of a meter, and so long, may end unread on a line that is too slow; then it is next, whatever its priority. */
const [PASSED_OVER_MAX, PASSED_OVER_MS] = [4, 3_600_000];

/** Who goes first. */
const RANKS: Readonly<Record<Priority, number>> = { high: 0, normal: 1, low: 2 };

/** The slots of one meter: the first one after a moment, in ms since 1970. */
export type Slots = (afterMs: number) => number;

/** What time it is. `nowMs`, since 1970, may suddenly be another; `steadyMs`, since some moment, only goes on. */
export interface Present {
  readonly nowMs: number;
  readonly steadyMs: number;
  /** Whether `nowMs` is known to be right. */
  readonly trusted: boolean;
}

/** One meter's place in the queue of its line. Times in ms since 1970. */
export interface Turn {
  readonly slots: Slots;
  /** Data messages that may be asked for in one slot. */
  readonly triesPerSlot: number;
  readonly priority: Priority;
  /** The slot that it is due for, or being read for. */
  slot: number;
  /** When it may be asked: at the slot, or later after an attempt in vain. */
  due: number;
  /** When it was last asked. */
  askedMs: number;
  /** Of this slot: data messages left, and attempts in vain. */
  tries: Tries;
  attempts: number;
  /** Slots in a row that ended without a reading. */
  lostInARow: number;
  /** Of these, those in which its line was away: they do not make it a dead meter. */
  awayInARow: number;
  /** Slots in a row that ended without its being asked, for its line was busy. */
  passedOver: number;
  /** The time by which its slots are reckoned; absent: it has not been looked at. */
  seen?: Present;
}

/**
 * What became of an attempt: delivered · nobody there, worth another attempt within the slot · the line is away, worth one as
 * soon as it is back · not before the next slot.
 */
export type Outcome = "read" | "unanswered" | "away" | "final";

/** A meter that waits for its first slot. */
export function firstTurn(slots: Slots, triesPerSlot: number, nowMs: number, priority: Priority = "normal"): Turn {
  const slot = slots(nowMs);
  const its = { slots, triesPerSlot, priority, slot, due: slot, askedMs: -Infinity, tries: { left: triesPerSlot } };
  return { ...its, attempts: 0, lostInARow: 0, awayInARow: 0, passedOver: 0 };
}

/** It is asked now. */
export function ask(turn: Turn, nowMs: number): void {
  turn.askedMs = nowMs;
  turn.passedOver = 0;
}

/** So many slots ended while its line was busy. */
export function passOver(turn: Turn, slots: number): void {
  turn.passedOver += slots;
}

function begin(turn: Turn, slot: number): void {
  turn.slot = turn.due = slot;
  turn.tries = { left: turn.triesPerSlot };
  turn.attempts = 0;
}

/**
 * Who is next: the earliest due; of those who are due, whose slot ends first; of these, by priority, and then whoever was
 * asked longest ago, so that a line that is too slow for its meters reads them all in turn. Once slots end unread, priority
 * counts before their ends. The dead wait for the living, and the low for the high, but not for ever.
 */
export function nextTurn<T extends Turn>(turns: readonly T[], nowMs: number): T {
  const keys = (turn: Turn) => keysOf(turn, nowMs, turns.some(({ passedOver }) => passedOver > 0));
  return turns.reduce((best, turn) => precedes(turn, best, nowMs, keys) ? turn : best);
}

function precedes(turn: Turn, other: Turn, nowMs: number, keys: (turn: Turn) => readonly number[]): boolean {
  if (turn.due > nowMs || other.due > nowMs) return turn.due < other.due;
  const [its, others] = [keys(turn), keys(other)];
  const at = its.findIndex((key, at) => key !== others[at]);
  return at >= 0 && its[at]! < others[at]!;
}

/** What orders those who are due, the first that differs; `crowded`: the line is too slow. */
function keysOf(turn: Turn, nowMs: number, crowded: boolean): number[] {
  const rank = RANKS[turn.priority];
  const ends = turn.slots(turn.slot);
  return [
    givesWay(turn, nowMs) ? 1 : 0,
    isStarving(turn, nowMs) ? 0 : 1,
    ...crowded ? [rank, ends] : [ends, rank],
    turn.askedMs,
    turn.due,
  ];
}

function isStarving({ passedOver, askedMs }: Turn, nowMs: number): boolean {
  return passedOver >= PASSED_OVER_MAX && nowMs - askedMs >= PASSED_OVER_MS;
}

function givesWay(turn: Turn, nowMs: number): boolean {
  return isDead(turn) && nowMs - turn.askedMs < STEP_BACK_MAX_MS;
}

function isDead(turn: Turn): boolean {
  return turn.lostInARow - turn.awayInARow > 1;
}

/**
 * Brings a turn to the slot that now is, and returns how many ended without it. Where the time became another one, slots
 * are counted by the old one until then and begin anew by the new one: a clock that was not right has no slots to miss. But
 * when a right clock goes forward, what it leaps over was missed.
 */
export function bringUp(turn: Turn, present: Present): number {
  const { seen = present } = turn;
  turn.seen = present;
  const byMs = present.nowMs - present.steadyMs - (seen.nowMs - seen.steadyMs);
  if (seen.trusted ? byMs > -STEP_BACK_MS : Math.abs(byMs) < STEP_MS) return catchUp(turn, present.nowMs);
  const missed = catchUp(turn, present.nowMs - byMs);
  begin(turn, turn.slots(present.nowMs));
  return missed;
}

/** What time it is by the clock that the turn's slots are reckoned by, whatever has become of it since. */
export function turnTime({ seen }: Turn, { nowMs, steadyMs }: Present): number {
  return seen ? seen.nowMs - seen.steadyMs + steadyMs : nowMs;
}

/** Counts the slots that ended until now. */
function catchUp(turn: Turn, nowMs: number): number {
  let missed = 0;
  for (let next = turn.slots(turn.slot); next <= nowMs; next = turn.slots(next)) {
    if (++missed > MISSED_MAX) {
      begin(turn, turn.slots(nowMs));
      return 0;
    }
    begin(turn, next);
  }
  return missed;
}

/** So many slots ended while its line was away. */
export function loseToLine(turn: Turn, slots: number): void {
  turn.lostInARow += slots;
  turn.awayInARow += slots;
}

/** The tries that a slot has left, none once it has ended: the next one has its own. */
export function triesUntil(leftMs: number, tries: Tries, clock: Pick<Clock, "monotonic">): Tries {
  const endMs = clock.monotonic() + leftMs;
  return {
    get left() {
      return clock.monotonic() < endMs ? tries.left : 0;
    },
    set left(count) {
      tries.left = count;
    },
  };
}

/** Where an attempt that ended at `nowMs` leads: `false`, another one follows within the slot; `true`, the slot is over. */
export function settle(turn: Turn, outcome: Outcome, nowMs: number, shared: boolean): boolean {
  const next = turn.slots(turn.slot);
  if (outcome === "away" && turn.tries.left > 0 && nowMs < next) return false;
  if (outcome === "unanswered" && turn.tries.left > 0 && !(shared && isDead(turn))) {
    const again = nowMs + Math.min(RETRY_FIRST_MS * 2 ** turn.attempts, STEP_BACK_MAX_MS);
    if (again < next) {
      turn.attempts++;
      turn.due = again;
      return false;
    }
  }
  turn.lostInARow = outcome === "read" ? 0 : turn.lostInARow + 1;
  if (outcome === "read") turn.awayInARow = 0;
  if (outcome === "away") turn.awayInARow++;
  begin(turn, shared && isDead(turn) ? stepBack(turn, nowMs, next) : next);
  return true;
}

/** A dead meter on a shared line leaves out slots: half a minute, one, two, … at most a quarter hour. */
function stepBack(turn: Turn, nowMs: number, next: number): number {
  const notBefore = nowMs + Math.min(RETRY_FIRST_MS * 2 ** (turn.lostInARow - turn.awayInARow - 2), STEP_BACK_MAX_MS);
  return next >= notBefore ? next : turn.slots(notBefore - 1);
}
