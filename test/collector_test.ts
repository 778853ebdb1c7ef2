/** The collector on a line in memory, in the time of a clock that jumps: hours of slots in no time. @module */
import assert from "node:assert/strict";
import { type CollectorContext, serveLine } from "../src/collector.ts";
import { CollectorReport } from "../src/collector_report.ts";
import type { LineConfig, MeterConfig } from "../src/config.ts";
import { encodeP1 } from "../src/iec62056/messages.ts";
import { toText } from "../src/iec62056/characters.ts";
import { Moments } from "../src/moments.ts";
import { Progress } from "../src/progress.ts";
import type { Reading } from "../src/reading.ts";
import { parseEndpoint } from "../src/transport/endpoint.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { type FakeLine, fakeLine, type FakeMeter, pushOf } from "./support/fake_line.ts";
import { listeningLog } from "./support/listening_log.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

function meter(name: string, everyMs: number | undefined, its: Partial<MeterConfig> = {}): MeterConfig {
  return {
    name,
    line: "room",
    address: name,
    mode: "auto",
    timeZone: "UTC",
    labels: {},
    tries: 3,
    timestamp: "readout",
    ...everyMs !== undefined && { schedule: { kind: "every", ms: everyMs, timeZone: "UTC" } },
    ...its,
  };
}

interface World {
  readonly clock: FakeClock;
  readonly line: FakeLine;
  readonly retire: AbortController;
  /** At these moments something happens. */
  at(ms: number, event: () => void): void;
}

/** Serves a line for some time, and says what became of it. */
async function serve(
  meters: readonly MeterConfig[],
  forMs: number,
  { fakes = {}, url = "tcp://fake:1", arrange = () => {}, append }: {
    fakes?: Record<string, FakeMeter>;
    url?: string;
    arrange?: (world: World) => void;
    append?: () => Promise<void>;
  } = {},
) {
  const clock = new FakeClock();
  const line = fakeLine(clock, fakes);
  const log = listeningLog();
  const report = new CollectorReport(log);
  const [stop, retire] = [new AbortController(), new AbortController()];
  const readouts: (readonly Reading[])[] = [];
  const context: CollectorContext = {
    journal: {
      append: async (readings) => {
        await append?.();
        return { seq: readouts.push(readings), durable: true };
      },
    },
    report,
    moments: new Moments(),
    progress: new Progress(),
    stop: stop.signal,
    retire: retire.signal,
    clock,
    open: line.open,
  };
  const end = () => (stop.abort(), retire.abort());
  const at = (ms: number, event: () => void) => void clock.sleep(ms).then(event);
  arrange({ clock, line, retire, at });
  at(forMs, end);
  const config: LineConfig = { name: "room", endpoint: parseEndpoint(url) };
  await clock.run(serveLine(config, meters, context));
  const requests = line.events.filter(({ what }) => what.startsWith("request"));
  const count = (what: string) => line.events.filter((event) => event.what === what).length;
  const of = (name: string) => readouts.filter(([first]) => first?.meter === name);
  const times = (name: string) => of(name).map(([first]) => Date.parse(first!.time));
  return { readouts, of, times, log: log.lines, counts: report.counts, events: line.events, requests, count };
}

Deno.test("serveLine: each slot is kept, and a reading bears the time of its message's first byte", async () => {
  const got = await serve([meter("1", MINUTE)], 5.5 * MINUTE, { fakes: { "1": { takesMs: 5 * SECOND } } });
  assert.deepEqual(got.requests.map(({ atMs }) => atMs), [1, 2, 3, 4, 5].map((minute) => minute * MINUTE));
  const data = got.events.filter(({ what }) => what === "data 1").map(({ atMs }) => atMs);
  assert.deepEqual(got.times("1"), data);
  assert.equal(got.count("break"), 5);
  assert.equal(got.count("close"), 5, "a connection is given back between slots");
  assert.deepEqual(got.log, []);
});

Deno.test("serveLine: a read that is still running at its next slots is not started twice; those are told and counted", async () => {
  const got = await serve([meter("1", 10 * SECOND)], 2 * MINUTE + 9 * SECOND, {
    fakes: { "1": { takesMs: 25 * SECOND } },
  });
  const busy = got.events.map(({ what }) => what).filter((what) => /request|break/.test(what));
  assert.deepEqual(busy.slice(0, 4), ["request 1", "break", "request 1", "break"]);
  assert(got.log.includes("error 1: slot missed: its line was busy"), got.log.join("\n"));
  const slots = 12 - 2; // those of the read that the end of the test cuts off are still open
  assert.equal(got.counts.readouts + got.counts.lostSlots, slots, JSON.stringify(got.counts));
});

