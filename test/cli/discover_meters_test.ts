/** `obisd discover --write`: every kind of meter and wire is found, and what is written of it reads the meter. @module */
import assert from "node:assert/strict";
import { parseDocument } from "yaml";
import { toBytes } from "../../src/iec62056/characters.ts";
import {
  parseCaptures,
  parseFault,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "../../src/simulator/mod.ts";
import { hastyClock, withoutHaste } from "../support/hasty_clock.ts";
import { runCommand, TELEGRAM } from "../support/read_meter.ts";
import { type Running, startRun } from "../support/running.ts";

/** How the meter is, what is found: mode, and the options of its endpoint. */
interface Case {
  readonly name: string;
  readonly how: Partial<SimulatorOptions>;
  readonly mode: string;
  readonly query: string;
}

const TCP = { listen: { tcp: "127.0.0.1:0" } } as const;

const METERS: readonly Case[] = [
  { name: "A", how: { mode: "A" }, mode: "A", query: "" },
  { name: "B", how: { mode: "B" }, mode: "B", query: "" },
  { name: "C", how: { mode: "C" }, mode: "C", query: "" },
  { name: "D", how: { mode: "D" }, mode: "D", query: "" },
  { name: "D at 9600 Bd", how: { mode: "D", baud: 9600 }, mode: "D", query: "?baud=9600" },
  { name: "C on TCP", how: { mode: "C", ...TCP }, mode: "C", query: "" },
  { name: "D on TCP", how: { mode: "D", ...TCP }, mode: "D", query: "" },
  {
    name: "C on TCP behind a converter of 300 Bd and 8N1",
    how: { mode: "C", ...TCP, faults: ["converter:300", "parity"].map(parseFault) },
    mode: "C",
    query: "?parity_in_software=true&max_baud=300",
  },
  { name: "C with an echo", how: { mode: "C", faults: [parseFault("echo")] }, mode: "C", query: "" },
  {
    name: "C behind 8N1",
    how: { mode: "C", faults: [parseFault("parity")] },
    mode: "C",
    query: "?parity_in_software=true",
  },
  { name: "C that sleeps", how: { mode: "C", faults: [parseFault("silent:ident:2")] }, mode: "C", query: "" },
  {
    name: "C that never changes its speed",
    how: { mode: "C", faults: [parseFault("ignore-ack")] },
    mode: "C",
    query: "?max_baud=300",
  },
];

/** A meter of {@link METERS} that is there, and a file for what is written of it. */
interface Present extends Case {
  readonly simulator: Simulator;
  readonly file: string;
}

Deno.test("discover --write, check, run: each kind of meter and wire, until its readings are in a file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using simulators = new AsyncDisposableStack();
    const present: Present[] = [];
    for (const [at, meter] of METERS.entries()) {
      const simulator = simulators.use(
        await startSimulator({
          meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
          listen: { pty: `${folder}/meter-${at}` },
          clock: hastyClock,
          ...meter.how,
        }),
      );
      present.push({ ...meter, simulator, file: `${folder}/found-${at}.yaml` });
    }
    const missed: Present[] = [];
    await Promise.all(present.map((meter) => find(meter).catch(() => missed.push(meter))));
    await withoutHaste(async () => {
      await Promise.all(missed.map(find)); // a machine that was too busy to answer in time gets another chance
      await using daemon = startRun(await together(present, folder));
      for (const { name } of present) await rowsOf(name, folder, daemon);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Finds it and writes what was found; what is written is right. */
async function find({ name, mode, query, simulator, file }: Present): Promise<void> {
  await Deno.remove(file).catch(() => {});
  const { code, out, err } = await runCommand(["discover", simulator.endpoint, "--json", "--write", file]);
  assert.equal(code, 0, `${name}: ${err}`);
  const [found] = JSON.parse(out.slice(0, out.indexOf("\n]\n") + 2));
  const url = simulator.endpoint.replace(/^\//, "serial:///") + query;
  assert.deepEqual([found.mode, found.url, found.failure], [mode, url, undefined], `${name}: ${err}`);
  assert.deepEqual(found.readings.map(({ address }: { address: string }) => address), ["0.0.0", "1.8.0", "2.8.0"]);
  assert.deepEqual(found.identities, [{ address: "0.0.0", text: "12345678" }]);
  assert.equal(found.echo, name === "C with an echo");
  assert.equal((await runCommand(["check", "-c", file])).code, 0);
}

/** One configuration of all that was written: a daemon of its own for each would be more than two cores can start. */
async function together(present: readonly Present[], folder: string): Promise<string> {
  const lines: Record<string, unknown> = {};
  const meters: unknown[] = [];
  for (const [at, { file, name }] of present.entries()) {
    const { lines: itsLines, meters: [meter] } = parseDocument(await Deno.readTextFile(file)).toJS();
    lines[`line-${at}`] = itsLines[meter.line];
    const { cron: _cron, ...its } = meter;
    meters.push({ ...its, name: nameOf(name), line: `line-${at}`, every: "5s" });
  }
  const file = `${folder}/obisd.yaml`;
  const sinks = [{ type: "csv", path: "readings.csv" }];
  await Deno.writeTextFile(
    file,
    JSON.stringify({ lines, meters, sinks, journal: { path: "journal.db", group_commit: "0s" } }),
  );
  return file;
}

const nameOf = (name: string) => name.replaceAll(" ", "-");

/** Waits until the readings of a whole telegram of it are in the file. */
async function rowsOf(name: string, folder: string, { stderr }: Running): Promise<void> {
  const untilMs = performance.now() + 60_000; // a readout at 300 Bd takes its time, and so does a busy machine
  const [first, last] = [
    `,${nameOf(name)},1-0:1.8.0*255,1.8.0,0,147238.4,0147238.4,kWh,`,
    `,${nameOf(name)},1-0:2.8.0`,
  ];
  while (true) {
    const text = await Deno.readTextFile(`${folder}/readings.csv`).catch(() => "");
    if (text.includes(first) && text.includes(last)) return;
    assert.ok(performance.now() < untilMs, `no readings of ${name} in the file:\n${stderr.join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
