/** `obisd run` as systemd and an administrator see it: a process, its signals, its words. @module */
import assert from "node:assert/strict";
import {
  parseCaptures,
  parseFault,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "../../src/simulator/mod.ts";
import { openJournal } from "../../src/journal.ts";
import type { Reading } from "../../src/reading.ts";
import type { Status } from "../../src/status.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { isMissing, startInfluxd } from "../support/influx_servers.ts";
import { temporaryFolder } from "../support/readings.ts";
import { obisd, type Running, startRun, until } from "../support/running.ts";

const TELEGRAM = `/OBI5\\@FLAT-1\r
\x020.0.0(00471101)\r
F.F(00)\r
1.8.0(012345.678*kWh)\r
1.8.0*24(012201.114*kWh)\r
1.6.1(3.2*kW)(2401011230)\r
32.7.0(231.4*V)\r
!\r
\x03`;
const PUSHED = "/KFM5KAIFA-METER\r\n\r\n1-0:1.8.1(000123.456*kWh)\r\n!\r\n";

function simulate(listen: SimulatorOptions["listen"], its: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  return startSimulator({ meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }], listen, pacing: false, ...its });
}

/** A server that takes points as InfluxDB does. */
function takingPoints(port = 0) {
  const lines: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, async (request) => {
    const { body, headers } = request;
    const text = headers.get("content-encoding") === "gzip"
      ? body!.pipeThrough(new DecompressionStream("gzip"))
      : body!;
    lines.push(...(await new Response(text).text()).trim().split("\n"));
    return new Response(null, { status: 204 });
  });
  const { port: at } = server.addr as Deno.NetAddr;
  return { url: `http://127.0.0.1:${at}`, port: at, lines, [Symbol.asyncDispose]: () => server.shutdown() };
}

const influx = (url: string) => ({ type: "influxdb", url, org: "home", bucket: "energy", token: { file: "token" } });

interface Folder extends Disposable {
  readonly path: string;
  readonly config: string;
  /** Writes the configuration; JSON is YAML too. */
  write(config: unknown): void;
}

function folderWith(config: unknown): Folder {
  const { path, [Symbol.dispose]: dispose } = temporaryFolder();
  const file = `${path}/obisd.yaml`;
  const write = (config: unknown) => Deno.writeTextFileSync(file, JSON.stringify(config, undefined, 1));
  Deno.writeTextFileSync(`${path}/token`, "secret\n");
  write(config);
  return { path, config: file, write, [Symbol.dispose]: dispose };
}

async function csvLines(folder: Folder, meter: string): Promise<string[]> {
  const text = await Deno.readTextFile(`${folder.path}/readings.csv`).catch(() => "");
  return text.split("\r\n").filter((line) => line.split(",")[1] === meter);
}

/** Whether it logs `wanted` after one more SIGHUP, and says that the reload is over. */
async function hangUp(daemon: Running, wanted: RegExp): Promise<void> {
  const readies = () => daemon.notified.filter((word) => word === "READY=1").length;
  const before = readies();
  const said = daemon.stderr.length;
  daemon.kill("SIGHUP");
  await until(() => `${wanted} after SIGHUP, but:\n${daemon.stderr.join("\n")}`, () => {
    daemon.told(/READY=1/).catch(() => {});
    return readies() > before && daemon.stderr.slice(said).some((line) => wanted.test(line)) || undefined;
  });
}

