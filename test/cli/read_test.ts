/** `obisd read` under every fault: the right exit code, the right message, and never a digit that the meter did not say. @module */
import assert from "node:assert/strict";
import { AT_ONCE, type Case, NOTHING, tryAll } from "../support/fault_cases.ts";
import { openPty } from "../support/pty.ts";
import { meter, type Reading, readMeter, runCommand, textsOf } from "../support/read_meter.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

const ECHO = /what is sent comes back/;
const DAMAGED = /Data message of \/ABC\w?METER damaged: its check character is wrong/;
const SILENT = /No answer to \/\?! at 300 7E1 after 3 requests; a meter that speaks by itself needs --mode D/;

const CASES: Case[] = [
  ["A", "", 0, NOTHING],
  ["B", "", 0, NOTHING],
  ["C", "", 0, NOTHING],
  ["D", "", 0, NOTHING],
  ["P1", "", 0, NOTHING],

  ["A", "bad-bcc", 65, DAMAGED],
  ["B", "bad-bcc", 65, DAMAGED],
  ["C", "bad-bcc", 65, DAMAGED],
  ["A", "bad-bcc:1", 0, NOTHING],
  ["B", "bad-bcc:2", 0, NOTHING],
  ["C", "bad-bcc:1", 0, NOTHING],
  ["C", "bad-bcc:2", 0, NOTHING],
  ["A", "flip-digit", 65, DAMAGED],
  ["C", "flip-digit", 65, DAMAGED],
  ["C", "flip-digit:1", 0, NOTHING],
  ["P1", "flip-digit", 65, /dropped: CRC wrong[^]*No undamaged telegram/, { args: ["--timeout", "300ms"] }],
  ["P1", "wrong-crc", 65, /dropped: CRC wrong[^]*No undamaged telegram/, { args: ["--timeout", "300ms"] }],

  ["A", "truncate", 65, /damaged: it broke off/],
  ["C", "truncate", 65, /damaged: it broke off/],
  ["C", "truncate:20:1", 0, NOTHING],
  ["D", "truncate:40:1", 0, NOTHING],
  ["C", "drop-stx", 0, NOTHING],

  [undefined, "silent:ident", 69, SILENT],
  [undefined, "silent:ident:1", 0, NOTHING],
  [undefined, "silent:ident:2", 0, NOTHING],
  ["A", "silent:data", 69, /Silent after its identification \/ABCzMETER at 300 Bd/],
  ["B", "silent:data", 69, /Silent after its identification \/ABCEMETER at 9600 Bd/],
  ["C", "silent:data", 69, /Silent after its identification \/ABC5METER at 9600 Bd; .*try max_baud=300/],
  ["C", "silent:data:1", 0, NOTHING],
  ["C", "ignore-ack", 0, NOTHING],

  ["C", "garbage:ident", 76, /Cannot read the answer to \/\?! at 300 7E1: no identification in/],
  ["C", "garbage:data", 76, /Cannot read the data of \/ABC5METER: no data set in .*try max_baud=300/],
  ["A", "garbage:data", 76, /Cannot read the data of \/ABCzMETER: no data set in/],
  ["C", "garbage:before", 0, NOTHING],
  ["C", "garbage:ident:1", 0, NOTHING],
  ["D", "garbage:data", 76, /No telegram can be read[^]*is the speed right\?/, { args: ["--timeout", "300ms"] }],
  ["D", "garbage:before", 0, NOTHING],

  ["C", "asleep", 69, /No answer to \/\?! .* one on a battery \?wake_up=66/],
  ["C", "asleep", 69, /after 3 requests, each behind 30 NULs/, { query: "?wake_up=30" }],
  ["C", "asleep", 0, NOTHING, { query: "?wake_up=66" }],
  ["C", "asleep", 0, NOTHING, { query: "?wake_up=66&fast_wake_up=1/300ms" }],
  ["C", "asleep:40", 0, NOTHING, { args: ["--type", "iskra-mt174"] }],
  ["C", "drop-etx", 0, NOTHING],
  ["C", "drop-bcc:1", 0, NOTHING],
  ["C", "drop-end:1", 0, NOTHING],
  ["C", "drop-bcc", 0, NOTHING],
  ["A", "drop-end", 0, NOTHING],

  ["C", "echo", 0, ECHO],
  ["A", "echo", 0, ECHO],
  ["C", "slow:1400ms", 0, NOTHING],
  ["C", "bad-bcc:1,no-nak", 0, NOTHING],
  ["C", "bad-bcc,no-nak", 65, DAMAGED],
  ["C", "converter:300", 0, NOTHING, { pacing: true }], // garbled once, then asked at the speed of the sign-on
  ["C", "converter:300", 0, /^$/, { query: "?max_baud=300", pacing: true }],
  ["C", "disconnect", 74, /closed the connection|is gone: its other end was closed/],
];

