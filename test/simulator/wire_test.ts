import assert from "node:assert/strict";
import { type Dialogue, pause, send, setLine } from "../../src/dialogue.ts";
import { join } from "../../src/bytes.ts";
import { toBytes, toText } from "../../src/iec62056/characters.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";
import { serve } from "../../src/simulator/serve.ts";
import { garbled, type Port, splitBehindBreak, Wire, type WireOptions } from "../../src/simulator/wire.ts";
import { addParity } from "../../src/transport/parity.ts";
import { FakeClock } from "../support/fake_clock.ts";

const AT_9600 = { ...SIGN_ON_LINE, baud: 9600 };
const OVER = new Error("over");

interface Bench {
  readonly clock: FakeClock;
  readonly wire: Wire;
  /** What the client heard, and when. */
  readonly heard: { readonly bytes: Uint8Array; readonly atMs: number }[];
  readonly complaints: string[];
  /** What the client says, the speed that it has at the moment, and the one before it wrote what was read last. */
  client: { readonly says: Uint8Array[]; baud: number | undefined; before: number | undefined };
}

function bench(options: Partial<WireOptions> = {}, lateMs = 0): Bench {
  const clock = new FakeClock(lateMs);
  const heard: Bench["heard"] = [];
  const complaints: string[] = [];
  const client: Bench["client"] = { says: [], baud: undefined, before: undefined };
  const port: Port = {
    read: (signal) => {
      const bytes = client.says.shift();
      if (bytes) return Promise.resolve(bytes);
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
    write: (bytes) => {
      heard.push({ bytes, atMs: clock.monotonic() });
      return Promise.resolve();
    },
    baud: () => client.baud,
    baudBefore: () => client.before,
    stopBits: () => undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const wire = new Wire(port, {
    clock,
    paced: true,
    pieceMs: 4,
    slowness: 1,
    echo: false,
    parity: false,
    complain: (message) => complaints.push(message),
    ...options,
  });
  return { clock, wire, heard, complaints, client };
}

/** Meters on the wire of a bench, until each of them has thrown. */
async function live({ clock, wire }: Bench, ...meters: (() => Dialogue<void>)[]): Promise<void> {
  const signal = new AbortController();
  const endless = function* (meter: () => Dialogue<void>): Dialogue<never> {
    yield* meter();
    throw OVER;
  };
  const ends = meters.map(() => wire.attach());
  const lives = meters.map((meter, index) => serve(endless(meter), ends[index]!, clock, signal.signal));
  const listening = wire.listen(signal.signal).catch(() => {});
  const outcomes = await clock.run(Promise.allSettled(lives));
  signal.abort();
  await listening;
  for (const outcome of outcomes) assert.equal((outcome as PromiseRejectedResult).reason, OVER);
}

const sent = ({ heard }: Bench) => toText(join(...heard.map(({ bytes }) => bytes)));
const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} ms`);

Deno.test("wire: 1500 characters at 9600 Bd take 1562.5 ms, however late the program wakes", async () => {
  const there = bench({}, 3);
  const text = "1.8.0(000123.4*kWh)..".repeat(72).slice(0, 1500);
  await live(there, function* () {
    yield* setLine(AT_9600);
    for (let at = 0; at < text.length; at += 96) yield* send(toBytes(text.slice(at, at + 96)));
  });
  assert.equal(sent(there), text);
  const lastMs = there.heard.at(-1)!.atMs;
  assert.ok(lastMs >= 1562.5 && lastMs <= 1562.5 + 3, `${lastMs} ms`);
});

Deno.test("wire: no character comes before its last bit has left", async () => {
  const there = bench();
  await live(there, () => send(toBytes("0123456789".repeat(10))));
  let count = 0;
  for (const { bytes, atMs } of there.heard) near(atMs, (count += bytes.length) * 10_000 / 300);
  assert.equal(count, 100);
});

Deno.test("wire: pauses and messages follow each other without drift", async () => {
  const there = bench({}, 2);
  await live(there, function* () {
    for (let turn = 0; turn < 10; turn++) {
      yield* pause(200);
      yield* send(toBytes("123"));
    }
  });
  assert.ok(there.heard.at(-1)!.atMs <= 10 * 300 + 2.001);
});

Deno.test("wire: what the client says takes its time as well, and is answered from its end on", async () => {
  const there = bench();
  there.client.says.push(toBytes("/?!\r\n"));
  const got: Uint8Array[] = [];
  await live(there, function* () {
    while (join(...got).length < 5) got.push((yield { kind: "receive", withinMs: 1000 }).bytes);
    yield* pause(200);
    yield* send(toBytes("!"));
  });
  assert.equal(toText(join(...got)), "/?!\r\n");
  near(there.heard[0]!.atMs, 5 * 100 / 3 + 200 + 100 / 3);
});

for (const [where, options, baud] of [["", {}, 300], [" behind a converter", { clientBaud: 300 }, 9600]] as const) {
  Deno.test(`wire: a client at another speed${where} hears and says garbage, and is complained about`, async () => {
    const there = bench(options);
    [there.client.baud, there.client.before] = [baud, baud];
    there.client.says.push(toBytes("/?!\r\n"));
    const got: Uint8Array[] = [];
    await live(there, function* () {
      yield* setLine(AT_9600);
      while (join(...got).length < 5) got.push((yield { kind: "receive", withinMs: 1000 }).bytes);
      yield* send(toBytes("/ABC5X"));
    });
    assert.deepEqual(join(...got), garbled(toBytes("/?!\r\n")));
    assert.deepEqual(join(...there.heard.map(({ bytes }) => bytes)), garbled(toBytes("/ABC5X")));
    assert.match(there.complaints[0]!, /the client speaks at 300 Bd while the meter listens at 9600 Bd/);
    assert.match(there.complaints.at(-1)!, /the client listens at 300 Bd while the meter speaks at 9600 Bd/);
  });
}

for (const afterMs of [1, 100, 200]) {
  Deno.test(`wire: a client that changes its speed ${afterMs} ms after it began to send had drained its port`, async () => {
    const there = bench();
    there.client.baud = 300;
    there.client.says.push(toBytes("\x06050\r\n"));
    there.clock.sleep(afterMs).then(() => there.client.baud = 9600);
    const got: Uint8Array[] = [];
    await live(there, function* () {
      while (join(...got).length < 6) got.push((yield { kind: "receive", withinMs: 1000 }).bytes);
    });
    assert.deepEqual([toText(join(...got)), there.complaints], ["\x06050\r\n", []]);
  });
}

/** What a client's speed was before it wrote, and is when that is read; and whether a meter at 9600 Bd understands it. */
const SPEEDS: [before: number | undefined, now: number | undefined, understood: boolean][] = [
  [9600, 9600, true],
  [9600, 300, true], // written, then changed
  [300, 9600, true], // changed, then written
  [undefined, 9600, true], // just opened
  [undefined, undefined, true], // written, then closed; or nobody can know
  [9600, undefined, true], // the same
  [300, 300, false],
  [undefined, 300, false],
  [300, 2400, false],
];

for (const [before, now, understood] of SPEEDS) {
  Deno.test(`wire: a client's speed was ${before} Bd and is ${now} Bd: ${understood ? "" : "not "}understood at 9600`, async () => {
    const there = bench();
    Object.assign(there.client, { before, baud: now });
    there.client.says.push(toBytes("\x06050\r\n"));
    const got: Uint8Array[] = [];
    await live(there, function* () {
      yield* setLine(AT_9600);
      while (join(...got).length < 6) got.push((yield { kind: "receive", withinMs: 1000 }).bytes);
    });
    assert.deepEqual([toText(join(...got)) === "\x06050\r\n", there.complaints.length === 0], [understood, understood]);
  });
}

