/**
 * Every answer that a server may give, in front of a real one: 25 status codes, three versions of the API, five bodies. No
 * good reading is ever lost, and what is bad, and only that, becomes a dead letter.
 */
import assert from "node:assert/strict";
import influxdb, { type InfluxOptions } from "../../sinks/influxdb/mod.ts";
import { deliver } from "../../src/delivery.ts";
import { type Journal, openJournal } from "../../src/journal.ts";
import type { Reading } from "../../src/sink.ts";
import { type Fault, faultyServer, type Upstream } from "../support/faulty_server.ts";
import { isMissing, startInfluxd, startVictoria } from "../support/influx_servers.ts";
import { listeningLog } from "../support/listening_log.ts";
import { reading, T0, temporaryFolder } from "../support/readings.ts";
import { jumpingClock } from "../support/sink_clock.ts";

const STATUS = [
  ...[200, 201, 301, 302, 307, 400, 401, 403, 404, 405, 408, 409, 411, 413, 415, 422, 425, 429],
  ...[500, 501, 502, 503, 504, 507, 511],
];
/** Of which the server has something against the bad readings alone, each time; the others say so three times and pass. */
const ABOUT_READINGS = [400, 413, 422];

const BODIES: Readonly<Record<string, string>> = {
  empty: "",
  v1: '{"error":"partial write: field type conflict: input field \\"value\\" is type float dropped=1"}',
  v2: '{"code":"unprocessable entity","message":"failure writing points: points beyond retention policy"}',
  v3: "named", // the server fills in which lines
  page: "<html><body>Bad gateway</body></html>",
};

const READOUTS = 8;
const EACH = 5;
/** Which readings, counted over all readouts, are bad. */
const BAD = [3, 17, 18];

/** Readouts of numbers; what is bad says so in its address. */
function readouts(): Reading[][] {
  return Array.from({ length: READOUTS }, (_, readout) =>
    Array.from({ length: EACH }, (_, at) => {
      const number = readout * EACH + at;
      const address = BAD.includes(number) ? `bad-${number}` : `good-${number}`;
      return reading({ time: new Date(T0 + readout * 1000).toISOString(), address, obis: "", text: `${number}` });
    }));
}

const ALL = readouts().flat();
const addresses = (kind: "good" | "bad") =>
  ALL.map(({ address }) => address).filter((its) => its.startsWith(kind)).sort();

interface Case {
  readonly name: string;
  readonly fault: Fault;
}

const CASES: readonly Case[] = STATUS.flatMap((status) =>
  Object.entries(BODIES).map(([name, body]) => ({
    name: `${status}-${name}`,
    fault: {
      status,
      body,
      lasting: ABOUT_READINGS.includes(status) || status === 500 && ["v1", "v2", "v3"].includes(name),
    },
  }))
);

