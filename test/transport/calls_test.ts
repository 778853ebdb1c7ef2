/** Calls of meters are taken so many at a time, each for so long, and one that goes wrong ends itself alone. @module */
import assert from "node:assert/strict";
import { LineError } from "../../src/errors.ts";
import { takeCalls } from "../../src/transport/calls.ts";
import { until } from "../support/running.ts";

/** Calls taken at a free port, and what is told of them; each is read from until it ends, which is counted. */
async function taking({ atOnce, withinMs = 60_000 }: { readonly atOnce: number; readonly withinMs?: number }) {
  const stop = new AbortController();
  const { promise, resolve } = Promise.withResolvers<number>();
  const notices: string[] = [];
  const heard: string[] = [];
  const options = { host: "127.0.0.1", port: 0, atOnce, withinMs, signal: stop.signal };
  const onOpen = (address: string) => resolve(Number(address.split(":").at(-1)));
  const done = takeCalls(
    { ...options, onOpen, onNotice: (notice) => notices.push(notice) },
    async (transport, _, signal) => {
      while (true) heard.push(new TextDecoder().decode(await transport.read(signal)));
    },
  );
  done.catch(() => {});
  const port = await promise;
  const told = (what: RegExp) =>
    until(() => `${what} in ${notices}`, () => notices.some((notice) => what.test(notice)));
  return {
    heard,
    notices,
    told,
    call: async (text: string) => {
      const connection = await Deno.connect({ port });
      await connection.write(new TextEncoder().encode(text));
      return connection;
    },
    async [Symbol.asyncDispose]() {
      stop.abort("over");
      await assert.rejects(done, (reason) => reason === "over");
    },
  };
}

/** What a connection brings until its end: nothing. */
const isClosed = async (connection: Deno.Conn) => await connection.read(new Uint8Array(1)) === null;

Deno.test("takeCalls: one more than so many is closed at once, until another has ended", async () => {
  await using calls = await taking({ atOnce: 2 });
  using first = await calls.call("a");
  using second = await calls.call("b");
  await until("both", () => calls.heard.length === 2 || undefined);
  using third = await calls.call("");
  assert.ok(await isClosed(third));
  await calls.told(/A call from 127\.0\.0\.1:\d+ was not taken: 2 are open/);
  first.close();
  await calls.told(/The call from 127\.0\.0\.1:\d+ ended: /);
  using fourth = await calls.call("d");
  await until("the fourth", () => calls.heard.includes("d") || undefined);
  await second.write(new TextEncoder().encode("B"));
  await until("the second again", () => calls.heard.includes("B") || undefined);
  assert.ok(fourth);
});

Deno.test("takeCalls: a call lasts no longer than it may, whatever the peer does", async () => {
  await using calls = await taking({ atOnce: 1, withinMs: 50 });
  using endless = await calls.call("x");
  assert.ok(await isClosed(endless));
  const took = /The call from 127\.0\.0\.1:\d+ took more than 0\.05 s/;
  await calls.told(took);
  using next = await calls.call("y");
  assert.ok(await isClosed(next));
  await until(
    "the end of the next",
    () => calls.notices.filter((notice) => took.test(notice)).length === 2 || undefined,
  );
});

Deno.test("takeCalls: a port that another has is told", async () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const options = { host: "127.0.0.1", port: other.addr.port, atOnce: 1, withinMs: 1, onOpen() {}, onNotice() {} };
  const taken = takeCalls({ ...options, signal: new AbortController().signal }, () => Promise.resolve());
  await assert.rejects(taken, (error) => error instanceof LineError && error.trouble === "busy");
});
