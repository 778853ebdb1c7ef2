/**
 * The traps into which meters and wires lead a reader, by their number in the list of section 12: each is set by a switch of
 * the simulator, or by what the simulated telegram says, and `obisd read` gets out of it; or it has its test elsewhere.
 */
import assert from "node:assert/strict";
import { toBytes } from "../src/iec62056/characters.ts";
import { type Dialect, parseCaptures, startSimulator } from "../src/simulator/mod.ts";
import { openBridge } from "./support/bridge.ts";
import { AT_ONCE, type Case, NOTHING, tryAll } from "./support/fault_cases.ts";
import { hastyClock } from "./support/hasty_clock.ts";
import { meter, readMeter, runCommand, SAID, TELEGRAM, textsOf } from "./support/read_meter.ts";
import { hasVectors, trapNumbers } from "./support/specs.ts";

const ECHO = /what is sent comes back/;

const TRAPS: readonly (readonly [number: number, ...Case])[] = [
  [1, "C", "echo", 0, ECHO],
  [2, "C", "garbage:fill", 0, NOTHING],
  [3, "C", "garbage:before", 0, NOTHING],
  [6, "C", "drop-stx", 0, NOTHING],
  [7, "C", "drop-first:1", 0, NOTHING],
  [7, "C", "drop-first:20:1", 0, NOTHING],
  [9, "C", "ignore-ack", 0, NOTHING],
  [10, "C", "announce-e", 0, NOTHING],
  [11, "C", "require-ack:052", 0, NOTHING, { args: ["--type", "apator-norax30"] }],
  [11, "C", "require-ack:052", 69, /Silent after its identification/],
  [12, "C", "z:3", 0, NOTHING, { query: "?data_baud=9600" }],
  [13, "C", "ident:blanks", 0, NOTHING],
  [14, "C", "ident:lf", 0, NOTHING],
  [14, "C", "ident:cr", 0, NOTHING],
  [15, "C", "ident:long", 0, NOTHING],
  [16, "C", "slow:1400ms", 0, NOTHING],
  [17, "C", "slow:20ms", 0, NOTHING],
  [18, "C", "drop-etx", 0, NOTHING],
  [19, "C", "drop-bcc", 0, NOTHING],
  [20, "C", "", 0, NOTHING, { programming: { dialect: { sum: "" } } }],
  [24, "C", "silent:ident:2", 0, NOTHING],
  [25, "C", "asleep:8", 0, NOTHING, { query: "?wake_up=8" }],
  [25, "C", "asleep", 0, NOTHING, { query: "?wake_up=66", pacing: true }], // the socket takes the NULs at once
  [26, "C", "bad-bcc:1,no-nak,rest:1500", 0, NOTHING],
  [28, "C", "lead:ack", 0, NOTHING],
  [29, "C", "lead:lf", 0, NOTHING],
  [30, "C", "bang:bare", 0, NOTHING],
  [31, "C", "bang:inline", 0, NOTHING],
  [32, "C", "one-line", 0, NOTHING],
  [32, "C", "one-line,bang:inline", 0, NOTHING],
  [47, "P1", "no-cr", 0, NOTHING],
  [49, "C", "silent:ident", 69, /No answer to .* after 3 requests/],
  [50, "C", "garbage:before,garbage:ident:1", 0, NOTHING],
  [51, "C", "echo:fast,bad-bcc:1", 0, NOTHING],
  [59, "C", "restart", 0, NOTHING],
  [54, "C", "limit:0", 69, /No answer/],
];

/** Where speeds are watched: on a pseudo-terminal whose characters take their time. */
const AT_SPEED: readonly (readonly [number: number, ...Case])[] = [
  [8, "C", "ignore-ack", 0, NOTHING, { pacing: true }],
  [25, "C", "asleep", 0, NOTHING, { query: "?wake_up=66", pacing: true }],
  [12, "C", "z:3", 0, NOTHING, { query: "?data_baud=9600", pacing: true }],
  [52, "C", "z:3", 0, NOTHING, { pacing: true }], // garbled at 2400 Bd, then at the speed of the sign-on
  [53, "C", "stop-bits", 0, NOTHING, { query: "?stop_bits=2", pacing: true }],
  [53, "C", "stop-bits", 69, /No answer to .* after 3 requests/, { pacing: true }],
  [59, "C", "restart", 0, NOTHING, { pacing: true }],
  [59, "A", "restart,garbage:ident:1", 0, NOTHING, { pacing: true }], // asked again once it is silent
];

