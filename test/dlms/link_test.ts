import assert from "node:assert/strict";
import { type Cut, type Dialogue, Inbox } from "../../src/dialogue.ts";
import {
  encodeFrame,
  encodeWrapped,
  findFrame,
  type Frame,
  hdlcAddress,
  HdlcLink,
  type HdlcLinkOptions,
  type Link,
  toHex,
  wrapperLink,
} from "../../src/dlms/mod.ts";
import { ProtocolError, RefusalError, SilenceError } from "../../src/errors.ts";
import { toText } from "../../src/iec62056/mod.ts";
import { hexOctets, ignore, octets } from "../support/dlms.ts";
import { follow } from "../support/follow.ts";

const PROPOSE = { maxSend: 1024, maxReceive: 1024, windowSend: 1, windowReceive: 1 };
const OPTIONS: HdlcLinkOptions = { client: hdlcAddress(16), server: hdlcAddress(1, 17), propose: PROPOSE };

const sent = (name: string) => `> ${toText(octets(name))}`;
const came = (name: string) => `< ${toText(octets(name))}`;
const frameOf = (name: string) => findFrame()(octets(name))!.value;

/** The frame of a vector with something else in it. */
function changed(name: string, change: Partial<Frame>): string {
  return toText(encodeFrame({ ...frameOf(name), ...change }));
}

const apdu = (name: string) => frameOf(name).information.subarray(3);
const OPEN = [sent("ses-01-snrm"), came("ses-02-ua")];
const CLOSE = [sent("ses-19-disc"), came("ses-20-ua")];

/** Opens, asks, closes whatever happens. */
function* session(link: Link, questions: readonly Uint8Array[]): Dialogue<string[]> {
  const answers: string[] = [];
  try {
    yield* link.open();
    for (const question of questions) answers.push(toHex((yield* link.exchange(question)).value));
  } finally {
    yield* link.close();
  }
  return answers;
}

const hdlc = (questions: readonly Uint8Array[], options: Partial<HdlcLinkOptions> = {}) =>
  session(new HdlcLink(new Inbox(), { ...OPTIONS, ...options }), questions);

const WHOLE = [
  ...OPEN,
  ...[sent("ses-03-aarq"), came("ses-04-aare"), sent("ses-05-get-clock"), came("ses-06-get-clock-resp")],
  ...[sent("ses-07-get-energy"), came("ses-08-get-energy-resp"), sent("ses-09-get-su"), came("ses-10-get-su-resp")],
  ...[sent("ses-11-get-profile"), came("ses-12-seg1"), sent("ses-13-rr"), came("ses-14-seg2"), sent("ses-15-rr")],
  ...[came("ses-16-seg3"), sent("ses-17-rlrq"), came("ses-18-rlre"), ...CLOSE],
];

Deno.test("HdlcLink: the whole session of the vectors, at once and byte by byte", { ignore }, () => {
  const names = ["ses-03-aarq", "ses-05-get-clock", "ses-07-get-energy", "ses-09-get-su", "ses-11-get-profile"];
  const questions = [...names, "ses-17-rlrq"].map(apdu);
  for (const chunkBytes of [1, 7, Infinity]) {
    const answers = follow(hdlc(questions), WHOLE, { chunkBytes });
    assert.equal(answers[1], "C401C100090C07E8031EFF0A1E00FFFFC400");
    assert.equal(answers[4]!.length, 2 * (6 + 12 * 12));
    assert.equal(answers[5], "6303800100");
  }
});

Deno.test("HdlcLink: a long question goes out in segments, each acknowledged", { ignore }, () => {
  const question = apdu("ses-03-aarq");
  const [first, last] = [frameOf("ses-23-client-seg1"), frameOf("ses-25-client-seg2")];
  const size = first.information.length;
  const ua = changed("ses-02-ua", {
    information: hexOctets(`8180120501 80 0601 ${toHex(Uint8Array.of(size))} 070400000001 080400000001`),
  });
  assert.equal(first.information.length + last.information.length, question.length + 3);
  const answer = changed("ses-04-aare", { control: { kind: "I", send: 0, receive: 2, poll: true } });
  const script = [sent("ses-01-snrm"), `< ${ua}`, sent("ses-23-client-seg1"), came("ses-24-rr-from-server")];
  script.push(sent("ses-25-client-seg2"), `< ${answer}`, ...CLOSE);
  assert.deepEqual(follow(hdlc([question]), script), [toHex(apdu("ses-04-aare"))]);
});

