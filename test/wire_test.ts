/** A line that is pulled and plugged: when it is closed, when it is tried again, what it says of itself. */
import assert from "node:assert/strict";
import { LineError } from "../src/errors.ts";
import { parseEndpoint } from "../src/transport/endpoint.ts";
import { Wire, type WireOptions } from "../src/wire.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { fakeLine } from "./support/fake_line.ts";
import { hastyClock } from "./support/hasty_clock.ts";
import { openPty } from "./support/pty.ts";
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

Deno.test("Wire.rest: a port that is pulled while nobody talks is closed at once, and found again by its name; nothing stays open", async () => {
  using folder = temporaryFolder();
  const script = new URL("support/pulled_again_and_again.ts", import.meta.url).pathname;
  const command = new Deno.Command(Deno.execPath(), { args: ["run", "--allow-all", "--quiet", script, folder.path] });
  const { code, stderr } = await command.output(); // a process of its own, for its open files are counted
  assert.equal(code, 0, new TextDecoder().decode(stderr));
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

Deno.test("Wire.rest: a connection is kept for who is due soon, given back otherwise; one that its other end drops is no trouble", async () => {
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { wire, said } = wireAt(`tcp://127.0.0.1:${server.addr.port}`);
  await using _ = wire;
  const first = await wire.open(never);
  using theirs = await server.accept();
  await wire.rest(5, never, 1000);
  assert.equal(await wire.open(never), first);
  await wire.rest(5, never, HOUR);
  assert.equal(await theirs.read(new Uint8Array(1)), null);
  assert.equal(wire.state.state, "resting");

  const second = await wire.open(never);
  (await server.accept()).close();
  const inTime = AbortSignal.timeout(5000);
  const isOpen = () => wire.state.state === "open";
  while (isOpen()) await wire.rest(100, inTime, 1000);
  assert.deepEqual(said, []);
  assert.notEqual(await wire.open(never), second);
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
