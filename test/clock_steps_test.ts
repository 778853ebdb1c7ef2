/**
 * What happens to clocks, from the meter through the real journal to a sink: nothing arrives by a wrong time, nothing
 * twice, nothing is dropped as too old. Each reading's value is the true time at which the meter said it.
 * @module
 */
import assert from "node:assert/strict";
import { serveLine } from "../src/collector.ts";
import { CollectorReport } from "../src/collector_report.ts";
import type { MeterConfig } from "../src/config.ts";
import { HostTime } from "../src/host_time.ts";
import { type Journal, type JournalOptions, openJournal } from "../src/journal.ts";
import { Moments } from "../src/moments.ts";
import { Progress } from "../src/progress.ts";
import type { Reading } from "../src/reading.ts";
import { parseEndpoint } from "../src/transport/endpoint.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { FakeHost } from "./support/fake_host.ts";
import { fakeLine, pushOf } from "./support/fake_line.ts";
import { listeningLog } from "./support/listening_log.ts";
import { temporaryFolder } from "./support/readings.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOON = Date.UTC(2026, 5, 1, 12);

/** A machine with one meter and one sink, whose true time begins at `startMs`. */
class World implements Disposable {
  readonly clock: FakeClock;
  readonly host: FakeHost;
  readonly log = listeningLog();
  readonly report = new CollectorReport(this.log);
  readonly arrived: Reading[] = [];
  readonly #folder = temporaryFolder();
  #evicted = 0;

  constructor(startMs = NOON) {
    this.clock = new FakeClock(0, startMs);
    this.host = new FakeHost(this.clock, startMs);
  }

  /** Runs the program for so long; `at` some moments of it, something happens to the clock. */
  async run(forMs: number, { at = {}, meter = {}, unsynchronised }: {
    at?: Record<number, () => void>;
    meter?: Partial<MeterConfig>;
    unsynchronised?: JournalOptions["unsynchronised"];
  } = {}): Promise<void> {
    const { clock, host, log, report } = this;
    const time = new HostTime({ host });
    const journal = await openJournal({
      path: `${this.#folder.path}/journal.db`,
      ...{ sinks: ["csv"], maxBytes: 1e8, maxAgeMs: DAY, time, log },
      ...unsynchronised && { unsynchronised },
    });
    const end = new AbortController();
    for (const [ms, event] of Object.entries(at)) clock.sleep(Number(ms)).then(event);
    clock.sleep(forMs).then(() => end.abort());
    const trueSeconds = () => String(clock.now() / SECOND);
    if (meter.mode === "D") this.#push(() => line.push(pushOf(`1.8.0(${trueSeconds()}*s)`)), forMs);
    const line = fakeLine(clock, {
      m: {
        get block() {
          return `1.8.0(${trueSeconds()}*s)`;
        },
      },
    });
    const config: MeterConfig = {
      ...{ name: "m", line: "room", address: "m", mode: "C", timeZone: "UTC", labels: {}, tries: 3 },
      ...{ timestamp: "readout", schedule: { kind: "every", ms: 5 * MINUTE, timeZone: "UTC" } },
      ...meter,
    } as MeterConfig;
    await clock.run(serveLine({ name: "room", endpoint: parseEndpoint("tcp://fake:1") }, [config], {
      journal: { append: (readings, moment) => clock.outside(journal.append(readings, moment)) },
      ...{ report, moments: new Moments(), progress: new Progress(), clock: time, open: line.open },
      ...{ stop: end.signal, retire: end.signal },
    }));
    await clock.run(this.#deliver(journal));
    this.#evicted += journal.books()[0]!.evicted;
    await journal[Symbol.asyncDispose]();
  }

  /** A meter that speaks by itself, each ten seconds. */
  async #push(speak: () => void, forMs: number): Promise<void> {
    for (let ms = 0; ms < forMs; ms += 10 * SECOND) {
      await this.clock.sleep(10 * SECOND);
      speak();
    }
  }