Deno.test("serveLine: a connection is made anew just before it is needed, so that the meter is asked when it is due", async () => {
  const got = await serve([meter("1", MINUTE)], 4.5 * MINUTE, { fakes: { "1": {} } });
  const at = (what: string) => got.events.filter((event) => event.what === what).map(({ atMs }) => atMs);
  const slots = [1, 2, 3, 4].map((minute) => minute * MINUTE);
  assert.deepEqual(at("request 1"), slots);
  const opened = at("open");
  assert.equal(opened.length, slots.length);
  assert(slots.every((slot, index) => opened[index]! <= slot && opened[index]! > slot - 500), `${opened}`);
  const closed = at("close");
  assert(slots.every((slot, index) => closed[index]! >= slot && closed[index]! < slot + 5 * SECOND), `${closed}`);
});

Deno.test("serveLine: meters on one line take turns with a pause between, also when the line is too slow for all", async () => {
  const names = ["1", "2", "3", "4"];
  const fakes = Object.fromEntries(names.map((name) => [name, { takesMs: 4 * SECOND }]));
  const got = await serve(names.map((name) => meter(name, 10 * SECOND)), 5 * MINUTE, {
    fakes,
    url: "tcp://fake:1?quiet_time=700ms",
  });
  const counts = names.map((name) => got.of(name).length);
  assert(Math.max(...counts) - Math.min(...counts) <= 1, `fair: ${counts}`);
  assert(Math.min(...counts) >= 14, `${counts}`); // 5 minutes / 4 × about 5.1 s
  const ends = got.events.flatMap((event, at) => event.what === "break" ? [got.events[at + 1]!.atMs - event.atMs] : []);
  assert(ends.slice(0, -1).every((ms) => ms >= 700), `${Math.min(...ends)}`);
});

Deno.test("serveLine: a dead meter on a shared line costs the living next to nothing, and is read when it comes back", async () => {
  const dead: FakeMeter = { silent: true };
  const got = await serve(["1", "2", "3"].map((name) => meter(name, 30 * SECOND)), 60 * MINUTE, {
    fakes: { "1": {}, "2": dead, "3": {} },
    arrange: ({ at }) => at(30 * MINUTE + 1, () => dead.silent = false),
  });
  const slots = 2 * 60 - 1;
  for (const name of ["1", "3"]) {
    assert(got.of(name).length >= slots - 4, `${name}: ${got.of(name).length} of ${slots}`);
  }
  assert(got.times("2")[0]! <= 46 * MINUTE, "asked at least each quarter hour");
  assert.equal(got.of("2").length, got.times("2").filter((ms) => ms > 30 * MINUTE).length);
  assert(got.log.some((line) => /^error 2: no reading: No answer to/.test(line)));
  assert(got.log.includes("info 2: read again"));
  assert(got.log.length < 15, `a dead meter is told of ever more seldom:\n${got.log.join("\n")}`);
  assert(got.counts.lostSlots > 50, "slots in which it was left out count as lost");
});

Deno.test("serveLine: a message that is damaged each time is asked for three times a slot, then it is told", async () => {
  const got = await serve([meter("1", MINUTE)], 3.5 * MINUTE, { fakes: { "1": { damaged: true } } });
  assert.equal(got.count("data 1") + got.count("nak 1"), 9);
  assert.equal(got.readouts.length, 0);
  assert.equal(got.counts.lostSlots, 3);
  assert.match(got.log[0]!, /^error 1: no reading: .*check character is wrong/);
});

Deno.test("serveLine: tries end with their slot", async () => {
  const got = await serve([meter("1", 10 * SECOND)], 61 * SECOND, {
    fakes: { "1": { damaged: true, takesMs: 6 * SECOND } },
  });
  const slotOf = (ms: number) => Math.floor(ms / (10 * SECOND));
  const asked: number[] = [];
  let session = 0;
  for (const { what, atMs } of got.events) {
    if (what === "request 1") session = slotOf(atMs);
    else if (/^(data|nak)/.test(what)) {
      assert.equal(asked.push(slotOf(atMs)) && slotOf(atMs), session, `${what} at ${atMs}`);
    }
  }
  assert([...Map.groupBy(asked, (slot) => slot).values()].every((all) => all.length <= 3));
  assert(asked.length >= 5);
});

