/** `obisd discover` as a command: what it says where nobody is, what it refuses, and how it ends. @module */
import assert from "node:assert/strict";
import type { Clock } from "../../src/clock.ts";
import { loadConfig } from "../../src/config.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { main } from "../../src/main.ts";
import { parseCaptures, startSimulator } from "../../src/simulator/mod.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";
import { openSerial } from "../../src/transport/serial.ts";
import { hastyClock } from "../support/hasty_clock.ts";
import { openPty } from "../support/pty.ts";
import { meter, runCommand, TELEGRAM } from "../support/read_meter.ts";

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