  /** All that may be delivered, a while later. */
  async #deliver(journal: Journal): Promise<void> {
    await this.clock.sleep(10 * SECOND);
    const free = () => journal.books()[0]!.pending > 0 && journal.state().held === 0;
    while (free()) {
      const batch = await this.clock.outside(journal.next("csv", AbortSignal.timeout(5000)));
      this.arrived.push(...batch.readings);
      journal.acknowledge("csv", batch);
    }
  }

  /** By how much the time of each reading is wrong, in seconds. */
  errors(readings = this.arrived): number[] {
    return readings.map(({ time, value }) => Math.round((Date.parse(time) - value! * SECOND) / SECOND));
  }

  assertHonest(readouts: number): void {
    assert.equal(this.arrived.length, readouts);
    assert.deepEqual(new Set(this.errors()), new Set([0]), "no wrong time");
    this.assertSingle();
  }

  assertSingle(): void {
    const times = this.arrived.map(({ time }) => time);
    assert.equal(new Set(times).size, times.length, "nothing twice");
    assert.deepEqual(times.toSorted(), times, "in order");
    assert.equal(this.#evicted, 0, "nothing dropped by age");
    assert.equal(this.report.counts.lostSlots, 0);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

const flagged = ({ flags }: Reading) => flags.includes("clock-unsynchronised");

Deno.test("clock: boots ten years back and is put right after an hour", async () => {
  using world = new World();
  const { host } = world;
  host.wallStartMs -= 3652 * DAY;
  await world.run(2 * HOUR - SECOND, { at: { [HOUR + 2 * MINUTE]: () => host.synchronise() } });
  world.assertHonest(23);
  assert.equal(world.arrived.filter(flagged).length, 0, "all were held");
});

Deno.test("clock: a meter that speaks by itself loses no slot when its host's clock leaps", async () => {
  for (const [year, unsynchronised] of [[2016, "hold"], [2026, "flag"]] as const) {
    using world = new World();
    world.host.wallStartMs = Date.UTC(year, 1, 1);
    await world.run(HOUR - SECOND, {
      ...{ meter: { mode: "D" }, unsynchronised, at: { [31 * MINUTE]: () => world.host.synchronise() } },
    });
    world.assertSingle();
    const right = world.arrived.filter((reading) => !flagged(reading));
    assert.deepEqual(new Set(world.errors(right)), new Set([0]));
    const expected = unsynchronised === "hold" ? [11, 11] : [11, 5];
    assert.deepEqual([world.arrived.length, right.length], expected);
  }
});

Deno.test("clock: boots an hour ahead where it was known before, and is put right", async () => {
  using world = new World();
  const { host, clock } = world;
  host.isSynchronised = true;
  await world.run(HOUR);
  host.restart("boot-2", clock.now() + HOUR);
  await world.run(HOUR, { at: { [31 * MINUTE]: () => host.synchronise() } });
  world.assertHonest(23);
});

Deno.test("clock: somebody sets it back by an hour, and the time service forward again", async () => {
  using world = new World();
  const { host } = world;
  host.isSynchronised = true;
  await world.run(3 * HOUR - SECOND, {
    at: { [HOUR + MINUTE]: () => host.setBy(-HOUR), [2 * HOUR + MINUTE]: () => host.synchronise() },
  });
  world.assertHonest(35);
  assert.equal(world.arrived.filter(flagged).length, 12, "while nothing kept it right");
});

Deno.test("clock: set back by an hour, and the program starts again before it is put right", async () => {
  using world = new World();
  const { host } = world;
  host.isSynchronised = true;
  await world.run(HOUR);
  host.setBy(-HOUR);
  await world.run(HOUR);
  host.synchronise();
  await world.run(HOUR);
  world.assertHonest(35);
});

Deno.test("clock: both nights on which Europe changes it, by arrival and by slot", async () => {
  for (const night of [Date.UTC(2026, 2, 28, 23), Date.UTC(2026, 9, 24, 22)]) {
    for (const timestamp of ["readout", "slot"] as const) {
      using world = new World(night);
      world.host.isSynchronised = true;
      const schedule = { kind: "every", ms: 15 * MINUTE, timeZone: "Europe/Berlin" } as const;
      await world.run(5 * HOUR - SECOND, { meter: { timestamp, schedule, timeZone: "Europe/Berlin" } });
      world.assertHonest(19);
    }
  }
});

Deno.test("clock: a boot whose time never became known is dated after the last certain time, and flagged", async () => {
  using world = new World();
  const { host, clock } = world;
  host.isSynchronised = true;
  await world.run(HOUR);
  const certain = world.arrived.length;
  host.restart("boot-2", Date.UTC(2016, 0, 1));
  await world.run(HOUR);
  assert.equal(world.arrived.length, certain, "held");
  clock.sleep(DAY / 2);
  host.restart("boot-3", Date.UTC(2016, 0, 1));
  const began = clock.now();
  await world.run(HOUR, { at: { [MINUTE]: () => host.synchronise() } });
  world.assertSingle();
  const [lost, right] = [world.arrived.filter(flagged), world.arrived.filter((reading) => !flagged(reading))];
  assert.deepEqual([lost.length, right.length], [12, certain + 12]);
  assert.deepEqual(new Set(world.errors(right)), new Set([0]));
  assert.ok(lost.every(({ time }) => Date.parse(time) < began));
});

Deno.test("clock: where nothing ever keeps it right, readings are flagged and wait for nobody", async () => {
  using world = new World();
  await world.run(HOUR);
  world.assertHonest(11);
  assert.equal(world.arrived.filter(flagged).length, 11);
});

Deno.test("clock: who wants no waiting gets flags", async () => {
  using world = new World();
  world.host.wallStartMs -= 3652 * DAY;
  await world.run(HOUR, { unsynchronised: "flag" });
  world.assertSingle();
  assert.deepEqual([world.arrived.length, world.arrived.filter(flagged).length], [11, 11]);
});

Deno.test("clock: after a day of waiting readings go on, flagged", async () => {
  using world = new World();
  world.host.wallStartMs -= 3652 * DAY;
  const schedule = { kind: "every", ms: HOUR, timeZone: "UTC" } as const;
  await world.run(25 * HOUR - SECOND, { meter: { schedule } });
  world.assertSingle();
  assert.deepEqual([world.arrived.length, world.arrived.filter(flagged).length], [24, 24]);
});
