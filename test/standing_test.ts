/** What a line that is started anew knows of its meters: no slot is lost by a reload, or it is told. */
import assert from "node:assert/strict";
import { type CollectorContext, serveLine } from "../src/collector.ts";
import { CollectorReport } from "../src/collector_report.ts";
import type { MeterConfig } from "../src/config.ts";
import { Moments } from "../src/moments.ts";
import { Progress } from "../src/progress.ts";
import { Standing } from "../src/standing.ts";
import { parseEndpoint } from "../src/transport/endpoint.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { fakeLine, type FakeMeter, pushOf } from "./support/fake_line.ts";
import { listeningLog } from "./support/listening_log.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

function meter(name: string, everyMs: number, its: Partial<MeterConfig> = {}): MeterConfig {
  return {
    ...{ name, line: "room", address: name, mode: "auto", timeZone: "UTC", labels: {}, tries: 3, timestamp: "readout" },
    schedule: { kind: "every", ms: everyMs, timeZone: "UTC" },
    ...its,
  };
}

/** A line that is served by one loop after the other, as the daemon does it: `[from, meters]`, ms. */
async function serveInTurn(
  turns: readonly (readonly [fromMs: number, meters: readonly MeterConfig[]])[],
  untilMs: number,
  fakes: Readonly<Record<string, FakeMeter>>,
  arrange: (world: { clock: FakeClock; line: ReturnType<typeof fakeLine> }) => void = () => {},
) {
  const clock = new FakeClock();
  const line = fakeLine(clock, fakes);
  const log = listeningLog();
  const [report, standing, stop] = [new CollectorReport(log), new Standing(), new AbortController()];
  const times: [meter: string, atMs: number][] = [];
  arrange({ clock, line });
  let done = Promise.resolve();
  const begin = (meters: readonly MeterConfig[], retire: AbortSignal) => {
    const context: CollectorContext = {
      journal: {
        append: ([reading]) => {
          times.push([reading!.meter, Date.parse(reading!.time)]);
          return Promise.resolve({ seq: times.length, durable: true });
        },
      },
      ...{
        report,
        moments: new Moments(),
        progress: new Progress(),
        clock,
        open: line.open,
        stop: stop.signal,
        retire,
      },
      standing: { of: standing, sinceMs: clock.now() },
    };
    standing.retain(new Set(meters.map(({ name }) => name)));
    done = done.then(() => serveLine({ name: "room", endpoint: parseEndpoint("tcp://fake:1") }, meters, context));
  };
  const run = async () => {
    for (const [at, [fromMs, meters]] of turns.entries()) {
      await clock.sleep(fromMs - clock.now());
      const retire = new AbortController();
      begin(meters, retire.signal);
      await clock.sleep((turns[at + 1]?.[0] ?? untilMs) - clock.now());
      retire.abort();
    }
    await done;
  };
  await clock.run(run());
  const of = (name: string) => times.flatMap(([meter, atMs]) => meter === name ? [Math.floor(atMs / MINUTE)] : []);
  return { of, times, report, log: log.lines, requests: line.events.filter(({ what }) => what.startsWith("request")) };
}

Deno.test("Standing: who waited for its turn when the line was started anew is asked by the new loop, in the same slot", async () => {
  const changed = (labels: Record<string, string>) => ["1", "2", "3"].map((name) => meter(name, MINUTE, { labels }));
  const got = await serveInTurn(
    [[0, changed({})], [MINUTE + 2 * SECOND, changed({ a: "b" })], [2 * MINUTE + SECOND, changed({})]],
    3 * MINUTE + 30 * SECOND,
    { "1": { takesMs: 5 * SECOND }, "2": {}, "3": {} },
  );
  for (const name of ["1", "2", "3"]) assert.deepEqual(got.of(name), [1, 2, 3], `meter ${name}`);
  assert.deepEqual([got.report.counts.lostSlots, got.log], [0, []]);
});

Deno.test("Standing: a slot that falls due while the old loop ends its session is served; slots that end meanwhile are told", async () => {
  const pace = (labels: Record<string, string>) => [meter("1", 30 * SECOND, { labels }), meter("2", 10 * SECOND)];
  const got = await serveInTurn([[0, pace({})], [40 * SECOND, pace({ a: "b" })]], 2 * MINUTE - SECOND, {
    "1": { takesMs: 25 * SECOND },
    "2": {},
  });
  const slots = 3 + 11; // until 119 s
  const { readouts, lostSlots } = got.report.counts;
  assert.equal(readouts + lostSlots, slots, JSON.stringify([got.times, got.log]));
  assert(got.log.includes("error 2: slot missed: its line was busy"), got.log.join("\n"));
});

Deno.test("Standing: a meter without an answer has the tries that are left of its slot, and is asked at once", async () => {
  const fake: FakeMeter = { damaged: true };
  const got = await serveInTurn(
    [[0, [meter("1", 15 * MINUTE)]], [16 * MINUTE, [meter("1", 15 * MINUTE, { tries: 4 })]]],
    20 * MINUTE,
    {
      "1": fake,
    },
  );
  assert.equal(got.requests.length, 1, "three data messages were asked for: its slot is over");
  fake.damaged = false;
  fake.silent = true;
  const again = await serveInTurn(
    [[0, [meter("1", 15 * MINUTE)]], [15 * MINUTE + 20 * SECOND, [meter("1", 15 * MINUTE, { labels: { a: "b" } })]]],
    20 * MINUTE,
    { "1": fake },
    ({ clock }) => void clock.sleep(15 * MINUTE + 15 * SECOND).then(() => fake.silent = false),
  );
  assert.deepEqual(again.times.map(([, atMs]) => Math.floor(atMs / SECOND)), [15 * 60 + 20]);
});

Deno.test("Standing: another schedule begins when it was wanted; one that has stepped back begins anew; a removed one is forgotten", () => {
  const standing = new Standing();
  const turn = standing.take(meter("1", MINUTE), 10 * SECOND);
  assert.equal(turn.slot, MINUTE);
  assert.equal(standing.take(meter("1", 15 * SECOND), 61 * SECOND).slot, 75 * SECOND);
  const dead = standing.take(meter("1", 15 * SECOND), 61 * SECOND);
  Object.assign(dead, { slot: 20 * MINUTE, due: 20 * MINUTE, lostInARow: 7 });
  const { slot, due, lostInARow, awayInARow } = standing.take(
    meter("1", 15 * SECOND, { address: "9" }),
    2 * MINUTE + 1,
  );
  assert.deepEqual([slot, due, lostInARow, awayInARow], [135 * SECOND, 135 * SECOND, 7, 7]);
  standing.retain(new Set(["2"]));
  assert.equal(standing.take(meter("1", 15 * SECOND), 60 * MINUTE + 1).slot, 60 * MINUTE + 15 * SECOND);
});

Deno.test("Standing: a pushing meter's slot that has no telegram yet gets one from the new loop", async () => {
  const pushing = (labels: Record<string, string>) => [meter("d", MINUTE, { mode: "D", labels })];
  const got = await serveInTurn(
    [[0, pushing({})], [62 * SECOND, pushing({ a: "b" })]],
    115 * SECOND,
    {},
    ({ clock, line }) => {
      void clock.sleep(70 * SECOND).then(() => line.push(pushOf("1.8.0(0001.5*kWh)")));
    },
  );
  assert.deepEqual(got.of("d"), [1]);
});
