import assert from "node:assert/strict";
import { isRapid, nextSlot, type Schedule, slotsBetween, slotsOf, slotUntil } from "../src/schedule.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BERLIN = "Europe/Berlin";

function every(ms: number, timeZone = BERLIN): Schedule {
  return { kind: "every", ms, timeZone };
}

function cron(pattern: string, timeZone = BERLIN): Schedule {
  return { kind: "cron", pattern, timeZone };
}

/** The slots after `from`, to `to` inclusive, as local times with their offset: `02:15+02:00`. */
function local(schedule: Schedule, from: string, to: string): string[] {
  return slotsBetween(schedule, Date.parse(from), Date.parse(to)).map((slot) =>
    Temporal.Instant.fromEpochMilliseconds(slot).toString({ timeZone: schedule.timeZone }).slice(11, 16) +
    Temporal.Instant.fromEpochMilliseconds(slot).toString({ timeZone: schedule.timeZone }).slice(-6)
  );
}

Deno.test("nextSlot: every is aligned to the wall clock", () => {
  const at = Date.parse("2026-06-01T10:07:31.250Z");
  assert.equal(nextSlot(every(15 * MINUTE), at), Date.parse("2026-06-01T10:15:00Z"));
  assert.equal(nextSlot(every(10_000), at), Date.parse("2026-06-01T10:07:40Z"));
  assert.equal(nextSlot(every(24 * HOUR), at), Date.parse("2026-06-01T22:00:00Z"));
  assert.equal(nextSlot(every(HOUR, "Asia/Kolkata"), at), Date.parse("2026-06-01T10:30:00Z"));
  assert.equal(nextSlot(every(HOUR, "Asia/Kathmandu"), at), Date.parse("2026-06-01T10:15:00Z"));
});

Deno.test("nextSlot: a slot is after the moment, never at it", () => {
  const at = Date.parse("2026-06-01T10:15:00Z");
  assert.equal(nextSlot(every(15 * MINUTE), at), Date.parse("2026-06-01T10:30:00Z"));
  assert.equal(nextSlot(every(15 * MINUTE), at - 1), at);
  assert.equal(nextSlot(cron("*/15 * * * *"), at), Date.parse("2026-06-01T10:30:00Z"));
});

// Berlin: 2026-03-29 02:00 → 03:00, 2026-10-25 03:00 → 02:00.
for (const schedule of [every(15 * MINUTE), cron("*/15 * * * *")]) {
  Deno.test(`nextSlot: ${schedule.kind} 15 minutes through both nights: 92 and 100 quarter hours, each 15 minutes after the last`, () => {
    for (
      const [from, to, count] of [
        ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 92],
        ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 100],
      ] as const
    ) {
      const slots = slotsBetween(schedule, Date.parse(from), Date.parse(to));
      assert.equal(slots.length, count);
      slots.forEach((slot, at) => assert.equal(slot, Date.parse(from) + (at + 1) * 15 * MINUTE));
    }
  });
}

Deno.test("nextSlot: an hour that comes twice is two hours, 25 on that day", () => {
  const hours = ["01:00+02:00", "02:00+02:00", "02:00+01:00", "03:00+01:00"];
  assert.deepEqual(local(every(HOUR), "2026-10-24T22:30:00Z", "2026-10-25T02:30:00Z"), hours);
  assert.deepEqual(local(cron("0 * * * *"), "2026-10-24T22:30:00Z", "2026-10-25T02:30:00Z"), hours);
});

Deno.test("nextSlot: a slot of more than an hour is not read again when the clock goes back", () => {
  const expected = ["00:00+02:00", "02:00+02:00", "04:00+01:00", "06:00+01:00"];
  assert.deepEqual(local(every(2 * HOUR), "2026-10-24T21:30:00Z", "2026-10-25T05:00:00Z"), expected);
  // Asked from within the second pass, after a restart of the daemon.
  assert.deepEqual(local(every(2 * HOUR), "2026-10-25T01:00:00Z", "2026-10-25T03:00:00Z"), ["04:00+01:00"]);
  assert.deepEqual(local(cron("30 2 * * *"), "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"), [
    "02:30+02:00",
    "02:30+01:00",
  ]);
  assert.equal(nextSlot(cron("30 2 * * *"), Date.parse("2026-10-25T01:10:00Z")), Date.parse("2026-10-26T01:30:00Z"));
});

