/** `obisd get`, `set`, `clock` and `profile` in mode E, against a simulated DLMS meter. @module */
import assert from "node:assert/strict";
import { parseSimulatedDlms } from "../../src/cli/simulate_dlms.ts";
import {
  array,
  dateTimeOf,
  encodeDateTime,
  integer,
  octetString,
  type StationOptions,
  structure,
} from "../../src/dlms/mod.ts";
import { LineError } from "../../src/errors.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { parseCaptures, type Simulator, startSimulator } from "../../src/simulator/mod.ts";
import { PROFILE, PROFILE_START, testMeter } from "../support/dlms_meter.ts";
import { station } from "../support/dlms_stations.ts";
import { hastyClock } from "../support/hasty_clock.ts";
import { runCommand } from "../support/read_meter.ts";
import { type Served, serveTcp } from "../support/serve_dialogue.ts";

const TELEGRAM = "/OBI5X\r\n0.0.0(00471101)\r\n0.1.0(24)\r\n1.8.0(012345.678*kWh)\r\n!\r\n";

function simulate(values: Record<string, string> = {}): Promise<Simulator> {
  return startSimulator({
    meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
    listen: { tcp: "127.0.0.1:0" },
    dlms: parseSimulatedDlms({ values: { opening: "hdlc", ...values }, positionals: [] }),
    pacing: false,
    clock: hastyClock,
  });
}

const run = ({ endpoint }: Simulator, command: string, ...args: string[]) =>
  runCommand([command, endpoint, "--mode", "E", "--opening", "hdlc", "--client", "1", ...args]);
const jsonLines = (out: string) => out.trim().split("\n").map((line) => JSON.parse(line));

Deno.test("get --mode E: codes, attributes of classes, what is refused", async () => {
  await using meter = await simulate();
  const asked = ["1.8.0", "8/0-0:1.0.0/3", "70/0-0:96.3.10", "3/1-0:1.8.0/3"];
  const { code, out, err } = await run(meter, "get", ...asked, "--format", "json");
  assert.equal(code, 0, err);
  const said = jsonLines(out).map(({ obis, address, text, unit }) => [obis, address, text, unit].join(" ").trim());
  const offset = -new Date().getTimezoneOffset();
  assert.deepEqual(said, [
    "1-0:1.8.0*255 1-0:1.8.0*255 12345678 Wh",
    `8/0-0:1.0.0/3 ${-offset}`,
    "0-0:96.3.10*255 0-0:96.3.10*255 true",
    "3/1-0:1.8.0/3 [0, 30]",
  ]);
  const refused = await run(meter, "get", "1.8.0", "9.9.9", "--format", "json");
  assert.equal(refused.code, 77);
  assert.equal(jsonLines(refused.out).length, 1);
  assert.match(refused.err, /does not say 1-0:9\.9\.9\*255: the meter has no such object/);
  const wrong = await run(meter, "get", "0-0:1.0.0/3");
  assert.equal(wrong.code, 64);
  assert.match(wrong.err, /it takes an OBIS code, 1\.8\.0, or class, code and attribute/);
});

