import assert from "node:assert/strict";
import { toBytes, toText } from "../../src/iec62056/characters.ts";
import { PUSH_LINE, SIGN_ON_LINE } from "../../src/line.ts";
import { parseCaptures, type SimulatedMode, speak } from "../../src/simulator/capture.ts";
import { Faults, parseFault } from "../../src/simulator/faults.ts";
import { meter } from "../../src/simulator/meter.ts";
import { HangUp, type MeterEvent } from "../../src/simulator/speech.ts";
import { followAborted } from "../support/follow.ts";

const [capture] = parseCaptures(toBytes("/ABC5X\r\n0.0.0(00012)\r\n1.8.0(000123.4*kWh)\r\n!\r\n"));
const message = toText(speak(capture!, "C").message);

interface Case {
  readonly mode?: SimulatedMode;
  readonly faults?: string[];
  readonly fixed?: boolean;
  readonly stretch?: number;
}

/** Runs a meter with the number 12 by a script; gives what it told its owner. */
function run(script: string[], { mode = "C", faults = [], fixed = false, stretch = Infinity }: Case = {}): string[] {
  const events: MeterEvent[] = [];
  const dialogue = meter({
    mode,
    address: "12",
    line: mode === "D" ? PUSH_LINE : SIGN_ON_LINE,
    fixed,
    reactionMs: 200,
    periodMs: 2000,
    stretch: () => stretch,
    words: () => speak(capture!, mode),
    block: () => capture!.block,
    faults: new Faults(faults.map(parseFault)),
    notice: (event) => events.push(event),
  });
  followAborted(dialogue, [...script, "abort"]);
  return events.map(({ kind }) => kind);
}

const IDLE = "= 300 7E1";
const SIGN_ON = [IDLE, "< /?!\r\n", "~ 200", "> /ABC5X\r\n"];
const ACKNOWLEDGED = [...SIGN_ON, "< \x06050\r\n", "= 9600 7E1", "~ 200"];
const BREAK = "< \x01B0\x03q";

Deno.test("meter: mode C, from the request to the break", () => {
  assert.deepEqual(run([...ACKNOWLEDGED, `> ${message}`, BREAK, IDLE]), ["request", "data", "break"]);
});

Deno.test("meter: mode C stays at 300 Bd for Z = 0, a wrong Z and no acknowledgement", () => {
  const at300 = ["= 300 7E1", "~ 200", `> ${message}`];
  assert.deepEqual(run([...SIGN_ON, "< \x06000\r\n", ...at300]), ["request", "data"]);
  assert.deepEqual(run([...SIGN_ON, "< \x06040\r\n", ...at300]), ["request", "complaint", "data"]);
  assert.deepEqual(run([...SIGN_ON, "silence", ...at300]), ["request", "complaint", "data"]);
});

Deno.test("meter: a break instead of the acknowledgement ends the session", () => {
  assert.deepEqual(run([...SIGN_ON, BREAK, IDLE]), ["request", "break"]);
});

Deno.test("meter: programming mode is refused by a meter that has none", () => {
  assert.deepEqual(run([...SIGN_ON, "< \x06051\r\n", IDLE]), ["request", "complaint"]);
});

Deno.test("meter: mode B changes its speed by itself, mode A not at all", () => {
  const b = [IDLE, "< /?!\r\n", "~ 200", "> /ABCEX\r\n", "= 9600 7E1", "~ 200", `> ${message}`, "silence", IDLE];
  assert.deepEqual(run(b, { mode: "B" }), ["request", "data"]);
  const a = [IDLE, "< /?!\r\n", "~ 200", "> /ABCzX\r\n", "= 300 7E1", "~ 200", `> ${message}`, "silence", IDLE];
  assert.deepEqual(run(a, { mode: "A" }), ["request", "data"]);
});

Deno.test("meter: a port of one speed announces another and stays", () => {
  run([...SIGN_ON, "< \x06050\r\n", "= 300 7E1", "~ 200", `> ${message}`], { fixed: true });
});

Deno.test("meter: answers its number and everybody's, leading zeros or not", () => {
  run([IDLE, "< /?0012!\r\n", "~ 200", "> /ABC5X\r\n"]);
  assert.deepEqual(run([IDLE, "< /?13!\r\n", IDLE, "< /2!\r\n", IDLE]), ["request", "request"]);
});

Deno.test("meter: asleep, it hears nothing before a run of NULs and a silence, and one NUL after B1", () => {
  const long = "< " + "\0".repeat(60);
  const asleep = { faults: ["asleep"] };
  assert.deepEqual(run([IDLE, "< /?!\r\n", "< " + "\0".repeat(59), "silence"], asleep), []);
  assert.deepEqual(run([IDLE, "< " + "\0".repeat(59), "< /?!\r\n"], asleep), ["complaint"]);
  const awake = [IDLE, long, "silence", ...ACKNOWLEDGED.slice(1), `> ${message}`];
  assert.deepEqual(run([...awake, BREAK, IDLE, "< \0", "silence"], asleep), ["request", "data", "break"]);
  const half = [...awake, "< \x01B1\x03p", IDLE, "< \0", "silence", ...SIGN_ON.slice(1)];
  assert.deepEqual(run(half, asleep), ["request", "data", "break", "request"]);
});

Deno.test("meter: hears a request behind a wake-up, an old break and noise", () => {
  run([IDLE, "< \0\0\0\x7f~/?!\r\n", "~ 200", "> /ABC5X\r\n"]);
  run([IDLE, "< \x01B0\x03q/?!\r\n", IDLE, "~ 200", "> /ABC5X\r\n"]);
});

