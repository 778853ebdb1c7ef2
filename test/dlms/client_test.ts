import assert from "node:assert/strict";
import { type Dialogue, Inbox } from "../../src/dialogue.ts";
import {
  type ActionResponse,
  array,
  associated,
  type Association,
  type AssociationOptions,
  type CipheringOptions,
  Client,
  CONFORMANCE,
  countFrom,
  type Data,
  dateTimeOf,
  encodeActionResponse,
  encodeDateTime,
  encodeException,
  encodeGetResponse,
  encodeReadResponse,
  findFrame,
  hdlcAddress,
  HdlcLink,
  hdlcStation,
  integer,
  type InvocationCounter,
  type Link,
  type LinkParameters,
  type Meter,
  octetString,
  type Rows,
  type ScaledRow,
  Server,
  type StationOptions,
  structure,
  toHex,
  ValueReader,
  wrapperLink,
  wrapperStation,
} from "../../src/dlms/mod.ts";
import { ProtocolError, RefusalError, SilenceError } from "../../src/errors.ts";
import { toText, zoneOf } from "../../src/iec62056/mod.ts";
import { fetchProfile } from "../../src/profile_dlms.ts";
import { ignore, octets } from "../support/dlms.ts";
import {
  CHALLENGE,
  cipheringOf,
  CLIENT_TITLE,
  ENERGY,
  keys,
  LOGINS,
  METER_TITLE,
  PROFILE,
  PROFILE_START,
  SECRET,
  testMeter,
  type TestMeterOptions,
} from "../support/dlms_meter.ts";
import { follow } from "../support/follow.ts";
import { talk, type TalkOptions } from "../support/talk.ts";

const NONE: AssociationOptions = { client: 16, credentials: { mechanism: "none" } };
const SIZES: LinkParameters = { maxSend: 1024, maxReceive: 1024, windowSend: 1, windowReceive: 1 };
const ADDRESS = hdlcAddress(1, 17);

const read = (name: string, classId = 3, id = 2) => ({ classId, name, id });

function hdlcLink(client: number, propose: LinkParameters = SIZES): Link {
  return new HdlcLink(new Inbox(), { client: hdlcAddress(client), server: ADDRESS, propose });
}

/** Runs a client's work against a meter over HDLC. */
function onHdlc<T>(
  meter: Meter,
  options: AssociationOptions,
  work: (client: Client, association: Association) => Dialogue<T>,
  { propose = SIZES, ...rest }: Partial<StationOptions> & TalkOptions & { propose?: LinkParameters } = {},
): T {
  const station = hdlcStation({ address: ADDRESS, serve: (client) => new Server(meter, client), ...rest });
  const dialogue = associated(
    hdlcLink(options.client, propose),
    options,
    (association) => work(new Client(association), association),
  );
  return talk(dialogue, station, rest);
}

/** The same over the wrapper. */
function onWrapper<T>(meter: Meter, options: AssociationOptions, work: (client: Client) => Dialogue<T>): T {
  const station = wrapperStation({ port: 1, serve: (client) => new Server(meter, client) });
  const link = wrapperLink(new Inbox(), { client: options.client, server: 1 });
  return talk(associated(link, options, (association) => work(new Client(association))), station, { chunkBytes: 5 });
}

/** Energy as digits and unit. */
function* energy(client: Client): Dialogue<string> {
  const { value } = yield* new ValueReader(client).read(read(ENERGY));
  return `${value.text} ${value.unit}`;
}

Deno.test("ValueReader: a register whose scaler the meter refuses is refused: its digits may count by any power of ten", () => {
  const answers = {
    // deno-lint-ignore require-yield -- it answers at once
    *get({ id }: { id: number }) {
      return id === 3 ? { error: 3, atMs: 0 } : { data: { type: "double-long-unsigned", value: 1234 }, atMs: 0 };
    },
  };
  const { value } = new ValueReader(answers as unknown as Client).read(read(ENERGY)).next();
  assert("refused" in value! && /^its scaler and unit: /.test(value.refused!), JSON.stringify(value));
  assert.deepEqual(value.value, { text: "", unit: "", number: false });
});

const sent = (name: string) => `> ${toText(octets(name))}`;
const came = (name: string) => `< ${toText(octets(name))}`;

