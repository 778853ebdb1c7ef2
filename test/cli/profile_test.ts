/** `obisd profile` against a simulated meter with a made-up profile. */
import assert from "node:assert/strict";
import { plot } from "../../src/cli/plot.ts";
import { progressOf } from "../../src/cli/profile_progress.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import type { ProfileRow } from "../../src/iec62056/mod.ts";
import { parseCaptures, parseFault, startSimulator } from "../../src/simulator/mod.ts";
import { hastyClock } from "../support/hasty_clock.ts";
import { runCommand } from "../support/read_meter.ts";

const LOG_BOOK = [
  "P.98(1240601083015)(00008020)()(2)(0.9.1)()(0.9.2)()(1083100)(1240601)",
  "P.98(1240602031500)(00000080)()(0)",
  "P.98(1240602031500)(00000040)()(0)", // back in the same second
  "P.98(1240603120000)(0000)()(0)", // not asked for
];
const TELEGRAM = `/ABC5METER\r\n0.0.0(12345678)\r\n${LOG_BOOK.map((line) => `${line}\r\n`).join("")}!\r\n`;
const DAY_MS = 86_400_000;
const day = (before: number) => new Date(hastyClock.now() - before * DAY_MS).toISOString().slice(0, 10);

/** Runs `obisd profile` with these words behind the endpoint; the meter's clock shows UTC. */
async function run(words: string, { faults = [] as string[], profile = "UTC" } = {}) {
  await using simulator = await startSimulator({
    meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
    listen: { tcp: "127.0.0.1:0" },
    profile,
    faults: faults.map(parseFault),
    pacing: false,
    clock: hastyClock,
  });
  const outcome = await runCommand(["profile", simulator.endpoint, "--time-zone", profile, ...words.split(" ")]);
  return { ...outcome, seen: { ...simulator.statistics } };
}

Deno.test("profile: as a table, for programs, and drawn", async () => {
  const range = `--from ${day(3)} --to ${day(1)}`;
  const table = await run(range);
  assert.equal(table.code, 0, table.err);
  assert.deepEqual(table.out.trim().split("\n").length, 1 + 2 * 96);
  assert.match(table.out, new RegExp(`^ +1-1:1\\.5 kW +1-1:2\\.5 kW\n${day(3)} 00:15:00 +[\\d.]+ +[\\d.]+\n`));
  const json = await run(`${range} --format json --command R6`);
  const readings = json.out.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual([readings.length, readings[0].time, readings[0].unit], [4 * 96, `${day(3)}T00:15:00.000Z`, "kW"]);
  assert.deepEqual(readings.at(-1).time, `${day(1)}T00:00:00.000Z`);
  assert.equal((await run(`${range} --format csv`)).out.trim().split("\n").length, 1 + 4 * 96);
  assert.match((await run(`${range} --format plot`)).out, /1-1:1\.5 kW\n[^]*┤[^]*1-1:2\.5 kW\n/);
});

Deno.test("profile: a log book, each event with its status and its values", async () => {
  const range = "P.98 --from 2024-06-01 --to 2024-06-03";
  const table = await run(range, { profile: "Europe/Berlin" });
  assert.deepEqual(table.out.split("\n").map((line) => line.trim().replaceAll(/ {2,}/g, "  ")), [
    ...["P.98  0.9.1  0.9.2", "2024-06-01 08:30:15  00008020  1083100  1240601  clock-set  before-clock-set"],
    ...["P.98", "2024-06-02 03:15:00  00000080  power-failure", "2024-06-02 03:15:00  00000040  power-return", ""],
  ], table.err);
  const json = await run(`${range} --format json`, { profile: "Europe/Berlin" });
  const readings = json.out.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(readings.map(({ obis, text, value }) => [obis, text, value]), [
    ["0-0:99.98.0*255", "00008020", null],
    ["1-0:0.9.1*255", "1083100", null],
    ["1-0:0.9.2*255", "1240601", null],
    ["0-0:99.98.0*255", "00000080", null],
    ["0-0:99.98.0*255", "00000040", null],
  ]);
  assert.deepEqual([readings[0].time, readings[3].flags], ["2024-06-01T06:30:15.000Z", ["power-failure"]]);
  assert.match((await run(`${range} --format plot`)).err, /P\.98 is a log book: events have no plot/);
});

Deno.test("profile: a bad line costs repetitions, and rows that came before the session broke off are shown", async () => {
  const range = `--from ${day(3)} --to ${day(1)}`;
  const repeated = await run(range, { faults: ["flip-digit:2"] });
  assert.deepEqual([repeated.code, repeated.out.trim().split("\n").length], [0, 1 + 2 * 96], repeated.err);
  const renewed = await run(range, { faults: ["silent:answer:2"] });
  assert.deepEqual([renewed.code, renewed.out.trim().split("\n").length], [0, 1 + 2 * 96], renewed.err);
  const broken = await run(range, { faults: ["flip-digit"] });
  assert.deepEqual([broken.code, broken.out], [65, ""]);
});

