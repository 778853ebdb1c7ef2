import assert from "node:assert/strict";
import { toBytes, toText } from "../../src/iec62056/characters.ts";
import { encodeCommand, encodeDataMessage } from "../../src/iec62056/messages.ts";
import { programming, readRegisters, write } from "../../src/iec62056/mod.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";
import { converse } from "../../src/session.ts";
import { parseCaptures, speak } from "../../src/simulator/capture.ts";
import { Faults, parseFault } from "../../src/simulator/faults.ts";
import { meter } from "../../src/simulator/meter.ts";
import { startSimulator } from "../../src/simulator/mod.ts";
import { parseDialect, Programmed, type ProgrammedOptions } from "../../src/simulator/registers.ts";
import type { MeterEvent } from "../../src/simulator/speech.ts";
import { openTransport, parseEndpoint } from "../../src/transport/mod.ts";
import { hastyClock } from "../support/hasty_clock.ts";
import { followAborted } from "../support/follow.ts";
import { fromHex, hasVectors, vectors } from "../support/specs.ts";

const TELEGRAM = "/ABC5X\r\n0.0.0(00012)\r\n1.8.0(000123.45*kWh)\r\nE(1)\r\n(2)\r\n(3)\r\n!\r\n";
const vector = (name: string) => toText(fromHex(vectors().get(name)!.hex));
const ignore = !hasVectors;

/** Runs a meter by a script, from the request to P0; gives what it told its owner. */
function run(script: string[], options: ProgrammedOptions = {}, { text = TELEGRAM, faults = [] as string[] } = {}) {
  const [capture] = parseCaptures(toBytes(text));
  const events: MeterEvent[] = [];
  const dialogue = meter({
    mode: "C",
    line: SIGN_ON_LINE,
    reactionMs: 200,
    periodMs: 0,
    stretch: () => Infinity,
    words: () => speak(capture!, "C"),
    block: () => capture!.block,
    programming: new Programmed(options),
    faults: new Faults(faults.map(parseFault)),
    notice: (event) => events.push(event),
  });
  const opening = [
    "= 300 7E1",
    "< /?!\r\n",
    "~ 200",
    `> ${text.split("\r\n")[0]}\r\n`,
    "< \x06051\r\n",
    "= 9600 7E1",
    "~ 200",
  ];
  followAborted(dialogue, [...opening, ...script, "abort"]);
  return events.map((event) => event.kind === "command" ? `${event.text}: ${event.done}` : event.kind);
}

const P0 = "> " + toText(encodeCommand({ name: "P0", data: "()" }));
const said = (text: string) => ["~ 200", `> ${text}`];
const block = (text: string, end?: number) => toText(encodeDataMessage(text, "xor", end));
const asks = (name: string, data: string) => `< ${toText(encodeCommand({ name, data }))}`;
const [ACK, NAK, BREAK] = ["\x06", "\x15", "\x01B0\x03q"];
const IDLE = "= 300 7E1";
const ENERGY = "1.8.0(000123.45*kWh)";
const summed = (name: string, data: string) => toText(encodeCommand({ name, data }, "sum7"));

Deno.test("programmingMode: seed, password, register and break are the vectors, byte by byte", { ignore }, () => {
  const script = [
    ...[`> ${vector("p0-1234567")}`, `< ${vector("p1-12345678")}`, ...said(ACK)],
    ...[`< ${vector("r1-1.8.0")}`, ...said(vector("ans-with-address")), `< ${vector("cmd-break")}`, IDLE],
  ];
  const events = run(script, { seed: "1234567", password: "12345678", protects: "reading" });
  assert.deepEqual(events.slice(2), ["P1: answered", "R1 1.8.0(): answered", "break"]);
});

Deno.test("programmingMode: the challenge of the vectors", { ignore }, () => {
  const options = { seed: "0102030405060708", password: "12345678", access: "elster-a1700" };
  run([`> ${vector("elster-a1700-p0")}`, `< ${vector("elster-a1700-p2")}`, ...said(ACK)], options);
  const wrong = run([`> ${vector("elster-a1700-p0")}`, `< ${vector("p1-12345678")}`, ...said(BREAK), IDLE], options);
  assert.deepEqual(wrong.at(-1), "P1: wrong password");
});

Deno.test("programmingMode: partial blocks of the vectors, repeated on NAK", { ignore }, () => {
  const rows = [
    "P.01(1240601001500)(00000000)(15)(2)(1.5)(kW)(2.5)(kW)",
    "(0.120)(0.000)",
    "(0.124)(0.000)",
    "(0.131)(0.000)",
    "(0.128)(0.000)",
  ];
  const [one, two] = [vector("block-1-eot"), vector("block-2-etx")];
  const script = [
    P0,
    `< ${vector("r6-p01-8")}`,
    ...said(one),
    `< ${NAK}`,
    ...said(one),
    `< ${ACK}`,
    ...said(two),
    `< ${BREAK}`,
    IDLE,
  ];
  run(script, { dialect: { blocks: "3" } }, { text: `/ABC5X\r\n${rows.join("\r\n")}\r\n!\r\n` });
});

