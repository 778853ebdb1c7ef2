/** Which intervals are missing, and what becomes of them. */
import assert from "node:assert/strict";
import {
  afterPart,
  afterReadout,
  countEnds,
  expire,
  formatLedger,
  lacksEdge,
  type Ledger,
  nextEnd,
  nextPart,
  parseLedger,
} from "../../src/backfill/gaps.ts";
import { zoneOf } from "../../src/iec62056/mod.ts";

const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const zone = zoneOf("UTC");
const berlin = zoneOf("Europe/Berlin");
const NOON = Date.UTC(2026, 5, 1, 12);
const every = (ms: number) => (afterMs: number) => Math.floor(afterMs / ms) * ms + ms;

/** A ledger after readouts of these slots, minutes after noon. */
function after(minutes: readonly number[], { everyMs = QUARTER, ...its }: { everyMs?: number; sinceMs?: number } = {}) {
  return minutes.reduce<Ledger | undefined>(
    (ledger, minute) => afterReadout(ledger, NOON + minute * MINUTE, { slots: every(everyMs), zone, ...its }),
    undefined,
  )!;
}

const gapsOf = ({ gaps }: Ledger) => gaps.map(({ fromMs, toMs }) => [fromMs, toMs].map((ms) => (ms - NOON) / MINUTE));

Deno.test("afterReadout: a gap is where the schedule wanted a readout and an interval ends between the two that came", () => {
  assert.deepEqual(gapsOf(after([0])), []);
  assert.deepEqual(gapsOf(after([0, 15, 30])), []);
  assert.deepEqual(gapsOf(after([0, 30])), [[0, 30]]);
  assert.deepEqual(gapsOf(after([0, 60], { everyMs: HOUR })), [], "an hour is what the schedule wants");
  assert.deepEqual(gapsOf(after([0, 120], { everyMs: HOUR })), [[0, 120]]);
  assert.deepEqual(gapsOf(after([1, 9], { everyMs: MINUTE })), [], "no quarter hour ends between them");
  assert.deepEqual(gapsOf(after([14, 16], { everyMs: MINUTE })), [[14, 16]], "one does");
  assert.deepEqual(gapsOf(after([0], { sinceMs: NOON - 60 * MINUTE })), [[-60, 0]]);
  assert.deepEqual(gapsOf(after([0, 15], { sinceMs: NOON - 60 * MINUTE })), [[-60, 0]], "of the first readout alone");
});

Deno.test("afterReadout: a clock that was set back makes nothing missing that was read", () => {
  assert.deepEqual(gapsOf(after([0, 15, 30, 0, 15, 30, 45])), []);
  const far = after([0, 40 * 24 * 60]);
  assert.equal(
    afterReadout(far, NOON + DAY, { slots: every(QUARTER), zone }).readMs,
    NOON + DAY,
    "a wrong year is not for ever",
  );
});

Deno.test("afterReadout: a meter that comes and goes keeps a bounded ledger", () => {
  const slots = Array.from({ length: 150 }, (_, at) => 30 * at);
  const { gaps, found } = after(slots);
  assert.deepEqual([gaps.length, found], [100, 149]);
  assert.deepEqual([gaps[0]!.fromMs, gaps.at(-1)!.toMs], [NOON, NOON + 149 * 30 * MINUTE]);
});

Deno.test("nextEnd: intervals end evenly, days at local midnight, through both nights of the year", () => {
  const quarter = { periodMs: QUARTER, zone: berlin };
  assert.equal(nextEnd(NOON, quarter), NOON + QUARTER);
  assert.equal(nextEnd(NOON - 1, quarter), NOON);
  const hour = { periodMs: HOUR, zone: zoneOf("Asia/Kolkata") };
  assert.equal(nextEnd(NOON, hour), NOON + 30 * MINUTE, "half past in UTC");
  const [march, october] = [Date.UTC(2026, 2, 28, 23), Date.UTC(2026, 9, 24, 22)]; // midnight before the change
  const days = { periodMs: DAY, zone: berlin };
  assert.deepEqual([nextEnd(march, days) - march, nextEnd(october, days) - october], [23 * HOUR, 25 * HOUR]);
  assert.deepEqual(
    [[march, 23], [october, 25]].map(([ms, hours]) => countEnds(ms!, ms! + hours! * HOUR, quarter)),
    [92, 100],
  );
});

Deno.test("nextPart: as many intervals as fit, a day less two hours at most, the gap's end not included", () => {
  const part = nextPart(after([0, 75]), zone, 2)!;
  assert.deepEqual(part, { fromMs: NOON + QUARTER, toMs: NOON + 2 * QUARTER, count: 2, untilMs: NOON + 2 * QUARTER });
  const whole = nextPart(after([0, 75]), zone, 50)!;
  assert.deepEqual([whole.count, whole.toMs, whole.untilMs], [4, NOON + 60 * MINUTE, NOON + 75 * MINUTE - 1]);
  assert.equal(nextPart(after([0, 10 * 24 * 60]), zone, 1000)!.count, 89);
  assert.equal(nextPart(after([0, 15]), zone, 50), undefined);
});