Deno.test("meter: repeats on NAK three times, then gives up", () => {
  const again = ["< \x15", "~ 200", `> ${message}`];
  const script = [...ACKNOWLEDGED, `> ${message}`, ...again, ...again, ...again, "< \x15", "> \x01B0\x03q", IDLE];
  assert.deepEqual(run(script).filter((kind) => kind === "repeat").length, 4);
});

Deno.test("meter: a break ends the data, anything else is complained about", () => {
  const part = (from: number, to: number) => `> ${message.slice(from, to)}`;
  const script = [IDLE, "< /?!\r\n", "~ 200", "> /ABC5X\r\n", "< \x06050\r\n", "= 9600 7E1", "~ 200", part(0, 20)];
  assert.deepEqual(run([...script, BREAK, IDLE], { stretch: 20 }), ["request", "data", "break"]);
  const went = run([...script, "< \x15", part(20, 40)], { stretch: 20 });
  assert.deepEqual(went, ["request", "data", "complaint"]);
});

Deno.test("meter: a new request instead of a NAK begins a new session", () => {
  const script = [...ACKNOWLEDGED, `> ${message}`, "< /?!\r\n", IDLE, "~ 200", "> /ABC5X\r\n"];
  assert.deepEqual(run(script), ["request", "data", "request"]);
});

Deno.test("meter: mode D pushes by itself", () => {
  const telegram = toText(speak(capture!, "D").push);
  assert.deepEqual(run(["= 2400 7E1", `> ${telegram}`, "~ 2000", `> ${telegram}`], { mode: "D" }), ["push", "push"]);
});

/** A fault, and what the meter says instead of its data message. */
const DATA_FAULTS: Record<string, (said: string) => boolean> = {
  "flip-digit": (said) => said.length === message.length && said !== message && said.at(-1) === message.at(-1),
  "drop-stx": (said) => said === message.slice(1),
  "truncate:10": (said) => said === message.slice(0, 10),
  truncate: (said) => said === message.slice(0, message.length >> 1),
  "garbage:data": (said) => !said.includes("\x02") && !said.includes("!"),
  "garbage:before": (said) => said.endsWith(message) && said.length > message.length,
};

for (const [fault, holds] of Object.entries(DATA_FAULTS)) {
  Deno.test(`meter: fault ${fault} strikes as often as asked`, () => {
    const strike = (times: string) => {
      const faults = new Faults([parseFault(fault + times)]);
      const said: string[] = [];
      const dialogue = meter({
        mode: "D", // has no identification that could be hit as well
        line: PUSH_LINE,
        reactionMs: 0,
        periodMs: 0,
        stretch: () => Infinity,
        words: () => ({ ...speak(capture!, "C"), push: toBytes(message) }),
        block: () => capture!.block,
        faults,
        notice: () => {},
      });
      for (let step = dialogue.next(); said.length < 2; step = dialogue.next()) {
        if (step.value.kind === "send") said.push(toText(step.value.bytes));
      }
      return said;
    };
    assert.deepEqual(strike("").map(holds), [true, true]);
    if (fault !== "truncate") assert.deepEqual(strike(":1").map((said) => said === message), [false, true]);
  });
}

Deno.test("meter: fault bad-bcc:1 spoils one message, the next is whole", () => {
  const wrong = message.slice(0, -1) + String.fromCharCode(message.charCodeAt(message.length - 1) ^ 0x04);
  run([...ACKNOWLEDGED, `> ${wrong}`, "< \x15", "~ 200", `> ${message}`], { faults: ["bad-bcc:1"] });
});

Deno.test("meter: fault silent, before and behind the identification", () => {
  run([IDLE, "< /?!\r\n", IDLE, "< /?!\r\n", "~ 200", "> /ABC5X\r\n"], { faults: ["silent:1"] });
  run([...SIGN_ON, "< \x06050\r\n", IDLE, "< /?!\r\n", "~ 200", "> /ABC5X\r\n"], { faults: ["silent:data:1"] });
});

Deno.test("meter: faults ignore-ack and no-nak", () => {
  run([...SIGN_ON, "< \x06050\r\n", "= 300 7E1", "~ 200", `> ${message}`], { faults: ["ignore-ack"] });
  run([...ACKNOWLEDGED, `> ${message}`, "< \x15", "silence", IDLE], { faults: ["no-nak"] });
});

Deno.test("meter: fault restart, whoever asks while it speaks hears who it is, in the middle of its data", () => {
  const script = [...ACKNOWLEDGED, `> ${message.slice(0, 20)}`, "< /?!\r\n", IDLE, "~ 200", "> /ABC5X\r\n"];
  const went = run(script, { faults: ["restart"], stretch: 20 });
  assert.deepEqual(went, ["request", "data", "complaint", "request"]);
});

Deno.test("meter: fault disconnect hangs up in the middle", () => {
  assert.throws(() => run([...ACKNOWLEDGED, `> ${message.slice(0, 10)}`], { faults: ["disconnect:10"] }), HangUp);
});

Deno.test("parseFault: what is allowed, and what is said about the rest", () => {
  assert.deepEqual(parseFault("bad-bcc"), { name: "bad-bcc" });
  assert.deepEqual(parseFault("bad-bcc:2"), { name: "bad-bcc", times: 2 });
  assert.deepEqual(parseFault("silent:data:2"), { name: "silent", argument: "data", times: 2 });
  assert.deepEqual(parseFault("slow:1400ms"), { name: "slow", argument: "1400ms" });
  assert.throws(() => parseFault("bad"), /There is no fault "bad"\. There are: bad-bcc, /);
  assert.throws(() => parseFault("truncate:much"), /allowed is truncate\[:BYTES\]\[:TIMES\]/);
});
