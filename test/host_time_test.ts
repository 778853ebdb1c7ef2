/** Whether the time is known, through everything that happens to a clock. @module */
import assert from "node:assert/strict";
import { systemHost } from "../src/host.ts";
import { HostTime, type TimeEvent, timeTeller } from "../src/host_time.ts";
import { FakeHost } from "./support/fake_host.ts";
import { listeningLog } from "./support/listening_log.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const another = { bootId: "another", startMs: 0, known: true };
const NOON = Date.UTC(2026, 5, 1, 12);

/** A machine that starts at noon, its clock off by `byMs`; `pass` lets time go by. */
function machine(byMs = 0) {
  let now = NOON;
  const clock = { now: () => now, monotonic: () => now, sleep: () => Promise.resolve() };
  const host = new FakeHost(clock, NOON + byMs);
  const events: TimeEvent[] = [];
  const start = () => new HostTime({ host, onEvent: (event) => events.push(event) });
  const pass = (ms: number) => now += ms;
  return { host, time: start(), events, start, pass, now: () => now };
}

Deno.test("HostTime: a synchronised clock is believed, one that nothing keeps right is not", () => {
  const { host, time, events, pass, now } = machine();
  assert.deepEqual([time.trust, time.trusted, time.now()], ["unknown", false, NOON]);
  host.isSynchronised = true;
  pass(SECOND);
  assert.deepEqual([time.trust, time.trusted, time.now()], ["synchronised", true, now()]);
  assert.deepEqual(events, [{ kind: "trust", trust: "synchronised", before: "unknown" }]);
  assert.deepEqual(time.state, {
    ...{ synchronised: true, trust: "synchronised", since: new Date(NOON + SECOND).toISOString(), steps: 0 },
  });
});

Deno.test("HostTime: the kernel is asked once a second at most", () => {
  const { host, time, pass } = machine();
  let asked = 0;
  host.synchronised = () => (asked++, true);
  for (let at = 0; at < 100; at++) {
    pass(100);
    time.now();
  }
  assert.equal(asked, 10);
});

Deno.test("HostTime: boots ten years back, is put right later", () => {
  const { host, time, events, pass, now } = machine(-3652 * DAY);
  assert.equal(new Date(host.wallMs()).getUTCFullYear(), 2016);
  assert.equal(time.now(), Date.UTC(2026, 0, 1), "nothing is earlier than this program");
  host.isSynchronised = true; // whatever the kernel says
  pass(HOUR);
  assert.deepEqual([time.trust, time.willBeKnown], ["unknown", true]);
  host.synchronise();
  assert.deepEqual([time.now(), time.trust], [now(), "synchronised"]);
  assert.equal(time.startMs(), NOON);
  assert.deepEqual(events, [
    { kind: "step", byMs: 3652 * DAY, followed: true },
    { kind: "trust", trust: "synchronised", before: "unknown" },
  ]);
  assert.equal(time.agesTrusted, false, "soon after a long step");
  pass(10 * MINUTE);
  assert.equal(time.agesTrusted, true);
});

Deno.test("HostTime: what was known once is counted on, whoever sets the clock", () => {
  const { host, time, events, pass, now } = machine();
  host.isSynchronised = true;
  pass(HOUR);
  time.look();
  host.setBy(-HOUR);
  assert.deepEqual([time.now(), time.trust, time.trusted, time.agesTrusted], [now(), "kept", true, true]);
  pass(DAY);
  assert.equal(time.now(), now());
  host.synchronise();
  assert.deepEqual([time.now(), time.trust, time.agesTrusted], [now(), "synchronised", true]);
  const steps = events.filter(({ kind }) => kind === "step");
  assert.deepEqual(steps, [
    { kind: "step", byMs: -HOUR, followed: false },
    { kind: "step", byMs: HOUR, followed: false },
  ]);
  assert.deepEqual([time.state.steps, time.state.lastStepMs], [2, HOUR]);
});

Deno.test("HostTime: half a second is no step; the time follows all the same", () => {
  const { host, time, events, pass, now } = machine();
  host.isSynchronised = true;
  time.look();
  host.wallStartMs += 400;
  pass(SECOND);
  assert.deepEqual([time.now(), time.state.steps], [now() + 400, 0]);
  assert.deepEqual(events.map(({ kind }) => kind), ["trust"]);
});

