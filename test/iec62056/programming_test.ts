import assert from "node:assert/strict";
import type { Dialogue } from "../../src/dialogue.ts";
import { ProtocolError, RefusalError, SilenceError } from "../../src/errors.ts";
import {
  encodeCommand,
  encodeDataMessage,
  EOT,
  logIn,
  presentationOf,
  type Programming,
  programming,
  type ProgrammingOptions,
  read,
  readProfile,
  readRegisters,
  type Registers,
  telegramOf,
  toText,
  write,
  zoneOf,
} from "../../src/iec62056/mod.ts";
import { exchange, fromHex, hasExchanges, hasVectors, vectors } from "../support/specs.ts";
import { follow, followAborted } from "../support/follow.ts";

const command = (name: string, data?: string) => toText(encodeCommand({ name, ...data !== undefined && { data } }));
const block = (text: string, end?: number) => toText(encodeDataMessage(text, "xor", end));
const BREAK = command("B0");
const P0 = command("P0", "()");
const SELECTED = ["= 300 7E1", "> /?!\r\n", "< /LGZ5ZMD\r\n", "~ 200", "> \x06051\r\n", "= 9600 7E1"];
const OPEN = [...SELECTED, `< ${P0}`];
const SIGNED_OFF = ["~ 200", `> ${BREAK}`, "= 300 7E1"];
const says = (name: string, data?: string) => ["~ 200", `> ${command(name, data)}`];
const R1 = says("R1", "1.8.0()");
const ENERGY = block("1.8.0(000123.45*kWh)");
const ACK = "< \x06";

const registers = (...addresses: string[]) => (meter: Programming) => readRegisters(meter, addresses);
const texts = ({ answers }: Registers) => answers.flatMap(({ sets }) => sets.map(({ values }) => values[0]!.text));

function run<T>(work: (meter: Programming) => Dialogue<T>, script: string[], options: ProgrammingOptions = {}): T {
  return follow(programming(options, work), script);
}

/** What it throws, its message first. */
function failure(
  work: (meter: Programming) => Dialogue<unknown>,
  script: string[],
  options: ProgrammingOptions = {},
): Error {
  let caught: unknown;
  assert.throws(() => run(work, script, options), (error) => (caught = error, true));
  return caught as Error;
}

Deno.test("programming: from the request to the break, in any pieces", () => {
  for (const chunkBytes of [1, 3, 1000]) {
    const script = [...OPEN, ...R1, `< ${ENERGY}`, ...SIGNED_OFF];
    const got = follow(programming({}, registers("1.8.0")), script, { chunkBytes });
    assert.deepEqual(texts(got), ["000123.45"]);
    assert.deepEqual(got.answers[0]!.check, "good");
  }
});

Deno.test("programming: opened by P0, by ACK alone, by nothing at all", () => {
  const asked = [...R1, `< ${ENERGY}`, ...SIGNED_OFF];
  const seed = (meter: Programming) => {
    const { seed } = meter;
    return (function* () {
      yield* readRegisters(meter, ["1.8.0"]);
      return seed;
    })();
  };
  assert.equal(run(seed, [...SELECTED, `< ${command("P0", "(1234567)")}`, ...asked]), "1234567");
  assert.equal(run(seed, [...OPEN, ...asked]), "");
  assert.equal(run(seed, [...SELECTED, ACK, "silence", ...asked]), undefined);
  assert.equal(run(seed, [...SELECTED, "silence", ...asked]), undefined);
  assert.equal(
    run(seed, [...SELECTED, `< ${P0.slice(0, -1)}`, "silence", ...asked]),
    "",
    "without its check character",
  );
});

Deno.test("programming: echoes of ours are passed over, whole or not", () => {
  const script = [
    ...SELECTED,
    `< \x06051\r\n${command("P0", "(9)")}`,
    ...says("P1", "(00000000)"),
    `< ${command("P1", "(00000000)")}\x06`,
    ...R1,
    `< ${command("R1", "1.8.0()").replace("8", "9")}${ENERGY}`,
    ...SIGNED_OFF,
  ];
  assert.deepEqual(texts(run(registers("1.8.0"), script, { password: "00000000" })), ["000123.45"]);
});

