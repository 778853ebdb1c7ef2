/** What is asked of a meter, as the collector asks it: against a simulated meter, and as a script. */
import assert from "node:assert/strict";
import { asking } from "../src/asking.ts";
import { askDlms } from "../src/asking_dlms.ts";
import { serveLine } from "../src/collector.ts";
import { CollectorReport } from "../src/collector_report.ts";
import type { MeterConfig } from "../src/config.ts";
import { SilenceError } from "../src/errors.ts";
import { toBytes, toText } from "../src/iec62056/characters.ts";
import { encodeCommand, encodeDataMessage } from "../src/iec62056/messages.ts";
import { InvocationCounters } from "../src/invocation_counters.ts";
import { Moments } from "../src/moments.ts";
import { Progress } from "../src/progress.ts";
import type { Reading } from "../src/reading.ts";
import { parseCaptures, parseFault, type ProgrammedOptions, startSimulator } from "../src/simulator/mod.ts";
import { parseEndpoint } from "../src/transport/endpoint.ts";
import { follow } from "./support/follow.ts";
import { hastyClock } from "./support/hasty_clock.ts";
import { listeningLog } from "./support/listening_log.ts";

const LINES = ["0.0.0(12345678)", "1.8.0(0147238.4*kWh)", "1.6.1(3.2*kW)", "(2401011230)", "2.8.0(000001.2*kWh)"];
const TELEGRAM = `/ABC5METER\r\n${LINES.join("\r\n")}\r\n${"9.8.0*01(1)\r\n".repeat(40)}!\r\n`;
const PASSWORD = "SESAME77";

function configured(its: Partial<MeterConfig>): MeterConfig {
  const schedule = { kind: "every", ms: 5000, timeZone: "UTC" } as const;
  return {
    name: "flat-1",
    line: "room",
    mode: "auto",
    timeZone: "UTC",
    schedule,
    labels: {},
    tries: 3,
    timestamp: "readout",
    ...its,
  };
}

interface World {
  readonly programming?: ProgrammedOptions;
  readonly faults?: readonly string[];
  /** Ends when the log says this; absent: after the first readout. */
  readonly until?: RegExp;
}

/** Serves a line as the daemon does. */
async function collect(meter: MeterConfig, { programming = {}, faults = [], until }: World = {}) {
  await using simulator = await startSimulator({
    meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
    listen: { tcp: "127.0.0.1:0" },
    programming,
    faults: faults.map(parseFault),
    pacing: false,
    clock: hastyClock,
  });
  const end = new AbortController();
  const log = listeningLog();
  let kept: readonly Reading[] = [];
  const append = (readings: readonly Reading[]) => {
    kept = readings;
    if (!until) end.abort();
    return Promise.resolve({ seq: 1, durable: true });
  };
  const late = setTimeout(() => end.abort(), 30_000);
  const watching = setInterval(() => until?.test(log.lines.join("\n")) && end.abort(), 20);
  await serveLine({ name: "room", endpoint: parseEndpoint(simulator.endpoint) }, [meter], {
    journal: { append },
    report: new CollectorReport(log),
    moments: new Moments(),
    progress: new Progress(),
    stop: end.signal,
    retire: end.signal,
    clock: hastyClock,
  });
  clearTimeout(late);
  clearInterval(watching);
  return { kept, log, seen: simulator.statistics };
}

const texts = (readings: readonly Reading[]) => readings.map(({ text }) => text);

Deno.test("asking: registers are read in programming mode, with a password, and nothing is written", async () => {
  const meter = configured({ registers: ["2.8.0", "1.8.0"], password: () => PASSWORD });
  const { kept, seen } = await collect(meter, { programming: { password: PASSWORD, protects: "reading" } });
  assert.deepEqual(texts(kept), ["000001.2", "0147238.4"]);
  assert.deepEqual(new Set(kept.map(({ time }) => time)).size, 1);
  assert.deepEqual([kept[0]!.flags, seen.messages, seen.writes], [[], 0, 0]);
});