Deno.test("serveLine: who was silent, hung up or refused is asked again, and read when it can", async () => {
  const cases: [string, (fake: FakeMeter, line: FakeLine, on: boolean) => void][] = [
    ["silent", (fake, _, on) => fake.silent = on],
    ["hung up", (fake, _, on) => fake.hangsUp = on],
    ["refused", (_, line, on) => line.refused = on],
  ];
  for (const [name, trouble] of cases) {
    const fake: FakeMeter = {};
    const got = await serve([meter("1", MINUTE)], 5.5 * MINUTE, {
      fakes: { "1": fake },
      arrange: ({ at, line }) => {
        trouble(fake, line, true);
        at(2.8 * MINUTE, () => trouble(fake, line, false));
      },
    });
    assert.deepEqual(got.times("1").map((ms) => Math.floor(ms / MINUTE)), [3, 4, 5], name);
    assert.equal(got.counts.lostSlots, 2, name);
    assert(got.log.some((line) => line.startsWith("warning 1: ") && line.endsWith("it is asked again")), name);
    assert.equal(got.log.at(-1), "info 1: read again", name);
  }
});

Deno.test("serveLine: a readout is kept before the meter is signed off, and also when its converter has hung up by then", async () => {
  for (const everyMs of [2 * SECOND, MINUTE]) {
    const both = [meter("1", everyMs), meter("2", everyMs)];
    for (const meters of [both.slice(0, 1), both]) {
      const fakes = { "1": { hangsUp: "behind" }, "2": { hangsUp: "behind" } } as const;
      const got = await serve(meters, 5.9 * everyMs, { fakes });
      for (const { name } of meters) assert.equal(got.of(name).length, 5, `${name} of ${meters.length}, ${everyMs} ms`);
      assert.deepEqual(got.log, []);
    }
  }
});

Deno.test("serveLine: a readout that is whole is kept when it is stopped at the sign-off, which goes on", async () => {
  const got = await serve([meter("1", MINUTE)], MINUTE + 300, { fakes: { "1": {} } });
  assert.equal(got.of("1").length, 1);
  assert.deepEqual(got.events.map(({ what }) => what), ["open", "request 1", "data 1", "break", "close"]);
});

Deno.test("serveLine: within a long slot a silent meter is asked again soon, and the slot is not lost", async () => {
  const fake: FakeMeter = { silent: true };
  const got = await serve([meter("1", 15 * MINUTE)], 17 * MINUTE, {
    fakes: { "1": fake },
    arrange: ({ at }) => at(15 * MINUTE + 20 * SECOND, () => fake.silent = false),
  });
  assert.equal(got.readouts.length, 1);
  assert.equal(got.counts.lostSlots, 0);
});

Deno.test("serveLine: a slot that falls due while its line is away is read as soon as the line is back", async () => {
  for (const [url, withinMs] of [["serial:///dev/fake", 5 * SECOND], ["tcp://fake:1", 30 * SECOND]] as const) {
    const backMs = 50 * MINUTE + 20 * SECOND;
    const got = await serve(["1", "2", "3"].map((name) => meter(name, 15 * MINUTE)), 61 * MINUTE, {
      fakes: { "1": {}, "2": {}, "3": {} },
      url,
      arrange: ({ at, line }) => {
        line.refused = true;
        at(backMs, () => line.refused = false);
      },
    });
    for (const name of ["1", "2", "3"]) {
      const [first, second, ...more] = got.times(name);
      assert(first! >= backMs && first! < backMs + withinMs + 10 * SECOND, `${url}: ${name} at ${first}`);
      assert(second! >= 60 * MINUTE && more.length === 0, `${url}: ${name} at ${second}`);
    }
    assert.equal(got.counts.lostSlots, 2 * 3, "the slots that ended before it was back");
    assert(got.log.includes("error 1: no reading: Cannot connect to fake: refused"), got.log.join("\n"));
    assert.equal(got.log.filter((line) => line === "info Line room is back").length, 1);
    assert(got.log.length < 30, got.log.join("\n"));
  }
});

Deno.test("serveLine: a line that comes back between two slots has the next one, whatever its back-off", async () => {
  const got = await serve([meter("1", 10 * SECOND)], 10 * MINUTE, {
    fakes: { "1": {} },
    arrange: ({ at, line }) => {
      line.refused = true;
      at(9 * MINUTE + 1, () => line.refused = false);
    },
  });
  assert.equal(Math.floor(got.times("1")[0]! / SECOND), 9 * 60 + 10);
});

Deno.test("serveLine: another meter than expected delivers nothing, and each time it is said loudly", async () => {
  const block = "0.0.0(00000002)\r\n1.8.0(0001.5*kWh)";
  const got = await serve([meter("1", MINUTE, { expect: { "0.0.0": "00000001" } }), meter("2", MINUTE)], 6.5 * MINUTE, {
    fakes: { "1": { block }, "2": { block } },
  });
  const loud = got.log.filter((line) =>
    /^error 1: no reading: another meter answers, nothing is delivered: /.test(line)
  );
  assert(loud.length >= 3 && loud.every((line) => line.includes("00000002")), got.log.join("\n"));
  assert.deepEqual([got.of("1").length, got.of("2").length], [0, 6]);
});