Deno.test("Client: the whole session of the vectors: clock, energy, profile, signed off", { ignore }, () => {
  const names: [string, string][] = [
    ["ses-01-snrm", "ses-02-ua"],
    ["ses-03-aarq", "ses-04-aare"],
    ["ses-05-get-clock", "ses-06-get-clock-resp"],
    ["ses-07-get-energy", "ses-08-get-energy-resp"],
    ["ses-09-get-su", "ses-10-get-su-resp"],
    ["ses-11-get-profile", "ses-12-seg1"],
    ["ses-13-rr", "ses-14-seg2"],
    ["ses-15-rr", "ses-16-seg3"],
    ["ses-17-rlrq", "ses-18-rlre"],
    ["ses-19-disc", "ses-20-ua"],
  ];
  const script = names.flatMap(([question, answer]) => [sent(question), came(answer)]);
  const dialogue = () =>
    associated(hdlcLink(16), { ...NONE, maxPduOctets: 1200 }, function* (association) {
      const client = new Client(association);
      const reader = new ValueReader(client);
      const clock = yield* reader.read(read("0-0:1.0.0*255", 8));
      const total = yield* reader.read(read(ENERGY));
      const buffer = yield* client.demand(read(PROFILE, 7));
      return [clock.value.text, `${total.value.text} ${total.value.unit}`, "items" in buffer && buffer.items.length];
    });
  for (const chunkBytes of [1, 11, Infinity]) {
    assert.deepEqual(follow(dialogue(), script, { chunkBytes }), ["2024-03-30T10:30:00+01:00", "1000000 Wh", 12]);
  }
});

Deno.test("Client: signs on by every mechanism, plain and ciphered, over HDLC and the wrapper", () => {
  for (const { name, client, credentials } of LOGINS) {
    for (const suite of [undefined, 0, 1, 2] as const) {
      const ciphers = suite === undefined ? undefined : cipheringOf(suite);
      const title = { title: CLIENT_TITLE, counter: countFrom(1) };
      const options = { client, credentials, ...(ciphers ? { ciphering: ciphers.client } : title) };
      const meter = () => testMeter(ciphers ? { ciphering: { ...ciphers.meter } } : {});
      assert.equal(onHdlc(meter(), options, energy), "1000000 Wh", `${name} suite ${suite} HDLC`);
      assert.equal(onWrapper(meter(), options, energy), "1000000 Wh", `${name} suite ${suite} wrapper`);
    }
  }
});

Deno.test("Client: ciphers with the dedicated key and by general ciphering too", () => {
  for (const kind of ["dedicated", "general-global", "general-dedicated"] as const) {
    const { client, meter } = cipheringOf(0);
    const ciphering = { ...client, kind, dedicatedKey: new Uint8Array(16).fill(7) };
    const seen = new Set<string>();
    const trace = (_: string, octets: Uint8Array) => {
      const { information } = findFrame()(octets)!.value;
      if (information[0] === 0xe6) seen.add(toHex(information.subarray(3, 4)));
    };
    const meterSide = testMeter({ ciphering: { ...meter, kind } });
    assert.equal(onHdlc(meterSide, { ...NONE, ciphering }, energy, { trace }), "1000000 Wh", kind);
    const outer = { dedicated: ["D0", "D4"], "general-global": ["DB"], "general-dedicated": ["DC"] }[kind];
    for (const tag of outer) assert.ok(seen.has(tag), `${kind}: ${[...seen]}`);
  }
});

Deno.test("Client: no plain text of a ciphered association is on the line", () => {
  const { client, meter } = cipheringOf(0);
  const line: string[] = [];
  const trace = (_: string, octets: Uint8Array) => void line.push(toHex(octets));
  onHdlc(testMeter({ ciphering: meter }), { ...NONE, ciphering: client }, energy, { trace });
  assert.ok(!line.join().includes("0100010800FF"));
});

