import assert from "node:assert/strict";
import { LineError } from "../../src/errors.ts";
import { Errno, LibcError } from "../../src/libc.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";
import { openTransport, parseEndpoint, type Transport } from "../../src/transport/mod.ts";
import { openError } from "../../src/transport/serial.ts";
import { compileLibrary, NO_COMPILER } from "../support/c_library.ts";
import { openPty } from "../support/pty.ts";
import { meter } from "../support/read_meter.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

const { signal: never } = new AbortController();
const bytes = (text: string) => new TextEncoder().encode(text);

const open = (path: string, onNotice = (_: string) => {}) =>
  openTransport(parseEndpoint(path), { signal: never, onNotice });

/** Reads until so many bytes have come. */
async function readAll(port: Pick<Transport, "read">, count: number): Promise<string> {
  let text = "";
  while (text.length < count) text += new TextDecoder().decode(await port.read(AbortSignal.timeout(2000)));
  return text;
}

const lineError = (trouble: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof LineError, String(error));
  assert.equal(error.trouble, trouble);
  assert.match(error.message, message);
  return true;
};

const threads = () => [...Deno.readDirSync("/proc/self/task")].length;

Deno.test("serial: bytes pass unchanged both ways, control characters and bit 7 too", async () => {
  await using pty = openPty();
  await using port = await open(pty.path);
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  await port.setLine({ ...SIGN_ON_LINE, dataBits: 8, parity: "none" });
  for (const [from, to] of [[port, pty], [pty, port]] as const) {
    await from.write(all);
    const came: number[] = [];
    while (came.length < 256) came.push(...await to.read(never));
    assert.deepEqual(Uint8Array.from(came), all);
  }
});

Deno.test("serial: setLine changes the speed, one without a code of its own too, and 7E1 on a pseudo-terminal is no error", async () => {
  await using pty = openPty();
  const notices: string[] = [];
  await using port = await open(pty.path, (notice) => notices.push(notice));
  const emulated = Deno.env.has("QEMU_LD_PREFIX"); // qemu's user emulation knows no speed without a code of its own
  for (const baud of [300, 9600, ...emulated ? [] : [10400], 115200, 300]) {
    await port.setLine({ ...SIGN_ON_LINE, baud });
    await port.setLine({ ...SIGN_ON_LINE, baud });
    assert.equal(pty.readerLine().baud, baud);
  }
  assert.deepEqual(notices, []);
});

Deno.test("serial: an abort loses no byte, before, while or after they come", async () => {
  await using pty = openPty();
  await using port = await open(pty.path);
  for (let round = 0; round < 50; round++) {
    const abort = new AbortController();
    const read = port.read(abort.signal);
    const write = pty.write(bytes("0147238"));
    if (round % 2 === 0) await write;
    abort.abort("enough");
    const early = await read.then((came) => new TextDecoder().decode(came), (reason) => {
      assert.equal(reason, "enough");
      return "";
    });
    await write;
    assert.equal(early + await readAll(port, 7 - early.length), "0147238");
  }
  await assert.rejects(port.read(AbortSignal.abort("before")), (reason) => reason === "before");
});

Deno.test("serial: flush forgets what came", async () => {
  await using pty = openPty();
  await using port = await open(pty.path);
  await pty.write(bytes("noise"));
  port.flush();
  await pty.write(bytes("/LGZ5"));
  assert.equal(await readAll(port, 5), "/LGZ5");
});

Deno.test("serial: unplugged while it reads, and from then on", async () => {
  const pty = openPty();
  await using port = await open(pty.path);
  await pty.write(bytes("1.8.0("));
  const reading = (async () => {
    const before = await readAll(port, 6);
    return [before, await port.read(never).catch((error) => error)];
  })();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await pty[Symbol.asyncDispose]();
  const [before, error] = await reading;
  assert.equal(before, "1.8.0(");
  const gone = lineError("lost", /^\/dev\/pts\/\d+ is gone: its other end was closed$/);
  gone(error);
  await assert.rejects(port.read(never), gone);
  await assert.rejects(port.write(bytes("/?!\r\n")), gone);
  await assert.rejects(port.setLine(SIGN_ON_LINE), gone);
});

Deno.test("serial: a port that is disposed of wakes its reader, and is closed once", async () => {
  await using pty = openPty();
  const port = await open(pty.path);
  const reading = assert.rejects(port.read(never), lineError("lost", /was closed/));
  await port[Symbol.asyncDispose]();
  await port[Symbol.asyncDispose]();
  await reading;
  await using again = await open(pty.path);
  await pty.write(bytes("x"));
  assert.equal(await readAll(again, 1), "x");
});