/** Delivers the same readings through every case at once, each a sink of its own. */
async function playAll(optionsOf: (name: string) => InfluxOptions, check: (journal: Journal) => Promise<void>) {
  using folder = temporaryFolder();
  const sinks = CASES.map(({ name }) => name);
  await using journal = await openJournal({ path: `${folder.path}/journal.db`, sinks, maxBytes: 1e8 });
  await Promise.all(readouts().map((readout) => journal.append(readout)));
  const stop = new AbortController();
  const clock = jumpingClock(Infinity, [30_000]);
  const running = sinks.map((name) =>
    deliver(journal, { name, plugin: influxdb, options: optionsOf(name) }, {
      ...{ signal: stop.signal, log: listeningLog(), clock, random: () => 0.5 },
    })
  );
  const pending = () => journal.books().filter(({ pending }) => pending > 0).map(({ sink }) => sink);
  for (const end = performance.now() + 60_000; pending().length > 0 && performance.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  stop.abort();
  await Promise.all(running.map(({ done }) => done));
  assert.deepEqual(pending(), []);
  await check(journal);
}

async function playMatrix(version: 1 | 2 | 3, upstream: Upstream): Promise<void> {
  await using server = faultyServer(version, new Map(CASES.map(({ name, fault }) => [name, fault])), upstream);
  const optionsOf = (name: string): InfluxOptions => ({
    ...{ url: `${server.url}/${name}`, measurement: `m-${name}`, gzip: false },
    ...version === 1 ? { database: "energy" } : { org: "home", bucket: "energy", token: () => "t" },
  });
  await playAll(optionsOf, async (journal) => {
    const arrived = await upstream.arrived();
    for (const { name, fault } of CASES) {
      const book = journal.books().find(({ sink }) => sink === name)!;
      const about = fault.lasting;
      const got = [...arrived.get(`m-${name}`) ?? []].sort();
      assert.deepEqual(
        got,
        about ? addresses("good") : [...addresses("bad"), ...addresses("good")],
        `v${version} ${name}`,
      );
      const dead = about ? BAD.length : 0;
      assert.deepEqual([book.delivered, book.dead], [ALL.length - dead, dead], `v${version} ${name}`);
      const bound = about ? 2 * BAD.length * Math.ceil(Math.log2(ALL.length)) + 1 : server.faults + 1;
      assert(server.requests(name) <= bound, `v${version} ${name}: ${server.requests(name)} requests of ${bound}`);
    }
  });
}

Deno.test("influxdb: every answer of an InfluxDB 1", { ignore: isMissing("influxd") }, async () => {
  await using server = await startInfluxd();
  const query = async (q: string) => {
    const answer = await fetch(`${server.url}/query?db=energy`, { method: "POST", body: new URLSearchParams({ q }) });
    return (await answer.json()).results[0];
  };
  await query("CREATE DATABASE energy");
  await playMatrix(1, {
    url: server.url,
    async arrived() {
      const { series } = await query("SELECT value FROM /m-.*/ GROUP BY address");
      return Map.groupBy(
        series as { name: string; tags: { address: string } }[],
        ({ name }) => name,
      ).entries().reduce((all, [name, its]) => all.set(name, its.map(({ tags }) => tags.address)), new Map());
    },
  });
});

Deno.test(
  "influxdb: every answer of what speaks like InfluxDB 2",
  { ignore: isMissing("victoria-metrics") },
  async () => {
    await using server = await startVictoria();
    await playMatrix(2, {
      url: server.url,
      async arrived() {
        await (await fetch(`${server.url}/internal/force_flush`)).body?.cancel();
        const exported = await (await fetch(`${server.url}/api/v1/export?match[]={__name__=~"m-.*"}`)).text();
        const found = new Map<string, string[]>();
        for (const line of exported.trim().split("\n")) {
          const { __name__: name, address } = JSON.parse(line).metric as Record<string, string>;
          const measurement = name!.replace(/_value$/, "");
          found.set(measurement, [...found.get(measurement) ?? [], address!]);
        }
        return found;
      },
    });
  },
);

Deno.test("influxdb: every answer of an InfluxDB 3, which names bad lines", async () => {
  const taken = new Map<string, Set<string>>();
  await playMatrix(3, {
    take(lines) {
      for (const line of lines) {
        const [, measurement, address] = line.match(/^([^,]+),address=([^,]+)/)!;
        taken.set(measurement!, (taken.get(measurement!) ?? new Set()).add(address!));
      }
    },
    arrived: () => Promise.resolve(taken),
  });
});

Deno.test("influxdb: an answer that lasts and is about no reading empties nothing into dead letters", async () => {
  for (const status of [400, 413, 422]) {
    const taken: string[] = [];
    const upstream: Upstream = { take: (lines) => taken.push(...lines), arrived: () => Promise.resolve(new Map()) };
    const fault: Fault = { status, body: '{"error":"bad precision"}', lasting: true, always: true };
    await using server = faultyServer(1, new Map([["it", fault]]), upstream);
    using folder = temporaryFolder();
    await using journal = await openJournal({ path: `${folder.path}/journal.db`, sinks: ["it"], maxBytes: 1e8 });
    const [stop, clock] = [new AbortController(), jumpingClock(Infinity, [30_000])];
    const options = { url: `${server.url}/it`, database: "d", measurement: "obis", gzip: false };
    const delivery = deliver(journal, { name: "it", plugin: influxdb, options }, {
      ...{ signal: stop.signal, log: listeningLog(), clock },
    });
    for (let number = 0; number < 20; number++) {
      await journal.append([reading({ time: new Date(T0 + number).toISOString(), text: `${number}` })]);
    }
    while (clock.now() < T0 + 7_200_000) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual([delivery.state.blocked, journal.books()[0]!.dead, taken.length], ["reject", 0, 0]);
    server.mend();
    while (journal.books()[0]!.pending > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual([journal.books()[0]!.delivered, new Set(taken).size], [20, 20]);
    stop.abort();
    await delivery.done;
  }
});