Deno.test("asking: what expect wants is read as well, and not delivered", async () => {
  const right = await collect(configured({ registers: ["1.8.0"], expect: { "0.0.0": "12345678" } }));
  assert.deepEqual(texts(right.kept), ["0147238.4"]);
  const wrong = await collect(configured({ registers: ["1.8.0"], expect: { "0.0.0": "87654321" } }), {
    until: /another meter/,
  });
  assert.deepEqual(wrong.kept, []);
  assert.match(wrong.log.lines.join("\n"), /another meter answers, nothing is delivered/);
});

Deno.test("asking: a password is told to the expected meter alone", async () => {
  const password = () => PASSWORD;
  const asked = { registers: ["1.8.0"], password };
  for (const protects of ["writing", "reading"] as const) { // in reading its identity stands in its readout alone
    const programming = { password: PASSWORD, protects };
    const right = await collect(configured({ ...asked, expect: { "0.0.0": "12345678" } }), { programming });
    assert.deepEqual(texts(right.kept), ["0147238.4"], protects);
    const stranger = { ...programming, password: "STRANGER" }; // it would count the wrong password
    const wrong = await collect(configured({ ...asked, expect: { "0.0.0": "87654321" } }), {
      programming: stranger,
      until: /another meter/,
    });
    assert.deepEqual([wrong.kept, wrong.seen.wrongPasswords], [[], 0], protects);
    assert.match(wrong.log.lines.join("\n"), /another meter answers, nothing is delivered/);
  }
});

Deno.test("asking: a refused register is told once, the others are delivered", async () => {
  const { kept, log } = await collect(configured({ registers: ["9.9.9", "1.8.0"] }));
  assert.deepEqual(texts(kept), ["0147238.4"]);
  assert.match(log.lines.join("\n"), /refuses R1 9\.9\.9\(\): \(ERROR\); it may want a password/);
});

Deno.test("asking: a password that was refused is not sent again; nor one after which the meter was silent, in its slot", async () => {
  const meter = configured({ registers: ["1.8.0"], password: () => "NOSESAME" });
  const { kept, log, seen } = await collect(meter, { programming: { password: PASSWORD }, until: /no reading/ });
  assert.deepEqual([kept, seen.wrongPasswords], [[], 1]);
  const again = asking(meter, { endpoint: parseEndpoint("tcp://h:1"), tries: { left: 3 }, onRefused: () => {} });
  assert.throws(() => again.next(), /Its password is not sent: the meter has refused it, and might lock itself/);
  assert.ok(!log.lines.join("\n").includes("NOSESAME"));
});

Deno.test("asking: a damaged or silent answer is asked for again, in a new session if need be", async () => {
  for (const fault of ["flip-digit:2", "silent:answer:1", "silent:answer:2", "silent:p0:1", "nak:1"]) {
    const { kept } = await collect(configured({ registers: ["1.8.0"] }), { faults: [fault] });
    assert.deepEqual(texts(kept), ["0147238.4"], fault);
  }
});

Deno.test("asking: stop_early ends the readout once obis is in, continuations included, and says that it is unchecked", () => {
  const meter = configured({ obis: ["1.8.0", "1-0:1.6.1*255"], stopEarly: true });
  const script = ["= 300 7E1", "> /?!\r\n", "< /ABC5METER\r\n", "~ 200", "> \x06050\r\n", "= 9600 7E1"];
  const data = LINES.map((line, at) => `< ${at === 0 ? "\x02" : ""}${line}\r\n`);
  const dialogue = asking(meter, { endpoint: parseEndpoint("tcp://h:1"), tries: { left: 3 }, onRefused: () => {} });
  const { block, check } = follow(dialogue, [...script, ...data, "~ 200", "> \x01B0\x03q", "= 300 7E1"]);
  assert.deepEqual([block.sets.length, check.result], [5, "absent"]);
});

Deno.test("asking: stop_early over TCP delivers what is wanted, flagged", async () => {
  const { kept } = await collect(configured({ obis: ["1.8.0"], stopEarly: true }));
  assert.deepEqual(texts(kept), ["0147238.4"]);
});