Deno.test("HdlcLink: what is lost is asked for again, what comes twice is taken once", { ignore }, () => {
  const ask = [apdu("ses-05-get-clock")];
  const question = changed("ses-05-get-clock", { control: { kind: "I", send: 0, receive: 0, poll: true } });
  const answer = changed("ses-06-get-clock-resp", { control: { kind: "I", send: 0, receive: 1, poll: true } });
  const damaged = answer.slice(0, 20) + "\0" + answer.slice(21);
  const rr = (receive: number) => changed("ses-24-rr-from-server", { control: { kind: "RR", receive, poll: true } });
  const rnr = (receive: number) => changed("ses-24-rr-from-server", { control: { kind: "RNR", receive, poll: true } });
  const poll = changed("ses-13-rr", { control: { kind: "RR", receive: 0, poll: true } });
  const lost: Record<string, string[]> = {
    "the question": [`> ${question}`, "silence", `> ${question}`, `< ${answer}`],
    "the answer's end": [`> ${question}`, `< ${answer.slice(0, 9)}`, "silence", `> ${question}`, `< ${answer}`],
    "a damaged answer": [`> ${question}`, `< ${damaged}`, "silence", `> ${question}`, `< ${answer}`],
    "an echo": [`> ${question}`, `< ${question}`, `< ${answer}`],
    "the meter says it has it": [`> ${question}`, `< ${rr(1)}`, `> ${poll}`, `< ${answer}`],
    "the meter is not ready": [
      ...[`> ${question}`, `< ${rnr(0)}`, "~ 1000", `> ${poll}`, `< ${rnr(0)}`, "~ 1000", `> ${poll}`],
      ...[`< ${rr(0)}`, "~ 1000", `> ${question}`, `< ${answer}`],
    ],
    "the meter has it and is not ready": [
      ...[`> ${question}`, `< ${rnr(1)}`, `> ${poll}`, `< ${rnr(1)}`, "~ 1000", `> ${poll}`, `< ${answer}`],
    ],
    "the meter says it has it not": [`> ${question}`, `< ${rr(0)}`, "~ 1000", `> ${question}`, `< ${answer}`],
  };
  for (const [what, script] of Object.entries(lost)) {
    assert.equal(follow(hdlc(ask), [...OPEN, ...script, ...CLOSE])[0], toHex(apdu("ses-06-get-clock-resp")), what);
  }
});

Deno.test(
  "HdlcLink: a lost segment of the answer is asked for again, one that came twice counts once",
  { ignore },
  () => {
    const start = WHOLE.indexOf(sent("ses-11-get-profile"));
    const before = WHOLE.slice(2, start);
    const names = ["ses-03-aarq", "ses-05-get-clock", "ses-07-get-energy", "ses-09-get-su", "ses-11-get-profile"];
    const script = [...OPEN, ...before, sent("ses-11-get-profile"), came("ses-12-seg1"), sent("ses-13-rr"), "silence"];
    script.push(sent("ses-13-rr"), came("ses-12-seg1"), sent("ses-13-rr"), came("ses-14-seg2"));
    script.push(sent("ses-15-rr"), came("ses-16-seg3"), ...CLOSE);
    const answers = follow(hdlc(names.map(apdu)), script);
    assert.equal(answers[4]!.length, 2 * (6 + 12 * 12));
  },
);

Deno.test("HdlcLink: a window of three sends three frames and takes three", { ignore }, () => {
  const wide = "8180120501 20 0601 20 070400000003 080400000003";
  const ua = changed("ses-02-ua", { information: hexOctets(wide) });
  const question = new Uint8Array(100).fill(0xc0);
  const snrm = changed("ses-01-snrm", {
    information: hexOctets("818014 05020400 06020400 070400000003 080400000003"),
  });
  const piece = (send: number, receive: number, poll: boolean, part: Uint8Array, segmented: boolean) => ({
    ...{ control: { kind: "I", send, receive, poll } as const, information: part, segmented },
  });
  const whole = new Uint8Array([0xe6, 0xe6, 0, ...question]);
  const out = (at: number, poll: boolean) =>
    `> ${changed("ses-05-get-clock", piece(at, 0, poll, whole.subarray(32 * at, 32 * at + 32), at < 3))}`;
  const back = (at: number, poll: boolean, segmented: boolean) =>
    changed("ses-06-get-clock-resp", piece(at, 4, poll, hexOctets("C4C4C4"), segmented));
  const rr = changed("ses-24-rr-from-server", { control: { kind: "RR", receive: 3, poll: true } });
  const more = changed("ses-13-rr", { control: { kind: "RR", receive: 3, poll: true } });
  const script = [`> ${snrm}`, `< ${ua}`, out(0, false), out(1, false), out(2, true), `< ${rr}`, out(3, true)];
  script.push(`< ${back(0, false, true)}${back(1, false, true)}${back(2, true, true)}`, `> ${more}`);
  script.push(`< ${back(3, true, false)}`, ...CLOSE);
  const propose = { ...PROPOSE, windowSend: 3, windowReceive: 3 };
  assert.equal(follow(hdlc([question], { propose }), script)[0], "C4".repeat(12));
});