Deno.test("programming: bounded speed and a port of one speed", () => {
  const slow = [
    "= 300 7E1",
    "> /?12!\r\n",
    "< /LGZ5ZMD\r\n",
    "~ 200",
    "> \x06001\r\n",
    `< ${P0}`,
    ...R1,
    `< ${ENERGY}`,
  ];
  run(registers("1.8.0"), [...slow, "~ 200", `> ${BREAK}`], { address: "12", maxBaud: 300 });
  const fixed = [
    "= 9600 7E1",
    "> /?!\r\n",
    "< /LGZ5ZMD\r\n",
    "~ 200",
    "> \x06051\r\n",
    `< ${P0}`,
    ...R1,
    `< ${ENERGY}`,
  ];
  const line = { baud: 9600, dataBits: 7, parity: "even", stopBits: 1 } as const;
  run(registers("1.8.0"), [...fixed, "~ 200", `> ${BREAK}`], { line });
});

Deno.test("programming: no programming mode to be had", () => {
  const cases: [string[], RegExp][] = [
    [[...SELECTED, `< ${BREAK}`, "= 300 7E1"], /answers the option select by a break/],
    [[...SELECTED, "< \x15", ...SIGNED_OFF], /refuses programming mode: NAK/],
    [[...SELECTED, `< ${block("1.8.0(1*kWh)\r\n!\r\n")}`, ...SIGNED_OFF], /it sends its data instead of P0/],
    [[...SELECTED, `< ${block("(ERROR)")}`, ...SIGNED_OFF], /refuses programming mode: \(ERROR\)/],
    [["= 300 7E1", "> /?!\r\n", "< /LGZBZMD\r\n", "~ 200", `> ${BREAK}`], /entered in mode C/],
  ];
  for (const [script, message] of cases) {
    const error = failure(registers("1.8.0"), script);
    assert.ok(error instanceof RefusalError, String(error));
    assert.match(error.message, message);
  }
});

const PASSWORD = "SESAME77";
const P1 = says("P1", `(${PASSWORD})`);

