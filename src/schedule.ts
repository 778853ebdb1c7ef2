/** When a meter is due: slots on the wall clock of a time zone, through both nights on which that clock is changed. @module */
import { Cron } from "croner";

/** How much a meter's slots are worth where its line has no time for all. */
export type Priority = "high" | "normal" | "low";

/** When to read. `every` is aligned to local midnight and divides a day; `cron` has five or six fields. */
export type Schedule =
  | { readonly kind: "every"; readonly ms: number; readonly timeZone: string }
  | { readonly kind: "cron"; readonly pattern: string; readonly timeZone: string };

/** A calendar without time zone: wall-clock times, written as the milliseconds since 1970 that they would be in UTC. */
interface Calendar {
  /** The first slot after a wall-clock time; `Infinity`: none. */
  next(wallMs: number): number;
  /** Whether the hour that comes twice in autumn has its slots twice: each is an interval of its own, not the same one again. */
  repeats(hourMs: number): boolean;
}

/**
 * The first slot after a moment, both in ms since 1970; `Infinity`: there is none. When the clock goes forward, slots that
 * fall into the missing hour are served at once at its end; when it goes back, a slot is served twice only where the
 * interval itself is served twice (a quarter hour, an hour), so that none is lost and none is read again.
 */
export function nextSlot(schedule: Schedule, afterMs: number): number {
  const calendar = schedule.kind === "every" ? everyCalendar(schedule.ms) : cronCalendar(schedule.pattern);
  let zoned = Temporal.Instant.fromEpochMilliseconds(Math.floor(afterMs)).toZonedDateTimeISO(schedule.timeZone);
  let wall = calendar.next(Math.max(wallMs(zoned), endOfRepetition(zoned, calendar) - 1));
  while (Number.isFinite(wall)) {
    const slot = wall - offsetMs(zoned);
    const change = zoned.getTimeZoneTransition("next");
    if (change === null || change.epochMilliseconds > slot) return slot;
    const before = change.epochMilliseconds + offsetMs(zoned);
    const after = wallMs(change);
    if (wall < after) return change.epochMilliseconds; // in the missing hour, or at its very beginning
    zoned = change;
    wall = calendar.next((calendar.repeats(before - after) ? after : Math.max(before, after)) - 1);
  }
  return Infinity;
}

/** So many different schedules are remembered. */
const REMEMBERED = 256;
const remembered = new Map<string, (afterMs: number) => number>();

/**
 * `nextSlot` of a schedule, remembering its last answers: a thousand meters ask for the same slots at the same instant,
 * and the calendar takes 20 µs each time.
 */
export function slotsOf(schedule: Schedule): (afterMs: number) => number {
  const key = JSON.stringify(schedule);
  const known = remembered.get(key);
  if (known) return known;
  if (remembered.size >= REMEMBERED) remembered.clear();
  const slots = rememberSlots(schedule);
  remembered.set(key, slots);
  return slots;
}

/** Between a moment and the first slot after it, all moments have that slot before them. */
function rememberSlots(schedule: Schedule): (afterMs: number) => number {
  let [last, before] = [{ afterMs: Infinity, slot: -Infinity }, { afterMs: Infinity, slot: -Infinity }];
  return (afterMs) => {
    if (last.afterMs <= afterMs && afterMs < last.slot) return last.slot;
    if (before.afterMs <= afterMs && afterMs < before.slot) return before.slot;
    [last, before] = [{ afterMs, slot: nextSlot(schedule, afterMs) }, last];
    return last.slot;
  };
}

/** The slots after `afterMs`, up to and with `untilMs`; at most `limit` of them. */
export function slotsBetween(schedule: Schedule, afterMs: number, untilMs: number, limit = 10_000): number[] {
  const slots: number[] = [];
  for (
    let slot = nextSlot(schedule, afterMs);
    slot <= untilMs && slots.length < limit;
    slot = nextSlot(schedule, slot)
  ) {
    slots.push(slot);
  }
  return slots;
}

const FIRST_LOOK_MS = 60_000;
const FARTHEST_LOOK_MS = 400 * 86_400_000;

/** The last slot until a moment, and at it; where there was none for more than a year, the moment itself. */
export function slotUntil(slots: (afterMs: number) => number, atMs: number): number {
  let slot = slots(atMs - FIRST_LOOK_MS);
  for (let lookMs = FIRST_LOOK_MS; slot > atMs; lookMs *= 2) {
    if (lookMs > FARTHEST_LOOK_MS) return atMs;
    slot = slots(atMs - lookMs);
  }
  for (let next = slots(slot); next <= atMs; next = slots(next)) slot = next;
  return slot;
}

const RAPID_MS = 10_000;

/** Whether readings come more often than each 10 s; without a schedule a meter pushes as it likes, mostly each second. */
export function isRapid(schedule: Schedule | undefined): boolean {
  if (schedule === undefined) return true;
  if (schedule.kind === "every") return schedule.ms < RAPID_MS;
  if (schedule.pattern.trim().split(/\s+/).length < 6) return false; // no seconds
  const slot = nextSlot(schedule, 0);
  return nextSlot(schedule, slot) - slot < RAPID_MS;
}

/** While the clock shows an hour for the second time: when, on it, that hour ends. */
function endOfRepetition(zoned: Temporal.ZonedDateTime, calendar: Calendar): number {
  const change = zoned.getTimeZoneTransition("previous");
  if (change === null) return -Infinity;
  const before = change.epochMilliseconds + offsetMs(change.subtract({ milliseconds: 1 }));
  return calendar.repeats(before - wallMs(change)) ? -Infinity : before;
}

function offsetMs(zoned: Temporal.ZonedDateTime): number {
  return zoned.offsetNanoseconds / 1e6;
}

function wallMs(zoned: Temporal.ZonedDateTime): number {
  return zoned.epochMilliseconds + offsetMs(zoned);
}

function everyCalendar(everyMs: number): Calendar {
  return {
    next: (wallMs) => Math.floor(wallMs / everyMs) * everyMs + everyMs,
    repeats: (hourMs) => hourMs % everyMs === 0,
  };
}

function cronCalendar(pattern: string): Calendar {
  const cron = new Cron(pattern, { timezone: "UTC", paused: true });
  const hours = pattern.startsWith("@") ? pattern : pattern.trim().split(/\s+/).at(-4); // counted from the end: seconds may stand in front
  return {
    next: (wallMs) => cron.nextRun(new Date(wallMs))?.getTime() ?? Infinity,
    repeats: () => hours === "*" || hours === "@hourly",
  };
}
