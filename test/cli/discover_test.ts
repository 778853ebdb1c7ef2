/** `obisd discover`: every kind of meter and wire is found, and what is written of it reads the meter. @module */
import assert from "node:assert/strict";
import type { Clock } from "../../src/clock.ts";
import { parseSimulatedDlms } from "../../src/cli/simulate_dlms.ts";
import { loadConfig } from "../../src/config.ts";
import { pause, send } from "../../src/dialogue.ts";
import { encodeFrame, hdlcAddress } from "../../src/dlms/mod.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { main } from "../../src/main.ts";
import { parseCaptures, parseFault, type SimulatorOptions, startSimulator } from "../../src/simulator/mod.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";
import { openSerial } from "../../src/transport/serial.ts";
import { hastyClock } from "../support/hasty_clock.ts";
import { openPty } from "../support/pty.ts";
import { meter, runCommand, TELEGRAM } from "../support/read_meter.ts";
import { serveTcp } from "../support/serve_dialogue.ts";
import { type Running, startRun } from "../support/running.ts";

/** A DLMS message in an HDLC frame: a meter's own words to nobody in particular. */
const PUSHED = encodeFrame({
  destination: hdlcAddress(16),
  source: hdlcAddress(1),
  control: { kind: "UI", poll: false },
  segmented: false,
  information: Uint8Array.of(0xe6, 0xe7, 0x00, 0x0f, 0, 0, 0, 1, 0, 0x02, 0x01, 0x06, 0, 0, 0, 7),
});

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The host's clock, a hundred times as fast: for lines where nobody can be too late. */
const hundredfold: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now() * 100,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms / 100);
      signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
    }),
};

async function discoverFast(...args: string[]) {
  let [out, err] = ["", ""];
  const code = await main(["discover", ...args], {
    signal: new AbortController().signal,
    print: (text) => out += text + "\n",
    complain: (text) => err += text,
    clock: hundredfold,
  });
  return { code, out, err };
}

/** How the meter is, what is found: mode, and the options of its endpoint. */
const METERS: [name: string, how: Partial<SimulatorOptions>, mode: string, query: string][] = [
  ["A", { mode: "A" }, "A", ""],
  ["B", { mode: "B" }, "B", ""],
  ["C", { mode: "C" }, "C", ""],
  ["D", { mode: "D" }, "D", ""],
  ["D at 9600 Bd", { mode: "D", baud: 9600 }, "D", "?baud=9600"],
  ["C on TCP", { mode: "C", listen: { tcp: "127.0.0.1:0" } }, "C", ""],
  ["D on TCP", { mode: "D", listen: { tcp: "127.0.0.1:0" } }, "D", ""],
  [
    "C on TCP behind a converter of 300 Bd and 8N1",
    { mode: "C", listen: { tcp: "127.0.0.1:0" }, faults: [parseFault("converter:300"), parseFault("parity")] },
    "C",
    "?parity_in_software=true&max_baud=300",
  ],
  ["C with an echo", { mode: "C", faults: [parseFault("echo")] }, "C", ""],
  ["C behind 8N1", { mode: "C", faults: [parseFault("parity")] }, "C", "?parity_in_software=true"],
  ["C that sleeps", { mode: "C", faults: [parseFault("silent:ident:2")] }, "C", ""],
  ["C that never changes its speed", { mode: "C", faults: [parseFault("ignore-ack")] }, "C", "?max_baud=300"],
];

const AT_ONCE = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };

/** What a command does in this process, at the host's pace. */
async function run(...args: string[]) {
  let [out, err] = ["", ""];
  const code = await main(args, {
    signal: new AbortController().signal,
    print: (text) => out += text + "\n",
    complain: (text) => err += text,
  });
  return { code, out, err };
}

Deno.test(
  "discover --write, check, run: each kind of meter and wire, until its readings are in a file",
  AT_ONCE,
  async (test) => {
    // Half of them at a time: two cores are not enough for a dozen daemons.
    for (const some of [METERS.slice(0, 6), METERS.slice(6)]) {
      await Promise.all(
        some.map(([name, how, mode, query]) =>
          test.step({
            name,
            ...AT_ONCE,
            fn: () => {
              const once = () => withFolder((folder) => findAndRead(folder, { name, how, mode, query }));
              return once().catch(once); // a machine that was too busy to answer in time gets another chance
            },
          })
        ),
      );
    }
  },
);