Deno.test("programming: a password that is taken, and each way to refuse it; it is never in an error", () => {
  const options = { password: PASSWORD, tries: { left: 3 } };
  assert.equal(
    texts(run(registers("1.8.0"), [...OPEN, ...P1, ACK, ...R1, `< ${ENERGY}`, ...SIGNED_OFF], options)).length,
    1,
  );
  const cases: [string[], RegExp][] = [
    [[`< ${BREAK}`, "= 300 7E1"], /answers the password by a break/],
    [[`< ${block("(ERROR)")}`, ...SIGNED_OFF], /refuses the password: \(ERROR\)/],
    [[`< ${block("(#0201)")}`, ...SIGNED_OFF], /\(#0201\), which means: wrong password/],
    [[`< ${block(`(no ${PASSWORD})`)}`, ...SIGNED_OFF], /refuses the password: \(no \*\*\*\)/],
    [["< \x15", ...P1, "< \x15", ...SIGNED_OFF], /refuses the password: NAK, 2 times/],
    [["silence", ...SIGNED_OFF], /is silent after the password/],
    [["< ~~~SESAME77", "silence", ...SIGNED_OFF], /no message in 11 bytes/],
  ];
  for (const [script, message] of cases) {
    const tries = { left: 3 };
    const error = failure(registers("1.8.0"), [...OPEN, ...P1, ...script], { ...options, tries });
    assert.equal(error instanceof RefusalError && error.what === "password", error instanceof RefusalError);
    if (!(error instanceof RefusalError)) assert.equal(tries.left, 0, "nobody tries it again in this slot");
    assert.match(error.message, message);
    assert.ok(!JSON.stringify(error, Object.getOwnPropertyNames(error)).includes(PASSWORD), error.stack);
  }
});

Deno.test("programming: the steps that carry a password say which piece of them is secret", () => {
  const secrets: (string | undefined)[] = [];
  const work = function* (meter: Programming) {
    yield* write(meter, { name: "W5", data: "0.9.1(1143000)" });
  };
  for (const access of ["password", "bracket"]) {
    const dialogue = programming({ password: PASSWORD, access }, work);
    const watched = (function* () {
      let step = dialogue.next();
      while (!step.done) {
        if (step.value.kind === "send" && toText(step.value.bytes).includes(PASSWORD)) secrets.push(step.value.secret);
        step = dialogue.next(yield step.value);
      }
    })();
    const asks = access === "password"
      ? [...P1, ACK, ...says("W5", "0.9.1(1143000)"), ACK]
      : [...says("W5", `0.9.1(1143000)(${PASSWORD})`), ACK];
    follow(watched, [...OPEN, ...asks, ...SIGNED_OFF]);
  }
  assert.deepEqual(secrets, [PASSWORD, PASSWORD]);
});

Deno.test("write: a password that was typed into W5 is in no error either", () => {
  const data = `0.9.1(1143000)(${PASSWORD})`;
  const script = [...OPEN, ...says("W5", data), `< ${block("(ERROR)")}`, ...SIGNED_OFF];
  const { message } = failure((meter) => write(meter, { name: "W5", data }), script);
  assert.match(
    message,
    /^The meter \/LGZ5ZMD refuses W5 0\.9\.1\(1143000\)\(\*\*\*\): \(ERROR\); it may want the password of another/,
  );
  assert.doesNotMatch(message, new RegExp(PASSWORD));
});

Deno.test("read, write: a refusal says what may help: a password, another one, or nothing where the meter says why", () => {
  const none = "it may want a password, and was given none: --password (password: in the configuration)";
  const other = "it may want the password of another access level, or another --access (access: in the configuration)";
  const rows: [says: string, withPassword: boolean, advice: string][] = [
    ["(ERROR)", false, `; ${none}`],
    ["(ERROR)", true, `; ${other}`],
    ["(#0018)", false, `, which means: no right to read; ${none}`],
    ["(ERROR01)", false, ", which means: unknown command"],
    ["(#0002)", true, ", which means: object not available"],
  ];
  for (const [said, withPassword, advice] of rows) {
    const script = [...R1, `< ${block(said)}`, ...SIGNED_OFF];
    const { message } = withPassword
      ? failure((meter) => read(meter, { name: "R1", data: "1.8.0()" }), [...OPEN, ...P1, ACK, ...script], {
        password: PASSWORD,
      })
      : failure((meter) => read(meter, { name: "R1", data: "1.8.0()" }), [...OPEN, ...script]);
    assert.equal(message, `The meter /LGZ5ZMD refuses R1 1.8.0(): ${said}${advice}`);
  }
});

Deno.test("programming: NAK repeats a command three times in all, then it is a refusal", () => {
  run(registers("1.8.0"), [...OPEN, ...R1, "< \x15", ...R1, "< \x15", ...R1, `< ${ENERGY}`, ...SIGNED_OFF]);
  const never = [...R1, "< \x15", ...R1, "< \x15", ...R1, "< \x15"];
  const error = failure((meter) => read(meter, { name: "R1", data: "1.8.0()" }), [...OPEN, ...never, ...SIGNED_OFF]);
  assert.ok(error instanceof RefusalError);
  assert.match(error.message, /^The meter \/LGZ5ZMD refuses R1 1\.8\.0\(\): NAK, 3 times; it may want a password/);
});

Deno.test("programming: a damaged answer is asked for by NAK, three in all", () => {
  const wrong = ENERGY.replace("123", "124");
  const again = ["silence", "~ 200", "> \x15"];
  const good = [
    ...OPEN,
    ...R1,
    `< ${wrong}`,
    ...again,
    `< ${wrong.slice(0, 9)}`,
    ...again,
    `< ${ENERGY}`,
    ...SIGNED_OFF,
  ];
  assert.deepEqual(texts(run(registers("1.8.0"), good)), ["000123.45"]);
  const never = [
    ...OPEN,
    ...R1,
    `< ${wrong}`,
    ...again,
    `< ${wrong}`,
    ...again,
    `< ${wrong}`,
    "silence",
    ...SIGNED_OFF,
  ];
  const error = failure(registers("1.8.0"), never, { tries: { left: 3 } });
  assert.ok(error instanceof ProtocolError && error.trouble === "damaged");
  assert.match(
    error.message,
    /The answer of \/LGZ5ZMD to R1 1\.8\.0\(\) is damaged: its check character is wrong, 3 times/,
  );
});

Deno.test("programming: silence to a read command is met by one repetition, then a new session", () => {
  run(registers("1.8.0"), [...OPEN, ...R1, "silence", ...R1, `< ${ENERGY}`, ...SIGNED_OFF]);
  const lost = [...OPEN, ...R1, "silence", ...R1, "silence", ...SIGNED_OFF];
  const tries = { left: 2 };
  run(registers("1.8.0"), [...lost, "~ 2000", ...OPEN, ...R1, `< ${ENERGY}`, ...SIGNED_OFF], { tries });
  assert.equal(tries.left, 0);
  const error = failure(registers("1.8.0"), lost);
  assert.ok(error instanceof SilenceError);
  assert.equal(error.message, "/LGZ5ZMD is silent after R1 1.8.0() at 9600 Bd");
});

Deno.test("programming: a break is sent on abort at any moment, and not where the meter has sent one", () => {
  followAborted(programming({}, registers("1.8.0")), [...OPEN, ...R1, "abort", ...SIGNED_OFF]);
  followAborted(programming({}, registers("1.8.0")), [...SELECTED, "abort", ...SIGNED_OFF]);
  const script = [...OPEN, ...R1, `< ${BREAK}`, "= 300 7E1"];
  assert.match(
    failure(registers("1.8.0"), script).message,
    /answers R1 1\.8\.0\(\) by a break: it has ended the session/,
  );
  assert.match(failure(registers("1.8.0"), [...OPEN, ...R1, "< B0\x03", "= 300 7E1"]).message, /by a break/);
});

Deno.test("readRegisters: the form that a meter takes is found once and kept", () => {
  const error = `< ${block("(ERROR)")}`;
  const r5 = [
    ...OPEN,
    ...R1,
    error,
    ...says("R5", "1.8.0()"),
    `< ${ENERGY}`,
    ...says("R5", "2.8.0()"),
    `< ${block("2.8.0(7)")}`,
  ];
  assert.deepEqual(texts(run(registers("1.8.0", "2.8.0"), [...r5, ...SIGNED_OFF])), ["000123.45", "7"]);
  const counted = [
    ...[...OPEN, ...R1, ACK, "silence", ...says("R5", "1.8.0()"), error],
    ...[...says("R1", "1.8.0(1)"), `< ${ENERGY}`, ...says("R1", "2.8.0(1)"), `< ${block("2.8.0(7)")}`],
  ];
  assert.deepEqual(texts(run(registers("1.8.0", "2.8.0"), [...counted, ...SIGNED_OFF])), ["000123.45", "7"]);
  const vdew = ["= 300 7E1", "> /?!\r\n", "< /EMH5\\@01LZQJ\r\n", "~ 200", "> \x06051\r\n", "= 9600 7E1", `< ${P0}`];
  run(registers("1.8.0"), [...vdew, ...says("R5", "1.8.0()"), `< ${ENERGY}`, ...SIGNED_OFF]);
});

Deno.test("readRegisters: what is refused stands beside what was answered", () => {
  const error = `< ${block("(ERROR01)")}`;
  const script = [
    ...OPEN,
    ...R1,
    `< ${ENERGY}`,
    ...says("R1", "9.9.9()"),
    error,
    ...says("R1", "2.8.0()"),
    `< ${block("2.8.0(7)")}`,
  ];
  const got = run(registers("1.8.0", "9.9.9", "2.8.0"), [...script, ...SIGNED_OFF]);
  assert.deepEqual(texts(got), ["000123.45", "7"]);
  assert.deepEqual(got.refused, [{
    asked: "9.9.9",
    reason: "The meter /LGZ5ZMD refuses R1 9.9.9(): (ERROR01), which means: unknown command",
  }]);
  const gone = [...OPEN, ...R1, `< ${ENERGY}`, ...says("R1", "9.9.9()"), `< ${BREAK}`, "= 300 7E1"];
  assert.deepEqual(run(registers("1.8.0", "9.9.9", "2.8.0"), gone).refused.map(({ asked }) => asked), [
    "9.9.9",
    "2.8.0",
  ]);
});

Deno.test("readRegisters: an answer without a value is none, and what cannot be read is kept beside the rest", () => {
  const bare = [...OPEN, ...R1, `< ${block("1.8.0")}`, ...says("R5", "1.8.0()"), `< ${block("1.8.0")}`];
  const none = [...bare, ...says("R1", "1.8.0(1)"), `< ${block("1.8.0")}`, ...SIGNED_OFF];
  assert.match(
    failure(registers("1.8.0"), none).message,
    /answers R1 1\.8\.0\(\) by "1\.8\.0": there is no value in it/,
  );
  const half = run(registers("1.8.0"), [...OPEN, ...R1, `< ${block("1.8.0(5)\r\n1.8.1(6\r\n")}`, ...SIGNED_OFF]);
  assert.deepEqual([texts(half), half.answers[0]!.damaged.length], [["5"], 1]);
});

Deno.test("readRegisters: an answer without address has the one that was asked for", () => {
  const script = [
    ...OPEN,
    ...R1,
    `< ${block("(0033402.264*kWh)")}`,
    ...says("R1", "ET0PE(04.22)"),
    `< ${block("ET0PE(1)\r\n(2)\r\n")}`,
  ];
  const work = function* (meter: Programming) {
    const { answers } = yield* readRegisters(meter, ["1.8.0", "ET0PE(04.22)"]);
    return telegramOf(meter, answers);
  };
  const { block: { sets }, identification, check, mode } = run(work, [...script, ...SIGNED_OFF]);
  assert.deepEqual(sets.map(({ address }) => address), ["1.8.0", "ET0PE", ""]);
  assert.deepEqual([identification?.line, check.result, mode], ["/LGZ5ZMD", "good", "C"]);
});

Deno.test("readRegisters: an answer with more sets than were asked for keeps them all", { ignore: !hasVectors }, () => {
  const two = toText(fromHex(vectors().get("ans-two-sets")!.hex));
  const { answers } = run(registers("1.6.2"), [...OPEN, ...says("R1", "1.6.2()"), `< ${two}`, ...SIGNED_OFF]);
  const sets = answers.flatMap(({ sets }) => sets).map(({ address, values }) => [address, values[0]!.text]);
  assert.deepEqual(sets, [["1.6.1", "03.259"], ["1.6.2", "02.100"]]);
});

Deno.test("read: partial blocks are joined, a damaged one is repeated, a break in the middle ends it", () => {
  const [first, last] = [block("P.01(1)(2)(0", EOT), block(".1)\r\n(0.2)\r\n")];
  const ask = says("R6", "P.01(;;2)");
  const work = (meter: Programming) => read(meter, { name: "R6", data: "P.01(;;2)" });
  const next = ["~ 200", "> \x06"];
  const script = [
    ...OPEN,
    ...ask,
    `< ${first}`,
    ...next,
    `< ${last.replace("2", "3")}`,
    "silence",
    "~ 200",
    "> \x15",
    `< ${last}`,
  ];
  assert.equal(run(work, [...script, ...SIGNED_OFF]).text, "P.01(1)(2)(0.1)\r\n(0.2)\r\n");
  const ended = [...OPEN, ...ask, `< ${first}`, ...next, `< ${BREAK}`, "= 300 7E1"];
  assert.match(failure(work, ended).message, /by a break/);
  followAborted(programming({}, work), [...OPEN, ...ask, `< ${first}`, ...next, "abort", ...SIGNED_OFF]);
});

Deno.test("write: told once; partial blocks; what the meter says to it", () => {
  const work = (name: string, data: string) => (meter: Programming) => write(meter, { name, data });
  assert.equal(run(work("W1", "0.0.1(1001)"), [...OPEN, ...says("W1", "0.0.1(1001)"), ACK, ...SIGNED_OFF]), "");
  const silent = failure(work("E2", "0.1.0()"), [...OPEN, ...says("E2", "0.1.0()"), "silence", ...SIGNED_OFF]);
  assert.ok(silent instanceof SilenceError);
  const refused = failure(work("W1", "0.0.1(1)"), [
    ...OPEN,
    ...says("W1", "0.0.1(1)"),
    `< ${block("(ERROR)")}`,
    ...SIGNED_OFF,
  ]);
  assert.ok(refused instanceof RefusalError);
  const long = `C.9(${"x".repeat(80)})`;
  const [one, two] = [long.slice(0, 64), long.slice(64)];
  const partial = toText(encodeCommand({ name: "W3", data: one }, "xor", EOT));
  run(work("W3", long), [...OPEN, "~ 200", `> ${partial}`, ACK, ...says("W3", two), ACK, ...SIGNED_OFF]);
});

Deno.test(
  "presentationOf: the challenge of Elster's A1700, else the password in clear",
  { ignore: !hasVectors },
  () => {
    const identification = { line: "/GEC5A1700", maker: "GEC", baudCharacter: "5", escapes: [], text: "A1700" };
    const present = (seed: string, password: string, access?: string) =>
      presentationOf(password, { identification, seed, ...access !== undefined && { access } });
    assert.deepEqual(present("0102030405060708", "12345678"), { name: "P2", operand: "6090C0F0205080B0" });
    assert.deepEqual(present("8F3C21D04477AE10", "ABCDEF01"), { name: "P2", operand: "EF6DCF6364953354" });
    assert.deepEqual(present("", "12345678"), { name: "P1", operand: "12345678" });
    assert.deepEqual(present("0102030405060708", "12345678", "password").name, "P1");
    assert.throws(() => present("12", "12345678", "elster-a1700"), /cannot answer the seed \(12\)/);
    const { name, operand } = present("0102030405060708", "12345678");
    assert.equal(command(name, `(${operand})`), toText(fromHex(vectors().get("elster-a1700-p2")!.hex)));
  },
);

/** An exchange with a real meter as a script: pauses and changes of the line, which nobody wrote down, are added. */
function scriptOf(number: string, { from = 0, to = Infinity, pauseMs = 200, baud = 9600 } = {}): string[] {
  const script = ["= 300 7E1"];
  for (const { direction, bytes } of exchange(number).slice(from, to)) {
    const text = toText(bytes);
    if (direction === ">" && !text.startsWith("/?")) script.push(`~ ${pauseMs}`);
    script.push(`${direction} ${text}`);
    // deno-lint-ignore no-control-regex -- ACK begins an option select
    if (/^\x06...\r/.test(text)) script.push(`= ${baud} 7E1`);
  }
  return script;
}

const ignore = !hasExchanges;

Deno.test("readRegisters: ME162 answers without address", { ignore }, () => {
  const script = scriptOf("001", { from: 6 });
  const got = run(registers("1.8.0", "2.8.0", "1.8.0"), [...script, ...SIGNED_OFF]);
  assert.deepEqual(texts(got), ["0033402.264", "0000013.465", "0033402.264"]);
  assert.deepEqual(got.answers.map(({ sets }) => sets[0]!.address), ["1.8.0", "2.8.0", "1.8.0"]);
});

Deno.test("readRegisters: Energomera's sum, letters for addresses, tariffs with and without them", { ignore }, () => {
  const signedOff = ["~ 200", "> \x01B0\x03u", "= 300 7E1"];
  const asked = [
    "HELLO",
    "ET0PE",
    "ECMPE",
    "ENMPE(04.22)",
    "EAMPE(04.22)",
    "ECDPE",
    "POWPP",
    "POWEP",
    "VOLTA",
    "VNULL",
  ];
  const all = [...asked, "CURRE", "FREQU", "ECDPE", "CURRE", "CURRE"];
  const got = run(registers(...all), [...scriptOf("002"), ...signedOff], { password: "dummy" });
  assert.deepEqual(got.refused, []);
  assert.deepEqual(got.answers.map(({ sets }) => sets.length).slice(0, 4), [1, 6, 6, 6]);
  const ce102 = scriptOf("003", { to: 14 });
  const second = run(registers("CURRE", "FREQU", "VOLTA", "ET0PE"), [...ce102, ...signedOff], {
    address: "141628345",
    password: "777777",
  });
  assert.deepEqual(texts(second), ["0.402", "49.97", "237.58", "68.42", "45.54", "22.88", "0.00", "0.00", "0.00"]);
});

Deno.test("readRegisters: in one packet each, without a sign-on and a break; damaged, it is asked anew", {
  ignore: !hasVectors,
}, () => {
  const sum = (text: string) => toText(encodeDataMessage(text, "sum7"));
  const fast = toText(fromHex(vectors().get("req-energomera-fast")!.hex));
  const other = "/?!" + toText(encodeCommand({ name: "R1", data: "CURRE()" }, "sum7"));
  const script = [
    ...["= 300 7E1", "~ 200", `> ${fast}`, `< ${sum("VOLTA(237.58)\r\n")}`, "~ 200", `> ${other}`],
    ...[
      `< ${sum("CURRE(0.402)\r\n").replace("402", "403")}`,
      "silence",
      "~ 200",
      `> ${other}`,
      `< ${sum("CURRE(0.402)\r\n")}`,
    ],
  ];
  const options = { type: "energomera-packet" };
  assert.deepEqual(texts(run(registers("VOLTA", "CURRE"), script, options)), ["237.58", "0.402"]);
  const named = run(
    function* (meter) {
      return telegramOf(meter, (yield* readRegisters(meter, ["VOLTA"])).answers);
    },
    script.slice(0, 4),
    options,
  );
  assert.equal(named.identification, undefined, "nobody has said who it is");
  for (
    const work of [
      (meter: Programming) => logIn(meter, "777777"),
      (meter: Programming) => write(meter, { name: "W1", data: "X(1)" }),
    ]
  ) {
    assert.match(
      failure(work, ["= 300 7E1"], options).message,
      /in one packet a register can be read, and nothing else/,
    );
  }
  const addressed = { ...options, address: "141628345" };
  run(
    registers("VOLTA"),
    ["= 300 7E1", "~ 200", `> ${fast.replace("?", "?141628345")}`, `< ${sum("VOLTA(1)\r\n")}`],
    addressed,
  );
});

Deno.test("readRegisters: NEVA's (01) is an error message, and its P0 with a wrong check is asked for again", {
  ignore,
}, () => {
  const [first, second, third, right, wrong, ...rest] = scriptOf("004").slice(1).filter((line) => !/^[~=]/.test(line));
  const paced = rest.slice(0, -1).flatMap((line) => line.startsWith(">") ? ["~ 200", line] : [line]);
  const script = [
    "= 300 7E1",
    first!,
    second!,
    "~ 200",
    third!,
    "= 9600 7E1",
    wrong!,
    "~ 200",
    "> \x15",
    right!,
    ...paced,
  ];
  const addresses = ["100700FF", "2107FFFF", "600900FF", "030880FF", "0F0880FF"];
  const got = run(registers(...addresses), [...script, ...SIGNED_OFF], { address: "00000201", password: "00000000" });
  assert.deepEqual(texts(got).slice(0, 3), ["00005.3", "00.717", "029"]);
  assert.deepEqual(got.refused.map(({ asked }) => asked), ["030880FF"]);
  assert.match(got.refused[0]!.reason, /: \(01\); it may want/);
});

/** Exchanges that were written down without check characters: they are added to what we send. */
function checked(script: readonly string[]): string[] {
  return script.map((line) => {
    // deno-lint-ignore no-control-regex -- a command without its check character
    const found = /^> \x01(..)\x02?([^\x03]*)\x03$/.exec(line);
    return found ? `> ${command(found[1]!, found[2] === "" ? undefined : found[2])}` : line;
  });
}

Deno.test("read: MetCom's profile and log book, whose check characters nobody wrote down", { ignore }, () => {
  const profile = checked(scriptOf("011"));
  const p01 = (meter: Programming) => read(meter, { name: "R5", data: "P.01(0221204010000;)" });
  const quiet = profile.flatMap((line) =>
    line.endsWith("\x03") && line.startsWith("< \x01") ? [line, "silence"] : [line]
  );
  const answered = quiet.slice(0, -1); // the break of the meter follows its answer at once
  const { text, check } = run(p01, [...answered, "silence", ...SIGNED_OFF], { address: "10067967" });
  assert.equal(check, "absent");
  assert.equal(text.split("\r\n").length, 6);
  const log = checked(scriptOf("012", { to: 8 })).flatMap((line) =>
    line.startsWith("< ") && line.endsWith("\x03") ? [line, "silence"] : [line]
  );
  const p98 = (meter: Programming) => read(meter, { name: "R5", data: "P.98(01808130001;01808191600)" });
  assert.equal(run(p98, [...log, ...SIGNED_OFF], { password: "00000000" }).text.match(/P\.98/g)?.length, 6);
});

Deno.test("readRegisters: EMH LZQJ, R5 at 4800 Bd", { ignore }, () => {
  // Its client acknowledged 9600 Bd to a meter that proposed 4800.
  const script = checked(scriptOf("014", { to: 6, baud: 4800 })).map((line) => line.replace("\x06051", "\x06041"));
  const quiet = script.flatMap((line) => line.startsWith("< ") && line.endsWith("\x03") ? [line, "silence"] : [line]);
  const got = run(registers("F.F"), [...quiet, ...SIGNED_OFF], { address: "12345678" });
  assert.deepEqual([texts(got), got.answers[0]!.check], [["00000000"], "absent"]);
});

Deno.test("readProfile: the form of stamps that a meter takes is found once, a day without data is no error", () => {
  const zone = zoneOf("UTC");
  const head = "P.01(12406010015)(00)(15)(1)(1.5)(kW)\r\n(0.1)\r\n";
  const script = [
    ...[...OPEN, ...says("R5", "P.01(0240601000000;0240602000000)"), `< ${block("(ERROR)")}`],
    ...[...says("R5", "P.01(02406010000;02406020000)"), `< ${block(head)}`, "silence"],
    ...[...says("R5", "P.01(02405312215;02406020000)"), `< ${block(head)}`, "silence"], // rows are missing: did more not fit?
    ...[...says("R5", "P.01(02405312300;02406020100)"), `< ${block(head)}`, "silence"], // an hour off?
    ...[...says("R5", "P.01(02405312215;02406020100)"), `< ${block(head)}`],
    ...[...says("R5", "P.01(02406020000;02406021200)"), `< ${block("P.01(ERROR)")}`],
  ];
  const days: number[] = [];
  const request = { address: "P.01", fromMs: Date.UTC(2024, 5, 1), toMs: Date.UTC(2024, 5, 2, 12), zone };
  const work = (meter: Programming) => readProfile(meter, { ...request, onDay: ({ rows }) => days.push(rows.length) });
  run(work, [...script, ...SIGNED_OFF]);
  assert.deepEqual(days, [1, 0]);
  const never = [
    "0240601000000;0240601120000",
    "02406010000;02406011200",
    "240601000000;240601120000",
    "2406010000;2406011200",
  ]
    .flatMap((range) => [...says("R5", `P.01(${range})`), `< ${block("(ERROR)")}`]);
  const half = (meter: Programming) =>
    readProfile(meter, { ...request, toMs: Date.UTC(2024, 5, 1, 12), onDay: () => {} });
  assert.match(failure(half, [...OPEN, ...never, ...SIGNED_OFF]).message, /refuses R5 P\.01\(0240601000000/);
});

Deno.test("readProfile: a day that came is kept where the meter refuses to be asked for an hour more", () => {
  const script = [
    ...[...OPEN, ...says("R5", "P.01(0240601000000;0240602000000)")],
    ...[`< ${block("P.01(12406010015)(00)(15)(1)(1.5)(kW)\r\n(0.1)\r\n")}`, "silence"],
    ...[...says("R5", "P.01(0240531221500;0240602000000)"), `< ${block("P.01(ERROR)")}`, "silence"],
    ...[...says("R5", "P.01(0240531230000;0240602010000)"), `< ${block("(ER23)")}`],
  ];
  const range = { fromMs: Date.UTC(2024, 5, 1), toMs: Date.UTC(2024, 5, 2) };
  const days: number[] = [];
  const onDay = ({ rows }: { rows: readonly unknown[] }) => days.push(rows.length);
  run((meter) => readProfile(meter, { address: "P.01", ...range, zone: zoneOf("UTC"), onDay }), [
    ...script,
    ...SIGNED_OFF,
  ]);
  assert.deepEqual(days, [1]);
});
