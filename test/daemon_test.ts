/** The daemon within this process: what a reload changes and what it leaves alone, and a port that comes and goes. */
import assert from "node:assert/strict";
import type { Clock } from "../src/clock.ts";
import { serveLine } from "../src/collector.ts";
import { CollectorReport } from "../src/collector_report.ts";
import { loadConfig } from "../src/config.ts";
import { Daemon } from "../src/daemon.ts";
import { toBytes } from "../src/iec62056/characters.ts";
import { Moments } from "../src/moments.ts";
import { Progress } from "../src/progress.ts";
import { parseCaptures, type SimulatorOptions, startSimulator } from "../src/simulator/mod.ts";
import { formatStatusLine } from "../src/status.ts";
import { parseEndpoint } from "../src/transport/endpoint.ts";
import { listeningLog } from "./support/listening_log.ts";
import { temporaryFolder } from "./support/readings.ts";
import { until } from "./support/running.ts";

const ASKED = [{ captures: parseCaptures(toBytes("/ABc5X\r\n0.0.0(00012)\r\n1.8.0(000123.4*kWh)\r\n!\r\n")) }];
const PUSHED = [{ captures: parseCaptures(toBytes("/ABC5P\r\n\r\n1.8.0(000123.4*kWh)\r\n!\r\n")) }];

const simulate = (listen: SimulatorOptions["listen"], its: Partial<SimulatorOptions> = {}) =>
  startSimulator({ meters: ASKED, listen, pacing: false, ...its });
const pushing = () => simulate({ tcp: "127.0.0.1:0" }, { meters: PUSHED, mode: "D", everyMs: 100 });

/** A sink that writes down which of its instances came, went and wrote. */
const NOTING = `import { z } from "${import.meta.resolve("zod")}";
import { secret } from "${import.meta.resolve("../src/sink.ts")}";
const note = (text) => globalThis.noted.push(text);
export default {
  type: "noting",
  options: z.strictObject({ id: z.string(), key: secret.optional() }),
  open({ id }) {
    note("open " + id);
    return Promise.resolve({
      write: () => Promise.resolve(note("write " + id)),
      [Symbol.asyncDispose]: () => Promise.resolve(note("close " + id)),
    });
  },
};`;
const noted: string[] = (globalThis as { noted?: string[] }).noted = [];

/** Reads a configuration from a folder; JSON is YAML too. */
async function configIn(folder: string, config: unknown) {
  await Deno.writeTextFile(`${folder}/obisd.yaml`, JSON.stringify(config));
  return await loadConfig(`${folder}/obisd.yaml`);
}