/** The first file with the readings of a whole telegram. */
async function firstRows(folder: string, { stderr }: Running): Promise<string> {
  const untilMs = performance.now() + 60_000; // a readout at 300 Bd takes its time, and so does a busy machine
  while (true) {
    const file = Array.from(Deno.readDirSync(folder), ({ name }) => name).find((name) => name.endsWith(".csv"));
    const text = file === undefined ? "" : await Deno.readTextFile(`${folder}/${file}`);
    if (text.includes(",2.8.0,")) return text;
    assert.ok(performance.now() < untilMs, `no readings in a file:\n${stderr.join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

interface Case {
  readonly name: string;
  readonly how: Partial<SimulatorOptions>;
  readonly mode: string;
  readonly query: string;
}

async function findAndRead(folder: string, { name, how, mode, query }: Case): Promise<void> {
  await using simulator = await startSimulator({
    meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
    listen: { pty: `${folder}/meter` },
    ...how,
  });
  const file = `${folder}/obisd.yaml`;
  const place = simulator.endpoint.replace(/^\//, "serial:///");
  const { code, out, err } = await run("discover", simulator.endpoint, "--json", "--write", file);
  assert.equal(code, 0, err);
  const [found] = JSON.parse(out.slice(0, out.indexOf("\n]\n") + 2));
  assert.deepEqual([found.mode, found.url, found.failure], [mode, place + query, undefined], err);
  assert.deepEqual(found.readings.map(({ address }: { address: string }) => address), ["0.0.0", "1.8.0", "2.8.0"]);
  assert.deepEqual(found.identities, [{ address: "0.0.0", text: "12345678" }]);
  assert.equal(found.echo, name === "C with an echo");
  assert.equal((await run("check", "-c", file)).code, 0);
  await Deno.writeTextFile(
    file,
    (await Deno.readTextFile(file)).replace(/every: 1\d?m/, "every: 5s")
      .replace("journal.db", "journal.db, group_commit: 0s"),
  );
  await using daemon = startRun(file);
  const rows = await firstRows(folder, daemon);
  assert.match(rows, /,abc-12345678,1-0:1\.8\.0\*255,1\.8\.0,0,147238\.4,0147238\.4,kWh,/);
}

Deno.test("discover: a silent line: what was tried, what helps, exit 69, in the time that was said", async () => {
  await using pty = openPty();
  const startMs = hundredfold.monotonic();
  const { code, out, err } = await discoverFast(pty.path);
  assert.deepEqual([code, out], [69, ""]);
  assert.match(err, /Nobody answered\. What helps:\n {2}- an optical head/);
  assert.ok(hundredfold.monotonic() - startMs < 1000 * 100 * 60, "far from it");
});

Deno.test("discover: something speaks, but nobody understands it: exit 76 with its bytes", async () => {
  await using pty = openPty();
  const over = new AbortController();
  const talking = (async () => {
    while (true) {
      await pty.read(over.signal);
      await pty.write(toBytes("hello, who are you?\r\n"));
    }
  })().catch(() => {});
  const { code, err } = await discoverFast(pty.path);
  over.abort("over");
  await talking;
  assert.equal(code, 76, err);
  assert.match(err, /something speaks there, but in none of the ways that were tried: 68 65 6C .*\("hello, who/);
});

Deno.test("discover: a port that cannot be had is told, and the others are searched", async () => {
  await withFolder(async (folder) => {
    const missing = await discoverFast(`${folder}/none`);
    assert.deepEqual([missing.code, /no such port/.test(missing.err)], [74, true], missing.err);
    const refused = await discoverFast("tcp://127.0.0.1:1");
    assert.equal(refused.code, 69, refused.err);
    await using pty = openPty();
    await using _holder = openSerial(pty.path, { line: SIGN_ON_LINE, onNotice: () => {} });
    const busy = await discoverFast(pty.path);
    assert.deepEqual([busy.code, new RegExp(`process ${Deno.pid} holds it`).test(busy.err)], [75, true], busy.err);
    await using simulator = await meter({ mode: "C" });
    const both = await runCommand(["discover", `${folder}/none`, simulator.endpoint]);
    assert.equal(both.code, 74);
    assert.match(both.out, /identification {2}\/ABC5METER[^]*1\.8\.0 +0147238\.4 kWh/);
  });
});

Deno.test("discover --address: each of several meters on a line, by the way that the first answered", async () => {
  await using simulator = await startSimulator({
    meters: ["11", "22"].map((address) => ({
      captures: parseCaptures(toBytes(TELEGRAM.replace("12345678", address))),
      address,
    })),
    listen: { tcp: "127.0.0.1:0" },
    pacing: false,
    clock: hastyClock,
  });
  await withFolder(async (folder) => {
    const file = `${folder}/obisd.yaml`;
    const { code, out, err } = await runCommand([
      "discover",
      simulator.endpoint,
      "--address",
      "11,22",
      "--write",
      file,
    ]);
    assert.equal(code, 0, err);
    assert.match(out, /address {9}11\n[^]*address {9}22\n/);
    const { lines, meters } = await loadConfig(file);
    assert.deepEqual([lines.length, meters.map(({ name, address }) => [name, address])], [1, [["abc-11", "11"], [
      "abc-22",
      "22",
    ]]]);
    const again = await runCommand(["discover", simulator.endpoint, "--address", "11", "--write", file]);
    assert.match(again.err, /has it already: abc-11/);
  });
});

Deno.test("discover: Ctrl-C is exit 130, and the port is free again", async () => {
  await using pty = openPty();
  const controller = new AbortController();
  const searching = runCommand(["discover", pty.path], controller.signal);
  await pty.read(new AbortController().signal); // it has asked
  controller.abort(new DOMException("Interrupted", "AbortError"));
  assert.equal((await searching).code, 130);
  await using _port = openSerial(pty.path, { line: SIGN_ON_LINE, onNotice: () => {} });
});

Deno.test("discover: without an endpoint lists ports; what cannot be is exit 64", async () => {
  const { code, out } = await runCommand(["discover", "--json"]);
  assert.equal(code, 0);
  for (const port of JSON.parse(out)) assert.match(port.device, /^\/dev\/tty/);
  const cases: [string[], RegExp][] = [
    [["discover", "--write", "x"], /lists the ports; name one or more of them/],
    [["discover", "tcp://127.0.0.1:1", "--address", "1!"], /--address 1!: digits/],
    [["discover", "nowhere"], /Cannot read endpoint "nowhere"/],
    [["discover", "tcp://127.0.0.1:1?max_bd=3"], /did you mean max_baud/],
  ];
  for (const [args, said] of cases) {
    const outcome = await runCommand(args);
    assert.equal(outcome.code, 64, outcome.err);
    assert.match(outcome.err, said);
  }
});

Deno.test("discover: DLMS meters that are asked at once, and that speak by themselves", async () => {
  const captures = parseCaptures(toBytes(TELEGRAM));
  {
    await using asked = await startSimulator({
      meters: [{ captures }],
      listen: { tcp: "127.0.0.1:0" },
      dlms: parseSimulatedDlms({ values: { opening: "hdlc" }, positionals: [] }),
      pacing: false,
      clock: hastyClock,
    });
    const { code, out, err } = await runCommand(["discover", asked.endpoint]);
    assert.deepEqual([code, /obisd read 'tcp:.*' --mode E --opening hdlc/.test(out)], [0, true], out + err);
  }
  await using pushes = serveTcp(function* () {
    while (true) {
      yield* send(PUSHED);
      yield* pause(500);
    }
  });
  const { code, out, err } = await runCommand(["discover", pushes.endpoint, "--json"]);
  assert.deepEqual([code, JSON.parse(out)], [0, [{ way: "push", url: pushes.endpoint }]], err);
});

Deno.test("discover: a battery meter that only NULs wake is found, and so are the NULs in its endpoint", async () => {
  await using simulator = await startSimulator({
    meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
    listen: { tcp: "127.0.0.1:0" },
    faults: [parseFault("asleep")],
    clock: hastyClock,
  });
  const { code, out, err } = await runCommand(["discover", simulator.endpoint, "--json"]);
  assert.deepEqual([code, JSON.parse(out)[0].url], [0, `${simulator.endpoint}?wake_up=66/3700ms`], err);
});

Deno.test("discover: a converter that hangs up on what it cannot understand is asked in the next way", async () => {
  const converter = fussyConverter();
  const { code, out, err } = await runCommand(["discover", converter.endpoint, "--json"]);
  await converter[Symbol.asyncDispose]();
  assert.deepEqual([code, JSON.parse(out)[0]?.url], [0, `${converter.endpoint}?parity_in_software=true`], err);
});

/** Hangs up on a request without parity bits, and is a meter to one that has them. */
function fussyConverter() {
  const captures = parseCaptures(toBytes(TELEGRAM));
  const simulating = startSimulator({
    meters: [{ captures }],
    listen: { tcp: "127.0.0.1:0" },
    faults: [parseFault("parity")],
    pacing: false,
    clock: hastyClock,
  });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    const simulator = await simulating;
    for await (const connection of listener) {
      const first = new Uint8Array(64);
      const count = await connection.read(first);
      if (count === null || first.subarray(0, count).every((byte) => byte < 0x80)) {
        connection.close();
        continue;
      }
      const [hostname, port] = simulator.endpoint.replace("tcp://", "").split(":");
      const meter = await Deno.connect({ hostname: hostname!, port: Number(port) });
      await meter.write(first.subarray(0, count));
      connection.readable.pipeTo(meter.writable).catch(() => {});
      meter.readable.pipeTo(connection.writable).catch(() => {});
    }
    await simulator[Symbol.asyncDispose]();
  })();
  return {
    endpoint: `tcp://127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}