Deno.test("run: with the least permissions, from READY to exit 0, through reloads right and wrong", async () => {
  await using server = takingPoints();
  using folder = folderWith({});
  const link = `${folder.path}/port`;
  await using onPty = await simulate({ pty: link });
  await using onTcp = await simulate({ tcp: "127.0.0.1:0" });
  await using pushing = await simulate({ tcp: "127.0.0.1:0" }, {
    meters: [{ captures: parseCaptures(toBytes(PUSHED)) }],
    mode: "D",
    everyMs: 200,
  });
  const config = {
    lines: { room: { url: link }, heat: { url: onTcp.endpoint }, p1: { url: pushing.endpoint } },
    meters: [
      { name: "flat-1", line: "room", every: "1s", expect: { "0.0.0": "00471101" } },
      { name: "heat", line: "heat", every: "1s", obis: ["1.8.0"] },
      { name: "p1", line: "p1", mode: "D", every: "1s" },
    ],
    sinks: [{ type: "csv", path: "readings.csv" }, influx(server.url)],
    journal: { path: "journal.db", group_commit: "0s" },
    runtime_directory: "run",
  };
  folder.write(config);
  const flags = (await obisd("permissions", "-c", folder.config)).stdout.trim().split("\n");
  await using daemon = startRun(folder.config, { flags, env: { JOURNAL_STREAM: "8:1", WATCHDOG_USEC: "3000000" } });
  await daemon.told(/^READY=1$/);
  daemon.kill("SIGHUP"); // at the first moment at which anybody may
  assert.deepEqual((await Deno.stat(`${folder.path}/journal.db`)).isFile, true);
  await daemon.told(
    /^STATUS=(degraded: .*; )?3 meters, \d+ readouts, \d+ slots lost; csv: \d+ delivered, \d+ pending; influxdb: /,
  );
  for (const meter of ["flat-1", "heat", "p1"]) {
    await until(
      () => `two readouts of ${meter}, but:\n${daemon.stderr.join("\n")}`,
      async () => (await csvLines(folder, meter)).length >= 2 || undefined,
    );
    await until(`points of ${meter}`, () => server.lines.find((line) => line.includes(`meter=${meter}`)));
  }

  const [read, second] = await Promise.all([
    obisd("read", link),
    obisd("run", "-c", folder.config),
  ]);
  assert.deepEqual([read.code, second.code], [75, 75], read.stderr + second.stderr);
  for (const { stderr } of [read, second]) assert(stderr.includes(String(daemon.pid)), stderr);

  const status = await obisd("status", "-c", folder.config, "--format", "json");
  const { pid, meters, sinks, reload } = JSON.parse(status.stdout) as Status;
  assert.deepEqual([status.code, pid, reload?.ok], [0, daemon.pid, true]);
  assert(meters.length === 3 && meters.every((meter) => meter.last_good !== null && !meter.in_trouble), status.stdout);
  assert(sinks.every((sink) => sink.balanced && sink.delivered > 0 && sink.last_error === null), status.stdout);

  const clients = () => [onPty.statistics.clients, pushing.statistics.clients];
  const before = clients();
  Deno.writeTextFileSync(folder.config, "lines: {}\nmetres:\n - {}\n");
  await hangUp(daemon, /^<3>.*obisd\.yaml:2:1: .*meters/);
  await daemon.said(/^<3>The configuration is wrong: the old one is kept/);
  folder.write({ ...config, lines: { ...config.lines, heat: { url: "tcp://127.0.0.1:9" } } });
  await hangUp(daemon, /^<3>Restart required: .*net 127\.0\.0\.1:9/);
  folder.write({ ...config, sinks: [...config.sinks, { ...influx(server.url), name: "b", token: { env: "TOKEN" } }] });
  await hangUp(daemon, /^<3>Restart required: .*env TOKEN/);
  const fewer = config.meters.filter(({ name }) => name !== "heat");
  folder.write({ ...config, meters: fewer, journal: { path: "journal.db", group_commit: "0s", max_bytes: "1GiB" } });
  await hangUp(daemon, /^<6>Configuration loaded again/);
  await daemon.said(/^<4>The journal's settings changed: restart required/);
  await daemon.told(/^STATUS=(degraded: .*; )?2 meters/);
  const lines = (await csvLines(folder, "flat-1")).length;
  await until("more readings", async () => (await csvLines(folder, "flat-1")).length > lines || undefined);
  assert.deepEqual(clients(), before, "what did not change keeps its port");

  const file = JSON.parse(Deno.readTextFileSync(`${folder.path}/run/status.json`)) as Status;
  assert.deepEqual([file.pid, file.meters.length, file.reload?.ok], [daemon.pid, 2, true]);
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended, 0);
  assert.deepEqual([...Deno.readDirSync(`${folder.path}/run`)], []);
  assert(daemon.notified.filter((word) => word === "WATCHDOG=1").length >= 2);
  assert.equal(daemon.notified.at(-1), "STOPPING=1");
  assert(daemon.stderr.every((line) => /^<[0-7]>/.test(line)), daemon.stderr.join("\n"));
  const denied = daemon.stderr.filter((line) => /NotCapable|Requires|denied/.test(line) && !/env TOKEN/.test(line));
  assert.deepEqual(denied, []);
});

