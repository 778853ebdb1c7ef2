/** `obisd listen --mode E`: what DLMS meters push, over lines that are opened and in calls that are taken. @module */
import assert from "node:assert/strict";
import { encodeDataNotification, encodeWrapped, integer, octetString, structure } from "../../src/dlms/mod.ts";
import { hexOctets, ignore, octets, vector } from "../support/dlms.ts";
import { runCommand } from "../support/read_meter.ts";
import { temporaryFolder } from "../support/readings.ts";
import { until } from "../support/running.ts";

/** A converter behind which a meter says this, and then stays silent. */
function saying(...messages: readonly Uint8Array[]): AsyncDisposable & { readonly endpoint: string } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.TcpConn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      for (const message of messages) await connection.write(message);
    }
  })();
  return {
    endpoint: `tcp://127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const connection of connections) connection.close();
    },
  };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** `address text unit` of each JSON line. */
function words(out: string): string[] {
  return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line))
    .map(({ obis, address, text, unit }) => [obis || address, text, unit].join(" ").trim());
}

const listening = (endpoint: string, ...args: string[]) =>
  runCommand(["listen", endpoint, "--mode", "E", "--format", "json", ...args]);

/** A plain message on the wrapper: energy in Wh. */
function plain(energy: number): Uint8Array {
  const name = octetString(Uint8Array.of(1, 0, 1, 8, 0, 255));
  const unit = structure(integer("integer", 1), integer("enum", 30));
  const data = structure(structure(name, integer("double-long-unsigned", energy), unit));
  return encodeWrapped({ source: 1, destination: 103, apdu: encodeDataNotification({ invoke: 1, data }) });
}

/** Files with the keys of a vector. */
function keysOf(name: string) {
  const folder = temporaryFolder();
  const { EK, AK } = vector(name).inputs!;
  const file = (key: string, hex: string) => {
    Deno.writeTextFileSync(`${folder.path}/${key}`, hexOctets(hex).toHex());
    return `file:${folder.path}/${key}`;
  };
  return {
    args: [
      ...["--encryption-key", file("ek", EK!)],
      ...AK ? ["--authentication-key", file("ak", AK)] : ["--accept-unauthenticated"],
    ],
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

Deno.test("listen --mode E: a ciphered push on HDLC; what was heard before is refused", { ignore }, async () => {
  using keys = keysOf("push-kamstrup-omnipower");
  const frame = octets("push-kamstrup-omnipower");
  await using meter = saying(Uint8Array.of(0, 0x7e, 0x13), frame, frame, plain(12));
  const { code, out, err } = await listening(meter.endpoint, "--for", "1s", "--framing", "hdlc", ...keys.args);
  assert.equal(code, 0, err);
  assert.ok(words(out).length > 5, out);
  assert.equal(JSON.parse(out.split("\n")[0]!).meter, "4B414D4501349083");
  assert.equal(new Set(words(out)).size, words(out).length, "said once");
  assert.match(
    err,
    /Cannot trust a pushed message of meter 4B414D4501349083: invocation counter \d+ after \d+: it was heard be/,
  );
  assert.ok(!/00112233/.test(err));
});

Deno.test("listen --mode E: M-Bus frames that are encrypted alone, only if that is accepted", { ignore }, async () => {
  using keys = keysOf("push-kaifa-mbus-reassembled");
  const frames = [octets("push-kaifa-mbus-1"), octets("push-kaifa-mbus-2")];
  await using meter = saying(...frames);
  const { code, out, err } = await listening(meter.endpoint, "--count", "1", ...keys.args);
  assert.equal(code, 0, err);
  assert.ok(words(out).some((line) => line.startsWith("1-0:")), out);
  const bare = await listening(meter.endpoint, "--for", "300ms");
  assert.equal(bare.code, 65);
  assert.match(bare.err, /it is ciphered: configure the meter's keys/);
});

Deno.test("listen --mode E: takes the calls of meters, several at a time; noise and silence end theirs alone", async () => {
  const port = freePort();
  const stop = new AbortController();
  const args = ["listen", `tcp-listen://127.0.0.1:${port}`, "--format", "json", "--count", "4"];
  const heard = runCommand(args, stop.signal);
  const call = async (...messages: Uint8Array[]) => {
    const connection = await until("the port", () => Deno.connect({ port }).catch(() => undefined));
    for (const message of messages) await connection.write(message);
    return connection;
  };
  const open = await call(plain(1).subarray(0, 9)); // the rest comes later
  const hostile = await call(new Uint8Array(200_000).fill(0x41));
  const both = await call(plain(2), plain(3));
  both.close();
  await open.write(plain(1).subarray(9));
  const last = await call(plain(4));
  const { code, out, err } = await heard;
  for (const connection of [open, hostile, last]) connection.close();
  assert.equal(code, 0, err);
  assert.deepEqual(words(out).sort(), [10, 20, 30, 40].map((energy) => `1-0:1.8.0*255 ${energy} Wh`));
  assert.match(err, /Listening on tcp-listen:\/\/127\.0\.0\.1:\d+/);
  assert.match(err, /ended: No end of message within 8192 bytes/);
});

Deno.test("listen --mode E: what is wrong: exit code and words", async () => {
  using busy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using silent = saying();
  await using noisy = saying(new Uint8Array(100).fill(0x41));
  const cases: [string, string[], number, RegExp][] = [
    [`tcp-listen://127.0.0.1:${busy.addr.port}`, [], 75, /Cannot listen on 127\.0\.0\.1:\d+: another process does/],
    ["tcp-listen://nowhere", [], 64, /written tcp:\/\/host:port/],
    [silent.endpoint, ["--for", "200ms"], 69, /Nothing was pushed within 200ms/],
    [noisy.endpoint, ["--for", "200ms"], 76, /100 bytes came within 200ms, and no message/],
    [silent.endpoint, ["--framing", "sml"], 64, /--framing sml: allowed are auto, hdlc, m-bus, wrapper/],
    [silent.endpoint, ["--encryption-key", "0011"], 64, /--encryption-key takes env:NAME, file:PATH or ask/],
  ];
  for (const [endpoint, args, code, message] of cases) {
    const outcome = await listening(endpoint, ...args);
    assert.equal(outcome.code, code, `${args}: ${outcome.err}`);
    assert.match(outcome.err, message);
  }
});