/** What a telegram says, and what is read of it: value, text, unit. */
const LINES: readonly (readonly [number, string, ...(readonly [number | null, string, string])[]])[] = [
  [4, "0.3.0(5000*Imp/kWh)", [5000, "5000", "Imp/kWh"]],
  [4, "1-0:1.8/1(5)", [5, "5", ""]],
  [22, "96.9.0(21*\xb0C)", [21, "21", "°C"]],
  [33, "32.7.0(231.15V)", [231.15, "231.15", "V"]],
  [33, "1.8.1(024562 kWh)", [24562, "024562", "kWh"]],
  [34, "1.8.2( 1.5*kWh)", [1.5, " 1.5", "kWh"]],
  [35, "16.7.0(-000.8*kW)", [-0.8, "-000.8", "kW"]],
  [36, "13.7.0(-.--)", [null, "-.--", ""]],
  [36, "14.7.0(?)", [null, "?", ""]],
  [37, "1.6.1(3.2*kW)", [3.2, "3.2", "kW"]],
  [37, "1.6.1(2.9*kW)", [2.9, "2.9", "kW"]],
];

/** Those that have another test: its file, and how its name begins. */
const ELSEWHERE: readonly (readonly [number: number, file: string, test: string])[] = [
  [5, "session_test.ts", "converse: what is sent takes its time at least"],
  [21, "iec62056/vectors_test.ts", "findDataMessage: the check character is taken by position, whatever it is"],
  [23, "transport/parity_test.ts", "SoftwareParity, auto: what comes shows whether the path carries the parity"],
  [27, "field_faults_test.ts", "trap 27: a meter in a session that nobody ended"],
  [38, "iec62056/programming_test.ts", "programming: opened by P0, by ACK alone, by nothing at all"],
  [39, "iec62056/programming_test.ts", "programming: a password that is taken, and each way to refuse it"],
  [40, "iec62056/programming_test.ts", "readRegisters: the form that a meter takes is found once and kept"],
  [41, "iec62056/programming_test.ts", "readRegisters: an answer without address has the one that was asked for"],
  [42, "iec62056/programming_test.ts", "readRegisters: an answer with more sets than were asked for keeps them all"],
  [43, "traps_test.ts", "traps of profiles"],
  [44, "traps_test.ts", "traps of profiles"],
  [45, "traps_test.ts", "traps of profiles"],
  [46, "traps_test.ts", "traps of profiles"],
  [48, "iec62056/readout_test.ts", "readout: 256 KiB byte by byte take no longer than their bytes"],
  [55, "traps_test.ts", "trap 55: where two clients share a bridge"],
  [56, "wire_test.ts", "Wire.rest: the time ends it, an abort ends it by its reason, and the port stays open"],
  [57, "transport/serial_test.ts", "serial: bytes pass unchanged both ways, control characters and bit 7 too"],
  [58, "traps_test.ts", "trap 58: where carriage returns are lost"],
  [60, "turns_test.ts", "settle: a meter that did not answer is asked again within its slot"],
];

const cases = (traps: typeof TRAPS) => traps.map(([_, ...its]) => its as Case);

Deno.test("traps: on TCP", AT_ONCE, (test) => tryAll(test, cases(TRAPS)));