Deno.test("HdlcLink: nobody there, refused, dropped, rejected: said so, and disconnected", { ignore }, () => {
  const bare = changed("ses-01-snrm", { information: new Uint8Array() });
  const dm = came("ses-21-dm");
  const silent = [sent("ses-01-snrm"), "silence", sent("ses-01-snrm"), "silence"];
  const nobody = [...silent, ...Array(3).fill([`> ${bare}`, "silence"]).flat()];
  const ask = [apdu("ses-05-get-clock")];
  const question = `> ${changed("ses-05-get-clock", { control: { kind: "I", send: 0, receive: 0, poll: true } })}`;
  const frmr = `< ${changed("ses-20-ua", { control: { kind: "FRMR", poll: true }, information: hexOctets("540010") })}`;
  const cases: [string[], new (...args: never[]) => Error, RegExp][] = [
    [[...nobody, sent("ses-19-disc")], SilenceError, /No answer from meter 1\/17 to 3 requests/],
    [[sent("ses-01-snrm"), dm, `> ${bare}`, dm, sent("ses-19-disc")], RefusalError, /takes no connection/],
    [[...OPEN, question, dm, ...CLOSE], ProtocolError, /dropped the link/],
    [[...OPEN, question, frmr, ...CLOSE], ProtocolError, /control octet 54 rejected: a sequence number/],
    [
      [...OPEN, ...Array(3).fill([question, "silence"]).flat(), sent("ses-19-disc")],
      SilenceError,
      /to frame 1 of 1, asked 3 times/,
    ],
  ];
  for (const [script, kind, message] of cases) {
    assert.throws(() => follow(hdlc(ask), script), (error) => {
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("HdlcLink: a meter that knows no proposals is connected to without", { ignore }, () => {
  const bare = `> ${changed("ses-01-snrm", { information: new Uint8Array() })}`;
  const script = [sent("ses-01-snrm"), came("ses-21-dm"), bare, came("ses-20-ua"), ...CLOSE];
  assert.deepEqual(follow(hdlc([]), script), []);
});

Deno.test("HdlcLink: frames without end and segments without end are given up", { ignore }, () => {
  const question = apdu("ses-05-get-clock");
  const stranger = encodeFrame({ ...frameOf("ses-06-get-clock-resp"), destination: hdlcAddress(99) });
  assert.throws(() => run(hdlc([question]), () => stranger), SilenceError);
  let segments = 0;
  const endless = (asked: Uint8Array) => {
    if (toHex(asked) === toHex(octets("ses-01-snrm"))) return octets("ses-02-ua");
    const control = { kind: "I", send: segments++ % 8, receive: 1, poll: true } as const;
    const frame = { ...frameOf("ses-06-get-clock-resp"), control, segmented: true, information: new Uint8Array(2000) };
    return encodeFrame(frame);
  };
  assert.throws(() => run(hdlc([question]), endless), (error) => {
    assert.ok(error instanceof ProtocolError);
    assert.equal(error.trouble, "endless");
    return true;
  });
  assert.ok(segments < 600);
});

/** Runs a dialogue against a peer that answers everything, also when nobody asks. */
function run<T>(dialogue: Dialogue<T>, peer: (asked: Uint8Array) => Uint8Array): T {
  let asked = new Uint8Array();
  let step = dialogue.next(undefined as never);
  while (!step.done) {
    if (step.value.kind === "send") asked = step.value.bytes.slice();
    const bytes = step.value.kind === "receive" ? peer(asked) : new Uint8Array();
    step = dialogue.next({ bytes, atMs: 0 });
  }
  return step.value;
}

Deno.test("wrapperLink: asks and is answered; other ports' messages are passed over", { ignore }, () => {
  const [question, answer] = [octets("wrp-get-clock"), octets("wrp-get-clock-resp")];
  const stranger = encodeWrapped({ source: 1, destination: 17, apdu: hexOctets("C4") });
  const link = () => wrapperLink(new Inbox(), { client: 16, server: 1 });
  const script = [`> ${toText(question)}`, `< ${toText(stranger)}${toText(answer)}`];
  for (const chunkBytes of [1, Infinity]) {
    const answers = follow(session(link(), [question.subarray(8)]), script, { chunkBytes });
    assert.deepEqual(answers, [toHex(answer.subarray(8))]);
  }
  const silent = [script[0]!, "silence"];
  const nobody = {
    name: "SilenceError",
    message: /^No answer from logical device 1 to client 16 within 15 s; does .* HDLC/,
  };
  assert.throws(() => follow(session(link(), [question.subarray(8)]), silent), nobody);
  const gone = { name: "SilenceError", message: /^No answer from logical device 1 to client 16 within 15 s$/ };
  const twice = [...script, ...silent];
  assert.throws(() => follow(session(link(), [question.subarray(8), question.subarray(8)]), twice), gone);
  assert.throws(() => run(link().exchange(question) as Dialogue<Cut<Uint8Array>>, () => stranger), SilenceError);
});
