/** `get`, `set`, `clock` and `send` against a simulated meter: exit code, what is said and where, what the meter saw. */
import assert from "node:assert/strict";
import {
  parseCaptures,
  parseDialect,
  parseFault,
  type ProgrammedOptions,
  startSimulator,
} from "../../src/simulator/mod.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { createTracer } from "../../src/cli/watcher.ts";
import { runCommand } from "../support/read_meter.ts";
import { hastyClock } from "../support/hasty_clock.ts";

const TELEGRAM = "/ABC5METER\r\n0.0.0(12345678)\r\n0.9.1(120000)\r\n0.9.2(240601)\r\n1.8.0(0147238.4*kWh)\r\n!\r\n";
const PASSWORD = "SESAME77";
const PROTECTED = { password: PASSWORD };

/** How the meter is, and the words of the command behind the endpoint; `PW` stands for the right password. */
interface Case {
  readonly meter?: ProgrammedOptions;
  readonly dialects?: readonly string[];
  readonly faults?: readonly string[];
  readonly live?: boolean;
  /** Where the meter is: TCP without pacing, or a pseudo-terminal at the pace of the wire. */
  readonly link?: string;
  readonly identification?: string;
}

async function run(words: string, its: Case = {}) {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of [["right", PASSWORD], ["wrong", "NOSESAME"], ["long", "x(y"]] as const) {
      await Deno.writeTextFile(`${folder}/${name}`, `${text}\n`);
    }
    const text = its.identification ? TELEGRAM.replace("/ABC5METER", its.identification) : TELEGRAM;
    await using simulator = await startSimulator({
      meters: [{ captures: parseCaptures(toBytes(text)) }],
      listen: its.link === undefined ? { tcp: "127.0.0.1:0" } : { pty: `${folder}/${its.link}` },
      programming: { ...its.meter, dialect: Object.fromEntries((its.dialects ?? []).map(parseDialect)) },
      faults: (its.faults ?? []).map(parseFault),
      live: its.live ?? false,
      pacing: its.link !== undefined,
      clock: hastyClock,
    });
    const args = words.replace("PW", `--password file:${folder}/right`).replace(
      "NOPE",
      `--password file:${folder}/wrong`,
    )
      .replace("ODD", `--password file:${folder}/long`).split(" ").map((word) => word.replaceAll("_", " "));
    const outcome = await runCommand([args[0]!, simulator.endpoint, ...args.slice(1)]);
    const { out, err } = outcome;
    const seen = simulator.statistics;
    const deadlineMs = performance.now() + 500; // what was sent last is still on its way
    while (seen.breaks === 0 && seen.sessions > 0 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const secret of [PASSWORD, "NOSESAME"]) assert.ok(!(out + err).includes(secret), out + err);
    return { ...outcome, seen: { ...seen } };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

type Row = [words: string, its: Case, code: number, out: RegExp, err: RegExp];

const QUIET = /^[^]*$/;
const NOTHING = /^$/;

