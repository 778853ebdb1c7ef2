import assert from "node:assert/strict";
import { LineError } from "../../src/errors.ts";
import { formatLine, SIGN_ON_LINE } from "../../src/line.ts";
import { readout } from "../../src/iec62056/mod.ts";
import { converse } from "../../src/session.ts";
import { parseCaptures, startSimulator } from "../../src/simulator/mod.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { openTransport, parseEndpoint, type Transport } from "../../src/transport/mod.ts";
import { openRfc2217 } from "../../src/transport/rfc2217.ts";
import { encodeOption, encodePort, telnetDecoder, type TelnetEvent } from "../../src/transport/telnet.ts";
import { isMissing } from "../support/influx_servers.ts";
import { temporaryFolder } from "../support/readings.ts";
import { ser2net } from "../support/ser2net.ts";

const { signal: never } = new AbortController();
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (read: Uint8Array) => new TextDecoder().decode(read);

/** What the server says to one event of its client. */
type Server = (event: TelnetEvent) => Uint8Array[];

/** A connection whose other end is a script; what the client said is kept. */
class Scripted implements Transport {
  readonly heard: TelnetEvent[] = [];
  readonly lines: string[] = [];
  readonly #decode = telnetDecoder();
  #coming: Uint8Array[] = [];
  #arrived = () => {};

  constructor(readonly server: Server) {}

  say(...messages: Uint8Array[]): void {
    this.#coming.push(...messages);
    this.#arrived();
  }