/** On TCP alone: what a converter does, and what strikes the first push (on a terminal nobody may hear that one). */
const ON_TCP: Case[] = [
  ["P1", "wrong-crc:1", 0, /dropped: CRC wrong/],
  ["D", "disconnect", 74, /closed the connection/],
  ["C", "parity", 0, NOTHING, { query: "?parity_in_software=true" }],
  ["C", "parity", 0, /parity stands in bit 7 and is made and checked here/, { query: "?parity=auto" }],
  ["C", "", 0, /the path makes and takes away the parity itself/, { query: "?parity=auto" }],
  ["C", "parity,echo", 0, ECHO, { query: "?parity=auto" }],
];

Deno.test("read: every fault on TCP", AT_ONCE, (test) => tryAll(test, [...CASES, ...ON_TCP]));

Deno.test("read: every fault on a pseudo-terminal", AT_ONCE, async (test) => {
  await withFolder((folder) => tryAll(test, CASES, folder));
});

Deno.test("read: --raw keeps the bytes of a damaged telegram, and of a whole one", async () => {
  await withFolder(async (folder) => {
    const args = ["--raw", `${folder}/raw`];
    assert.equal((await readMeter({ mode: "C", args })).code, 0);
    const whole = await Deno.readTextFile(`${folder}/raw`);
    // deno-lint-ignore no-control-regex -- STX and ETX frame the message
    assert.match(whole, /^\/ABC5METER\r\n\x020\.0\.0\(12345678\)\r\n[^]*!\r\n\x03[^]$/);
    assert.equal((await readMeter({ mode: "C", faults: ["flip-digit"], args })).code, 65);
    const damaged = await Deno.readTextFile(`${folder}/raw`);
    assert.equal(damaged.length, whole.length);
    assert.notEqual(damaged, whole);
    const nowhere = await readMeter({ mode: "C", args: ["--raw", `${folder}/none/raw`] });
    assert.deepEqual([nowhere.code, nowhere.seen.requests], [64, 0]);
  });
});

for (const mode of ["A", "C"] as const) {
  Deno.test(`read: endless data of mode ${mode} are cut at 256 KiB, exit 76`, async () => {
    const { code, out, err } = await readMeter({ mode, faults: ["endless"] });
    assert.deepEqual([code, out], [76, ""]);
    assert.match(err, /No end of message within 262144 bytes/);
  });
}

Deno.test("read: a meter that takes too long is signed off, exit 69", async () => {
  await withFolder(async (folder) => {
    const its: Reading = { mode: "C", faults: ["endless"], pacing: true, link: `${folder}/meter` };
    const { code, out, err, seen } = await readMeter({ ...its, args: ["--timeout", "1200ms"] });
    assert.deepEqual([code, out, seen.breaks], [69, "", 1], err);
    assert.match(err, /The reading took more than 1\.2 s, \d+ bytes came; --timeout gives it more time/);
  });
});

Deno.test("obisd read: SIGINT signs the meter off, exit 130", async () => {
  await withFolder(async (folder) => {
    await using simulator = await meter({ mode: "C", faults: ["endless"], link: `${folder}/meter` });
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", MAIN, "read", simulator.endpoint, "--trace"],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await until(() => simulator.statistics.messages > 0);
    child.kill("SIGINT");
    const { code, stdout, stderr } = await child.output();
    await until(() => simulator.statistics.breaks > 0);
    assert.deepEqual([code, stdout.length], [130, 0]);
    const said = new TextDecoder().decode(stderr);
    assert.match(said, /^[\d:.]+ = 300 7E1\n[\d:.]+ → \/\?!<CR><LF>\n[\d:.]+ ← \/ABC5METER<CR><LF>\n/);
    assert.match(said, /→ <SOH>B0<ETX>q\n/);
  });
});

Deno.test("read: --obis shows these alone, and tells which the meter does not say", async () => {
  const { code, out, err } = await readMeter({ mode: "C", args: ["--obis", "2.8.0, 9.9.9"] });
  assert.deepEqual([code, textsOf(out)], [0, ["000001.2"]]);
  assert.match(err, /The meter did not say 9\.9\.9/);
});

Deno.test("read: csv has a header and CR LF, a table ends in a line end", async () => {
  const csv = await readMeter({ mode: "C", args: ["--format", "csv", "--name", "flat-1"] });
  assert.match(
    csv.out,
    /^time,meter,[^\r\n]*\r\n[^\r\n]*,flat-1,1-0:0\.0\.0\*255[^\r\n]*\r\n[^\r\n]*\r\n[^\r\n]*\r\n$/,
  );
  const table = await readMeter({ mode: "C", args: ["--format", "table"] });
  assert.match(
    table.out,
    /^METER +.* UTC\n0\.0\.0 [^\n]*\n1\.8\.0 +0147238\.4 kWh +active_energy[^\n]*\n2\.8\.0[^\n]*\n$/,
  );
});