Deno.test("serveLine: a journal that does not take a readout costs that readout alone", async () => {
  let appends = 0;
  const got = await serve([meter("1", MINUTE)], 4.5 * MINUTE, {
    fakes: { "1": {} },
    append: () => ++appends === 2 ? Promise.reject(new Error("database or disk is full")) : Promise.resolve(),
  });
  assert.deepEqual(got.times("1").map((ms) => Math.floor(ms / MINUTE)), [1, 3, 4]);
  assert(got.log.includes("error 1: no reading: its readout is lost: database or disk is full"), got.log.join("\n"));
  assert.equal(got.counts.lostSlots, 1);
});

Deno.test("serveLine: retired, it ends its session in peace; what wanted a code that the meter lacks is told once", async () => {
  const got = await serve([meter("1", MINUTE, { obis: ["1.8.0", "9.9.9"] })], 10 * MINUTE, {
    fakes: { "1": { takesMs: 4 * SECOND } },
    arrange: ({ at, retire }) => at(2 * MINUTE + 2 * SECOND, () => retire.abort()),
  });
  assert.equal(got.readouts.length, 2);
  assert.equal(got.count("break"), 2);
  assert.deepEqual(got.log, ["warning 1 does not say 9.9.9, which its obis: wants"]);
});

const WHOLE = pushOf("1.8.0(0001.5*kWh)");

Deno.test("serveLine: mode D without a schedule keeps every telegram, two of the same instant at two times", async () => {
  const got = await serve([meter("d", undefined, { mode: "D" })], MINUTE, {
    arrange: ({ at, line }) => {
      at(10 * SECOND, () => line.push(`rubbish(1)!\r\n${WHOLE}${WHOLE}${WHOLE}`));
      at(10 * SECOND + 2, () => line.push(WHOLE));
      at(20 * SECOND, () => line.push(WHOLE));
    },
  });
  assert.deepEqual(got.times("d"), [10_000, 10_001, 10_002, 10_003, 20_000]);
});

Deno.test("serveLine: mode D with a schedule keeps the first whole telegram of each slot, and counts silent slots", async () => {
  const got = await serve([meter("d", MINUTE, { mode: "D" })], 6.5 * MINUTE, {
    arrange: ({ at, line }) => {
      for (let ms = 7 * SECOND; ms < 2 * MINUTE; ms += 10 * SECOND) at(ms, () => line.push(WHOLE));
      at(4 * MINUTE - 2 * SECOND, () => line.push(WHOLE.slice(0, 30))); // on its way when its slot ends: it counts
      at(4 * MINUTE + 2 * SECOND, () => line.push(WHOLE.slice(30)));
      at(4 * MINUTE + 20 * SECOND, () => line.push(WHOLE));
    },
  });
  assert.deepEqual(got.times("d"), [67_000, 238_000, 260_000]);
  assert.equal(got.counts.lostSlots, 2, "minutes 2 and 5");
  assert(got.log.includes("error d: slot missed: no whole telegram came in it"));
});

Deno.test("serveLine: a P1 telegram with a wrong CRC is dropped, told and counted, and the next one kept", async () => {
  const p1 = toText(encodeP1("/KFM5KAIFA", "1-0:1.8.1(000001.500*kWh)\r\n!\r\n"));
  const got = await serve([meter("d", undefined, { mode: "D" })], MINUTE, {
    arrange: ({ at, line }) => {
      at(5 * SECOND, () => line.push(p1.replace("000001", "000007")));
      at(6 * SECOND, () => line.push(p1));
    },
  });
  assert.equal(got.counts.dropped, 1);
  assert.deepEqual(got.log, [
    "warning d: telegram dropped: CRC wrong",
    "warning d: Nothing whole was pushed at 2400 7E1 for 30 s",
  ]);
  assert.deepEqual(got.readouts.map(([first]) => first!.value), [1.5]);
});

Deno.test("serveLine: mode D opens a line that is gone again, and a silent connection too", async () => {
  const got = await serve([meter("d", undefined, { mode: "D" })], 5 * MINUTE, {
    arrange: ({ at, line }) => {
      line.refused = true;
      at(MINUTE, () => line.refused = false);
      at(4.5 * MINUTE, () => line.push(WHOLE));
    },
  });
  assert.equal(got.readouts.length, 1);
  assert(got.count("open") >= 4, "each half minute of silence");
  assert.equal(got.log.at(-1), "info d: read again");
});
