/** What fetching may cost, and what the next part will. */
import assert from "node:assert/strict";
import { LineTime, Pace } from "../../src/backfill/line_time.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

Deno.test("LineTime.spentMs: of any hour, not of each", () => {
  const time = new LineTime();
  assert.equal(time.spentMs(0), 0);
  time.took("a", 4 * MINUTE, 10 * MINUTE);
  time.took("b", 1 * MINUTE, 30 * MINUTE);
  assert.equal(time.spentMs(40 * MINUTE), 5 * MINUTE);
  assert.deepEqual(["a", "b", "c"].map((meter) => time.spentMs(40 * MINUTE, meter)), [4 * MINUTE, 1 * MINUTE, 0]);
  assert.equal(time.spentMs(70 * MINUTE), 1 * MINUTE, "the first is an hour ago");
  assert.equal(time.spentMs(30 * MINUTE + HOUR), 0);
});

Deno.test("Pace.rowsWithin: by what the last session took", () => {
  const pace = new Pace();
  assert(pace.rowsWithin(2 * MINUTE, 0) > 96, "a first guess is bold");
  pace.took(10_000 + 20 * 700, { dataMs: 20 * 700, rows: 20 }); // 300 Bd
  assert.equal(pace.rowsWithin(60_000, 40_000), Math.floor((60_000 / 1.25 - 10_000) / 700));
  assert.equal(pace.rowsWithin(12_000, 40_000), 0);
});

Deno.test("Pace.wasCut: what was cut off is tried with less, and as before after an hour", () => {
  const pace = new Pace();
  const bold = pace.rowsWithin(10_000, 0);
  pace.wasCut(7000, 8, 7000);
  assert(pace.rowsWithin(10_000, 8000) < 20 && pace.rowsWithin(60_000, 8000) > 20);
  assert.equal(pace.rowsWithin(10_000, 7000 + HOUR), bold);
});