/** The answer of a meter that has these intervals, minutes after noon. */
const answer = (minutes: readonly number[], nowMs = NOON + DAY) => ({
  ends: minutes.map((minute) => NOON + minute * MINUTE),
  nowMs,
});

Deno.test("afterPart: what comes is delivered once, what does not is gone, and the gap closes with its last part", () => {
  const ledger = after([0, 75]);
  const first = afterPart(ledger, nextPart(ledger, zone, 2)!, zone, answer([0, 15, 30, 45]));
  assert.deepEqual([first.afterMs, first.untilMs, first.closed], [NOON, NOON + 30 * MINUTE, undefined]);
  const part = nextPart(first.ledger, zone, 2)!;
  assert.equal(part.fromMs, NOON + 45 * MINUTE);
  const second = afterPart(first.ledger, part, zone, answer([45, 60, 75]));
  assert.deepEqual([second.ledger.gaps.length, second.ledger.filled, second.closed!.rows], [0, 1, 4]);
  const lacking = afterPart(first.ledger, part, zone, answer([45]));
  assert.deepEqual([lacking.ledger.filled, lacking.ledger.givenUp, lacking.ledger.gone], [0, 1, 1]);
  const odd = afterPart(ledger, nextPart(ledger, zone, 9)!, zone, answer([15, 27, 30, 45, 60, 68]));
  assert.deepEqual(
    [odd.closed!.rows, odd.closed!.gone, odd.untilMs],
    [6, 0, NOON + 75 * MINUTE - 1],
    "a clock was set",
  );
});

Deno.test("afterPart: what the meter has not written yet is asked for again, for an hour", () => {
  const ledger = after([0, 75]);
  const part = nextPart(ledger, zone, 9)!;
  const early = afterPart(ledger, part, zone, answer([15, 30, 45], NOON + 76 * MINUTE));
  assert.deepEqual([early.early, early.untilMs, early.ledger.gone], [true, NOON + 45 * MINUTE, 0]);
  assert.equal(nextPart(early.ledger, zone, 9)!.fromMs, NOON + 60 * MINUTE);
  const late = afterPart(ledger, part, zone, answer([15, 30, 45], NOON + 121 * MINUTE));
  assert.deepEqual([late.early, late.ledger.gone, late.ledger.givenUp], [false, 1, 1]);
});

Deno.test("afterPart: the meter's own period counts from its first answer on", () => {
  const ledger = after([0, 240]);
  const { ledger: next } = afterPart(ledger, nextPart(ledger, zone, 99)!, zone, {
    ...answer([60, 120, 180]),
    periodMs: HOUR,
  });
  assert.deepEqual([next.periodMs, next.filled, next.rows, next.gone], [HOUR, 1, 3, 0]);
});

Deno.test("lacksEdge: a meter that is an hour off hides rows at the edges, not in the middle", () => {
  const part = nextPart(after([0, 75]), zone, 9)!;
  assert.equal(lacksEdge(part, answer([15, 60])), false);
  assert.equal(lacksEdge(part, answer([0, 75])), false);
  for (const minutes of [[], [30, 60], [15, 45]]) assert.equal(lacksEdge(part, answer(minutes)), true, `${minutes}`);
});

Deno.test("expire: what is too old is given up, counted, and so is a gap in which no interval ends any more", () => {
  const ledger = after([0, 75]);
  assert.equal(expire(ledger, zone, NOON + QUARTER), undefined);
  const { ledger: cut, closed } = expire(ledger, zone, NOON + 40 * MINUTE)!;
  assert.deepEqual([cut.gone, closed, nextPart(cut, zone, 9)!.fromMs], [2, undefined, NOON + 45 * MINUTE]);
  const all = expire(ledger, zone, NOON + DAY)!;
  assert.deepEqual([all.ledger.gaps, all.ledger.gone, all.ledger.givenUp], [[], 4, 1]);
  const none = expire({ ...after([0, 30]), periodMs: HOUR }, zone, NOON - DAY)!;
  assert.deepEqual([none.ledger.gaps, none.ledger.gone, none.ledger.filled], [[], 0, 1]);
});

Deno.test("formatLedger, parseLedger: one is the other's reverse; what cannot be read is as none", () => {
  const ledger = after([0, 75, 90, 180]);
  assert.deepEqual(parseLedger(formatLedger(ledger)), ledger);
  for (const text of [undefined, "", "{}", "[1"]) assert.equal(parseLedger(text), undefined, text);
});
