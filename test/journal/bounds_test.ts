/** What gives way, for whom, and that the books know. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { HostTime } from "../../src/host_time.ts";
import { type Journal, type JournalOptions, openJournal } from "../../src/journal.ts";
import { type EvictionReason, EvictionReport } from "../../src/journal/evictions.ts";
import { assertBalanced, drain } from "../support/journals.ts";
import { reading, T0, temporaryFolder } from "../support/readings.ts";

const KIB = 1024;
const MINUTE = 60_000;

/** A readout of 40 registers at so many minutes after noon. */
function minutely(minute: number, meter = "flat-1") {
  return Array.from({ length: 40 }, (_, at) =>
    reading({
      time: new Date(T0 + minute * MINUTE).toISOString(),
      meter,
      address: `${at}.8.0`,
      text: `${minute}`.padStart(8, "0"),
    }));
}

/** A clock of which each hand is set by itself. */
function handClock(now = T0) {
  return {
    nowMs: now,
    steadyMs: 0,
    now() {
      return this.nowMs;
    },
    monotonic() {
      return this.steadyMs;
    },
    sleep: () => new Promise<never>(() => {}),
  };
}

interface Scene {
  readonly journal: Journal;
  readonly clock: ReturnType<typeof handClock>;
  readonly said: string[];
  look(sql: string): number;
  assertBalanced(): Promise<void>;
}

async function scene(options: Partial<JournalOptions>, play: (scene: Scene) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  const path = `${folder.path}/journal.db`;
  const clock = handClock();
  const said: string[] = [];
  const say = (message: string) => void said.push(message);
  const log = { debug() {}, info: say, warning: say, error: (message: string) => assert.fail(message) };
  const journal = await openJournal({ path, sinks: ["csv", "influx"], maxBytes: 1e9, clock, log, ...options });
  await play({
    journal,
    clock,
    said,
    look(sql) {
      const db = new DatabaseSync(path);
      try {
        return Object.values(db.prepare(sql).get()!)[0] as number;
      } finally {
        db.close();
      }
    },
    async assertBalanced() {
      assertBalanced(journal);
      await journal.check(); // an error in the log fails the test
    },
  });
  await journal[Symbol.asyncDispose]();
}

/** Takes all that is pending; the minute of each readout. */
const drainMinutes = (journal: Journal, sink: string) =>
  drain(journal, sink, (all) => {
    const times = new Set(all.map(({ meter, time }) => `${meter} ${time}`));
    return [...times].map((text) => (Date.parse(text.split(" ")[1]!) - T0) / MINUTE);
  });

const appendAll = (journal: Journal, minutes: Iterable<number>) =>
  Promise.all([...minutes].map((minute) => journal.append(minutely(minute))));
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

Deno.test("Bounds: a full journal keeps the quarter hours, and a sink that is up to date loses nothing", async () => {
  await scene({ maxBytes: 256 * KIB }, async ({ journal, said, assertBalanced }) => {
    for (let from = 0; from < 1000; from += 50) {
      await appendAll(journal, range(from, from + 50));
      assert.deepEqual(await drainMinutes(journal, "influx"), range(from, from + 50));
      await assertBalanced();
    }
    const { evicted } = journal.books()[0]!;
    assert(evicted > 0);
    const kept = await drainMinutes(journal, "csv");
    const quarters = range(0, 67).map((quarter) => quarter * 15).filter((minute) => minute < 950);
    assert.deepEqual(quarters.filter((minute) => !kept.includes(minute)), []);
    assert.deepEqual(kept, kept.toSorted((a, b) => a - b));
    const [csv, influx] = journal.books();
    assert.deepEqual([csv!.delivered, csv!.evicted], [kept.length * 40, (1000 - kept.length) * 40]);
    assert.deepEqual([influx!.delivered, influx!.evicted], [40_000, 0]);
    assert.match(said.join(), /^\d+ readings were dropped before every sink had them: .*journal\.max_bytes$/);
    await assertBalanced();
  });
});

Deno.test("Bounds: when the quarter hours do not fit either, the oldest of them go", async () => {
  await scene({ maxBytes: 128 * KIB, sinks: ["csv"] }, async ({ journal, assertBalanced }) => {
    for (let from = 0; from < 6000; from += 500) {
      await appendAll(journal, range(from, from + 500).map((quarter) => quarter * 15));
      await assertBalanced();
    }
    const kept = await drainMinutes(journal, "csv");
    assert(kept.length > 50 && kept.length < 500, `${kept.length}`);
    assert.deepEqual(kept, range(6000 - kept.length, 6000).map((quarter) => quarter * 15));
  });
});

Deno.test("Bounds: what a dead sink alone lacks goes before anything that another one lacks", async () => {
  await scene({ maxBytes: 256 * KIB, sinks: ["dead", "late"] }, async ({ journal, assertBalanced }) => {
    for (let from = 0; from < 800; from += 50) {
      await appendAll(journal, range(from, from + 50));
      await drainMinutes(journal, "late");
    }
    await appendAll(journal, range(800, 900));
    await assertBalanced();
    const [dead, late] = journal.books();
    assert(dead!.evicted > 0);
    assert.equal(late!.evicted, 0);
    assert.deepEqual(await drainMinutes(journal, "late"), range(800, 900));
  });
});

