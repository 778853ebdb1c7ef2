import assert from "node:assert/strict";
import { Inbox } from "../../src/dialogue.ts";
import { LineError, ProtocolError } from "../../src/errors.ts";
import { listen, readout, type ReadoutOptions } from "../../src/iec62056/mod.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { converse } from "../../src/session.ts";
import {
  parseCaptures,
  parseFault,
  type SimulatedMode,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "../../src/simulator/mod.ts";
import { openTransport, parseEndpoint } from "../../src/transport/mod.ts";
import type { Telegram } from "../../src/telegram.ts";

const { signal } = new AbortController();
const captures = parseCaptures(toBytes("/ABc5X\r\n0.0.0(00012)\r\n1.8.0(000123.4*kWh)\r\n!\r\n"));
const p1 = parseCaptures(toBytes("/ABC5P1\r\n\r\n1-0:1.8.1(000123.456*kWh)\r\n!0000\r\n"));

/** A meter on TCP that takes no time. */
function onTcp(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  return startSimulator({ meters: [{ captures }], listen: { tcp: "127.0.0.1:0" }, pacing: false, ...options });
}

async function read({ endpoint }: Simulator, options: ReadoutOptions = {}, query = ""): Promise<Telegram> {
  await using transport = await openTransport(parseEndpoint(endpoint + query), { signal });
  return await converse(transport, readout(options), { signal });
}

const addresses = ({ block }: Telegram) => block.sets.map(({ address }) => address);

for (const mode of ["A", "B", "C"] satisfies SimulatedMode[]) {
  Deno.test(`startSimulator: a reader reads mode ${mode} over TCP`, async () => {
    await using simulator = await onTcp({ mode });
    const telegram = await read(simulator);
    assert.deepEqual([telegram.mode, telegram.check.result], [mode, "good"]);
    assert.deepEqual(addresses(telegram), ["0.0.0", "1.8.0"]);
    const { requests, sessions, messages, complaints } = simulator.statistics;
    assert.deepEqual({ requests, sessions, messages, complaints }, {
      requests: 1,
      sessions: 1,
      messages: 1,
      complaints: 0,
    });
  });
}

Deno.test("startSimulator: pushes to every client, mode D and P1", async () => {
  for (const [what, kind] of [[captures, "none"], [p1, "crc"]] as const) {
    await using simulator = await onTcp({ meters: [{ captures: what }], mode: "D", everyMs: 1 });
    const hear = async () => {
      await using transport = await openTransport(parseEndpoint(simulator.endpoint), { signal });
      return await converse(transport, listen(new Inbox()), { signal });
    };
    for (const telegram of await Promise.all([hear(), hear()])) {
      assert.deepEqual([telegram.mode, telegram.check.kind], ["D", kind]);
    }
    assert.equal(simulator.statistics.clients, 2);
  }
});

Deno.test("startSimulator: several meters on one line answer to their numbers", async () => {
  const other = parseCaptures(toBytes("/XYZ5OTHER\r\n1.8.0(1*kWh)\r\n!\r\n"));
  await using simulator = await onTcp({ meters: [{ captures }, { captures: other, address: "77" }] });
  assert.equal((await read(simulator, { address: "0012" })).identification?.line, "/ABc5X");
  assert.equal((await read(simulator, { address: "77" })).identification?.line, "/XYZ5OTHER");
});

Deno.test("startSimulator: a hundred clients at once, each with a meter of its own", async () => {
  await using simulator = await onTcp();
  const telegrams = await Promise.all(Array.from({ length: 100 }, () => read(simulator)));
  assert.ok(telegrams.every(({ check }) => check.result === "good"));
  assert.equal(simulator.statistics.sessions, 100);
});

/** A fault, and what the reader makes of it: a telegram, or an error of this kind. */
const FAULTS: Record<string, "good" | typeof LineError | ProtocolError["trouble"]> = {
  "bad-bcc": "damaged",
  "bad-bcc:1": "good",
  "flip-digit": "damaged",
  "flip-digit:1": "good",
  "garbage:before": "good",
  disconnect: LineError,
  endless: "endless",
};

for (const [fault, outcome] of Object.entries(FAULTS)) {
  Deno.test(`startSimulator: fault ${fault} gives ${typeof outcome === "string" ? outcome : outcome.name}`, async () => {
    await using simulator = await onTcp({ faults: [parseFault(fault)] });
    const got = await read(simulator).then(({ check }) => check.result, (error) => error);
    if (outcome === "good") assert.equal(got, "good");
    else if (typeof outcome === "string") {
      assert.ok(got instanceof ProtocolError, String(got));
      assert.equal(got.trouble, outcome);
    } else assert.ok(got instanceof outcome, String(got));
  });
}

Deno.test("startSimulator: faults of the wire that a reader bears: echo, parity, a converter that stays", async () => {
  await using converter = await onTcp({ faults: [parseFault("converter:300")] });
  assert.equal((await read(converter, { maxBaud: 300 })).check.result, "good");
  await using echo = await onTcp({ faults: [parseFault("echo")] });
  assert.equal((await read(echo)).check.result, "good");
  await using parity = await onTcp({ faults: [parseFault("parity")] });
  assert.equal((await read(parity, {}, "?parity_in_software=true")).check.result, "good");
});

Deno.test("startSimulator: a client that hangs up in the middle leaves nothing behind", async () => {
  await using simulator = await onTcp({ pacing: true });
  const { hostname, port } = new URL(simulator.endpoint.replace("tcp", "http"));
  const connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(toBytes("/?!"));
  connection.close();
  const again = await Deno.connect({ hostname, port: Number(port) });
  again.close();
});

Deno.test("startSimulator: live values move, the check stays right", async () => {
  let nowMs = Date.UTC(2024, 5, 1);
  const clock = { now: () => nowMs, monotonic: () => performance.now(), sleep: () => Promise.resolve() };
  await using simulator = await onTcp({ live: true, clock });
  const text = (telegram: Telegram) => telegram.block.sets[1]!.values[0]!.text;
  const first = text(await read(simulator));
  nowMs += 10 * 3_600_000;
  const second = await read(simulator);
  assert.deepEqual([first, text(second), second.check.result], ["000123.4", "000131.4", "good"]);
});

/** A folder in which a pseudo-terminal's link may stand. */
async function withLink(use: (link: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(`${folder}/meter`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("startSimulator: a reader reads from a pseudo-terminal at the right speed; the link goes with it", async () => {
  await withLink(async (link) => {
    {
      await using simulator = await startSimulator({ meters: [{ captures }], listen: { pty: link }, baud: 19200 });
      const telegram = await read(simulator, { line: { baud: 19200, dataBits: 7, parity: "even", stopBits: 1 } });
      assert.deepEqual([telegram.check.result, simulator.statistics.complaint], ["good", undefined]);
      assert.equal(
        (await read(simulator, { line: { baud: 19200, dataBits: 7, parity: "even", stopBits: 1 } })).mode,
        "C",
      );
    }
    await assert.rejects(Deno.lstat(link), Deno.errors.NotFound);
  });
});

Deno.test("startSimulator: no complaint about a reader that breaks, changes its speed and closes at once", async () => {
  await withLink(async (link) => {
    await using simulator = await startSimulator({ meters: [{ captures }], listen: { pty: link } });
    for (let turn = 0; turn < 2; turn++) assert.equal((await read(simulator)).check.result, "good");
    await new Promise((resolve) => setTimeout(resolve, 20)); // the last break is still on its way
    assert.equal(simulator.statistics.complaint, undefined);
  });
});

Deno.test("startSimulator: a pseudo-terminal that was hung up comes back at its link", async () => {
  await withLink(async (link) => {
    const line = { baud: 115200, dataBits: 7, parity: "even", stopBits: 1 } as const;
    await using simulator = await startSimulator({
      meters: [{ captures }],
      listen: { pty: link },
      baud: line.baud,
      faults: [parseFault("disconnect:10:1")],
    });
    await assert.rejects(read(simulator, { line }), LineError);
    const deadlineMs = performance.now() + 5000;
    while (!(await Deno.stat(link).then(() => true, () => false)) && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal((await read(simulator, { line })).check.result, "good");
  });
});

Deno.test("startSimulator: a reader on a pseudo-terminal at a wrong speed hears garbage", async () => {
  await withLink(async (link) => {
    await using simulator = await startSimulator({
      meters: [{ captures }],
      listen: { pty: link },
      baud: 115200,
      mode: "D",
      everyMs: 1,
    });
    await using transport = await openTransport(parseEndpoint(`${link}?baud=9600`), { signal });
    await transport.setLine({ baud: 9600, dataBits: 8, parity: "none", stopBits: 1 });
    const heard = await transport.read(signal);
    assert.ok(heard.every((byte) => byte >= 0x80));
    assert.match(simulator.statistics.complaint!, /the client listens at 9600 Bd while the meter speaks at 115200 Bd/);
  });
});

Deno.test("startSimulator: somebody else's file at the link's place stays", async () => {
  await withLink(async (link) => {
    await Deno.writeTextFile(link, "precious");
    await assert.rejects(startSimulator({ meters: [{ captures }], listen: { pty: link } }));
    assert.equal(await Deno.readTextFile(link), "precious");
  });
});

Deno.test("startSimulator: data without end and without a client starve nobody", async () => {
  await withLink(async (link) => {
    const faults = [parseFault("endless")];
    const listen = { pty: link };
    await using simulator = await startSimulator({ meters: [{ captures }], listen, mode: "A", pacing: false, faults });
    {
      await using transport = await openTransport(parseEndpoint(link), { signal });
      await transport.write(toBytes("/?!\r\n"));
      while (simulator.statistics.messages === 0) await transport.read(signal);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  });
});
