/** The time that a readout gets, by each setting and each state of the clock. @module */
import assert from "node:assert/strict";
import type { Clock, Trust } from "../src/clock.ts";
import type { MeterConfig } from "../src/config.ts";
import { Moments } from "../src/moments.ts";
import { type Stamp, stampOf } from "../src/stamp.ts";
import type { Telegram } from "../src/telegram.ts";

const MINUTE = 60_000;
/** 12:00:07, when the machine has been up for a minute. */
const ARRIVED = Date.UTC(2026, 5, 1, 12, 0, 7);
const SLOT = Date.UTC(2026, 5, 1, 12);
const UP = MINUTE;

function clock(trust: Trust, nowMs = ARRIVED): Clock {
  return { trust, bootId: "b", now: () => nowMs + 5000, monotonic: () => UP + 5000, sleep: () => Promise.resolve() };
}

function telegram(meterClock?: string): Telegram {
  const sets = meterClock === undefined ? [] : [{ address: "0.9.4", values: [{ text: meterClock }] }];
  const block = { sets, damaged: [], complete: true };
  return { mode: "C", block, check: { kind: "bcc", result: "good" }, atMs: UP, bytes: new Uint8Array() };
}

interface Case {
  readonly timestamp: MeterConfig["timestamp"];
  readonly trust?: Trust;
  readonly meterClock?: string;
  readonly nowMs?: number;
}

function stamp({ timestamp, trust = "synchronised", meterClock, nowMs }: Case, moments = new Moments()): Stamp {
  const meter = { name: "m", timestamp, timeZone: "UTC" } as MeterConfig;
  return stampOf(telegram(meterClock), meter, { clock: clock(trust, nowMs), moments, slot: SLOT });
}

const shown = ({ atMs }: Stamp) => new Date(atMs).toISOString().slice(11, 23);

Deno.test("stampOf: arrival, slot, or the meter's own clock", () => {
  const meterClock = "260601120212";
  assert.equal(shown(stamp({ timestamp: "readout", meterClock })), "12:00:07.000");
  assert.equal(shown(stamp({ timestamp: "slot", meterClock })), "12:00:00.000");
  assert.equal(shown(stamp({ timestamp: "meter", meterClock })), "12:02:12.000");
  assert.equal(stamp({ timestamp: "readout", meterClock }).aheadMs, 125_000);
});

Deno.test("stampOf: a meter's clock that is absent or far off dates nothing", () => {
  for (const [meterClock, unfit] of [[undefined, /no time/], ["260601130007", /2026-06-01T13:00:07Z/]] as const) {
    const got = stamp({ timestamp: "meter", ...meterClock && { meterClock } });
    assert.equal(shown(got), "12:00:07.000");
    assert.match(got.unfit!, unfit);
  }
});

Deno.test("stampOf: a clock that was counted on is flagged, one that is unknown is left to the journal", () => {
  const moment = { bootId: "b", monotonicMs: UP };
  const got = (trust: Trust) => stamp({ timestamp: "readout", trust, meterClock: "260601120007" });
  assert.deepEqual(got("synchronised"), { atMs: ARRIVED, flags: [], moment: { ...moment, trusted: true }, aheadMs: 0 });
  assert.deepEqual(got("kept").flags, ["clock-unsynchronised"]);
  assert.deepEqual(got("unknown"), { atMs: ARRIVED, flags: [], moment: { ...moment, trusted: false } });
});

Deno.test("stampOf: where ours is unknown the meter's clock is taken, if such a time is possible", () => {
  const past = Date.UTC(2016, 0, 1);
  const good = stamp({ timestamp: "meter", trust: "unknown", meterClock: "260601120212", nowMs: past });
  assert.deepEqual([shown(good), good.moment!.trusted, good.flags], ["12:02:12.000", true, []]);
  const reset = stamp({ timestamp: "meter", trust: "unknown", meterClock: "000101000000", nowMs: past });
  assert.deepEqual([reset.atMs, reset.moment!.trusted], [past, false]);
});

Deno.test("stampOf: telegrams of the same instant keep apart, and their moments in the boot with them", () => {
  const moments = new Moments();
  const [first, second] = [1, 2].map(() => stamp({ timestamp: "readout", trust: "unknown" }, moments));
  assert.deepEqual([second!.atMs - first!.atMs, second!.moment!.monotonicMs - first!.moment!.monotonicMs], [1, 1]);
});