Deno.test("HostTime: before the latest certain time no clock is right, unless it is kept there for an hour", () => {
  const { host, time, start, pass, now } = machine();
  time.remember({ goodMs: NOON + DAY, latestMs: NOON + DAY, ...another });
  host.isSynchronised = true;
  pass(SECOND);
  assert.deepEqual([time.trust, time.willBeKnown], ["unknown", true]);
  pass(HOUR);
  time.look();
  assert.equal(time.trust, "synchronised", "it was the other time that was wrong");
  assert.equal(time.memory.goodMs, now());
  const other = start();
  other.remember({ goodMs: NOON, latestMs: NOON, ...another });
  assert.equal(other.trust, "synchronised");
});

Deno.test("HostTime: knows the time again after a restart in the same boot, not in another", () => {
  const { host, time, start, pass, now } = machine();
  host.isSynchronised = true;
  pass(HOUR);
  const { memory } = time;
  assert.deepEqual(memory, { goodMs: now(), latestMs: now(), bootId: "boot-1", startMs: NOON, known: true });
  host.setBy(-3 * DAY);
  const again = start();
  again.remember(memory);
  assert.deepEqual([again.trust, again.now()], ["kept", now()]);
});

Deno.test("HostTime: what is remembered is whole milliseconds, whatever fractions the clocks show", () => {
  const { host, time, pass } = machine();
  host.isSynchronised = true;
  for (let count = 0; count < 20; count++) {
    pass(SECOND + 0.1);
    const { goodMs, latestMs, startMs } = time.memory;
    assert([goodMs, latestMs, startMs].every(Number.isInteger), `${goodMs} ${latestMs} ${startMs}`);
  }
});

Deno.test("HostTime: in the next boot it is not earlier than ever before, however far back the clock begins", () => {
  const { host, time, start, pass, now } = machine();
  host.isSynchronised = true;
  pass(HOUR);
  const { memory } = time;
  host.restart("boot-2", NOON - 3 * DAY);
  const second = start();
  second.remember(memory);
  pass(MINUTE);
  assert.deepEqual([second.trust, second.now()], ["unknown", now()]);
  assert.deepEqual(second.memory, { latestMs: now(), bootId: "boot-2", startMs: NOON + HOUR, known: false });
  pass(MINUTE);
  host.setBy(DAY);
  const again = start();
  again.remember({ ...second.memory, goodMs: memory.goodMs! });
  assert.equal(again.now(), now(), "the program starts again in the same boot");
  const last = again.memory;
  host.restart("boot-3", 0);
  const third = start();
  third.remember({ ...last, goodMs: memory.goodMs! });
  assert.equal(third.now(), now());
});

Deno.test("HostTime: where nothing ever kept the clock right, nothing is to be waited for", () => {
  const { time } = machine(-DAY);
  assert.equal(time.now(), NOON - DAY);
  assert.deepEqual([time.trusted, time.willBeKnown], [false, false]);
});

Deno.test("systemHost: this machine's clocks and boot", () => {
  const host = systemHost();
  assert.ok(Math.abs(host.wallMs() - Date.now()) < 60_000);
  assert.ok(host.uptimeMs() > 0);
  assert.equal(typeof host.synchronised(), "boolean");
  assert.match(host.bootId, /^[0-9a-f]{32}$/);
  assert.equal(systemHost().bootId, host.bootId);
});

Deno.test("timeTeller: says what happened in words", () => {
  const log = listeningLog();
  const tell = timeTeller(log);
  tell({ kind: "trust", trust: "synchronised", before: "unknown" });
  tell({ kind: "step", byMs: 3652 * DAY, followed: true });
  tell({ kind: "step", byMs: -HOUR, followed: false });
  tell({ kind: "step", byMs: 700, followed: true });
  tell({ kind: "trust", trust: "kept", before: "synchronised" });
  tell({ kind: "trust", trust: "kept", before: "unknown" });
  assert.deepEqual(log.lines, [
    "info The host's clock is synchronised",
    "warning The host's clock was set forward by 3652 d",
    "warning The host's clock was set back by 60 min, which changes nothing: what time it is, is known",
    "warning The host's clock was set forward by 0.7 s",
    "warning The host's clock is no longer synchronised: readings go on, flagged clock-unsynchronised",
  ]);
});