Deno.test("read: the address calls one meter; nobody with it is exit 69", async () => {
  assert.equal((await readMeter({ mode: "C", args: ["--address", "12345678"] })).code, 0);
  const { code, err } = await readMeter({ mode: "C", args: ["--address", "999"] });
  assert.equal(code, 69);
  assert.match(err, /No answer to \/\?999! at 300 7E1/);
});

/** The command line, the exit code, what is said. */
const WRONG: [args: string, code: number, said: RegExp][] = [
  ["", 64, /takes one ENDPOINT/],
  ["tcp://host", 64, /an endpoint on the network is written tcp:\/\/host:port/],
  ["tcp://host:1?max_bud=300", 64, /did you mean max_baud\?/],
  ["tcp://host:1 --mode E --auth low", 64, /--auth low takes a --password/],
  ["tcp://host:1 --mode Z", 64, /allowed are auto, A, B, C, D/],
  ["tcp://host:1 --modus C", 64, /no option --modus/],
  ["tcp://host:1 --format xml", 64, /allowed are table, json, csv/],
  ["tcp://host:1 --timeout 10", 64, /"10" is no duration/],
  ["flat-1 -c FOLDER/none.yaml", 78, /none\.yaml: not found/],
  ["flat-1 -c FOLDER/empty.yaml", 78, /empty\.yaml/],
  ["/dev/ttyNONE", 74, /Cannot open \/dev\/ttyNONE: no such port/],
  ["tcp://127.0.0.1:CLOSED", 69, /Cannot connect to tcp:\/\/127\.0\.0\.1:\d+: Connection refused/],
];

for (const [args, code, said] of WRONG) {
  Deno.test(`read ${args}: ${code}`, async () => {
    await withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/empty.yaml`, "lines: [");
      const line = args.replace("FOLDER", folder).replace("CLOSED", String(closedPort()));
      const outcome = await runCommand(["read", ...line.split(" ").filter((arg) => arg !== "")]);
      assert.deepEqual([outcome.code, outcome.out], [code, ""], outcome.err);
      assert.match(outcome.err, said);
    });
  });
}

Deno.test("read: a port that another process holds is exit 75 with its number", async () => {
  await using pty = openPty();
  const holder = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", new URL("../support/hold_port.ts", import.meta.url).pathname, pty.path],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = holder.stdout.getReader();
  await reader.read(); // it holds the port
  const { code, err } = await runCommand(["read", pty.path]);
  await holder.stdin.close();
  await reader.cancel();
  await holder.status;
  assert.equal(code, 75);
  assert.match(err, new RegExp(`Cannot open ${pty.path}: process ${holder.pid} holds it`));
});

Deno.test("read: a configured meter by its name; where another answers, nothing is shown", async () => {
  const config = (expected: string) => `
lines: { room: { url: "ENDPOINT" } }
meters: [{ name: flat-1, line: room, every: 15m, obis: ["1.8.0"], labels: { site: north }, expect: { "0.0.0": "${expected}" } }]
`;
  const right = await readConfigured(config("12345678"));
  assert.equal(right.code, 0, right.err);
  const { meter, text, labels } = JSON.parse(right.out);
  assert.deepEqual([meter, text, labels], ["flat-1", "0147238.4", { site: "north" }]);
  const wrong = await readConfigured(config("87654321"));
  assert.deepEqual([wrong.code, wrong.out], [69, ""]);
  assert.match(wrong.err, /Nothing is shown: register 0\.0\.0 should say "87654321", but it says "12345678"/);
});

async function readConfigured(config: string) {
  return await withFolder(async (folder) => {
    await using simulator = await meter();
    await Deno.writeTextFile(`${folder}/obisd.yaml`, config.replace("ENDPOINT", simulator.endpoint));
    return await runCommand(["read", "flat-1", "-c", `${folder}/obisd.yaml`, "--format", "json"]);
  });
}

async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!condition()) {
    assert.ok(performance.now() < deadlineMs, "it did not come to that");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("read: a meter that speaks by itself, asked in mode auto, is named, and nothing of it delivered", async () => {
  for (const mode of ["P1", "D"] as const) {
    await using simulator = await meter({ mode });
    const { code, out, err } = await runCommand(["read", simulator.endpoint, "--format", "json"]);
    assert.deepEqual([code, out], [76, ""], err);
    assert.match(
      err,
      /sends its data without waiting for an acknowledgement, as a meter that speaks by itself.*--mode D/,
    );
  }
});
