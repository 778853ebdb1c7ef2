import assert from "node:assert/strict";
import { catchUp, firstTurn, nextTurn, settle } from "../src/turns.ts";

const MINUTE = 60_000;
const quarterHours = (afterMs: number) => Math.floor(afterMs / (15 * MINUTE)) * 15 * MINUTE + 15 * MINUTE;
const tenSeconds = (afterMs: number) => Math.floor(afterMs / 10_000) * 10_000 + 10_000;
const clock = (ms: number) => new Date(ms).toISOString().slice(11, 19);

Deno.test("firstTurn: waits for the next slot with all its tries", () => {
  const turn = firstTurn(quarterHours, 3, 7 * MINUTE);
  assert.equal(clock(turn.due), "00:15:00");
  assert.deepEqual(turn.tries, { left: 3 });
});

Deno.test("nextTurn: whoever has waited longest; of those due, the living first", () => {
  const a = { ...firstTurn(quarterHours, 3, 0), name: "a" };
  const b = { ...firstTurn(tenSeconds, 3, 0), name: "b" };
  assert.equal(nextTurn([a, b], 0).name, "b");
  assert.equal(nextTurn([b, a], 16 * MINUTE).name, "b");
  [a.askedMs, b.askedMs] = [2 * MINUTE, 1 * MINUTE];
  assert.equal(nextTurn([a, b], 16 * MINUTE).name, "b", "asked longest ago");
  b.lostInARow = 5;
  assert.equal(nextTurn([b, a], 15.5 * MINUTE).name, "a");
  assert.equal(nextTurn([b, a], 5_000).name, "b", "nobody else is due yet");
  assert.equal(nextTurn([a, b], 16 * MINUTE).name, "b", "after a quarter hour it may have come back");
});

Deno.test("settle: a reading ends the slot; the next one begins with all its tries", () => {
  const turn = firstTurn(quarterHours, 3, 0);
  turn.tries.left = 1;
  assert.equal(settle(turn, "read", turn.slot + 4_000, true), true);
  assert.equal(clock(turn.due), "00:30:00");
  assert.deepEqual(turn.tries, { left: 3 });
});

Deno.test("settle: a meter that did not answer is asked again within its slot, ever more seldom, with what is left of its tries", () => {
  const turn = firstTurn(quarterHours, 3, 0);
  turn.tries.left = 2;
  const asked: string[] = [];
  let now = turn.due;
  while (!settle(turn, "unanswered", now, true)) {
    asked.push(clock(now = turn.due));
    assert.equal(turn.tries.left, 2);
  }
  assert.deepEqual(asked, ["00:15:30", "00:16:30", "00:18:30", "00:22:30"]);
  assert.equal(clock(turn.due), "00:30:00");
  assert.equal(turn.lostInARow, 1);
});

Deno.test("settle: what is final, and used up tries, wait for the next slot", () => {
  for (const [outcome, left] of [["final", 3], ["unanswered", 0]] as const) {
    const turn = firstTurn(quarterHours, 3, 0);
    turn.tries.left = left;
    assert.equal(settle(turn, outcome, turn.due, false), true);
    assert.equal(clock(turn.due), "00:30:00");
  }
});

Deno.test("settle: a dead meter on a shared line steps back, at most a quarter hour, so that it loses none of those", () => {
  const turn = firstTurn(tenSeconds, 3, 0);
  const waits: number[] = [];
  for (let slot = 0; slot < 12; slot++) {
    const now = turn.due;
    assert.equal(settle(turn, "unanswered", now, true), true);
    waits.push((turn.due - now) / 1000);
  }
  assert.deepEqual(waits, [10, 30, 60, 120, 240, 480, 900, 900, 900, 900, 900, 900]);
  settle(turn, "read", turn.due, true);
  assert.equal(turn.lostInARow, 0);
});

Deno.test("settle: a dead meter that is alone on its line is asked in every slot", () => {
  const turn = firstTurn(tenSeconds, 3, 0);
  for (let slot = 0; slot < 9; slot++) {
    const now = turn.due;
    settle(turn, "final", now, false);
    assert.equal(turn.due - now, 10_000);
  }
});

Deno.test("catchUp: slots that passed while the line was busy are counted, the one that now is gets its tries", () => {
  const turn = firstTurn(quarterHours, 3, 0);
  turn.tries.left = 0;
  assert.equal(catchUp(turn, 15 * MINUTE), 0);
  assert.equal(catchUp(turn, 47 * MINUTE), 2);
  assert.equal(clock(turn.slot), "00:45:00");
  assert.deepEqual(turn.tries, { left: 3 });
});

Deno.test("catchUp: a clock set forward by weeks has missed nothing; one set back brings its slots again, a small step does not", () => {
  const turn = firstTurn(quarterHours, 3, 0);
  const later = 60 * 24 * 60 * MINUTE + 5 * MINUTE;
  assert.equal(catchUp(turn, later), 0);
  assert.equal(turn.slot, quarterHours(later));
  assert.equal(catchUp(turn, later - 60 * MINUTE), 0);
  assert.equal(turn.slot, quarterHours(later - 60 * MINUTE));

  const served = firstTurn(quarterHours, 3, 0);
  settle(served, "read", served.due, false);
  catchUp(served, 15 * MINUTE - 2_000);
  assert.equal(clock(served.slot), "00:30:00", "two seconds back: 00:15 is not read twice");
});
