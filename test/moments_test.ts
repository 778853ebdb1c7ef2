/** No two readouts of a meter have the same moment, whatever is done to the clock. @module */
import assert from "node:assert/strict";
import { Moments } from "../src/moments.ts";

const HOUR = 3_600_000;

Deno.test("Moments: later by as few ms as needed; a clock that was set back far is believed", () => {
  const moments = new Moments();
  const given = [1000, 1000, 1000, 1001, 5000, 5000].map((ms) => moments.of("a", ms));
  assert.deepEqual(given, [1000, 1001, 1002, 1003, 5000, 5001]);
  assert.equal(moments.of("b", 1000), 1000);
  assert.equal(moments.of("a", 4000), 5002, "a second back: it follows the last");
  assert.equal(moments.of("a", 5000 - HOUR), 5000 - HOUR);
});

Deno.test("Moments: none twice, although the hour comes again", () => {
  const moments = new Moments();
  const slots = [1, 2, 3, 4].map((quarter) => quarter * HOUR / 4);
  const given = [...slots, ...slots].map((ms) => moments.of("a", ms));
  assert.equal(new Set(given).size, 8);
  assert.deepEqual(given.slice(4), slots.map((ms) => ms + 1));
});

Deno.test("Moments: later than all before the program started", () => {
  const moments = new Moments();
  moments.startAfter(10_000);
  assert.equal(moments.of("a", 9_000), 10_001);
  assert.equal(moments.of("a", 12_000), 12_000);
});

Deno.test("Moments: what an unknown clock gave says nothing about a right one", () => {
  const moments = new Moments();
  moments.startAfter(10_000);
  assert.equal(moments.of("a", 20_000, false), 20_000);
  assert.equal(moments.of("a", 20_000, false), 20_001);
  assert.equal(moments.of("a", 19_990, true), 19_990);
  assert.equal(moments.of("a", 19_990, true), 19_991);
});