Deno.test("traps: at the speed of the wire", AT_ONCE, async (test) => {
  const folder = await Deno.makeTempDir({ prefix: "obisd-traps-" });
  try {
    await tryAll(test, cases(AT_SPEED), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("traps: what the telegram itself says", async () => {
  const telegram = `/ABC5METER\r\n${LINES.map(([_, line]) => `${line}\r\n`).join("")}!\r\n`;
  const { code, out, err } = await readMeter({ mode: "C", telegram });
  assert.equal(code, 0, err);
  const readings = out.trim().split("\n").map((line) => JSON.parse(line));
  const expected = LINES.flatMap(([_, line, ...values]) =>
    values.map((value) => [line.slice(0, line.indexOf("(")), ...value])
  );
  assert.deepEqual(readings.map(({ address, value, text, unit }) => [address, value, text, unit]), expected);
});

Deno.test("traps of profiles: nothing is missing, whatever the meter makes of blocks (43), length (45), range (46) and end (44)", async () => {
  const rows = async (words: string[], dialect: Dialect) => {
    await using simulator = await startSimulator({
      meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
      listen: { tcp: "127.0.0.1:0" },
      profile: "Europe/Berlin",
      programming: { dialect },
      pacing: false,
      clock: { ...hastyClock, now: () => Date.UTC(2026, 10, 1) },
    });
    const { code, out, err } = await runCommand([
      "profile",
      simulator.endpoint,
      "--time-zone",
      "Europe/Berlin",
      ...words,
    ]);
    assert.deepEqual([code, err.includes("complaint")], [0, false], err);
    return out.trim().split("\n").slice(1).map((line) => line.slice(0, 19));
  };
  const range = ["--from", "2026-10-24", "--to", "2026-10-27"];
  const whole = await rows(range, {});
  assert.equal(whole.length, 3 * 96 + 4, "one day has an hour more");
  for (
    const [command, dialect] of [
      ["R5", { "standard-time": "" }],
      ["R5", { rows: "40" }],
      ["R5", { leaves: "" }],
      ["R5", { leaves: "", rows: "40" }],
      ["R5", {
        rows: "7",
        "standard-time": "",
      }],
      ["R6", { "etx-blocks": "" }],
      ["R6", {
        "etx-blocks": "",
        "standard-time": "",
      }],
    ] as const
  ) {
    assert.deepEqual(
      await rows([...range, "--command", command], dialect),
      whole,
      `${command} ${JSON.stringify(dialect)}`,
    );
  }
});

Deno.test("trap 58: where carriage returns are lost, the check character finds it", async () => {
  const odd = "/ABC5METER\r\n0.0.0(12345678)\r\n1.8.0(0147238.4*kWh)\r\n!\r\n"; // three CR: an even number cancels itself
  const { code, out } = await readMeter({ mode: "C", faults: ["no-cr"], telegram: odd });
  assert.deepEqual([code, textsOf(out)], [65, []]);
  const even = await readMeter({ mode: "C", faults: ["no-cr"] });
  assert.deepEqual([even.code, textsOf(even.out)], [0, SAID]);
});

Deno.test("trap 55: where two clients share a bridge, what is delivered is right, and who is alone is read", async () => {
  await using simulator = await meter({ mode: "C" });
  await using bridge = await openBridge(simulator.endpoint);
  const read = () => runCommand(["read", bridge.endpoint, "--format", "json"]);
  const first = read();
  while (simulator.statistics.requests === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  const second = read(); // asks while the first waits for its reaction time, or hears its data
  for (const { code, out, err } of [await first, await second]) {
    assert.deepEqual(textsOf(out), code === 0 ? SAID : [], err);
  }
  const alone = await read();
  assert.deepEqual([alone.code, textsOf(alone.out)], [0, SAID], alone.err);
});

Deno.test("traps: each of the list has its test", { ignore: !hasVectors }, async () => {
  for (const [number, file, name] of ELSEWHERE) {
    const text = await Deno.readTextFile(new URL(file, import.meta.url));
    assert.ok(text.includes(`Deno.test("${name}`) || text.includes(`  "${name}`), `${number}: ${file}: ${name}`);
  }
  const tested = [...TRAPS, ...AT_SPEED, ...LINES, ...ELSEWHERE].map(([number]) => number);
  const listed = trapNumbers();
  assert.ok(listed.length >= 60);
  assert.deepEqual([...new Set(tested)].sort((one, other) => one - other), listed);
});