Deno.test("nextSlot: a slot in the missing hour is served at its end, once", () => {
  assert.deepEqual(local(every(2 * HOUR), "2026-03-28T22:30:00Z", "2026-03-29T03:00:00Z"), [
    "00:00+01:00",
    "03:00+02:00",
    "04:00+02:00",
  ]);
  assert.deepEqual(local(cron("30 2 * * *"), "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z"), [
    "03:00+02:00",
    "02:30+02:00",
  ]);
  assert.deepEqual(local(cron("5,35 2 * * *"), "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"), ["03:00+02:00"]);
});

Deno.test("nextSlot: midnight may be missing too", () => {
  // Cairo: Friday 2026-04-24 00:00 → 01:00.
  assert.equal(
    nextSlot(every(24 * HOUR, "Africa/Cairo"), Date.parse("2026-04-23T12:00:00Z")),
    Date.parse("2026-04-23T22:00:00Z"),
  );
});

Deno.test("nextSlot: a pattern that never comes gives Infinity", () => {
  assert.equal(nextSlot(cron("0 0 30 2 *"), Date.parse("2026-01-01T00:00:00Z")), Infinity);
});

Deno.test("slotsOf: says what nextSlot says, in whatever order it is asked, through both nights", () => {
  for (const schedule of [every(15 * MINUTE), every(4 * HOUR), cron("5,20 * * * *"), cron("0 0 31 2 *")]) {
    const slots = slotsOf(schedule);
    assert.equal(slotsOf({ ...schedule }), slots, "one memory for all with the same schedule");
    for (const night of ["2026-03-29T00:00:00Z", "2026-10-24T23:30:00Z"]) {
      for (let at = Date.parse(night); at < Date.parse(night) + 3 * HOUR; at += 11 * MINUTE + 250.5) {
        const next = Math.min(nextSlot(schedule, at), at + HOUR); // a pattern may never come
        for (const asked of [at, at + MINUTE, at - HOUR, next, next - 1, at]) {
          assert.equal(slots(asked), nextSlot(schedule, asked), `${JSON.stringify(schedule)} after ${asked}`);
        }
      }
    }
  }
});

Deno.test("nextSlot: over two years no slot is lost or doubled, in zones of all kinds", () => {
  const from = Date.parse("2025-12-31T00:00:00Z");
  const to = Date.parse("2028-01-01T00:00:00Z");
  for (
    const zone of [BERLIN, "UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu"]
  ) {
    const slots = slotsBetween(every(15 * MINUTE, zone), from, to, 1e6);
    assert.equal(slots.length, (to - from) / (15 * MINUTE), zone);
    const days = slotsBetween(every(24 * HOUR, zone), from, to);
    const dates = days.map((slot) =>
      Temporal.Instant.fromEpochMilliseconds(slot).toString({ timeZone: zone }).slice(0, 10)
    );
    assert.equal(new Set(dates).size, days.length, zone);
    assert.ok(days.length === 731 || days.length === 730, `${zone} ${days.length}`);
  }
});

Deno.test("isRapid: what comes more often than each 10 s", () => {
  const timeZone = "UTC";
  for (
    const [schedule, rapid] of [
      [undefined, true],
      [{ kind: "every", ms: 5000, timeZone }, true],
      [{ kind: "every", ms: 10_000, timeZone }, false],
      [{ kind: "cron", pattern: "*/2 * * * * *", timeZone }, true],
      [{ kind: "cron", pattern: "0 * * * * *", timeZone }, false],
      [{ kind: "cron", pattern: "* * * * *", timeZone }, false],
    ] as const
  ) assert.equal(isRapid(schedule), rapid, JSON.stringify(schedule));
});

Deno.test("slotUntil: the slot that a moment lies in, or at; the moment itself where there was none for a year", () => {
  const at = (text: string) => Date.parse(text);
  const until = (schedule: Schedule, text: string) => slotUntil(slotsOf(schedule), at(text));
  assert.equal(until(every(15 * MINUTE), "2026-06-01T12:15:00Z"), at("2026-06-01T12:15:00Z"));
  assert.equal(until(every(15 * MINUTE), "2026-06-01T12:29:59Z"), at("2026-06-01T12:15:00Z"));
  assert.equal(until(cron("0 6 1 * *", "UTC"), "2026-06-30T12:00:00Z"), at("2026-06-01T06:00:00Z"));
  assert.equal(until(cron("0 6 29 2 *", "UTC"), "2026-06-30T12:00:00Z"), at("2026-06-30T12:00:00Z"));
});