Deno.test("Bounds: a batch that is on its way when it is thinned or dropped is delivered once, and counted once", async () => {
  await scene({ maxBytes: 256 * KIB, sinks: ["csv"] }, async ({ journal, assertBalanced }) => {
    await appendAll(journal, range(0, 300));
    const batch = await journal.next("csv", AbortSignal.timeout(5000));
    await appendAll(journal, range(300, 900));
    assert(journal.books()[0]!.evicted > 0);
    journal.acknowledge("csv", batch);
    await assertBalanced();
    await drainMinutes(journal, "csv");
    const { ingested, delivered, evicted } = journal.books()[0]!;
    assert.equal(ingested, delivered + evicted);
    await assertBalanced();
  });
});

Deno.test("Bounds: each gap is a row, of all that was evicted", async () => {
  await scene({ maxBytes: 128 * KIB, sinks: ["csv"] }, async ({ journal, look }) => {
    await appendAll(journal, range(0, 600));
    const { evicted } = journal.books()[0]!;
    await journal[Symbol.asyncDispose]();
    assert.equal(look("SELECT sum(count) FROM gap WHERE reason IN ('thinned', 'size')"), evicted);
    assert.equal(look("SELECT sum(count) FROM readout WHERE seq > (SELECT acked FROM sink)"), 24_000 - evicted);
  });
});

Deno.test("EvictionReport: each reason by itself, once an hour, and then what had not been said", () => {
  const clock = handClock();
  const said: string[] = [];
  const warning = (message: string) => void said.push(message.replace(/ readings.*:/, ""));
  const report = new EvictionReport(clock, { debug() {}, info() {}, warning, error() {} });
  const dropAndSay = (reason: EvictionReason, count: number) => {
    report.add(reason, count);
    report.say();
    return said.splice(0);
  };
  assert.deepEqual(dropAndSay("full", 3), ["3 the disk is full"]);
  assert.deepEqual(dropAndSay("full", 4), []);
  assert.deepEqual(dropAndSay("age", 5), ["5 they are older than journal.max_age"]);
  clock.steadyMs = 3_599_999;
  assert.deepEqual(dropAndSay("full", 6), []);
  clock.steadyMs = 3_600_000;
  assert.deepEqual(dropAndSay("sink", 0), ["10 the disk is full"]);
});

Deno.test("Bounds: nothing is old while the clock is not trusted, nor just after it has jumped", async () => {
  const host = { wall: T0, uptime: 0, right: false };
  const time = new HostTime({
    host: {
      ...{ wallMs: () => host.wall, uptimeMs: () => host.uptime, synchronised: () => host.right, bootId: "boot-1" },
      sleep: () => new Promise(() => {}),
    },
  });
  await scene({ maxAgeMs: 60 * MINUTE, time, clock: time }, async ({ journal }) => {
    await journal.append(minutely(0));
    const pass = async (wallMs: number, uptimeMs: number) => {
      host.wall += wallMs;
      host.uptime += uptimeMs;
      await journal.append(minutely(0));
      await journal.check();
      return journal.books()[0]!.evicted;
    };
    assert.equal(await pass(61 * MINUTE, 61 * MINUTE), 0, "not trusted");
    host.right = true;
    assert.equal(await pass(365 * 24 * 60 * MINUTE, MINUTE), 0, "has just jumped");
    assert.equal(await pass(9 * MINUTE, 9 * MINUTE), 0, "jumped 9 minutes ago");
    assert.equal(await pass(MINUTE, MINUTE), 200, "jumped 10 minutes ago");
  });
});

Deno.test("Bounds: a sink's own bounds are its own alone", async () => {
  const sinkBounds = { csv: { maxAgeMs: 60 * MINUTE }, influx: { maxBytes: 100 * KIB } };
  await scene({ sinkBounds, sinks: ["csv", "influx", "other"] }, async ({ journal, clock, said, assertBalanced }) => {
    for (const minute of range(0, 600)) {
      if (minute % 10 === 0) [clock.nowMs, clock.steadyMs] = [T0 + minute * MINUTE, minute * MINUTE];
      await journal.append(minutely(minute));
    }
    await assertBalanced();
    const csv = await drainMinutes(journal, "csv");
    assert.deepEqual(csv, range(530, 600)); // looked at every ten minutes
    const influx = await drainMinutes(journal, "influx");
    assert(influx.length > 100 && influx.length < 300, `${influx.length}`);
    assert.deepEqual(influx, range(600 - influx.length, 600));
    assert.deepEqual(await drainMinutes(journal, "other"), range(0, 600));
    assert.match(said[0]!, /the sink's own max_age or max_bytes/);
  });
});

Deno.test("Bounds: on a disk that is nearly full the journal grows no more, but for a little", async () => {
  let freeBytes = 1e9;
  const freeSpace = () => ({ freeBytes, totalBytes: 64e9 });
  await scene({ sinks: ["csv"], freeSpace, minFreeBytes: 5e8 }, async ({ journal, clock, said }) => {
    const fill = async (readouts: number) => {
      const big = Array.from(
        { length: 40 },
        (_, at) => reading({ address: `${at}`, text: "x".repeat(500), value: null }),
      );
      for (let at = 0; at < readouts; at += 100) {
        clock.steadyMs += 11_000;
        await Promise.all(Array.from({ length: 100 }, () => journal.append(big)));
      }
    };
    await fill(900);
    assert.equal(journal.state().freeBytes, 1e9);
    assert.equal(journal.books()[0]!.evicted, 0);
    const before = journal.state().bytes;
    freeBytes = 1e8;
    await fill(300);
    assert(before > 16 * KIB * KIB, `${before}`);
    await journal.check(); // what the last readouts led to is done
    assert(journal.state().bytes < before, "it grew");
    assert.match(said.join(), /less than journal\.min_free is left/);
  });
});