  async read(signal: AbortSignal): Promise<Uint8Array> {
    while (this.#coming.length === 0) {
      await new Promise<void>((resolve, reject) => {
        this.#arrived = resolve;
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    }
    return this.#coming.shift()!;
  }

  write(bytes: Uint8Array): Promise<void> {
    for (const event of this.#decode(bytes)) {
      this.heard.push(event);
      this.say(...this.server(event));
    }
    return Promise.resolve();
  }

  setLine(settings: Parameters<Transport["setLine"]>[0]): Promise<void> {
    this.lines.push(formatLine(settings));
    return Promise.resolve();
  }

  flush(): void {
    this.#coming = [];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** A server that agrees to everything, but for some answers. */
const willing = (answers: Readonly<Record<number, number[]>> = {}): Server => (event) => {
  if (event.kind === "option" && event.verb === "WILL") return [encodeOption("DO", event.option)];
  if (event.kind === "option" && event.verb === "DO") return [encodeOption("WILL", event.option)];
  if (event.kind !== "port") return [];
  return [encodePort(event.command + 100, answers[event.command] ?? [...event.value])];
};

async function opened(server: Server, answerMs = 50) {
  const notices: string[] = [];
  const connection = new Scripted(server);
  const onNotice = (message: string) => notices.push(message);
  const port = await openRfc2217(connection, { line: SIGN_ON_LINE, signal: never, answerMs, onNotice });
  return { port, connection, notices };
}

const settings = (connection: Scripted) =>
  connection.heard.flatMap((event) =>
    event.kind === "port" && event.command <= 4 ? [[event.command, ...event.value]] : []
  );

Deno.test("openRfc2217: asks for 300 7E1, DTR and RTS, and for the speed again when it changes", async () => {
  const { port, connection, notices } = await opened(willing(), 5000);
  assert.deepEqual(settings(connection), [[1, 0, 0, 1, 0x2c], [2, 7], [3, 3], [4, 1]]);
  assert.deepEqual(
    connection.heard.flatMap((event) => event.kind === "port" && event.command === 5 ? [...event.value] : []),
    [1, 8, 11],
  );
  await port.setLine({ ...SIGN_ON_LINE, baud: 9600 });
  await port.setLine({ ...SIGN_ON_LINE, baud: 9600 });
  assert.deepEqual(settings(connection).slice(4), [[1, 0, 0, 0x25, 0x80], [2, 7], [3, 3], [4, 1]]);
  assert.deepEqual(notices, []);
  await port[Symbol.asyncDispose]();
});

Deno.test("openRfc2217: the line is held at space and let go by SET-CONTROL; a server that refuses is asked for nothing", async () => {
  const controls = ({ heard }: Scripted) =>
    heard.flatMap((event) => event.kind === "port" && event.command === 5 ? [...event.value] : []);
  const { port, connection } = await opened(willing(), 5000);
  await port.setBreak!(true);
  await port.setBreak!(false);
  assert.deepEqual(controls(connection).slice(-2), [5, 6]);
  const refusing = await opened((event) =>
    event.kind === "option" && event.verb === "WILL" ? [encodeOption("DONT", event.option)] : []
  );
  await refusing.port.setBreak!(true);
  assert.deepEqual(controls(refusing.connection), []);
});

Deno.test("openRfc2217: data passes both ways, 0xFF doubled, what came before an answer included", async () => {
  const { port, connection } = await opened(willing(), 5000);
  connection.say(Uint8Array.of(0x41, 0xff), Uint8Array.of(0xff, 0x42));
  assert.deepEqual([...await port.read(never), ...await port.read(never)], [0x41, 0xff, 0x42]);
  connection.say(bytes("early"));
  await port.setLine({ ...SIGN_ON_LINE, baud: 600 });
  assert.equal(text(await port.read(never)), "early");
  await port.write(Uint8Array.of(0x01, 0xff));
  assert.deepEqual(connection.heard.at(-1), { kind: "data", bytes: Uint8Array.of(0x01, 0xff) });
  await port[Symbol.asyncDispose]();
});

Deno.test("openRfc2217: a message counts as written when it has left the port, for the server changes speed at once", async () => {
  const { port } = await opened(willing(), 5000);
  const startMs = performance.now();
  await port.write(bytes("\x06050\r\n"));
  assert.ok(performance.now() - startMs >= 6 * 1000 / 30, "six characters at 300 Bd");
  await port[Symbol.asyncDispose]();
});

Deno.test("openRfc2217: an abort loses no byte", async () => {
  const { port, connection } = await opened(willing(), 5000);
  for (let round = 0; round < 20; round++) {
    const abort = new AbortController();
    const read = port.read(abort.signal).then(text, () => "");
    abort.abort("enough");
    connection.say(bytes("0147238"));
    assert.equal(await read + text(await port.read(never)), "0147238");
  }
  await port[Symbol.asyncDispose]();
});

Deno.test("openRfc2217: a server that refuses, or answers with WILL only, or says nothing at all", async () => {
  const refusing = await opened((event) =>
    event.kind === "option" && event.verb === "WILL" && event.option === 44 ? [encodeOption("DONT", 44)] : []
  );
  assert.match(refusing.notices.join(), /the server refuses; it is used as it is: write tcp:\/\//);
  await refusing.port.setLine({ ...SIGN_ON_LINE, baud: 9600 });
  assert.deepEqual(refusing.connection.lines, ["9600 7E1"]);
  const silent = await opened(() => []);
  assert.match(silent.notices.join(), /does not answer within 0.05 s/);
  silent.connection.say(Uint8Array.of(0x2f, 0xff, 0x41));
  assert.deepEqual([...await silent.port.read(never)], [0x2f, 0xff, 0x41], "raw: nothing is a telnet word");
  const shy = await opened((event) =>
    event.kind === "option" && event.verb === "DO" && event.option === 44
      ? [encodeOption("WILL", 44)]
      : event.kind === "port"
      ? willing()(event)
      : []
  );
  assert.deepEqual(shy.notices, []);
  for (const { port } of [refusing, silent, shy]) await port[Symbol.asyncDispose]();
});

Deno.test("openRfc2217: other options are refused once, however often they are offered", async () => {
  const { port, connection } = await opened(willing(), 5000);
  const before = connection.heard.length;
  for (let round = 0; round < 3; round++) connection.say(encodeOption("WILL", 1), encodeOption("DO", 24));
  connection.say(bytes("x"));
  await port.read(never);
  await port.write(bytes("y"));
  assert.deepEqual(connection.heard.slice(before, -1), [
    { kind: "option", verb: "DONT", option: 1 },
    { kind: "option", verb: "WONT", option: 24 },
  ]);
  await port[Symbol.asyncDispose]();
});

Deno.test("openRfc2217: a port without 7E1 gets parity from us; one that keeps its speed is told of", async () => {
  const eight = await opened(willing({ 2: [8], 3: [1] }), 5000);
  assert.match(eight.notices.join(), /its port makes 300 8N1 of 300 7E1: obisd makes and checks the parity itself/);
  await eight.port.write(bytes("/?!\r\n"));
  assert.deepEqual(eight.connection.heard.at(-1), { kind: "data", bytes: Uint8Array.of(0xaf, 0x3f, 0x21, 0x8d, 0x0a) });
  eight.connection.say(Uint8Array.of(0xaf, 0x3f, 0x21, 0x8d, 0x0a));
  assert.equal(text(await eight.port.read(never)), "/?!\r\n");
  await eight.port.setLine({ ...SIGN_ON_LINE, baud: 9600 });
  assert.deepEqual(settings(eight.connection).at(-3), [2, 8]);
  const fixed = await opened(willing({ 1: [0, 0, 1, 0x2c] }), 5000);
  await fixed.port.setLine({ ...SIGN_ON_LINE, baud: 9600 });
  assert.match(fixed.notices.join(), /makes 300 7E1 of 9600 7E1; if it can do no other speed, add max_baud=300/);
  for (const { port } of [eight, fixed]) await port[Symbol.asyncDispose]();
});

Deno.test("openRfc2217: a NUL behind a CR goes when the server refuses BINARY", async () => {
  const { port, connection } = await opened(
    (event) =>
      event.kind === "option" && event.option === 0
        ? [encodeOption(event.verb === "WILL" ? "DONT" : "WONT", 0)]
        : willing()(event),
    5000,
  );
  connection.say(bytes("!\r"), bytes("\0\n"));
  assert.equal(text(await port.read(never)) + text(await port.read(never)), "!\r\n");
  await port[Symbol.asyncDispose]();
});

Deno.test("openRfc2217: a connection lost while the server is asked", async () => {
  const lost = new LineError("lost", "gone");
  const connection = new Scripted(willing());
  const port = await openRfc2217(connection, { line: SIGN_ON_LINE, signal: never, onNotice: () => {} });
  connection.read = () => Promise.reject(lost);
  connection.write = () => Promise.reject(lost);
  await assert.rejects(port.setLine({ ...SIGN_ON_LINE, baud: 9600 }), lost);
  await assert.rejects(port.read(never), lost);
  await port[Symbol.asyncDispose]();
});

async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 0;; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

Deno.test("rfc2217: a paced meter behind Debian's ser2net, its speed changed at the right moment", {
  ignore: isMissing("ser2net"),
}, async () => {
  using folder = temporaryFolder();
  const captures = parseCaptures(toBytes("/ABC5METER\r\n0.0.0(12345678)\r\n1.8.0(0147238.4*kWh)\r\n!\r\n"));
  await using simulator = await startSimulator({ meters: [{ captures }], listen: { pty: `${folder.path}/meter` } });
  await using server = ser2net(`${folder.path}/meter`, "9600n81", folder.path);
  const endpoint = parseEndpoint(server.endpoint);
  const notices: string[] = [];
  const onNotice = (message: string) => notices.push(message);
  await using transport = await patiently(() => openTransport(endpoint, { signal: never, onNotice }));
  const telegram = await converse(transport, readout({ line: SIGN_ON_LINE }), { signal: never });
  assert.equal(telegram.check.result, "good");
  assert.match(text(telegram.bytes), /0147238\.4/);
  assert.deepEqual(notices.filter((notice) => !/parity itself/.test(notice)), []);
  assert.equal(simulator.statistics.complaints, 0, simulator.statistics.complaint);
});
