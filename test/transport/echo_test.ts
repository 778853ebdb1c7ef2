import assert from "node:assert/strict";
import { toBytes, toText } from "../../src/iec62056/characters.ts";
import { EchoRemoval } from "../../src/transport/echo.ts";
import type { Transport } from "../../src/transport/transport.ts";

const REQUEST = "/?!\r\n";
const ACK = "\x06050\r\n";

/** A transport whose other side says `arriving`, piece by piece, then nothing; and what was said about it. */
function wire(...arriving: (string | "silence")[]) {
  const said: string[] = [];
  const inner: Transport = {
    read: () => {
      const next = arriving.shift();
      return next === undefined || next === "silence" ? Promise.reject("silence") : Promise.resolve(toBytes(next));
    },
    write: () => Promise.resolve(),
    setLine: () => Promise.resolve(),
    flush: () => {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const transport = new EchoRemoval(inner, (message) => said.push(message));
  const { signal } = new AbortController();
  const read = () => transport.read(signal).then(toText);
  return { transport, said, read, write: (text: string) => transport.write(toBytes(text)) };
}

Deno.test("EchoRemoval: an echo that is exact is taken out, in any pieces, counted, and told once", async () => {
  for (const pieces of [[REQUEST + "/ABC"], [REQUEST, "/ABC"], ["/", "?!\r", "\n/ABC"]]) {
    const { read, write, transport, said } = wire(...pieces, ACK, "\x02data", "\x15", "\x02again");
    await write(REQUEST);
    assert.equal(await read(), "/ABC");
    await write(ACK);
    assert.equal(await read(), "\x02data");
    await write("\x15");
    assert.equal(await read(), "\x02again", "one character is an echo too, once echoes are known");
    assert.equal(transport.echoes, 3);
    assert.equal(said.length, 1);
  }
});

Deno.test("EchoRemoval: what is no echo passes: an answer that begins alike, a damaged echo, a confirmation", async () => {
  const alike = wire("/", "ABC5X\r\n");
  await alike.write(REQUEST);
  assert.equal(await alike.read(), "/ABC5X\r\n");
  const damaged = wire("/?", "\0\r\n/ABC");
  await damaged.write(REQUEST);
  assert.equal(await damaged.read(), "/?\0\r\n/ABC");
  const confirming = wire("/ABC5\\2X\r\n", "\x06252\r\n"); // mode E: the meter repeats the option select
  await confirming.write(REQUEST);
  await confirming.read();
  await confirming.write("\x06252\r\n");
  assert.equal(await confirming.read(), "\x06252\r\n");
  const both = wire(REQUEST, "/ABC5\\2X\r\n", "\x06252\r\n", "\x06252\r\n"); // its echo, then the confirmation
  await both.write(REQUEST);
  await both.read();
  await both.write("\x06252\r\n");
  assert.equal(await both.read(), "\x06252\r\n");
  assert.deepEqual([alike, damaged, confirming, both].map(({ transport }) => transport.echoes), [0, 0, 0, 2]);
});

Deno.test("EchoRemoval: silence loses no byte: the next read brings what was held back", async () => {
  const { read, write } = wire("/?", "silence", "more");
  await write(REQUEST);
  await read().then(() => assert.fail("nothing came"), (error) => assert.equal(error, "silence"));
  assert.equal(await read(), "/?");
  assert.equal(await read(), "more");
});