const HANGING = `import { z } from "${import.meta.resolve("npm:zod")}";
export default {
  type: "hanging",
  options: z.strictObject({}),
  open: () => Promise.resolve({ write: () => new Promise(() => {}), [Symbol.asyncDispose]: () => new Promise(() => {}) }),
};`;

Deno.test("run: SIGTERM ends within 11 s though every sink hangs, the meter signed off in mid-session", async () => {
  await using slow = await simulate({ tcp: "127.0.0.1:0" }, { pacing: true });
  await using quick = await simulate({ tcp: "127.0.0.1:0" });
  using silent = silentServer();
  using folder = folderWith({
    lines: { slow: { url: `${slow.endpoint}?max_baud=300` }, quick: { url: quick.endpoint } },
    meters: [{ name: "slow", line: "slow", every: "1s" }, { name: "quick", line: "quick", every: "1s" }],
    sinks: [{ type: "./hanging.ts", name: "a" }, { type: "./hanging.ts", name: "b" }, influx(silent.url)],
    journal: { path: "journal.db", group_commit: "0s" },
  });
  Deno.writeTextFileSync(`${folder.path}/hanging.ts`, HANGING);
  await using daemon = startRun(folder.config);
  await until("a data message", () => slow.statistics.messages > 0 && quick.statistics.breaks > 0 || undefined);
  const start = performance.now();
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended, 0, daemon.stderr.join("\n"));
  assert(performance.now() - start < 11_000);
  await until("the break", () => slow.statistics.breaks === 1 || undefined);
  const sinks = ["a", "b", "influxdb"];
  await using journal = await openJournal({ path: `${folder.path}/journal.db`, sinks, maxBytes: 1e9 });
  for (const { ingested, pending } of journal.books()) assert.deepEqual(pending, ingested, "nothing is lost");
  assert(journal.books()[0]!.ingested >= 7);
});

/** Takes connections and says nothing. */
function silentServer(): Disposable & { readonly url: string } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  (async () => {
    for await (const connection of listener) connections.push(connection);
  })().catch(() => {});
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    [Symbol.dispose]() {
      listener.close();
      for (const connection of connections) connection.close();
    },
  };
}

