/** What stands still is found soon, and what is only slow is let alone: the journal's worker, a line's loop. */
import assert from "node:assert/strict";
import { type CollectorContext, serveLine } from "../src/collector.ts";
import { CollectorReport } from "../src/collector_report.ts";
import type { MeterConfig } from "../src/config.ts";
import { toBytes } from "../src/iec62056/characters.ts";
import { Moments } from "../src/moments.ts";
import { Progress } from "../src/progress.ts";
import { takePulse } from "../src/pulse.ts";
import { parseCaptures, startSimulator } from "../src/simulator/mod.ts";
import { parseEndpoint } from "../src/transport/endpoint.ts";
import type { Transport } from "../src/transport/mod.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { fakeLine, type FakeMeter } from "./support/fake_line.ts";
import { listeningLog } from "./support/listening_log.ts";
import { temporaryFolder } from "./support/readings.ts";
import { obisd, startRun, until } from "./support/running.ts";
import { canMount, smallDisk } from "./support/small_disk.ts";

const SECOND = 1000;

/** From when to when it was stuck, looked at each second: seconds. */
async function stuckDuring(clock: FakeClock, progress: Progress, forMs: number): Promise<[from: number, to: number]> {
  let [from, to] = [Infinity, -Infinity];
  for (let at = 0; at <= forMs; at += SECOND) {
    if (progress.stuck().length > 0) [from, to] = [Math.min(from, at / SECOND), at / SECOND];
    await clock.sleep(SECOND);
  }
  return [from, to];
}

Deno.test("takePulse: a disk that stalls for 20 s is none, one that stands still is found within 26 s", async () => {
  for (const [stallMs, stuck] of [[20_000, [Infinity, -Infinity]], [3_600_000, [126, 200]]] as const) {
    const clock = new FakeClock();
    const progress = new Progress(() => clock.monotonic());
    const end = new AbortController();
    const stalled = { fromMs: 101 * SECOND, untilMs: 101 * SECOND + stallMs };
    const ping = async () => {
      const now = clock.now();
      if (now >= stalled.fromMs && now < stalled.untilMs) await clock.sleep(stalled.untilMs - now, end.signal);
    };
    const pulse = takePulse(ping, { progress, clock, signal: end.signal, onTrouble: (error) => assert.fail(error) });
    const got = await clock.run(stuckDuring(clock, progress, 200 * SECOND));
    end.abort("enough");
    await pulse;
    assert.deepEqual(got, stuck);
  }
});

Deno.test("takePulse: a worker that is dead says why, and no longer keeps its promise", async () => {
  const clock = new FakeClock();
  const progress = new Progress(() => clock.monotonic());
  const end = new AbortController();
  const said = new Set<string>();
  const onTrouble = (error: Error) => void said.add(error.message);
  const pulse = takePulse(() => Promise.reject(new Error("the worker died")), {
    progress,
    clock,
    signal: end.signal,
    onTrouble,
  });
  assert.deepEqual(await clock.run(stuckDuring(clock, progress, 40 * SECOND)), [26, 40]);
  end.abort();
  await pulse;
  assert.deepEqual([...said], ["the worker died"]);
});

/** Serves a meter that is asked each 30 minutes, and says when its line was stuck. */
async function stuckLine(fake: FakeMeter, its: Partial<CollectorContext> = {}, forMs = 45 * 60 * SECOND) {
  const clock = new FakeClock();
  const progress = new Progress(() => clock.monotonic());
  const end = new AbortController();
  const meter: MeterConfig = {
    ...{
      name: "1",
      line: "room",
      address: "1",
      mode: "auto",
      timeZone: "UTC",
      labels: {},
      tries: 3,
      timestamp: "readout",
    },
    schedule: { kind: "every", ms: 30 * 60 * SECOND, timeZone: "UTC" },
  };
  const report = new CollectorReport(listeningLog());
  const serving = serveLine({ name: "room", endpoint: parseEndpoint("tcp://fake:1") }, [meter], {
    journal: { append: () => Promise.resolve({ seq: 1, durable: true }) },
    ...{ report, moments: new Moments(), progress, clock, open: fakeLine(clock, { "1": fake }).open },
    ...{ stop: end.signal, retire: end.signal },
    ...its,
  });
  const got = await clock.run(stuckDuring(clock, progress, forMs));
  end.abort("enough");
  return { got, report, serving };
}