const ROWS: Row[] = [
  ["get 1.8.0 0.0.0 --format csv", {}, 0, /,1\.8\.0,0,147238\.4,0147238\.4,kWh,[^]*,0\.0\.0,0,,12345678,/, QUIET],
  ["get 1.8.0 9.9.9 --format json", {}, 77, /"text":"0147238\.4"/, /refuses R1 9\.9\.9\(\): \(ERROR\)/],
  ["get 9.9.9", {}, 77, NOTHING, /refuses R1 9\.9\.9\(\): \(ERROR\)/],
  ["get 1.8.0 --format json", { dialects: ["no-p0", "no-address"] }, 0, /"address":"1\.8\.0".*"unit":"kWh"/, QUIET],
  ["get 1.8.0 --format json", { dialects: ["counted"] }, 0, /0147238\.4/, QUIET],
  ["get 1.8.0 --format json", { dialects: ["only:R5"] }, 0, /0147238\.4/, QUIET],
  ["get 1.8.0 --command R1", { dialects: ["only:R5"] }, 77, NOTHING, /refuses R1 1\.8\.0\(\)/],
  ["get 1.8.0 --format json", { dialects: ["sum"], identification: "/EKT5CE301" }, 0, /0147238\.4/, QUIET],
  ["get 9.9.9", { dialects: ["refuses:nak"] }, 77, NOTHING, /NAK, 3 times/],
  ["get 9.9.9", { dialects: ["refuses:break"] }, 77, NOTHING, /by a break: it has ended the session/],
  ["get 9.9.9", { dialects: ["refuses:ERROR01"] }, 77, NOTHING, /\(ERROR01\), which means: unknown command/],
  [
    "get 1.8.0",
    { meter: { ...PROTECTED, protects: "reading" } },
    77,
    NOTHING,
    /refuses R1.*was given none: --password/,
  ],
  ["get 1.8.0 PW", { meter: { ...PROTECTED, protects: "reading" } }, 0, /0147238\.4/, QUIET],
  ["get 1.8.0 NOPE", { meter: PROTECTED }, 77, NOTHING, /answers the password by a break: it may be wrong/],
  [
    "get 1.8.0 NOPE",
    { meter: PROTECTED, dialects: ["refuses:nak"] },
    77,
    NOTHING,
    /refuses the password: NAK, 2 times/,
  ],
  ["get 1.8.0 NOPE", { meter: PROTECTED, dialects: ["refuses:ER17"] }, 77, NOTHING, /refuses the password: \(ER17\)/],
  [
    "get 1.8.0 PW",
    { meter: { ...PROTECTED, access: "elster-a1700", seed: "0102030405060708" }, identification: "/GEC5A1700" },
    0,
    /0147238/,
    QUIET,
  ],

  ["get 1.8.0", { faults: ["silent:ident"] }, 69, NOTHING, /No answer to \/\?!/],
  ["get 1.8.0", { faults: ["silent:answer:1"] }, 0, /0147238\.4/, QUIET],
  ["get 1.8.0", { faults: ["silent:answer:2"] }, 0, /0147238\.4/, QUIET],
  ["get 1.8.0", { faults: ["silent:answer"] }, 69, NOTHING, /silent after R1 1\.8\.0\(\) at 9600 Bd/],
  ["get 1.8.0", { faults: ["silent:p0"] }, 0, /0147238\.4/, QUIET],
  ["get 1.8.0 PW", { meter: PROTECTED, faults: ["silent:password"] }, 69, NOTHING, /silent after the password/],
  ["get 1.8.0", { faults: ["nak:2"] }, 0, /0147238\.4/, QUIET],
  ["get 1.8.0", { faults: ["nak"] }, 77, NOTHING, /refuses R1 1\.8\.0\(\): NAK, 3 times/],
  ["get 1.8.0", { faults: ["break:p0"] }, 77, NOTHING, /answers the option select by a break/],
  ["get 1.8.0", { faults: ["break:answer"] }, 77, NOTHING, /answers R1 1\.8\.0\(\) by a break/],
  ["get 1.8.0", { faults: ["flip-digit:2"] }, 0, /0147238\.4/, QUIET],
  ["get 1.8.0", { faults: ["flip-digit"] }, 65, NOTHING, /damaged: its check character is wrong, 3 times/],
  ["get 1.8.0", { faults: ["truncate:9"] }, 65, NOTHING, /is damaged/],
  ["get 1.8.0", { faults: ["garbage:data"] }, 76, NOTHING, /Cannot read the answer of \/ABC5METER to R1 1\.8\.0\(\)/],
  ["get 1.8.0", { faults: ["disconnect"] }, 74, NOTHING, /closed the connection/],
  ["get 1.8.0", { faults: ["echo"] }, 0, /0147238\.4/, QUIET],

  ["get", {}, 64, NOTHING, /Which registers\?/],
  ["get 1.8.0! --format json", {}, 64, NOTHING, /Cannot ask for "1\.8\.0!"/],
  ["get 1.8.0 --password SESAME77", {}, 64, NOTHING, /takes env:NAME, file:PATH or ask, never the password itself/],
  ["get 1.8.0 ODD", {}, 64, NOTHING, /no \( \) \/ !/],
  ["get 1.8.0 --password file:/no/such/file", {}, 66, NOTHING, /no\/such\/file/],
  ["get 1.8.0 --access magic", {}, 64, NOTHING, /--access magic: allowed are auto, password, bracket/],
  ["get 1.8.0 --command R7", {}, 64, NOTHING, /--command R7: allowed are R1, R2/],
  ["get 1.8.0 --mode B", {}, 64, NOTHING, /entered in mode C, not in mode B/],

  ["set 0.0.0 77", {}, 64, NOTHING, /say --write if that is meant/],
  [
    "set 0.0.0 77 --write --yes",
    {},
    0,
    /before {2}0\.0\.0\(12345678\)\nnow {5}0\.0\.0\(77\)/,
    /AUDIT: W1 0\.0\.0.*old=0\.0\.0\(12345678\) wanted=77 now=0\.0\.0\(77\) result=written/,
  ],
  [
    "set 0.0.0 77 --write --yes",
    { meter: PROTECTED },
    77,
    NOTHING,
    /AUDIT.*result="The meter.*refuses W1 0\.0\.0\(77\): \(ERROR\);[^"]*"/,
  ],
  ["set 0.0.0 77 --write --yes PW", { meter: PROTECTED }, 0, /now {5}0\.0\.0\(77\)/, QUIET],
  [
    "set 0.0.0 77 --write --yes PW --access bracket --command W5",
    { meter: PROTECTED },
    0,
    /now {5}0\.0\.0\(77\)/,
    QUIET,
  ],
  ["set 9.9.9 77 --write --yes", {}, 77, NOTHING, /refuses W1 9\.9\.9\(77\)/],
  ["set 0.0.0 7/7 --write --yes", {}, 64, NOTHING, /no \( \) \/ !/],
  ["set 0.0.0 --write --yes", {}, 64, NOTHING, /one REGISTER and its VALUE/],

  ["send --command R5 --data 1.8.0()", {}, 0, /^1\.8\.0\(0147238\.4\*kWh\)\n$/, QUIET],
  ["send --command R5 --data 1.8.0() --format csv", {}, 0, /,147238\.4,/, QUIET],
  ["send --command R6 --data 1.8.0()", { dialects: ["blocks:1"] }, 0, /0147238\.4/, QUIET],
  ["send --command E2 --data 0.1.0()", {}, 64, NOTHING, /say --write/],
  ["send --command E2 --data 0.1.0() --write --yes", {}, 0, /acknowledged/, /AUDIT: E2/],
  [
    "send --command W1 --data 0.0.0(9) --write --yes",
    {},
    0,
    /before {2}0\.0\.0\(12345678\)\nnow {5}0\.0\.0\(9\)/,
    /AUDIT: W1/,
  ],
  ["send --command P1 --data (1)", {}, 64, NOTHING, /P1, P2 and B0 are sent by themselves/],

  [
    "clock --time-zone UTC",
    {},
    0,
    /^meter {2}2024-06-01 12:00:00 {2}0\.9\.2\(240601\) 0\.9\.1\(120000\)\nhost .* s behind\n$/,
    QUIET,
  ],
  ["clock --time-zone UTC --format json", {}, 0, /"clock":"2024-06-01T12:00:00"/, QUIET],
  ["clock --time-zone Mars/Base", {}, 64, NOTHING, /There is no time zone "Mars\/Base"/],
  ["clock --set", {}, 64, NOTHING, /say --write/],
];

