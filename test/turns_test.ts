import assert from "node:assert/strict";
import { ask, bringUp, firstTurn, nextTurn, passOver, settle, type Turn, turnTime } from "../src/turns.ts";

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
  const c = { ...firstTurn(quarterHours, 3, 0), name: "c" };
  [a.askedMs, c.askedMs] = [2 * MINUTE, 1 * MINUTE];
  assert.equal(nextTurn([a, c], 16 * MINUTE).name, "c", "asked longest ago");
  [b.slot, b.due, b.askedMs] = [16 * MINUTE, 16 * MINUTE, 15.9 * MINUTE];
  [a.slot, a.due] = [15 * MINUTE, 15 * MINUTE];
  assert.equal(nextTurn([a, b], 16 * MINUTE).name, "b", "asked just now, but its slot ends first");
  [b.slot, b.due] = [b.slots(0), b.slots(0)];
  [a.askedMs, b.askedMs] = [2 * MINUTE, 1 * MINUTE];
  assert.equal(nextTurn([a, b], 16 * MINUTE).name, "b", "asked longest ago");
  b.lostInARow = 5;
  assert.equal(nextTurn([b, a], 15.5 * MINUTE).name, "a");
  assert.equal(nextTurn([b, a], 5_000).name, "b", "nobody else is due yet");
  assert.equal(nextTurn([a, b], 16 * MINUTE).name, "b", "after a quarter hour it may have come back");
});

Deno.test("nextTurn: of slots that end together the high one is first; before other ends only once slots are missed", () => {
  const low = { ...firstTurn(tenSeconds, 3, 0, "low"), name: "low" };
  const high = { ...firstTurn(quarterHours, 3, 0, "high"), name: "high" };
  const normal = { ...firstTurn(quarterHours, 3, 0), name: "normal" };
  [low.slot, low.due] = [16 * MINUTE, 16 * MINUTE];
  assert.equal(nextTurn([normal, high], 16 * MINUTE).name, "high");
  assert.equal(nextTurn([high, low], 16 * MINUTE).name, "low", "there is time for both");
  passOver(low, 1);
  assert.equal(nextTurn([low, high], 16 * MINUTE).name, "high", "there is none");
  passOver(low, 3);
  ask(low, 16 * MINUTE);
  assert.equal(low.passedOver, 0);
});

/** Serves meters for a day, each of which keeps the line busy for six minutes; the slots in which each was read. */
function aDay(turns: readonly (Turn & { readonly name: string })[]): Record<string, number[]> {
  const read: Record<string, number[]> = Object.fromEntries(turns.map(({ name }) => [name, []]));
  for (let nowMs = 0; nowMs < 24 * HOUR;) {
    for (const turn of turns) passOver(turn, bringUp(turn, at(nowMs)));
    const turn = nextTurn(turns, nowMs);
    nowMs = Math.max(nowMs, turn.due);
    ask(turn, nowMs);
    read[turn.name]!.push(turn.slot);
    nowMs += 6 * MINUTE;
    settle(turn, "read", nowMs, true);
  }
  return read;
}

Deno.test("nextTurn: a line that is too slow reads the high in nearly every slot, and starves nobody", () => {
  const turns = (["low", "high", "normal", "low"] as const).map((priority, at) => ({
    ...firstTurn(quarterHours, 3, 0, priority),
    name: `${priority}-${at}`,
  }));
  const read = aDay(turns);
  const slots = Object.fromEntries(Object.entries(read).map(([name, slots]) => [name, slots.length]));
  assert.ok(slots["high-1"]! >= 90, `of 95: ${JSON.stringify(slots)}`);
  assert.ok(slots["normal-2"]! > slots["low-0"]! + slots["low-3"]!, JSON.stringify(slots));
  for (const [name, its] of Object.entries(read)) {
    const longest = Math.max(...its.map((slot, at) => slot - (its[at - 1] ?? 0)));
    assert.ok(longest <= 2 * HOUR, `${name} waited ${longest / MINUTE} min`);
  }
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

/** At `ms` of a clock that was set by `setMs`. */
const at = (ms: number, setMs = 0, trusted = true) => ({ nowMs: ms + setMs, steadyMs: ms, trusted });
const HOUR = 60 * MINUTE;
const YEARS = 3652 * 24 * HOUR;

Deno.test("bringUp: slots that passed while the line was busy are counted, the one that now is gets its tries", () => {
  const turn = firstTurn(quarterHours, 3, 0);
  turn.tries.left = 0;
  assert.equal(bringUp(turn, at(15 * MINUTE)), 0);
  assert.equal(bringUp(turn, at(47 * MINUTE)), 2);
  assert.equal(clock(turn.slot), "00:45:00");
  assert.deepEqual(turn.tries, { left: 3 });
});

Deno.test("bringUp: what a right clock leaps over was missed; what a wrong one does was not", () => {
  for (const [trusted, missed] of [[true, 4], [false, 0]] as const) {
    const turn = firstTurn(quarterHours, 3, 0);
    assert.equal(bringUp(turn, at(MINUTE, 0, trusted)), 0);
    assert.equal(bringUp(turn, at(2 * MINUTE, 75 * MINUTE)), missed);
    assert.equal(clock(turn.slot), trusted ? "01:15:00" : "01:30:00");
  }
});

Deno.test("bringUp: ten years are no 350 000 missed slots, but those before them are counted", () => {
  for (const trusted of [true, false]) {
    const turn = firstTurn(quarterHours, 3, 0);
    bringUp(turn, at(15 * MINUTE, 0, trusted));
    assert.equal(bringUp(turn, at(47 * MINUTE, YEARS)), trusted ? 0 : 2);
    assert.equal(turn.slot, quarterHours(47 * MINUTE + YEARS));
  }
});

Deno.test("bringUp: a clock that goes back an hour brings its slots again, two seconds do not", () => {
  for (const trusted of [true, false]) {
    const turn = firstTurn(quarterHours, 3, 2 * HOUR);
    bringUp(turn, at(2 * HOUR, 0, trusted));
    assert.equal(bringUp(turn, at(2 * HOUR + MINUTE, -HOUR)), 0);
    assert.equal(clock(turn.due), "01:15:00", "not silent for an hour");
  }
  const served = firstTurn(quarterHours, 3, 0);
  bringUp(served, at(15 * MINUTE));
  settle(served, "read", served.due, false);
  bringUp(served, at(15 * MINUTE + 10, -2000));
  assert.equal(clock(served.slot), "00:30:00", "00:15 is not read twice");
});

Deno.test("turnTime: the time by which the slots are reckoned, until the turn has seen another", () => {
  const turn = firstTurn(quarterHours, 3, 0);
  assert.equal(turnTime(turn, at(MINUTE, YEARS)), MINUTE + YEARS);
  bringUp(turn, at(MINUTE));
  assert.equal(turnTime(turn, at(2 * MINUTE, YEARS)), 2 * MINUTE);
});