Deno.test("asking: registers as a script, with what expect wants", () => {
  const meter = configured({ registers: ["1.8.0"], expect: { "0.0.0": "1" }, address: "12" });
  const command = (name: string, data: string) => toText(encodeCommand({ name, data }));
  const block = (text: string) => toText(encodeDataMessage(text));
  const dialogue = asking(meter, {
    endpoint: parseEndpoint("tcp://h:1?max_baud=300"),
    tries: { left: 1 },
    onRefused: () => {},
  });
  const { block: { sets } } = follow(dialogue, [
    ...["= 300 7E1", "> /?12!\r\n", "< /ABC5METER\r\n", "~ 200", "> \x06001\r\n", `< ${command("P0", "()")}`],
    ...["~ 200", `> ${command("R1", "1.8.0()")}`, `< ${block("(5*kWh)")}`],
    ...["~ 200", `> ${command("R1", "0.0.0()")}`, `< ${block("0.0.0(1)")}`, "~ 200", "> \x01B0\x03q"],
  ]);
  assert.deepEqual(sets.map(({ address }) => address), ["1.8.0", "0.0.0"]);
});

Deno.test("asking: mode E: a meter that is silent at the sign-on by password is not asked again in this slot; else it is", () => {
  const dlms = {
    ...{ opening: "wrapper", client: 17, server: 1, frameOctets: 1024, names: "logical" } as const,
    ...{
      security: "none",
      suite: 0,
      cipher: "global",
      signOff: true,
      acceptUnproven: false,
      generalBlocks: false,
      acceptUnauthenticated: false,
    } as const,
  };
  const counters = new InvocationCounters("/nowhere"); // nothing is ciphered
  const askedTimes = (password: string | undefined) => {
    const meter = configured({ mode: "E", dlms, ...password !== undefined && { password: () => password } });
    const tries = { left: 3 };
    const dialogue = asking(meter, {
      endpoint: parseEndpoint("tcp://h:1"),
      tries,
      onRefused: () => {},
      modeE: askDlms,
      counters,
    });
    let asked = 0;
    assert.throws(
      () => {
        for (let next = dialogue.next(); !next.done;) {
          if (next.value.kind === "send") asked++;
          const silent = next.value.kind === "receive";
          next = silent ? dialogue.throw(new SilenceError("nothing came")) : dialogue.next(undefined as never);
        }
      },
      password === undefined
        ? /^SilenceError: No answer from logical device 1 to client 17 within 15 s; /
        : /^SilenceError: Client 17 signed on, and then: No answer from logical device 1 /,
    );
    assert.ok(tries.left <= 0);
    return asked;
  };
  assert.deepEqual([askedTimes(undefined), askedTimes("SESAME77")], [3, 1]);
});

Deno.test("asking: that a meter does not come along to the agreed speed is found twice, remembered for a while, and told", () => {
  const meter = configured({});
  const told: string[] = [];
  const signOn = ["= 300 7E1", "> /?!\r\n", "< /ABC5METER\r\n", "~ 200"];
  const data = `< ${toText(encodeDataMessage("1.8.0(5*kWh)\r\n!\r\n"))}`;
  const stays = [...signOn, "> \x06000\r\n", data, "~ 200", "> \x01B0\x03q"];
  const garbled = ["> \x06050\r\n", "= 9600 7E1", "< \x90\xf1\x83\x90\xe5\xff\x90", "silence"];
  const switched = [...signOn, "> \x06050\r\n", "= 9600 7E1", data, "~ 200", "> \x01B0\x03q", "= 300 7E1"];
  const found = [...signOn, ...garbled, "~ 200", "> \x01B0\x03q", "= 300 7E1", "~ 2000", ...stays];
  const read = (script: readonly string[]) => {
    const endpoint = parseEndpoint("serial:///dev/ttyUSB0");
    const its = { endpoint, tries: { left: 3 }, onRefused: (what: string) => told.push(what) };
    assert.deepEqual(follow(asking(meter, its), script).block.sets.map(({ address }) => address), ["1.8.0"]);
  };
  read(found); // may have been a disturbance
  assert.deepEqual(told, []);
  read(found);
  assert.match(told.join("\n"), /^it does not come along to the agreed speed.*baud_policy=none/);
  for (let times = 2; times < 100; times++) read(stays);
  assert.deepEqual(new Set(told).size, 1);
  read(found); // now and then it is tried anew
  read(switched);
  read(found);
  read(switched); // what came along forgets
});
