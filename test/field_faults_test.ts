/**
 * What goes wrong in meter rooms, and what other readers make of it: they deliver a digit that changed on the way, send
 * NAK without end, give up after one, or never ask a meter again that was silent once or hung up. Not so here.
 */
import assert from "node:assert/strict";
import { serveLine } from "../src/collector.ts";
import { CollectorReport } from "../src/collector_report.ts";
import type { MeterConfig } from "../src/config.ts";
import { Moments } from "../src/moments.ts";
import { Progress } from "../src/progress.ts";
import type { Reading } from "../src/reading.ts";
import { parseEndpoint } from "../src/transport/endpoint.ts";
import { hastyClock } from "./support/hasty_clock.ts";
import { listeningLog } from "./support/listening_log.ts";
import { meter, readMeter, SAID, textsOf } from "./support/read_meter.ts";

Deno.test("a digit that changed on the way is never delivered", async () => {
  const { code, out, err } = await readMeter({ mode: "C", faults: ["flip-digit"] });
  assert.deepEqual([code, out], [65, ""]);
  assert.match(err, /its check character is wrong/);
});

Deno.test("a digit that changed on the way is asked for again", async () => {
  const { code, out, seen } = await readMeter({ mode: "C", faults: ["flip-digit:1"] });
  assert.deepEqual([code, textsOf(out), seen.naks, seen.messages], [0, SAID, 1, 2]);
});

Deno.test("one NAK is not the last: the third message may be the good one", async () => {
  const { code, out, seen } = await readMeter({ mode: "C", faults: ["bad-bcc:2"] });
  assert.deepEqual([code, textsOf(out), seen.naks, seen.messages], [0, SAID, 2, 3]);
});

Deno.test("NAKs have an end: three messages, then the break", async () => {
  const { code, out, seen } = await readMeter({ mode: "C", faults: ["bad-bcc"] });
  assert.deepEqual([code, out, seen.naks, seen.messages, seen.breaks], [65, "", 2, 3, 1]);
});

Deno.test("a meter that is silent after a NAK is signed off and signed on to again", async () => {
  const { code, out, seen } = await readMeter({ mode: "C", faults: ["bad-bcc:1", "no-nak"] });
  assert.deepEqual([code, textsOf(out), seen.sessions, seen.messages], [0, SAID, 2, 2]);
});

Deno.test("a message that lost its end is asked for once more; who never sends one is read all the same, and says so", async () => {
  const flagsOf = (out: string) => out.trim().split("\n").map((line) => JSON.parse(line).flags.join());
  const lost = await readMeter({ mode: "C", faults: ["drop-end:1"] });
  assert.deepEqual([textsOf(lost.out), flagsOf(lost.out), lost.seen.messages], [SAID, ["", "", ""], 2]);
  const never = await readMeter({ mode: "C", faults: ["drop-end"] });
  const unchecked = ["bcc-unchecked", "bcc-unchecked", "bcc-unchecked"];
  assert.deepEqual([textsOf(never.out), flagsOf(never.out), never.seen.messages], [SAID, unchecked, 2]);
});

for (const fault of ["silent:ident:3", "silent:data:3", "disconnect:30:2", "garbage:data:3"]) {
  Deno.test(`a TCP meter is asked again after ${fault}, and read when it can be`, async () => {
    await using simulator = await meter({ mode: "C", faults: [fault] });
    const readings = await collectOnce(simulator.endpoint);
    assert.deepEqual(readings.map(({ text }) => text), SAID);
    assert.ok(simulator.statistics.requests > 1, "the fault struck");
  });
}

Deno.test("trap 27: a meter in a session that nobody ended is opened by a break at its speed, and read", async () => {
  const folder = await Deno.makeTempDir({ prefix: "obisd-stuck-" });
  try {
    await using simulator = await meter({ mode: "C", faults: ["stuck:1"], link: `${folder}/meter` });
    const readings = await collectOnce(simulator.endpoint);
    assert.deepEqual(readings.map(({ text }) => text), SAID);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Serves a line as the daemon does, until a first readout is kept. */
async function collectOnce(endpoint: string): Promise<readonly Reading[]> {
  const config: MeterConfig = {
    name: "flat-1",
    line: "room",
    mode: "auto",
    timeZone: "UTC",
    schedule: { kind: "every", ms: 5000, timeZone: "UTC" },
    labels: {},
    tries: 3,
    timestamp: "readout",
  };
  const end = new AbortController();
  const log = listeningLog();
  let kept: readonly Reading[] = [];
  const append = (readings: readonly Reading[]) => {
    kept = readings;
    end.abort();
    return Promise.resolve({ seq: 1, durable: true });
  };
  const late = setTimeout(() => end.abort(), 30_000);
  await serveLine({ name: "room", endpoint: parseEndpoint(endpoint) }, [config], {
    journal: { append },
    report: new CollectorReport(log),
    moments: new Moments(),
    progress: new Progress(),
    stop: end.signal,
    retire: end.signal,
    clock: hastyClock,
  });
  clearTimeout(late);
  return kept;
}