Deno.test("run: ready though nobody is there; who comes later is read and delivered to", async () => {
  using folder = folderWith({});
  const [meterPort, serverPort] = [freePort(), freePort()];
  const link = `${folder.path}/port`;
  folder.write({
    lines: { a: { url: `tcp://127.0.0.1:${meterPort}` }, b: { url: link } },
    meters: [{ name: "a", line: "a", every: "1s" }, { name: "b", line: "b", every: "1s" }],
    sinks: [influx(`http://127.0.0.1:${serverPort}`), { type: "stdout" }],
    journal: { path: "journal.db", group_commit: "0s" },
    runtime_directory: "run",
  });
  const lines = async () => {
    const { stdout } = await obisd("status", "-c", folder.config, "--format", "json");
    return (JSON.parse(stdout) as Status).lines;
  };
  await using daemon = startRun(folder.config);
  await daemon.told(/^READY=1$/);
  await daemon.said(/error +a: no reading: Cannot connect to tcp/);
  await daemon.said(/error +b: no reading: Cannot open .*no such port/);
  for (const { name, state, away_since, next_try, last_error } of await lines()) {
    assert.deepEqual([name, state], [name, "away"]);
    assert(away_since! < next_try!);
    assert.match(last_error!.message, name === "a" ? /^Cannot connect to tcp/ : /^Cannot open .*no such port/);
  }
  await using _onTcp = await simulate({ tcp: `127.0.0.1:${meterPort}` });
  await using _onPty = await simulate({ pty: link });
  await daemon.said(/info +a: read again/);
  await daemon.said(/info +b: read again/);
  assert((await lines()).every((line) => line.state !== "away" && line.losses === 1 && line.away_since === null));
  await daemon.said(/warning +Sink influxdb: .*its readings are kept/);
  await using server = takingPoints(serverPort);
  await until("points", () => server.lines.some((line) => line.includes("meter=a")) || undefined);
  await daemon.said(/Sink influxdb works again/);
  const isOfB = ({ meter, text }: Reading) => meter === "b" && text === "012345.678";
  await until("b on stdout", () => daemon.stdout.some((line) => isOfB(JSON.parse(line))) || undefined);
  daemon.kill("SIGINT");
  assert.equal(await daemon.ended, 0);
});

Deno.test("run: a wrong configuration is exit 78, and never ready", async () => {
  using wrong = folderWith({ lines: {}, meters: [{ name: "a", line: "b" }] });
  await using refused = startRun(wrong.config);
  assert.equal(await refused.ended, 78);
  assert(refused.stderr[0]!.startsWith(`${wrong.config}:`), refused.stderr.join("\n"));
  assert.deepEqual(refused.notified, []);
});

Deno.test("run: a real InfluxDB has what the meter said", { ignore: isMissing("influxd") }, async () => {
  await using server = await startInfluxd();
  const query = async (q: string) => {
    const options = { method: "POST", body: new URLSearchParams({ q }) };
    const answer = await fetch(`${server.url}/query?db=energy&epoch=ms`, options);
    return (await answer.json()).results[0].series?.[0];
  };
  await query("CREATE DATABASE energy");
  await using meter = await simulate({ tcp: "127.0.0.1:0" }, { faults: [parseFault("flip-digit:1")] });
  using folder = folderWith({
    lines: { a: { url: meter.endpoint } },
    meters: [{ name: "a", line: "a", every: "1s", labels: { site: "north" } }],
    sinks: [{ type: "influxdb", url: server.url, database: "energy" }],
    journal: { path: "journal.db", group_commit: "0s" },
  });
  await using daemon = startRun(folder.config);
  const count = "SELECT count(value) FROM obis WHERE address = '1.8.0'";
  await until("two readouts", async () => (await query(count))?.values[0][1] >= 2 || undefined);
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended, 0);
  const { columns, values } = await query("SELECT * FROM obis") as { columns: string[]; values: unknown[][] };
  const rows = values.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]])));
  const first = rows.filter(({ time }) => time === rows[0]!["time"]);
  const said = first.map(({ address, index, value, text, unit, site }) => [address, index, value ?? text, unit, site]);
  assert.deepEqual(
    said.sort(),
    [
      ["0.0.0", null, "00471101", null, "north"],
      ["1.6.1", "1", "2401011230", null, "north"],
      ["1.6.1", null, 3.2, "kW", "north"],
      ["1.8.0", null, 12345.678, "kWh", "north"],
      ["1.8.0*24", null, 12201.114, "kWh", "north"],
      ["32.7.0", null, 231.4, "V", "north"],
      ["F.F", null, "00", null, "north"],
    ].sort(),
  );
  assert.equal(meter.statistics.naks, 1, "the digit that changed on the way was asked for again");
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
