/** A line that is pulled and plugged: when it is closed, when it is tried again, what it says of itself. */
import assert from "node:assert/strict";
import { LineError } from "../src/errors.ts";
import { parseEndpoint } from "../src/transport/endpoint.ts";
import { Wire, type WireOptions } from "../src/wire.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { fakeLine } from "./support/fake_line.ts";
import { hastyClock } from "./support/hasty_clock.ts";
import { openPty, type Pty } from "./support/pty.ts";
import { temporaryFolder } from "./support/readings.ts";

const { signal: never } = new AbortController();
const HOUR = 3_600_000;

/** A wire, and what was said of it. */
function wireAt(url: string, its: Partial<WireOptions> = {}) {
  const said: string[] = [];
  const wire = new Wire(parseEndpoint(url), {
    clock: hastyClock,
    onNotice: () => {},
    onAway: (reason) => said.push(`away: ${reason}`),
    onBack: () => said.push("back"),
    ...its,
  });
  return { wire, said };
}

/** An adapter under a lasting name, as /dev/serial/by-id has it. */
function plugIn(link: string): Pty {
  const pty = openPty();
  Deno.symlinkSync(pty.path, link);
  return pty;
}

async function pull(pty: Pty, link: string): Promise<void> {
  Deno.removeSync(link);
  await pty[Symbol.asyncDispose]();
}

const openFiles = () => [...Deno.readDirSync("/proc/self/fd")].length;

Deno.test("Wire.rest: a port that is pulled while nobody talks is closed at once, and found again by its name; nothing stays open", async () => {
  using folder = temporaryFolder();
  const link = `${folder.path}/usb-FTDI_METER1-port0`;
  const { wire, said } = wireAt(`serial://${link}`);
  await using _ = wire;
  let before = 0;
  for (let round = 0; round < 40; round++) {
    const pty = plugIn(link);
    while (wire.state.state !== "open") await wire.rest(HOUR, never); // an hour of this clock is longer than any test
    wire.proved(); // a meter has been read
    if (round === 1) before = openFiles();
    await pty.write(new TextEncoder().encode("noise that no one waits for"));
    const resting = wire.rest(HOUR, AbortSignal.timeout(15_000));
    await pull(pty, link);
    await resting;
    const { state, away, trouble, losses } = wire.state;
    assert.deepEqual([state, losses], ["away", round + 1]);
    assert.match(trouble!.reason, /^\/.*METER1-port0 is gone: its other end was closed$/);
    assert(away!.nextMs >= away!.sinceMs && away!.nextMs - away!.sinceMs < 6_000, JSON.stringify(away));
  }
  const pty = plugIn(link);
  while (wire.state.state !== "open") await wire.rest(HOUR, never);
  assert.equal(openFiles(), before, "as many as with the second one");
  assert.equal(said.at(-1), "back");
  await wire.close();
  await pull(pty, link);
});

Deno.test("Wire.rest: the time ends it, an abort ends it by its reason, and the port stays open for whoever is due", async () => {
  await using pty = openPty();
  const { wire } = wireAt(pty.path);
  await using _ = wire;
  const port = await wire.open(never);
  await wire.rest(5, never);
  const abort = new AbortController();
  const resting = wire.rest(HOUR, abort.signal);
  abort.abort("enough");
  await assert.rejects(resting, (reason) => reason === "enough");
  assert.equal(await wire.open(never), port);
  await pty.write(new TextEncoder().encode("/LGZ5"));
  assert.equal(new TextDecoder().decode(await port.read(AbortSignal.timeout(2000))), "/LGZ5");
});

/** When a wire to which nobody is there would be tried, in ms after the last time. */
async function pauses(url: string): Promise<number[]> {
  const clock = new FakeClock();
  const line = fakeLine(clock);
  line.refused = true;
  const { wire } = wireAt(url, { clock, open: line.open });
  const got: number[] = [];
  for (let round = 0; round < 9; round++) {
    await assert.rejects(wire.open(never), LineError);
    got.push(wire.waitMs());
    assert.equal(wire.state.away!.nextMs, clock.now() + wire.waitMs());
    await clock.run(clock.sleep(wire.waitMs()));
    assert.equal(wire.waitMs(), 0);
  }
  return got;
}

Deno.test("Wire.waitMs: ever longer, but no port is away for more than 5 s after it is back", async () => {
  assert.deepEqual(await pauses("serial:///dev/fake"), [500, 1000, 2000, 4000, 5000, 5000, 5000, 5000, 5000]);
  assert.deepEqual(await pauses("tcp://fake:1"), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
});

Deno.test("Wire.waitMs: a slot that has begun since the last try waits for half a second at most", async () => {
  const clock = new FakeClock();
  const line = fakeLine(clock);
  line.refused = true;
  const { wire } = wireAt("tcp://fake:1", { clock, open: line.open });
  for (let round = 0; round < 7; round++) await assert.rejects(wire.open(never), LineError);
  await clock.run(clock.sleep(200));
  assert.deepEqual([wire.waitMs(-1), wire.waitMs(100)], [29_800, 300]);
  await clock.run(clock.sleep(400));
  assert.deepEqual([wire.waitMs(-1), wire.waitMs(100)], [29_400, 0]);
});

Deno.test("Wire.afterTrouble: what opens and breaks is tried ever more seldom, until somebody has talked over it", async () => {
  const clock = new FakeClock();
  const line = fakeLine(clock);
  const { wire, said } = wireAt("tcp://fake:1", { clock, open: line.open });
  const breaks = async () => {
    await wire.open(never);
    await wire.afterTrouble(new LineError("lost", "fake hung up"));
    return wire.waitMs();
  };
  assert.deepEqual([await breaks(), await breaks(), await breaks()], [500, 1000, 2000]);
  await wire.open(never);
  wire.proved();
  assert.equal(await breaks(), 500);
  assert.deepEqual(said.slice(0, 3), ["away: fake hung up", "back", "away: fake hung up"]);
  assert.equal(wire.state.losses, 4);
});