Deno.test("createTracer: a password is shown nowhere, nor the check character that tells a part of it", () => {
  for (
    const text of [
      "\x01P1\x02(SESAME77)\x03q",
      "\x01P2\x02(SESAME77)\x03)",
      "\x01W5\x020.9.1(1)(SESAME77)\x03q",
      "(SESAME77)",
    ]
  ) {
    for (const pieces of [1, 3, 1000]) {
      const lines: string[] = [];
      const tracer = createTracer((line) => lines.push(line));
      tracer.add({ kind: "sent", bytes: toBytes(text), secret: "SESAME77", atMs: 0 });
      const echo = toBytes("1.8.0(1)".repeat(12) + text + "\x06");
      for (let at = 0; at < echo.length; at += pieces) {
        tracer.add({ kind: "received", bytes: echo.slice(at, at + pieces), atMs: 1 });
      }
      tracer.end();
      const shown = lines.join("\n");
      assert.ok(!/SESAME|77|<ETX>[q)]/.test(shown), shown);
      assert.match(shown, /\*\*\*.*\n.*\*\*\*.*<ACK>$/);
    }
  }
  const damaged: string[] = [];
  createTracer((line) => damaged.push(line)).add({
    kind: "sent",
    bytes: toBytes("\x01P1\x02(12)\x03a"),
    secret: "12",
    atMs: 0,
  });
  assert.deepEqual(damaged, ["00:00:00.000 → <SOH>P1<STX>(***)<ETX>*"], "a short one too");
});