Deno.test("Client: every refusal in words an administrator understands", () => {
  const wrong = new TextEncoder().encode("00000000");
  const low = (password: Uint8Array) => ({ client: 17, credentials: { mechanism: "low", password } as const });
  const md5 = { mechanism: "md5", secret: wrong, challenge: CHALLENGE } as const;
  const cases: [AssociationOptions, RegExp][] = [
    [low(wrong), /wrong password or key for client 17/],
    [{ ...NONE, client: 99 }, /client 99 may have no association there/],
    [{ ...NONE, client: 17 }, /client 17 has to sign on with a password or key/],
    [{ ...NONE, names: "short" }, /short names instead of logical ones/],
    [{ ...low(SECRET), client: 16 }, /client 16 cannot sign on by this kind of authentication/],
    [{ client: 19, credentials: md5 }, /wrong password or key for client 19/],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => onHdlc(testMeter(), options, energy), (error) => {
      assert.ok(error instanceof RefusalError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("Client: a wrong key, and a meter that does not prove itself, are no association", () => {
  const { client, meter } = cipheringOf(0);
  const other = { ...keys(0), authentication: new Uint8Array(16) };
  const ciphered = () =>
    onHdlc(testMeter({ ciphering: meter }), { ...NONE, ciphering: { ...client, keys: other } }, energy);
  assert.throws(ciphered, { name: "RefusalError", message: /cannot decipher: wrong key/ });
  const login = LOGINS.find(({ name }) => name === "sha256")!;
  const otherTitle = { ...NONE, client: login.client, credentials: login.credentials, title: METER_TITLE };
  const impostor = { ...testMeter(), title: METER_TITLE };
  assert.equal(onHdlc(impostor, otherTitle, energy), "1000000 Wh", "titles are part of the proof, but any will do");
  const forged: Meter = {
    ...testMeter(),
    associations: [{ client: login.client, credentials: { ...login.credentials, challenge: CHALLENGE } as never }],
  };
  assert.throws(() => onHdlc(forged, { ...otherTitle, title: CLIENT_TITLE }, energy), {
    ...{ name: "ProtocolError", message: /our own challenge back/ },
  });
});

Deno.test("Client: a counter that the meter finds too low is raised, and the question asked once more", () => {
  const { client, meter } = cipheringOf(0);
  const numbers = countFrom(10);
  const raised: number[] = [];
  let calls = 0;
  const counter = {
    next: () => ++calls === 2 ? 3 : numbers.next(), // as after an old backup was restored
    raise: (atLeast: number) => {
      raised.push(atLeast);
      numbers.raise(atLeast);
    },
  };
  const options = { ...NONE, ciphering: { ...client, counter } };
  assert.equal(onHdlc(testMeter({ ciphering: meter }), options, energy), "1000000 Wh");
  assert.deepEqual(raised, [12]);
  const stubborn = { next: () => 3, raise: () => {} };
  const refused = { ...NONE, ciphering: { ...client, counter: stubborn } };
  assert.throws(() => onHdlc(testMeter({ ciphering: meter }), refused, energy), {
    ...{ name: "RefusalError", message: /invocation counter too low: 3 < 4/ },
  });
});

Deno.test("Client: an answer that was heard before is not believed", () => {
  const { client, meter } = cipheringOf(0);
  const ciphering = { ...client, heard: 0x1000 };
  assert.throws(() => onHdlc(testMeter({ ciphering: meter }), { ...NONE, ciphering }, energy), {
    ...{ name: "ProtocolError", message: /it was heard before/ },
  });
});

Deno.test("Client: what was heard is remembered from association to association; a dedicated key counts for itself", () => {
  const memory = new Map<string, number>();
  const meterCounter = countFrom(0x100);
  const session = (counter: InvocationCounter, its: Partial<CipheringOptions> = {}) => {
    const { client, meter } = cipheringOf(0, Math.max(0, ...memory.values()));
    const ciphering = { ...client, ...its, memory };
    return onHdlc(
      testMeter({ ciphering: { ...meter, kind: its.kind ?? "global", counter } }),
      { ...NONE, ciphering },
      energy,
    );
  };
  assert.equal(session(meterCounter), "1000000 Wh");
  const [[title, heard]] = [...memory] as [[string, number]];
  assert.equal(title, toHex(cipheringOf(0).meter.title));
  assert.throws(() => session(countFrom(0x100)), /invocation counter 256 after \d+: it was heard before/);
  assert.deepEqual([...memory.values()], [heard], "what is not believed is not remembered");
  const dedicated = { kind: "dedicated", dedicatedKey: new Uint8Array(16).fill(5) } as const;
  let count = heard + 1;
  const fromOne = { next: () => count > 0x80 ? [count, count = 1][0]! : count++, raise() {} }; // global, then dedicated
  assert.equal(session(fromOne, dedicated), "1000000 Wh");
  assert.deepEqual([...memory.values()], [heard + 1]);
});

Deno.test("Client: values in blocks of every size, in segments of every size, in windows", () => {
  for (const blockOctets of [20, 33, 64, 200, 1000, 2000]) {
    for (const [size, window] of [[32, 1], [32, 7], [62, 3], [128, 1], [1024, 2]] as const) {
      const parameters = { maxSend: size, maxReceive: size, windowSend: window, windowReceive: window };
      const work = function* (client: Client) {
        const buffer = yield* client.demand(read(PROFILE, 7));
        return "items" in buffer ? buffer.items.length : 0;
      };
      const rows = onHdlc(testMeter({ blockOctets, rows: 120 }), NONE, work, { parameters, propose: parameters });
      assert.equal(rows, 120, `${blockOctets} ${size} ${window}`);
    }
  }
  for (let size = 32; size <= 256; size++) { // where a message ends is another place in each
    const parameters = { maxSend: size, maxReceive: size, windowSend: 1, windowReceive: 1 };
    const list = onHdlc(testMeter({ blockOctets: 2 * size }), NONE, (client) => client.objectList(), {
      ...{ parameters, propose: parameters },
    });
    assert.equal(list.length, testMeter().objects.length, `segments of ${size}`);
  }
});

Deno.test("Client: several attributes with one question, in blocks of every size; one by one where the meter takes no lists", () => {
  const asked = [
    read(ENERGY),
    read(ENERGY, 3, 3),
    read("0-0:42.0.0*255", 1),
    read("1-0:9.9.9*255"),
    read(ENERGY, 3, 9),
    ...[read(ENERGY), read(ENERGY)],
  ];
  const work = (client: Client) => client.getAll(asked);
  const one = onHdlc(testMeter(), NONE, work);
  assert.deepEqual(one.map((got) => "error" in got ? got.error : got.data.type), [
    ...["double-long-unsigned", "structure", "octet-string", 4, 4, "double-long-unsigned", "double-long-unsigned"],
  ]);
  const results = one.map(({ atMs: _, ...got }) => got);
  /** What comes of it, and how many messages of GET were needed. */
  const run = (options: Partial<AssociationOptions>, meter = testMeter(), refuses = false) => {
    let questions = 0;
    const serve = (client: number) => {
      const server = new Server(meter, client);
      return {
        answer(apdu: Uint8Array) {
          if (apdu[0] === 0xc0) questions++;
          return refuses && apdu[0] === 0xc0 && apdu[1] === 3
            ? encodeException({ state: 2, error: 2 })
            : server.answer(apdu);
        },
      };
    };
    const got = onHdlc(meter, { ...NONE, ...options }, work, { serve });
    assert.deepEqual(got.map(({ atMs: _, ...each }) => each), results);
    return questions;
  };
  assert.equal(run({}), 1);
  for (const blockOctets of [16, 17, 31]) assert.ok(run({}, testMeter({ blockOctets })) > 1);
  assert.equal(run({ conformance: CONFORMANCE.get }), asked.length, "lists are not agreed on");
  assert.equal(run({}, testMeter({ maxPduOctets: 100 })), asked.length, "the question is too long");
  assert.equal(run({}, testMeter(), true), 1 + asked.length, "it refuses lists after all");
});

Deno.test("Client: writes, in one piece and in blocks, and says what is refused", () => {
  const meter = testMeter({ maxPduOctets: 128 });
  const target = read("0-0:96.1.9*255", 1);
  const long = octetString(Uint8Array.from({ length: 1000 }, (_, at) => at & 0xff));
  const work = function* (client: Client) {
    yield* client.set(target, integer("unsigned", 5));
    const short = yield* client.demand(target);
    yield* client.set(target, long);
    return [short, yield* client.demand(target)];
  };
  assert.deepEqual(onHdlc(meter, NONE, work), [integer("unsigned", 5), long]);
  const small = { maxSend: 32, maxReceive: 32, windowSend: 1, windowReceive: 1 }; // 33 frames for one message
  const inFrames = onHdlc(testMeter({ maxPduOctets: 2000 }), NONE, work, { parameters: small, propose: small });
  assert.deepEqual(inFrames, [integer("unsigned", 5), long]);
  const denied = function* (client: Client) {
    yield* client.set(read(ENERGY), integer("unsigned", 5));
  };
  assert.throws(() => onHdlc(meter, NONE, denied), {
    name: "RefusalError",
    message: /write 1-0:1.8.0\*255 attribute 2: read or write denied/,
  });
  const hidden = function* (client: Client) {
    return (yield* new ValueReader(client).read({ ...target, id: 3 })).refused;
  };
  assert.match(onHdlc(meter, NONE, hidden)!, /read or write denied/);
});

Deno.test("Client: has a meter do something, and says when it does not", () => {
  const disconnect = { classId: 70, name: "0-0:96.3.10*255", id: 1 };
  const work = (id: number) =>
    function* (client: Client) {
      return (yield* client.action({ ...disconnect, id }, integer("integer", 0))).result;
    };
  assert.equal(onHdlc(testMeter(), NONE, work(1)), 0);
  assert.throws(() => onHdlc(testMeter(), NONE, work(2)), { name: "RefusalError", message: /Cannot execute method 2/ });
});

Deno.test("Client: the meter's own description, by logical and by short names", () => {
  const work = function* (client: Client) {
    return (yield* client.objectList()).map(({ name, baseName }) => ({ name, baseName }));
  };
  const logical = onHdlc(testMeter(), NONE, work);
  assert.equal(logical.length, 8);
  assert.ok(logical.some(({ name, baseName }) => name === ENERGY && baseName === undefined));
  const short = onHdlc(testMeter({ names: "short", blockOctets: 50 }), { ...NONE, names: "short" }, work);
  assert.ok(short.some(({ name, baseName }) => name === ENERGY && baseName === 0x1000));
});

Deno.test("Client: short names: read, write, a profile in blocks, and every sign-on", () => {
  const short = { ...NONE, names: "short" } as const;
  assert.equal(onHdlc(testMeter({ names: "short" }), short, energy), "1000000 Wh");
  const write = function* (client: Client) {
    yield* client.set(read("0-0:96.1.9*255", 1), integer("unsigned", 5));
    const back = yield* client.demand(read("0-0:96.1.9*255", 1));
    const missing = yield* client.get(read("9-9:9.9.9*9"));
    return [back, "error" in missing && missing.error];
  };
  assert.deepEqual(onHdlc(testMeter({ names: "short" }), short, write), [integer("unsigned", 5), 4]);
  const rows = function* (client: Client) {
    return (yield* rowsOf(client, { kind: "all" })).rows.length;
  };
  assert.equal(onHdlc(testMeter({ names: "short", blockOctets: 60, rows: 50 }), short, rows), 50);
  for (const { client, credentials } of LOGINS) {
    const options = { ...short, client, credentials, title: CLIENT_TITLE, counter: countFrom(1) };
    assert.equal(onWrapper(testMeter({ names: "short" }), options, energy), "1000000 Wh");
  }
});

function* rowsOf(client: Client, wanted: Rows) {
  const rows: ScaledRow[] = [];
  const reader = new ValueReader(client);
  const its = yield* reader.profile(PROFILE, wanted, (row) => rows.push(row), { deviationMinutes: -60 });
  return { ...its, rows };
}

Deno.test("ValueReader: a profile by range, the last rows, all; from meters that can select and that cannot", () => {
  const from = dateTimeOf(PROFILE_START + 4 * 900_000, -60);
  const to = dateTimeOf(PROFILE_START + 7 * 900_000, -60);
  const cases: [Rows, number[]][] = [
    [{ kind: "range", from, to }, [4, 5, 6, 7]],
    [{ kind: "last", count: 3 }, [9, 10, 11]],
    [{ kind: "all" }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  ];
  for (const selects of [true, false]) {
    for (const [rows, numbers] of cases) {
      const profile = onHdlc(testMeter({ selects }), NONE, (client) => rowsOf(client, rows));
      assert.deepEqual(profile.columns.map(({ unit }) => unit), ["", "", "Wh"]);
      const energies = profile.rows.map(({ values }) => values[2]!.text);
      assert.deepEqual(energies, numbers.map((at) => `${100_000 + at}0`), `${rows.kind} ${selects}`);
    }
  }
});

Deno.test("Client: whatever frame is lost, damaged or late, the values are right", () => {
  const faults: Record<string, (octets: Uint8Array) => Uint8Array> = {
    lost: () => new Uint8Array(),
    "bad check": (octets) => octets.with(octets.length - 2, octets.at(-2)! ^ 1),
    "cut short": (octets) => octets.subarray(0, octets.length >> 1),
    "noise before": (octets) => Uint8Array.of(0x00, 0x7e, 0xff, ...octets),
    "said twice": (octets) => Uint8Array.of(...octets, ...octets),
  };
  const work = function* (client: Client) {
    const total = yield* energy(client);
    const buffer = yield* client.demand(read(PROFILE, 7));
    return [total, "items" in buffer && buffer.items.length];
  };
  for (const [name, fault] of Object.entries(faults)) {
    for (let at = 1; at <= 14; at++) {
      const { client, meter } = cipheringOf(0);
      const station = { fault: (octets: Uint8Array, count: number) => count === at ? fault(octets) : octets };
      const ciphered = onHdlc(testMeter({ ciphering: meter }), { ...NONE, ciphering: client }, work, station);
      assert.deepEqual(ciphered, ["1000000 Wh", 12], `${name} ${at}`);
    }
  }
});

Deno.test("Client: a meter that falls silent at any step ends in silence, not in a hang", () => {
  for (let from = 1; from <= 8; from++) {
    const fault = (octets: Uint8Array, count: number) => count >= from ? new Uint8Array() : octets;
    const run = () => onHdlc(testMeter(), NONE, energy, { fault, limit: 500 });
    if (from < 5) assert.throws(run, SilenceError, String(from));
    else assert.equal(run(), "1000000 Wh", String(from));
  }
});

Deno.test("Client: no trace may show a password, nor the check sequence that tells of it", () => {
  const login = LOGINS.find(({ name }) => name === "low")!;
  const shown: string[] = [];
  const trace = (_: string, octets: Uint8Array, secret = "") => void shown.push(toText(octets).replace(secret, ""));
  for (const size of [32, 128]) {
    const parameters = { maxSend: size, maxReceive: size, windowSend: 1, windowReceive: 1 };
    onHdlc(testMeter(), login, energy, { trace, parameters });
  }
  assert.ok(shown.every((text) => !text.includes("1234")));
  const question = shown.find((text) => text.startsWith("~") && text.endsWith("~") && text.length === 10);
  assert.ok(question, "nothing but flags, header and its check is left of the AARQ");
});

Deno.test("Client: signs off and disconnects, whatever goes wrong in between", () => {
  const kinds: string[] = [];
  const trace = (who: string, octets: Uint8Array) => {
    const { control, information } = findFrame()(octets)!.value;
    if (who === "client") kinds.push(control.kind === "I" ? toHex(information.subarray(3, 4)) : control.kind);
  };
  const work = (): Dialogue<never> => {
    throw new Error("a bug");
  };
  assert.throws(() => onHdlc(testMeter(), NONE, work, { trace }), /a bug/);
  assert.deepEqual(kinds, ["SNRM", "60", "62", "DISC"]);
});

Deno.test("Client: what a hostile meter answers is an error: wrong numbers, blocks without end, nonsense", () => {
  const block = (block: number, length: number) =>
    encodeGetResponse({ kind: "block", invoke: 0xc1, last: false, block, raw: new Uint8Array(length) });
  const answers: [string, (asked: Uint8Array, count: number) => Uint8Array, RegExp][] = [
    ["another question", () => Uint8Array.of(0xc4, 1, 0xc5, 0, 0x11, 1), /answers question 5, asked was 1/],
    ["another service", () => Uint8Array.of(0xc5, 1, 0xc1, 0), /begins with C5/],
    ["the same block", () => block(1, 1), /block 1 after block 1/],
    ["an empty block", () => block(1, 0), /block 1 is empty, and not the last/],
    ["blocks without end", (_, count) => block(count, 60_000), /blocks have no end/],
    ["transfer out of turn", () => Uint8Array.of(0xe0, 0, 0, 9, 0, 0, 0), /out of turn/],
    ["an exception", () => encodeException({ state: 1, error: 3 }), /other reason/],
    ["nothing", () => new Uint8Array(), /octets wanted/],
  ];
  for (const [name, answer, message] of answers) {
    let count = 0;
    const meter = testMeter();
    const serve = (client: number) => {
      const server = new Server(meter, client);
      return { answer: (apdu: Uint8Array) => apdu[0]! < 0x70 ? server.answer(apdu) : answer(apdu, ++count) };
    };
    const station = wrapperStation({ port: 1, serve });
    const link = wrapperLink(new Inbox(), { client: 16, server: 1 });
    const dialogue = associated(link, NONE, (association) => energy(new Client(association)));
    assert.throws(() => talk(dialogue, station), (error) => {
      assert.ok(error instanceof ProtocolError || error instanceof RefusalError, `${name}: ${error}`);
      assert.match(error.message, message, name);
      return true;
    });
  }
});

Deno.test("Client: a general block transfer is put together, each block acknowledged", () => {
  const whole = Uint8Array.from([0xc4, 1, 0xc1, 0, 0x06, 0, 1, 0x86, 0xa0]);
  const serve = (client: number) => {
    const server = new Server(testMeter(), client);
    let at = 0;
    return {
      answer: (apdu: Uint8Array) => {
        if (apdu[0]! < 0x70) return server.answer(apdu);
        const raw = whole.subarray(3 * at, 3 * at + 3);
        const last = 3 * ++at >= whole.length;
        return Uint8Array.of(0xe0, last ? 0x80 : 0, 0, at, 0, 0, raw.length, ...raw);
      },
    };
  };
  const link = wrapperLink(new Inbox(), { client: 16, server: 1 });
  const work = (association: Association) => new Client(association).demand(read(ENERGY));
  const data = talk(associated(link, NONE, work), wrapperStation({ port: 1, serve }));
  assert.deepEqual(data, integer("double-long-unsigned", 100_000));
  assert.deepEqual(array([]), array([]));
});

/** A buffer by general block transfer, over both links. */
const BLOCKS = { ...NONE, generalBlocks: true };

Deno.test("Client: a meter streams its answer in blocks of any size, in windows; a lost block is sent again", () => {
  const work = function* (client: Client) {
    const buffer = yield* client.demand(read(PROFILE, 7));
    return "items" in buffer && buffer.items.length;
  };
  for (const [octets, window] of [[20, 1], [64, 3], [100, 8], [500, 20]] as const) {
    const meter = () => testMeter({ rows: 40, generalBlocks: { octets, window } });
    const name = `${octets} octets, ${window} at once`;
    assert.equal(onHdlc(meter(), BLOCKS, work), 40, name);
    assert.equal(onWrapper(meter(), BLOCKS, work), 40, name);
    const { client, meter: its } = cipheringOf(0);
    const ciphered = testMeter({ rows: 40, generalBlocks: { octets, window }, ciphering: its });
    assert.equal(onWrapper(ciphered, { ...BLOCKS, ciphering: client }, work), 40, `${name}, ciphered`);
  }
  const meter = testMeter({ rows: 40, generalBlocks: { octets: 64, window: 4 } });
  for (const lost of [3, 4, 5, 9]) {
    const fault = (octets: Uint8Array, count: number) => count === lost ? new Uint8Array() : octets;
    const serve = (client: number) => new Server(meter, client);
    const link = wrapperLink(new Inbox(), { client: 16, server: 1 });
    const dialogue = associated(link, BLOCKS, (association) => work(new Client(association)));
    assert.equal(talk(dialogue, wrapperStation({ port: 1, serve, fault })), 40, `message ${lost} is lost`);
    assert.equal(onHdlc(meter, BLOCKS, work, { fault }), 40, `frame ${lost} is lost`);
  }
});

Deno.test("Client: what is more than the meter takes at once goes in blocks, or is refused where it takes none", () => {
  const did: Data[] = [];
  const meter = (its: TestMeterOptions) => {
    const all = testMeter({ maxPduOctets: 128, ...its });
    const breaker = all.objects.find(({ classId }) => classId === 70)!;
    return {
      ...all,
      objects: [{ ...breaker, act: (_: number, data?: Data) => ({ result: did.push(data!) * 0 }) }],
    };
  };
  const long = octetString(Uint8Array.from({ length: 1000 }, (_, at) => at & 0xff));
  const work = function* (client: Client) {
    yield* client.action({ classId: 70, name: "0-0:96.3.10*255", id: 1 }, long);
    return "done";
  };
  const generalBlocks = { octets: 64, window: 2 };
  assert.equal(onHdlc(meter({ generalBlocks }), BLOCKS, work), "done");
  assert.equal(onWrapper(meter({ generalBlocks }), BLOCKS, work), "done");
  const { client, meter: its } = cipheringOf(0);
  assert.equal(onWrapper(meter({ generalBlocks, ciphering: its }), { ...BLOCKS, ciphering: client }, work), "done");
  assert.deepEqual(did, [long, long, long]);
  const asked: number[] = [];
  const serve = (client: number) => {
    const server = new Server(meter({}), client);
    return {
      answer(apdu: Uint8Array) {
        if (apdu[0] === 0xc3) asked.push(apdu[1]!);
        return server.answer(apdu);
      },
    };
  };
  assert.equal(onHdlc(meter({}), NONE, work, { serve }), "done");
  assert.deepEqual(asked, [4, ...new Array<number>(15).fill(6)], "1004 octets, 64 in a block of ACTION");
  assert.deepEqual(did[3], long);
  const { get, action } = CONFORMANCE;
  const whole = { ...NONE, conformance: get | action };
  assert.throws(() => onHdlc(meter({}), whole, work), { name: "RefusalError", message: /message too long/ });
});

Deno.test("Client: blocks of ACTION that the meter does not take, and an answer that comes in blocks", () => {
  const long = octetString(new Uint8Array(300));
  const breaker = { classId: 70, name: "0-0:96.3.10*255", id: 1 };
  const answered = (answer: (apdu: Uint8Array) => Uint8Array | undefined, data?: Data) => {
    const meter = testMeter({ maxPduOctets: 128 });
    const serve = (client: number) => {
      const server = new Server(meter, client);
      return { answer: (apdu: Uint8Array) => (apdu[0] === 0xc3 ? answer(apdu) : undefined) ?? server.answer(apdu) };
    };
    return onHdlc(meter, NONE, (client) => client.action(breaker, data), { serve });
  };
  const says = (answer: ActionResponse) => () => encodeActionResponse(answer);
  const invoke = 0xc1;
  const refused = { name: "RefusalError", message: /method 1 of 0-0:96.3.10\*255: long access aborted/ };
  assert.throws(() => answered(says({ kind: "normal", invoke, result: 15 }), long), refused);
  const senseless = { name: "ProtocolError", message: /Cannot make sense of the answer to ACTION/ };
  assert.throws(() => answered(says({ kind: "next", invoke, block: 9 }), long), senseless);
  assert.throws(() => answered(says({ kind: "normal", invoke, result: 0 }), long), senseless, "done after a block");
  const raw = Uint8Array.of(0, 1, 0, 0x09, 4, 1, 2, 3, 4);
  const pieces = (apdu: Uint8Array) => {
    const at = apdu[1] === 2 ? apdu.at(-1)! : 0;
    const piece = { last: at === 2, block: at + 1, raw: raw.subarray(3 * at, 3 * at + 3) };
    return encodeActionResponse({ kind: "block", invoke, ...piece });
  };
  const { result, returned } = answered(pieces);
  assert.deepEqual([result, returned], [0, { data: octetString(Uint8Array.of(1, 2, 3, 4)) }]);
});

Deno.test("Client: short names: methods of a breaker, read or written as the meter takes them", () => {
  const short = { ...NONE, names: "short" } as const;
  const breaker = { classId: 70, name: "0-0:96.3.10*255" };
  const work = (id: number, its: Partial<typeof breaker> = {}) => (client: Client) =>
    client.action({ ...breaker, ...its, id }, integer("integer", 0));
  const names: number[][] = [];
  const meter = testMeter({ names: "short" });
  const run = (asked: ReturnType<typeof work>, takesRead: boolean) => {
    const serve = (client: number) => {
      const server = new Server(meter, client);
      return {
        answer(apdu: Uint8Array) {
          const isCall = apdu[0] === 6 || apdu[0] === 5 && apdu[2] === 4;
          if (isCall) names.push([apdu[0]!, apdu[3]! << 8 | apdu[4]!]);
          return isCall && apdu[0] === 5 && !takesRead ? encodeReadResponse([{ error: 3 }]) : server.answer(apdu);
        },
      };
    };
    return onHdlc(meter, short, asked, { serve }).result;
  };
  assert.equal(run(work(1), true), 0);
  assert.equal(run(work(1), false), 0);
  assert.deepEqual(names, [[5, 0x3220], [5, 0x3220], [6, 0x3220]]);
  assert.throws(() => run(work(2), true), { name: "RefusalError", message: /Cannot execute method 2/ });
  for (const its of [{ name: "0-0:9.9.9*255" }, { classId: 3, name: ENERGY }]) {
    assert.throws(() => run(work(1, its), true), { name: "RefusalError", message: /no such object/ });
  }
});

Deno.test("fetchProfile: a doubtful or invalid time is a flag, one that says nothing of itself is none; status words are values", () => {
  const meter = testMeter({ rows: 5 });
  const profile = meter.objects.find(({ name }) => name === PROFILE)!;
  profile.attributes[2] = array([0x00, 0x02, 0x01, 0x80, 0xff].map((status, at) => {
    const time = dateTimeOf(PROFILE_START + at * 900_000, -60);
    const stamp = octetString(encodeDateTime({ ...time, status }));
    return structure(stamp, integer("unsigned", 0x40), integer("double-long-unsigned", 100_000 + at));
  }));
  const range = { fromMs: PROFILE_START, toMs: PROFILE_START + 5 * 900_000, zone: zoneOf("UTC") };
  const { rows } = onHdlc(meter, NONE, (client) => fetchProfile(client, PROFILE, range));
  const doubtful = ["clock-doubtful"];
  assert.deepEqual(rows.map(({ flags }) => flags), [[], doubtful, doubtful, [], []]);
  assert.deepEqual(rows[1]!.values.map(({ text }) => text), ["64", "1000010"]);
});
