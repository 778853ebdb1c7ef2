import assert from "node:assert/strict";
import { LineError } from "../../src/errors.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";
import { openTransport, parseEndpoint } from "../../src/transport/mod.ts";

const { signal: never } = new AbortController();
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (read: Uint8Array) => new TextDecoder().decode(read);

const lineError = (trouble: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof LineError, String(error));
  assert.equal(error.trouble, trouble);
  assert.match(error.message, message);
  return true;
};

/** A listening peer, a connection to it, and the peer's own end of it. */
async function connected(query = "", onNotice = (_: string) => {}) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const endpoint = parseEndpoint(`tcp://127.0.0.1:${(listener.addr as Deno.NetAddr).port}${query}`);
  const [peer, transport] = await Promise.all([
    listener.accept(),
    openTransport(endpoint, { signal: never, onNotice }),
  ]);
  return {
    peer,
    transport,
    [Symbol.asyncDispose]: async () => {
      await transport[Symbol.asyncDispose]();
      try {
        peer.close();
      } catch (error) {
        assert.ok(error instanceof Deno.errors.BadResource); // the test has closed it
      }
      listener.close();
    },
  };
}

Deno.test("tcp: bytes pass both ways", async () => {
  await using wire = await connected();
  await wire.transport.write(bytes("/?!\r\n"));
  const buffer = new Uint8Array(16);
  assert.equal(text(buffer.subarray(0, (await wire.peer.read(buffer))!)), "/?!\r\n");
  await wire.peer.write(bytes("/LGZ5"));
  assert.equal(text(await wire.transport.read(never)), "/LGZ5");
});

Deno.test("tcp: an abort loses no byte", async () => {
  await using wire = await connected();
  for (let round = 0; round < 50; round++) {
    const abort = new AbortController();
    const read = wire.transport.read(abort.signal).then(text, () => "");
    const write = wire.peer.write(bytes("0147238"));
    if (round % 2 === 0) await write;
    abort.abort("enough");
    let came = await read;
    while (came.length < 7) came += text(await wire.transport.read(AbortSignal.timeout(2000)));
    assert.equal(came, "0147238");
  }
  await assert.rejects(wire.transport.read(AbortSignal.abort("before")), (reason) => reason === "before");
});

Deno.test("tcp: flush forgets what came", async () => {
  await using wire = await connected();
  await wire.peer.write(bytes("noise"));
  await wire.transport.read(never);
  await wire.peer.write(bytes("more noise"));
  const settled = await wire.transport.read(never); // both ends are on this event loop: it has come
  assert.equal(text(settled), "more noise");
  wire.transport.flush();
  await wire.peer.write(bytes("/LGZ5"));
  assert.equal(text(await wire.transport.read(never)), "/LGZ5");
});

Deno.test("tcp: a peer that hangs up: what it said first, then lost", async () => {
  await using wire = await connected();
  await wire.peer.write(bytes("1.8.0("));
  wire.peer.close();
  assert.equal(text(await wire.transport.read(never)), "1.8.0(");
  const lost = lineError("lost", /tcp:\/\/127.0.0.1:\d+ closed the connection/);
  await assert.rejects(wire.transport.read(never), lost);
  await assert.rejects(wire.transport.read(never), lost);
  await assert.rejects(wire.transport.write(bytes("x")), lost);
});

Deno.test("tcp: nobody accepts, or not in time, or the name is none", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const open = (url: string) => openTransport(parseEndpoint(url), { signal: never });
  await assert.rejects(open(`tcp://127.0.0.1:${port}`), lineError("refused", /Cannot connect to tcp:.*refused/));
  await assert.rejects(open("tcp://no-such-host.invalid:1?connect_timeout=5s"), lineError("refused", /Cannot connect/));
});

Deno.test("tcp: nobody takes the call: the connecting ends at its time-out, or at an abort", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = listener.addr as Deno.NetAddr;
  const waiting = await fillQueue(port);
  try {
    const late = parseEndpoint(`tcp://127.0.0.1:${port}?connect_timeout=50ms`);
    await assert.rejects(openTransport(late, { signal: never }), lineError("refused", /no answer within 0.05 s/));
    const abort = new AbortController();
    const opening = openTransport(parseEndpoint(`tcp://127.0.0.1:${port}`), { signal: abort.signal });
    setTimeout(() => abort.abort("stop"), 5);
    await assert.rejects(opening, (reason) => reason === "stop");
  } finally {
    for (const connection of waiting) connection.close();
  }
});

/** Connects until the kernel answers nobody any more, because nobody accepts. */
async function fillQueue(port: number): Promise<Deno.TcpConn[]> {
  const waiting: Deno.TcpConn[] = [];
  while (waiting.length < 100) {
    try {
      waiting.push(await Deno.connect({ hostname: "127.0.0.1", port, signal: AbortSignal.timeout(100) }));
    } catch {
      break;
    }
  }
  return waiting;
}

Deno.test("tcp: aborted before it begins, nobody is called", async () => {
  const endpoint = parseEndpoint("tcp://127.0.0.1:9");
  await assert.rejects(openTransport(endpoint, { signal: AbortSignal.abort("stop") }), (reason) => reason === "stop");
});

Deno.test("tcp: a peer that sends for ever waits when nobody reads", async () => {
  await using wire = await connected();
  let sent = 0;
  const flood = (async () => {
    const block = new Uint8Array(65536);
    while (true) sent += await wire.peer.write(block);
  })().catch(() => {});
  let before = -1;
  while (sent !== before) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok((await wire.transport.read(never)).length < 65536 + 4096);
  await wire.transport[Symbol.asyncDispose]();
  wire.peer.close();
  await flood;
});

Deno.test("tcp: a change of speed does nothing and says so once", async () => {
  const notices: string[] = [];
  await using wire = await connected("", (notice) => notices.push(notice));
  await wire.transport.setLine(SIGN_ON_LINE);
  assert.deepEqual(notices, []);
  for (const baud of [9600, 300, 9600]) await wire.transport.setLine({ ...SIGN_ON_LINE, baud });
  assert.equal(notices.length, 1);
  assert.match(notices[0]!, /^the change to 9600 7E1 is up to the converter.*max_baud=300/);
});

Deno.test("tcp: parity in software over the network", async () => {
  await using wire = await connected("?parity_in_software=true");
  await wire.transport.setLine(SIGN_ON_LINE);
  await wire.transport.write(bytes("/?!\r\n"));
  const buffer = new Uint8Array(16);
  assert.deepEqual(buffer.subarray(0, (await wire.peer.read(buffer))!), Uint8Array.of(0xaf, 0x3f, 0x21, 0x8d, 0x0a));
});