Deno.test("serveLine: a long rest and a session of ten minutes are no stand-still", async () => {
  const { got, report, serving } = await stuckLine({ takesMs: 600 * SECOND });
  await serving;
  assert.deepEqual(got, [Infinity, -Infinity]);
  assert.equal(report.counts.readouts, 1);
});

Deno.test("serveLine: an opening, a driver or a journal that never comes back is found within a minute or so", async () => {
  const never = () => new Promise<never>(() => {});
  const deaf: Transport = { read: never, write: never, setLine: never, flush() {}, [Symbol.asyncDispose]: never };
  const cases: [number, Partial<CollectorContext>][] = [
    [70, { open: never }], // 10 s are connect_timeout
    [70, { open: () => Promise.resolve(deaf) }],
    [61, { journal: { append: never } }],
  ];
  for (const [afterS, its] of cases) {
    const { got: [from, to] } = await stuckLine({}, its, 1950 * SECOND); // nobody waits for what never ends
    assert(from > 1800 && from <= 1801 + afterS && to === 1950, `${from} to ${to}`);
  }
});

Deno.test({
  name:
    "run: a journal on a disk that stands still ends by the watchdog, and it reads on once it is back (root, fsfreeze)",
  ignore: !canMount,
  fn: async () => {
    const captures = parseCaptures(toBytes("/ABc5X\r\n0.0.0(00012)\r\n1.8.0(000123.4*kWh)\r\n!\r\n"));
    await using meter = await startSimulator({ meters: [{ captures }], listen: { tcp: "127.0.0.1:0" }, pacing: false });
    using disk = smallDisk();
    using folder = temporaryFolder();
    await Deno.writeTextFile(
      `${folder.path}/obisd.yaml`,
      `
lines: { a: { url: "${meter.endpoint}" } }
meters: [{ name: a, line: a, every: 1s }]
sinks: [{ type: stdout }]
journal: { path: "${disk.path}/journal.db" }
`,
    );
    assert.equal((await obisd("check", "-c", `${folder.path}/obisd.yaml`)).code, 0);
    await using daemon = startRun(`${folder.path}/obisd.yaml`, { env: { WATCHDOG_USEC: "30000000" } });
    await until("a readout", () => daemon.stdout.length > 0 || undefined);
    freeze(disk.path, true);
    try {
      assert(!daemon.notified.includes("WATCHDOG=trigger"));
      for (let patience = 0; patience < 4 && !daemon.notified.includes("WATCHDOG=trigger"); patience++) {
        await daemon.told(/^WATCHDOG=trigger$/).catch(() => {}); // each 15 s
      }
      await daemon.said(/error +Stuck: journal; the service manager is asked/);
      assert(daemon.notified.includes("WATCHDOG=trigger"));
      daemon.kill("SIGKILL");
    } finally {
      freeze(disk.path, false);
    }
    await daemon.ended;
    await using again = startRun(`${folder.path}/obisd.yaml`);
    await again.told(/^READY=1$/);
    const kept = daemon.stdout.length;
    await until("more readings", () => again.stdout.length > kept || undefined);
  },
});

/** Lets every write to a file system wait, or go on. */
function freeze(path: string, on: boolean): void {
  const { success, stderr } = new Deno.Command("fsfreeze", { args: [on ? "-f" : "-u", path] }).outputSync();
  assert(success, new TextDecoder().decode(stderr));
}