Deno.test("programmingMode: the access levels", () => {
  const r1 = [asks("R1", "1.8.0()"), ...said(block(ENERGY))];
  const w1 = [asks("W1", "0.0.0(77)"), ...said(ACK), asks("R1", "0.0.0()"), ...said(block("0.0.0(77)"))];
  const error = said(block("(ERROR)"));
  run([P0, ...r1, ...w1]);
  run([P0, ...r1, asks("W1", "0.0.0(77)"), ...error, asks("P1", "(1)"), ...said(ACK), ...w1], { password: "1" });
  run([P0, asks("R1", "1.8.0()"), ...error, asks("P1", "(1)"), ...said(ACK), ...r1], {
    password: "1",
    protects: "reading",
  });
  run([P0, asks("W5", "0.0.0(77)(1)"), ...said(ACK), asks("W5", "0.0.0(78)(2)"), ...error], { password: "1" });
  const wrong = run([P0, asks("P1", "(2)"), ...said(BREAK), IDLE], { password: "1" });
  assert.deepEqual(wrong.at(-1), "P1: wrong password");
});

Deno.test("programmingMode: dialects", () => {
  const dialects: [string, string[]][] = [
    ["no-p0", [`> ${ACK}`]],
    ["no-address", [P0, asks("R1", "1.8.0()"), ...said(block("(000123.45*kWh)"))]],
    ["counted", [
      P0,
      asks("R1", "1.8.0()"),
      ...said(ACK),
      asks("R1", "1.8.0(1)"),
      ...said(block(ENERGY)),
    ]],
    ["only:R5", [
      P0,
      asks("R1", "1.8.0()"),
      ...said(block("(ERROR)")),
      asks("R5", "0.0.0()"),
      ...said(block("0.0.0(00012)")),
    ]],
    ["refuses:nak", [P0, asks("R1", "9.9()"), ...said(NAK)]],
    ["refuses:ER01", [P0, asks("R1", "9.9()"), ...said(block("(ER01)"))]],
    ["refuses:break", [P0, asks("R1", "9.9()"), ...said(BREAK), IDLE]],
    ["sum", [
      `> ${summed("P0", "()")}`,
      `< ${summed("R1", "1.8.0()")}`,
      ...said(toText(encodeDataMessage(ENERGY, "sum7"))),
    ]],
  ];
  for (const [dialect, script] of dialects) {
    run(script, { dialect: Object.fromEntries([parseDialect(dialect)]) });
  }
  assert.throws(() => parseDialect("loud"), /There is no dialect "loud"\. There are: no-p0,/);
  assert.throws(() => parseDialect("no-p0:1"), /allowed is no-p0\./);
});

Deno.test("programmingMode: a set without address belongs to the one before it", () => {
  run([P0, asks("R1", "E()"), ...said(block("E(1)\r\n(2)\r\n(3)\r\n"))]);
});

Deno.test("programmingMode: silence, NAK and break at each step; a wrong check character; inactivity", () => {
  const faults: [string, string[]][] = [
    ["silent:password:1", [P0, asks("P1", "(1)"), asks("P1", "(1)"), ...said(ACK)]],
    ["silent:answer:1", [P0, asks("R1", "E()"), asks("R1", "0.0.0()"), ...said(block("0.0.0(00012)"))]],
    ["nak:1", [P0, asks("R1", "0.0.0()"), ...said(NAK), asks("R1", "0.0.0()"), ...said(block("0.0.0(00012)"))]],
    ["break:answer", [P0, asks("R1", "0.0.0()"), ...said(BREAK), IDLE]],
    ["break:password", [P0, asks("P1", "(1)"), ...said(BREAK), IDLE]],
  ];
  for (const [fault, script] of faults) run(script, {}, { faults: [fault] });
  run([P0, "< \x01R1\x020.0.0()\x03X", ...said(NAK)]);
  run([P0, "silence", ...said(BREAK), IDLE]);
  run([
    P0,
    "< \x15",
    ...said(P0.slice(2)),
    "< \x15",
    ...said(P0.slice(2)),
    "< \x15",
    ...said(P0.slice(2)),
    "< \x15",
    ...said(BREAK),
    IDLE,
  ]);
});

/** Client and simulated meter together, where the vectors have shown each alone to be right. */
async function together(endpoint: string, password?: string) {
  const { signal } = new AbortController();
  await using transport = await openTransport(parseEndpoint(endpoint), { signal });
  const work = function* (its: Parameters<typeof readRegisters>[0]) {
    const before = yield* readRegisters(its, ["1.8.0", "0.0.0"]);
    yield* write(its, { name: "W1", data: "0.0.0(99)" });
    const after = yield* readRegisters(its, ["0.0.0"]);
    return [...before.answers, ...after.answers].map(({ sets }) => sets[0]!.values[0]!.text);
  };
  return await converse(transport, programming({ ...password !== undefined && { password } }, work), {
    signal,
    clock: hastyClock,
  });
}

Deno.test("startSimulator: programming mode over TCP and over a pseudo-terminal at the pace of the wire", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (
      const [listen, dialect] of [[{ tcp: "127.0.0.1:0" }, {}], [{ pty: `${folder}/meter` }, {
        sum: "",
        only: "R5",
      }]] as const
    ) {
      const captures = parseCaptures(toBytes(TELEGRAM));
      const programming = { password: "SESAME77", dialect };
      await using simulator = await startSimulator({ meters: [{ captures }], listen, programming, clock: hastyClock });
      assert.deepEqual(await together(simulator.endpoint, "SESAME77"), ["000123.45", "00012", "99"]);
      assert.deepEqual([simulator.statistics.writes, simulator.statistics.complaint], [1, undefined]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