/** Runs it over a wire that is cut, or goes silent until the next sign-on, after so many bytes of the meter's. */
async function runOver(trouble: "cut" | "silent", afterBytes: number, words: string) {
  await using simulator = await startSimulator({
    ...{ meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }], listen: { tcp: "127.0.0.1:0" } },
    ...{ profile: "UTC", pacing: false, clock: hastyClock },
  });
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let said = "";
  const serve = async () => {
    using client = await listener.accept();
    using meter = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(simulator.endpoint).port) });
    let [left, isHealed] = [afterBytes, false];
    const up = async () => {
      for await (const bytes of client.readable) {
        const text = new TextDecoder("latin1").decode(bytes);
        said += text;
        isHealed ||= left <= 0 && text.includes("/?");
        await meter.write(bytes);
      }
      meter.close();
    };
    const down = async () => {
      for await (const bytes of meter.readable) {
        left -= bytes.length;
        if (left <= 0 && trouble === "cut") return client.close();
        if (left > 0 || isHealed) await client.write(bytes);
      }
    };
    await Promise.allSettled([up(), down()]);
  };
  const served = serve().catch(() => {}); // closed twice
  const outcome = await runCommand([
    ...["profile", `tcp://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`, "--time-zone", "UTC"],
    ...words.split(" "),
  ]);
  await served;
  return { ...outcome, said };
}

Deno.test("profile: what came before the wire was cut is shown, and how to go on; a second session does not begin anew", async () => {
  const range = `--from ${day(4)} --to ${day(1)}`;
  const cut = await runOver("cut", 2500, range);
  assert.deepEqual([cut.code, cut.out.trim().split("\n").length], [74, 1 + 96], cut.err);
  const rest = `${day(3)} 00:00:00; --from ${day(3)}T00:00:00 fetches the rest`;
  assert(cut.err.includes(`It broke off: 96 rows have come, up to ${rest}`), cut.err);
  const silent = await runOver("silent", 2500, range);
  assert.deepEqual([silent.code, silent.out.trim().split("\n").length], [0, 1 + 3 * 96], silent.err);
  const asked = (before: number) =>
    silent.said.split(`P.01(0${day(before).replaceAll("-", "").slice(2)}000000;`).length - 1;
  assert.deepEqual([asked(4), asked(2)], [1, 1], silent.said);
  assert(asked(3) > 1, "in vain, and once more");
});

Deno.test("progressOf: days, a bar, and the time that is left by what it took so far", () => {
  let nowMs = 0;
  const howFar = progressOf({ fromMs: 0, toMs: 31 * DAY_MS }, { monotonic: () => nowMs });
  assert.equal(howFar(0), "day 1 of 31 ▕                    ▏");
  nowMs = 60_000;
  assert.equal(howFar(DAY_MS), "day 2 of 31 ▕▋                   ▏ 30 min left");
  nowMs = 30 * 60_000;
  assert.equal(howFar(30 * DAY_MS), "day 31 of 31 ▕███████████████████▍▏ 60 s left");
  assert.equal(howFar(31 * DAY_MS), "day 31 of 31 ▕████████████████████▏ 0 s left");
});

Deno.test("profile: no rows is no error; wrong words are", async () => {
  const empty = await run("--from 2020-01-01 --to 2020-01-02");
  assert.deepEqual([empty.code, empty.out], [0, ""]);
  assert.match(empty.err, /The meter has no rows of P\.01 in this range, or no such profile/);
  const refused = await run(`P.02 --from ${day(1)}`);
  assert.deepEqual([refused.code, refused.out], [0, ""]);
  for (
    const [words, said] of [
      ["P.01 --from 2020-01-02 --to 2020-01-01", /--from must lie before --to/],
      ["P.01 --from 2090-01-01", /--from 2090-01-01 lies in the future: by this machine's clock it is 20\d\d-/],
      ["P.01 --from yesterday", /--from yesterday: a time like 2026-06-01, .* is wanted/],
      ["P.01 --time-zone Mars/X", /There is no time zone "Mars\/X"/],
      ["P.01 --from 2026-02-30", /--from 2026-02-30: a time like/],
      ["1.8.0", /a profile like P\.01/],
      ["P.01 --format xml", /--format xml: allowed are plot, table, json, csv/],
      ["P.01 --command R1", /--command R1: allowed are R5 and R6/],
    ] as const
  ) {
    const { code, err } = await run(words);
    assert.deepEqual([code, said.test(err)], [64, true], err);
  }
});

Deno.test("plot: what is missing is blank, what is more than nothing shows", () => {
  const row = (at: number, text: string): ProfileRow => ({
    startMs: at * 900_000,
    endMs: (at + 1) * 900_000,
    channels: [{ address: "1.5", unit: "kW" }],
    values: [{ text }],
    status: 0,
    flags: [],
  });
  const drawn = plot([row(0, "8"), row(1, "0.001"), row(3, "4")], { width: 14, label: (ms) => `${ms / 900_000}` });
  const lines = drawn.split("\n");
  assert.deepEqual([lines[0], lines[1], lines[8]], ["1.5 kW", "        8┤█  ", "        0┤█▁█"]);
});
