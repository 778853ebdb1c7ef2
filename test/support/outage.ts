/** A sink that is away for days, in simulated time: what is journaled meanwhile, and how it arrives in the end. @module */
import assert from "node:assert/strict";
import { z } from "zod";
import type { Clock } from "../../src/clock.ts";
import { deliver } from "../../src/delivery.ts";
import { openJournal } from "../../src/journal.ts";
import { type Reading, SinkError, type SinkPlugin } from "../../src/sink.ts";
import { reading, temporaryFolder } from "./readings.ts";

const HOUR_MS = 3_600_000;
const BEGIN = Date.UTC(2026, 0, 1);

/** How long, and how many meters. */
export interface OutageOptions {
  readonly days: number;
  /** Default 5. */
  readonly meters?: number;
  /** Between two readouts of a meter. Default a minute. */
  readonly everyMs?: number;
}

/** What came of it. */
export interface Outage {
  readonly readings: number;
  /** Of the journal when the sink came back. */
  readonly bytes: number;
  /** Attempts in vain meanwhile. */
  readonly retries: number;
}

/** Lets a sink be away, then come back. @throws {AssertionError} when a reading is missing, doubled or out of order */
export async function outage({ days, meters = 5, everyMs = 60_000 }: OutageOptions): Promise<Outage> {
  using folder = temporaryFolder();
  const clock = handClock(BEGIN);
  const options = { path: `${folder.path}/journal.db`, maxBytes: 512 * 2 ** 20, clock };
  await using journal = await openJournal({ ...options, sinks: ["away", "there"] });
  const stop = new AbortController();
  const [away, there] = [arrivals(meters, everyMs), arrivals(meters, everyMs)];
  let isAway = true;
  const log = { debug() {}, info() {}, warning() {}, error() {} };
  const start = (name: string, take: (readings: readonly Reading[]) => void) =>
    deliver(journal, { name, plugin: plugin(take), options: {} }, {
      signal: stop.signal,
      log,
      clock,
      random: () => 0.5,
    });
  const deliveries = [
    start("away", (readings) => {
      if (isAway) throw new SinkError("away", { kind: "retry" });
      away.take(readings);
    }),
    start("there", there.take),
  ];
  for (let hour = 0; hour < days * 24; hour++) {
    const readouts = readoutsOf(BEGIN + hour * HOUR_MS, meters, everyMs);
    await Promise.all(readouts.map((readout) => journal.append(readout)));
    await clock.advance(HOUR_MS, () => journal.books()[1]!.pending === 0);
    for (const { ingested, delivered, pending, evicted, dead } of journal.books()) {
      assert.equal(ingested, delivered + pending + evicted + dead);
      assert.equal(evicted + dead, 0);
    }
  }
  const { bytes } = journal.state();
  const { retries } = deliveries[0]!.state;
  isAway = false;
  while (journal.books()[0]!.pending > 0) await clock.advance(1000);
  stop.abort();
  await Promise.all(deliveries.map(({ done }) => done));
  assert.deepEqual([away.count, there.count], [days * 24 * (HOUR_MS / everyMs) * meters * 2, away.count]);
  return { readings: away.count, bytes, retries };
}

/** The readouts of an hour, as they come. */
function readoutsOf(hourMs: number, meters: number, everyMs: number): Reading[][] {
  return Array.from({ length: HOUR_MS / everyMs * meters }, (_, at) => {
    const ms = hourMs + Math.floor(at / meters) * everyMs;
    const its = { meter: `meter-${at % meters}`, time: new Date(ms).toISOString() };
    const text = String(ms / everyMs);
    return [reading({ ...its, text }), reading({ ...its, address: "2.8.0", obis: "1-0:2.8.0*255", text })];
  });
}

/** Checks that each reading arrives once and in its order. */
function arrivals(meters: number, everyMs: number) {
  let count = 0;
  return {
    take(readings: readonly Reading[]) {
      for (const { time, meter, address } of readings) {
        const readout = Math.floor(count / 2);
        const expected = [BEGIN + Math.floor(readout / meters) * everyMs, `meter-${readout % meters}`, count % 2];
        assert.deepEqual([Date.parse(time), meter, address === "2.8.0" ? 1 : 0], expected, `reading ${count}`);
        count++;
      }
    },
    get count() {
      return count;
    },
  };
}

function plugin(take: (readings: readonly Reading[]) => void): SinkPlugin<unknown> {
  const sink = {
    write: (readings: readonly Reading[]) => Promise.try(() => take(readings)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { type: "test", options: z.unknown(), open: () => Promise.resolve(sink) };
}

/** A clock that goes when it is told to; whoever sleeps wakes in order. */
function handClock(beginMs: number): Clock & { advance(ms: number, until?: () => boolean): Promise<void> } {
  let now = beginMs;
  const sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();
  const breathe = () => new Promise<void>((resolve) => setTimeout(resolve));
  return {
    now: () => now,
    monotonic: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const sleeper = { atMs: now + ms, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", () => (sleepers.delete(sleeper), reject(signal.reason)), { once: true });
      }),
    /** Goes on by so much, from one sleeper to the next; then waits until it is so. */
    async advance(ms, until = () => true) {
      const end = now + ms;
      while (true) {
        await breathe();
        const next = [...sleepers].reduce(
          (first, its) => its.atMs < (first?.atMs ?? Infinity) ? its : first,
          undefined as
            | { readonly atMs: number; readonly wake: () => void }
            | undefined,
        );
        if (!next || next.atMs > end) {
          if (until()) break;
          continue;
        }
        sleepers.delete(next);
        now = Math.max(now, next.atMs);
        next.wake();
      }
      now = end;
    },
  };
}
