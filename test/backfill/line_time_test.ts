/** What fetching may cost, and what the next part will. */
import assert from "node:assert/strict";
import { LineTime } from "../../src/backfill/line_time.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

Deno.test("LineTime.leftMs: the budget is of any hour, not of each", () => {
  const time = new LineTime(6 * MINUTE);
  assert.equal(time.leftMs(0), 6 * MINUTE);
  time.took(4 * MINUTE, 10 * MINUTE);
  time.took(1 * MINUTE, 30 * MINUTE);
  assert.equal(time.leftMs(40 * MINUTE), 1 * MINUTE);
  assert.equal(time.leftMs(70 * MINUTE), 5 * MINUTE, "the first is an hour ago");
  assert.equal(time.leftMs(30 * MINUTE + HOUR), 6 * MINUTE);
  assert.equal(time.totalMs, 5 * MINUTE);
});

Deno.test("LineTime.rowsWithin: by what the last session took", () => {
  const time = new LineTime(HOUR);
  assert(time.rowsWithin(2 * MINUTE, 0) > 96, "a first guess is bold");
  time.took(10_000 + 20 * 700, 30_000, { dataMs: 20 * 700, rows: 20 }); // 300 Bd
  assert.equal(time.rowsWithin(60_000, 40_000), Math.floor((60_000 / 1.25 - 10_000) / 700));
  assert.equal(time.rowsWithin(12_000, 40_000), 0);
  time.took(9000, 50_000);
  assert.equal(time.rowsWithin(60_000, 60_000), 54, "a session without an answer says nothing about the pace");
});

Deno.test("LineTime.wasCut: what was cut off is tried with less, and as before after an hour", () => {
  const time = new LineTime(HOUR);
  const bold = time.rowsWithin(10_000, 0);
  time.wasCut(7000, 8, 7000);
  assert(time.rowsWithin(10_000, 8000) < 20 && time.rowsWithin(60_000, 8000) > 20);
  assert.equal(time.rowsWithin(10_000, 7000 + HOUR), bold);
});