Deno.test("serial: busy names the process that holds the port", async () => {
  await using pty = openPty();
  const script = new URL("../support/hold_port.ts", import.meta.url).pathname;
  const holder = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-all", script, pty.path],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const said = holder.stdout.getReader();
  await said.read();
  await assert.rejects(open(pty.path), lineError("busy", new RegExp(`: process ${holder.pid} holds it$`)));
  await holder.stdin.close();
  await said.cancel();
  await holder.status;
  await using _free = await open(pty.path);
  await assert.rejects(open(pty.path), lineError("busy", new RegExp(`: process ${Deno.pid} holds it$`)));
});

Deno.test("serial: what cannot be opened says what to do", async () => {
  await assert.rejects(open("/dev/ttyUSB77"), lineError("missing", /no such port; .*\/dev\/serial\/by-id/));
  await assert.rejects(open("/dev/null"), lineError("missing", /no serial port that works/));
  const cases = [
    [Errno.EACCES, "denied", /sudo usermod -aG dialout USER/],
    [Errno.EBUSY, "busy", /another process holds it/],
    [Errno.ENXIO, "missing", /no such port/],
    [Errno.EIO, "missing", /no serial port that works/],
  ] as const;
  for (const [errno, trouble, message] of cases) {
    lineError(trouble, message)(openError("/dev/ttyUSB0", new LibcError("open", errno)));
  }
  const noFfi = new Deno.errors.NotCapable("Requires ffi access");
  lineError("denied", /--allow-ffi=\/.*libc/)(openError("/dev/ttyUSB0", noFfi));
});

Deno.test("serial: DTR and RTS that a port does not have are said, not fatal", async () => {
  await using pty = openPty();
  const notices: string[] = [];
  await using _port = await open(`${pty.path}?dtr=on&rts=off`, (notice) => notices.push(notice));
  assert.equal(notices.length, 2);
  assert.match(notices[0]!, /DTR cannot be set here/);
});

Deno.test("serial: forty ports wait on one thread, and none is left behind", async () => {
  const before = threads();
  const ptys = Array.from({ length: 40 }, () => openPty());
  const ports: Transport[] = [];
  for (const pty of ptys) ports.push(await open(pty.path));
  const abort = new AbortController();
  const readings = ports.map((port) => port.read(abort.signal).catch((reason) => reason));
  // With a thread for each, this would find none of Deno's 32 free and wait for ever.
  await Deno.readTextFile("/proc/self/status");
  const waiting = threads();
  await ptys[39]!.write(bytes("last"));
  assert.equal(new TextDecoder().decode(await readings[39]), "last");
  abort.abort("enough");
  assert.deepEqual(new Set((await Promise.all(readings)).slice(0, 39)), new Set(["enough"]));
  for (const port of [...ports, ...ptys]) await port[Symbol.asyncDispose]();
  // The tests beside this one in the process come and go with threads of their own, but not with forty.
  assert.ok(waiting < before + 20, `${before} threads before, ${waiting} while waiting`);
  assert.ok(threads() < before + 20, `${before} threads before, ${threads()} after`);
});

Deno.test({
  name: "serial: the speed changes when the last bit has left, neither earlier nor later (needs cc)",
  ignore: NO_COMPILER,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const changes = await changesOfSpeed(folder);
      // ACK 050 CR LF at 300 Bd: six characters of ten bits, 200 ms; a meter may answer 20 ms later.
      for (const { afterMs, baud } of changes) {
        assert.ok(baud === 9600 && afterMs >= 200, `changed after ${afterMs} ms`);
      }
      const soonest = Math.min(...changes.map(({ afterMs }) => afterMs)); // a busy machine may delay one, not all
      assert.ok(soonest < 220, `changed after ${soonest} ms`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "serial: obisd read holds the line at space before it asks, as long as it should (needs cc)",
  ignore: NO_COMPILER,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const library = await compileLibrary("note_break", folder);
      await using simulator = await meter({ link: `${folder}/meter`, pacing: true });
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--allow-all", "--quiet", MAIN, "read", `${simulator.endpoint}?prolonged_break=300ms`],
        env: { OBISD_LIBC: library, BREAK_NOTES: `${folder}/notes` },
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const [on, off, ...more] = (await Deno.readTextFile(`${folder}/notes`)).trim().split("\n").map((note) =>
        note.split(" ")
      );
      assert.deepEqual([on![0], off![0], more], ["on", "off", []]);
      assert.ok(Number(off![1]) - Number(on![1]) >= 299, `${on} ${off}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Compiles a C library that drains as slowly as a wire and runs acknowledgements and changes of speed with it. */
async function changesOfSpeed(folder: string): Promise<{ afterMs: number; baud: number }[]> {
  const support = new URL("../support/", import.meta.url).pathname;
  const library = await compileLibrary("slow_drain", folder);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-all", `${support}drain.ts`],
    env: { OBISD_LIBC: library },
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  return JSON.parse(new TextDecoder().decode(stdout));
}