Deno.test("wire: two meters that speak at once are garbled, one after the other is not", async () => {
  for (const paced of [true, false]) {
    const there = bench({ paced });
    await live(there, () => send(toBytes("/ABC5X")), () => send(toBytes("/ABC5Y")));
    assert.ok(there.heard.every(({ bytes }) => bytes.every((byte) => byte >= 0x80)), sent(there));
    assert.match(there.complaints[0]!, /several meters speak at once/);
  }
  const there = bench();
  await live(there, () => send(toBytes("one")), function* () {
    yield* pause(500);
    yield* send(toBytes("two"));
  });
  assert.equal(sent(there), "onetwo");
});

Deno.test("wire: echo gives back what the client says, parity shows in bit 7", async () => {
  const there = bench({ echo: true, parity: true });
  const request = addParity(toBytes("/?!\r\n"), "even");
  assert.deepEqual([...request], [0xaf, 0x3f, 0x21, 0x8d, 0x0a]);
  there.client.says.push(request);
  const got: Uint8Array[] = [];
  await live(there, function* () {
    while (join(...got).length < 5) got.push((yield { kind: "receive", withinMs: 1000 }).bytes);
    yield* send(toBytes("/A"));
  });
  assert.equal(toText(join(...got)), "/?!\r\n");
  assert.deepEqual(join(...there.heard.map(({ bytes }) => bytes)), join(request, Uint8Array.of(0xaf, 0x41)));
});

Deno.test("wire: silence is thrown into the dialogue when its time is over", async () => {
  const there = bench();
  let silentAtMs = -1;
  await live(there, function* () {
    try {
      yield { kind: "receive", withinMs: 1500 };
    } catch {
      silentAtMs = there.clock.monotonic();
    }
  });
  assert.equal(silentAtMs, 1500);
});

Deno.test("splitBehindBreak: a request behind a break is of the next session", () => {
  const split = (text: string) => splitBehindBreak(toBytes(text)).map(toText);
  assert.deepEqual(split("\x01B0\x03q/?!\r\n"), ["\x01B0\x03q", "/?!\r\n"]);
  assert.deepEqual(split("~\x01B0\x03q\x01B0\x03q/"), ["~\x01B0\x03q", "\x01B0\x03q", "/"]);
  for (const whole of ["", "/?!\r\n", "\x01B0\x03q", "\x01B0\x03"]) assert.deepEqual(split(whole), [whole]);
});