Deno.test("Daemon.reload: only what changed is started anew, lines and sinks alike", async () => {
  using folder = temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/noting.ts`, NOTING);
  for (const name of ["k1", "k2"]) await Deno.writeTextFile(`${folder.path}/${name}`, "same secret");
  await using first = await pushing();
  await using second = await pushing();
  const sink = (name: string, its = {}) => ({ type: "./noting.ts", name, id: name, ...its });
  const config = (labels: Record<string, string>, sinks: unknown[]) =>
    configIn(folder.path, {
      lines: { one: { url: first.endpoint }, two: { url: second.endpoint } },
      meters: [{ name: "a", line: "one", mode: "D" }, { name: "b", line: "two", mode: "D", labels }],
      sinks,
      journal: { path: "journal.db", group_commit: "0s" },
    });
  const [x, y, key] = [sink("x"), sink("y"), (file: string) => ({ key: { file } })];
  await using daemon = await Daemon.start(await config({}, [x, { ...y, ...key("k1") }]), listeningLog());
  const written = (name: string) =>
    until(`a write to ${name}: ${noted.join(", ")}`, () => noted.includes(`write ${name}`) || undefined);
  await Promise.all([written("x"), written("y")]);

  noted.length = 0;
  daemon.reload(await config({}, [x, { ...y, ...key("k1") }]));
  await Promise.all([written("x"), written("y")]);
  assert.deepEqual(noted.filter((note) => !note.startsWith("write")), [], "nothing changed");
  assert.deepEqual([first.statistics.clients, second.statistics.clients], [1, 1]);

  noted.length = 0;
  daemon.reload(await config({ site: "north" }, [x, { ...y, ...key("k2") }]));
  await until("the second line's new loop", () => second.statistics.clients === 2 || undefined);
  await until("sink y opened anew", () => noted.includes("open y") || undefined);
  assert.deepEqual(
    noted.filter((note) => !note.startsWith("write")),
    ["close y", "open y"],
    "the secret lies elsewhere",
  );
  assert.equal(first.statistics.clients, 1);

  noted.length = 0;
  daemon.reload(await config({ site: "north" }, [x, sink("z")]));
  await Promise.all([written("x"), written("z")]);
  const program = { version: "1", started: "", reload: null };
  assert.match(
    formatStatusLine(daemon.status(program)),
    /(^|; )2 meters, \d+ readouts, 0 slots lost; x: \d+ delivered, \d+ pending; z: /,
  );
  assert.equal(first.statistics.clients, 1, "sinks that come and go take no meter's line");
});

Deno.test("Daemon.reload: a line by another name waits until the old one has left the port", async () => {
  using folder = temporaryFolder();
  const link = `${folder.path}/port`;
  await using _meter = await simulate({ pty: link });
  const config = (line: string) =>
    configIn(folder.path, {
      lines: { [line]: { url: link } },
      meters: [{ name: "a", line, every: "1s" }],
      sinks: [{ type: "csv", path: "readings.csv" }],
      journal: { path: "journal.db", group_commit: "0s" },
    });
  const log = listeningLog();
  await using daemon = await Daemon.start(await config("old"), log);
  await until("a readout", () => daemon.report.counts.readouts > 0 || undefined);
  daemon.reload(await config("new"));
  const before = daemon.report.counts.readouts;
  await until("a readout more", () => daemon.report.counts.readouts > before || undefined);
  assert.deepEqual(log.lines.filter((line) => !line.includes("host's clock")), []); // it may be as it is
});

Deno.test("Daemon.reload: between two meters that are due, again and again, also to another line: each slot is read or told", async () => {
  using folder = temporaryFolder();
  const meters = ["a", "b"].map((address) => ({ ...ASKED[0]!, address }));
  await using one = await simulate({ tcp: "127.0.0.1:0" }, { meters });
  await using two = await simulate({ tcp: "127.0.0.1:0" }, { meters });
  const quiet = (url: string) => ({ url: `${url}?quiet_time=300ms` }); // in which the reload comes
  const config = (round: number) =>
    configIn(folder.path, {
      lines: { one: quiet(one.endpoint), two: quiet(two.endpoint) },
      meters: ["a", "b"].map((name) => ({
        ...{ name, line: round % 4 < 2 ? "one" : "two", every: "1s", timestamp: "slot" },
        ...{ address: name, labels: { round: String(round) } },
      })),
      sinks: [{ type: "csv", path: "readings.csv" }],
      journal: { path: "journal.db", group_commit: "0s" },
    });
  const slots = async (name: string) => {
    const rows = (await Deno.readTextFile(`${folder.path}/readings.csv`).catch(() => "")).split("\r\n");
    const times = rows.map((row) => row.split(",")).flatMap(([time, meter]) => meter === name ? [time!] : []);
    return [...new Set(times)].map((time) => Date.parse(time) / 1000);
  };
  let lost: number;
  {
    await using daemon = await Daemon.start(await config(0), listeningLog());
    for (let round = 1; round <= 10; round++) {
      const { readouts } = daemon.report.counts;
      await until("a readout", () => daemon.report.counts.readouts > readouts || undefined);
      await daemon.reload(await config(round));
    }
    const enough = async () => (await slots("a")).length > 3 && (await slots("b")).length > 3;
    await until("readouts of both", async () => await enough() || undefined);
    lost = daemon.report.counts.lostSlots;
  }
  for (const name of ["a", "b"]) {
    const read = await slots(name);
    const missing = read.at(-1)! - read[0]! + 1 - read.length;
    assert(missing <= lost, `${name}: ${missing} slots missing in ${read}, ${lost} told`);
  }
});

Deno.test("serveLine: a port that is unplugged twenty times is read each time it is back, and leaves nothing open", async () => {
  using folder = temporaryFolder();
  const link = `${folder.path}/port`;
  const retire = new AbortController();
  const report = new CollectorReport(listeningLog());
  const serving = serveLine({ name: "room", endpoint: parseEndpoint(link) }, [{
    name: "a",
    line: "room",
    mode: "auto",
    timeZone: "UTC",
    labels: {},
    tries: 3,
    timestamp: "readout",
    schedule: { kind: "every", ms: 1000, timeZone: "UTC" },
  }], {
    journal: { append: () => Promise.resolve({ seq: 1, durable: true }) },
    report,
    moments: new Moments(),
    progress: new Progress(),
    stop: retire.signal,
    retire: retire.signal,
    clock: tenfold(),
  });
  const left: string[] = [];
  for (let round = 0; round < 20; round++) {
    const { readouts, failures } = report.counts;
    {
      await using _meter = await simulate({ pty: link });
      await until("a readout", () => report.counts.readouts > readouts || undefined);
    }
    await until("the port missed", () => report.counts.failures > failures || undefined);
    left.push(...openFiles().filter((path) => /^\/dev\/pts.*deleted/.test(path)));
  }
  retire.abort();
  await serving;
  assert(left.length < 20, `still open: ${left}`); // other tests of this process may have one just now
});

/** What this process has open; a port that is gone is "(deleted)". */
function openFiles(): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      return [Deno.readLinkSync(`/proc/self/fd/${name}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
}

/** A clock that goes ten times as fast. */
function tenfold(): Clock {
  const now = () => Date.UTC(2026, 0) + performance.now() * 10;
  return {
    now,
    monotonic: now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, ms / 10);
        const stop = () => (clearTimeout(timer), reject(signal!.reason));
        if (signal?.aborted) stop();
        signal?.addEventListener("abort", stop, { once: true });
      }),
  };
}