Deno.test("set --mode E: in the type that stands there, read back, with an audit; without --write nothing", async () => {
  await using meter = await simulate({ password: "12345678" });
  Deno.env.set("OBISD_TEST_SET", "12345678");
  try {
    const set = (...args: string[]) => run(meter, "set", ...args, "--password", "env:OBISD_TEST_SET");
    const cases: [args: string[], code: number, said: RegExp][] = [
      [
        ["0.1.0", "25", "--write", "--yes"],
        0,
        /before {2}24\nnow {5}25\n[^]*AUDIT: SET 0\.1\.0 .*old=24 wanted=25 now=25 result=written/,
      ],
      [["1/1-0:0.1.0", "0x3236", "--write", "--yes"], 0, /before {2}25\nnow {5}26\n/],
      [["1.8.0", "77", "--write", "--yes"], 77, /AUDIT: SET 1\.8\.0 .*result="Cannot write .*: read or write denied/],
      [["1.8.0", "much", "--write", "--yes"], 64, /Cannot write "much" to 1\.8\.0: it holds a number/],
      [["1.8.0", "1.5", "--write", "--yes"], 64, /it holds steps of 1 Wh/],
      [["9.9.9", "1", "--write", "--yes"], 77, /does not say 1-0:9\.9\.9\*255: the meter has no such object/],
      [["0.1.0", "26"], 64, /say --write if that is meant/],
      [
        ["0-0:96.3.10", "false", "--write", "--yes"],
        0,
        /before {2}true\nnow {5}false\n[^]*AUDIT: SET 0-0:96\.3\.10 .*old=true wanted=false now=false result=written/,
      ],
      [["0-0:96.3.10", "true", "--write", "--yes"], 0, /before {2}false\nnow {5}true\n/],
      [["70/0-0:96.3.10/4", "1", "--write", "--yes"], 0, /before {2}4\nnow {5}1\n/], // its button alone closes it
      [["0-0:96.3.10", "false", "--write", "--yes"], 0, /before {2}true\nnow {5}false\n/],
      [
        ["0-0:96.3.10", "true", "--write", "--yes"],
        0,
        /before {2}false\nnow {5}false\n[^]*result="ready for reconnection"[^]*closes it by the meter's button/,
      ],
      [["0-0:96.3.10", "half", "--write", "--yes"], 64, /Cannot write "half" to 0-0:96\.3\.10: it holds true or false/],
      [["0-0:96.3.10", "false"], 64, /say --write if that is meant/],
    ];
    for (const [args, code, said] of cases) {
      const outcome = await set(...args);
      assert.equal(outcome.code, code, `${args}: ${outcome.err}`);
      assert.match(outcome.out + outcome.err, said);
    }
    const open = await runCommand([
      "set",
      meter.endpoint,
      "--mode",
      "E",
      "--opening",
      "hdlc",
      "0-0:42.0.0",
      "x",
      "--write",
      "--yes",
    ]);
    assert.equal(open.code, 77, open.err);
  } finally {
    Deno.env.delete("OBISD_TEST_SET");
  }
});

Deno.test("clock --mode E: shown against ours, and set to it, to the second", async () => {
  await using meter = await simulate();
  const wrong = "2026-06-01T12:00:00Z";
  const moved = await run(meter, "set", "8/0-0:1.0.0/2", wrong, "--write", "--yes");
  assert.match(moved.out, /now {5}2026-06-01T/);
  const before = await run(meter, "clock", "--format", "json");
  assert.equal(before.code, 0, before.err);
  assert.ok(Math.abs(jsonLines(before.out)[0].ahead_seconds) > 86_400);
  const set = await run(meter, "clock", "--set", "--write", "--yes", "--format", "json");
  assert.equal(set.code, 0, set.err);
  const [, after] = jsonLines(set.out);
  assert.ok(Math.abs(after.ahead_seconds) <= 3, set.out);
  assert.match(set.err, /AUDIT: clock --set .*result=written/);
});

Deno.test("profile --mode E: a month of quarter hours in blocks and segments, each row once", async () => {
  const dayMs = 86_400_000;
  const to = new Date(Math.floor(hastyClock.now() / dayMs) * dayMs);
  const from = new Date(to.getTime() - 31 * dayMs);
  const range = ["--from", from.toISOString(), "--to", to.toISOString(), "--time-zone", "UTC"];
  for (const its of [{ "frame-octets": "128" }, { "frame-octets": "2030", "block-octets": "16383" }]) {
    await using meter = await simulate(its);
    const { code, out, err } = await run(meter, "profile", ...range, "--format", "json");
    assert.equal(code, 0, err);
    const energies = jsonLines(out).filter(({ unit }) => unit === "Wh");
    assert.equal(energies.length, 31 * 96);
    assert.deepEqual([energies[0].time, energies.at(-1).time], [
      new Date(from.getTime() + 900_000).toISOString(),
      to.toISOString(),
    ]);
    assert.ok(energies.every(({ value }, at) => at === 0 || value > energies[at - 1].value));
    assert.equal(new Set(energies.map(({ time }) => time)).size, energies.length);
  }
  await using meter = await simulate();
  const table = await run(meter, "profile", "--time-zone", "UTC");
  assert.match(table.out, /^ +0-0:96\.10\.1\*255 +1-0:1\.8\.0\*255 Wh\n20/);
  const none = await run(meter, "profile", "1-0:99.9.0");
  assert.equal(none.code, 77);
  const wrong = await run(meter, "profile", "hourly");
  assert.match(wrong.err, /a profile like 1-0:99\.1\.0\*255/);
});

/** The quarter hours of a day by their numbers, from 1 on; newest first, and without two of them. */
const NEWEST_FIRST = Array.from({ length: 96 }, (_, at) => 96 - at).filter((number) => number !== 85 && number !== 86);

/** A meter whose profile has these rows in this order; `hangsUpAt`: instead of that frame it hangs up. */
function profiled(numbers: readonly number[], hangsUpAt = Infinity): Served {
  const rows = numbers.map((number, at) =>
    structure(
      octetString(encodeDateTime(dateTimeOf(PROFILE_START + number * 900_000, 0))),
      integer("unsigned", 0),
      integer("double-long-unsigned", 5000 - at),
    )
  );
  const meter = testMeter({ blockOctets: 64 });
  meter.objects.find(({ name }) => name === PROFILE)!.attributes[2] = array(rows);
  const fault: StationOptions["fault"] = (octets, count) => {
    if (count >= hangsUpAt) throw new LineError("lost", "It hangs up");
    return octets;
  };
  return serveTcp(() => station(meter, { fault }));
}

/** The profile of a day. */
async function askProfile(meter: Served, ...more: string[]) {
  await using served = meter;
  const range = ["--from", "2024-03-01", "--to", "2024-03-02", "--time-zone", "UTC", "--format", "json"];
  return await runCommand(["profile", served.endpoint, "--mode", "E", "--opening", "hdlc", ...range, ...more]);
}

Deno.test("profile --mode E: a meter that begins with the newest row: gaps, and how to go on where it broke off", async () => {
  const whole = await askProfile(profiled(NEWEST_FIRST));
  assert.equal(whole.code, 0, whole.err);
  const energies = (out: string) => jsonLines(out).filter(({ unit }) => unit === "Wh");
  assert.equal(energies(whole.out).length, 94);
  assert.match(whole.err, /lacks 2 intervals from 2024-03-01 21:00:00 to 2024-03-01 21:30:00/);
  const cut = await askProfile(profiled(NEWEST_FIRST, 20));
  assert.equal(cut.code, 74);
  const last = energies(cut.out).at(-1).time.slice(0, 19);
  const advice = new RegExp(
    `It broke off: \\d+ rows have come, down to ${last.replace("T", " ")}; --to ${last} fetches`,
  );
  assert.match(cut.err, advice);
  const rest = await askProfile(profiled(NEWEST_FIRST), "--to", last);
  assert.equal(energies(cut.out).length - 1 + energies(rest.out).length, 94, rest.err);
});

Deno.test("profile --mode E: a clock that was set back leaves no gap", async () => {
  const upTo = (last: number) => Array.from({ length: last }, (_, at) => at + 1);
  const { code, err } = await askProfile(profiled([...upTo(48), ...upTo(96).slice(44)]));
  assert.deepEqual([code, /lacks/.test(err)], [0, false], err);
});
