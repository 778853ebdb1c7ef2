/** What waits for the time: nobody gets it earlier, everybody gets it by the right time. @module */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { HostTime } from "../../src/host_time.ts";
import { type Journal, type JournalOptions, openJournal } from "../../src/journal.ts";
import type { Reading } from "../../src/reading.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeHost } from "../support/fake_host.ts";
import { listeningLog } from "../support/listening_log.ts";
import { reading, temporaryFolder } from "../support/readings.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const NOON = Date.UTC(2026, 5, 1, 12);

/** A journal on a machine that starts ten years back; `body` runs in its time. */
async function withJournal(
  body: (world: {
    readonly clock: FakeClock;
    readonly host: FakeHost;
    readonly journal: Journal;
    readonly log: readonly string[];
    readonly path: string;
    /** A readout that comes now. */
    append(...readings: Reading[]): Promise<unknown>;
    /** What a sink gets next; nothing: it waits for it so long, ms. */
    next(patienceMs?: number): Promise<readonly Reading[] | undefined>;
    /** The time is looked at again, and what may be dated is. */
    settle(): Promise<void>;
  }) => Promise<void>,
  options: Partial<JournalOptions> = {},
): Promise<void> {
  using folder = temporaryFolder();
  const clock = new FakeClock(0, NOON);
  const host = new FakeHost(clock, NOON - 3652 * DAY);
  const time = new HostTime({ host });
  const log = listeningLog();
  const path = `${folder.path}/journal.db`;
  const journal = await openJournal({ path, sinks: ["csv"], maxBytes: 1e8, time, log, ...options });
  const append = (...readings: Reading[]) => {
    const moment = { bootId: time.bootId, monotonicMs: time.monotonic(), trusted: time.trusted };
    const now = new Date(time.now()).toISOString();
    const all = readings.length > 0 ? readings : [reading({ text: String(clock.now()) })];
    return clock.outside(journal.append(all.map((its) => ({ ...its, time: now })), moment));
  };
  const next = async (patienceMs = 10_000) => {
    const batch = await clock.outside(journal.next("csv", AbortSignal.timeout(patienceMs))).catch(() => undefined);
    if (batch) journal.acknowledge("csv", batch);
    return batch?.readings;
  };
  const settle = async () => {
    await clock.sleep(3000);
    for (let at = 0; at < 50; at++) await clock.outside(journal.ping());
  };
  await clock.run(body({ clock, host, journal, log: log.lines, path, append, next, settle }));
  await journal[Symbol.asyncDispose]();
}

/** Whether each reading has the time that is its value. */
const honest = (readings: readonly Reading[] = []) => readings.map(({ time, value }) => Date.parse(time) === value);

Deno.test("Journal: nobody passes a readout that waits, and what follows it keeps its place", () =>
  withJournal(async ({ clock, host, journal, log, append, next, settle }) => {
    await append();
    await clock.sleep(MINUTE);
    await append();
    assert.deepEqual([await next(100), journal.state().held, journal.books()[0]!.pending], [undefined, 2, 2]);
    host.synchronise();
    await append();
    await settle();
    assert.deepEqual([honest(await next()), journal.state().held], [[true, true, true], 0]);
    assert.match(log.join("\n"), /warning .* not synchronised: readings wait[^]*info The time is known: 2 readouts/);
  }));

Deno.test("Journal: what waits has no age", () =>
  withJournal(async ({ clock, host, journal, append, next, settle }) => {
    await append();
    await clock.sleep(MINUTE);
    host.synchronise();
    await append(); // at once, before anybody has looked at what waits
    await settle();
    assert.deepEqual([journal.books()[0]!.evicted, honest(await next())], [0, [true, true]]);
  }, { maxAgeMs: DAY }));

Deno.test("Journal: a readout in no usual form is dated anew too", () =>
  withJournal(async ({ host, append, next, settle }) => {
    const odd = reading({ address: "1.8\t0", text: "7" });
    await append(odd);
    host.synchronise();
    await settle();
    assert.deepEqual((await next())?.map(({ time, address }) => [Date.parse(time), address]), [[NOON, "1.8\t0"]]);
  }));

Deno.test("Journal: ten thousand readouts wait, then all go on, flagged", () =>
  withJournal(async ({ journal, log, append, next, settle }) => {
    for (let at = 0; at < 100; at++) await Promise.all(Array.from({ length: 99 }, () => append()));
    assert.deepEqual([journal.state().held, await next(100)], [9900, undefined]);
    await Promise.all(Array.from({ length: 100 }, () => append()));
    await settle();
    await append();
    assert.equal(journal.state().held, 0);
    const flags = (await next())!.flatMap(({ flags }) => flags);
    assert.deepEqual(new Set(flags), new Set(["clock-unsynchronised"]));
    assert.match(log.join("\n"), /readings are delivered with the flag/);
  }));

Deno.test("Journal: a damaged readout that waits is found damaged, and holds up nobody", () =>
  withJournal(async ({ clock, host, journal, path, append, next, settle }) => {
    await append();
    await append();
    await clock.outside(journal.ping());
    using folder = temporaryFolder();
    const copy = `${folder.path}/journal.db`;
    for (const end of ["", "-wal"]) Deno.copyFileSync(path + end, copy + end);
    const db = new DatabaseSync(copy);
    db.exec("UPDATE readout SET mono_ms = mono_ms + 1 WHERE seq = 1");
    db.close();
    host.synchronise();
    const time = new HostTime({ host });
    const damaged = await clock.outside(openJournal({ path: copy, sinks: ["csv"], maxBytes: 1e8, time }));
    await settle();
    for (let at = 0; at < 5; at++) await clock.outside(damaged.ping());
    const batch = await clock.outside(damaged.next("csv", AbortSignal.timeout(5000)));
    assert.deepEqual([batch.seqs, honest(batch.readings), damaged.books()[0]!.dead], [[2], [true], 1]);
    await clock.outside(damaged[Symbol.asyncDispose]());
    assert.deepEqual(honest(await next()), [true, true]);
  }));