const AT_ONCE = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };

Deno.test("get, set, send, clock: every case on TCP", AT_ONCE, async (test) => {
  await Promise.all(ROWS.map(([words, its, code, out, err]) => {
    const how = [...its.dialects ?? [], ...its.faults ?? []].join(" ");
    const fn = async () => {
      const outcome = await run(words, its);
      assert.equal(outcome.code, code, outcome.out + outcome.err);
      assert.match(outcome.out, out);
      assert.match(outcome.err, err);
      const { wrongPasswords, writes, sessions, breaks, complaint } = outcome.seen;
      assert.ok(wrongPasswords <= 2, "a password is not tried in a loop");
      assert.ok(writes <= 1, "nothing is written twice");
      assert.equal(complaint, undefined);
      const isEnded = /by a break/.test(outcome.err) || code === 74;
      if (sessions > 0 && !isEnded) assert.ok(breaks > 0, "no break");
    };
    return test.step({ name: `${words} [${how}]: ${code}`, fn, ...AT_ONCE });
  }));
});

Deno.test("clock: sets a clock that runs, to the second, at the pace of the wire on a pseudo-terminal", async () => {
  const { code, out, err } = await run("clock --set --write --yes PW", { live: true, link: "meter", meter: PROTECTED });
  assert.equal(code, 0, out + err);
  assert.match(out, /(the meter is (the same|[0-3] s (ahead|behind))\n$)/);
  assert.match(err, /AUDIT: clock --set.*result=written/);
});

Deno.test("get, set: on a pseudo-terminal at the pace of the wire", async () => {
  const got = await run("get 1.8.0 0.0.0 PW --format json", {
    link: "meter",
    meter: { ...PROTECTED, protects: "reading" },
  });
  assert.deepEqual([got.code, got.out.match(/"text":"[^"]*"/g), got.seen.complaints], [0, [
    '"text":"0147238.4"',
    '"text":"12345678"',
  ], 0]);
  const set = await run("set 0.0.0 77 --write --yes PW", { link: "meter", meter: PROTECTED });
  assert.deepEqual([set.code, set.seen.writes, set.seen.complaints], [0, 1, 0], set.err);
});

Deno.test("get --type energomera-packet: each register in a packet of its own, and what is not there is refused", async () => {
  const its = { dialects: ["packet", "sum"] };
  const { code, out, err, seen } = await run("get 1.8.0 0.0.0 9.9.9 --type energomera-packet --format json", its);
  assert.equal(code, 77, err);
  const readings = out.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(readings.map(({ meter, address, text }) => [meter, address, text]), [
    ["-", "1.8.0", "0147238.4"],
    ["-", "0.0.0", "12345678"],
  ]);
  assert.match(err, /refuses R1 9\.9\.9\(\): \(ERROR\)/);
  assert.deepEqual([seen.sessions, seen.breaks, seen.complaints], [0, 0, 0]);
  const refused = await run("set 1.8.0 1 --type energomera-packet --write --yes", its);
  assert.deepEqual([refused.code, /in one packet a register can be read/.test(refused.err)], [77, true], refused.err);
  const deaf = await run("get 1.8.0 --type energomera-packet");
  assert.equal(deaf.code, 69, "a meter that wants a sign-on does not answer");
});
