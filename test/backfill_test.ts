/** A line with gaps: each interval that no readout told of comes from the meter's profile, once, and no readout is late for it. */
import assert from "node:assert/strict";
import { parseSimulatedDlms } from "../src/cli/simulate_dlms.ts";
import { dlmsSchema, toDlmsSettings } from "../src/config/dlms.ts";
import { type MeterType, useMeterTypes } from "../src/meters/mod.ts";
import { DAY, HOUR, MINUTE, QUARTER, World } from "./support/backfill_world.ts";

const NOON = Date.UTC(2026, 5, 1, 12);
const quarters = (fromMs: number, untilMs: number) =>
  Array.from({ length: Math.round((untilMs - fromMs) / QUARTER) + 1 }, (_, at) => fromMs + at * QUARTER);

Deno.test("Backfill: after a day's outage exactly the missing quarter hours come, once, with the meter's time", async () => {
  using world = new World();
  await world.run(NOON, 2 * HOUR + MINUTE);
  assert.deepEqual(world.backfilled(), [], "nothing is missing");
  await world.run(NOON + DAY + 2 * HOUR + 7 * MINUTE, 2 * HOUR);
  assert.deepEqual(world.backfilled(), quarters(NOON + 2 * HOUR + QUARTER, NOON + DAY + 2 * HOUR));
  assert.deepEqual(world.wrongQuarters(), []);
  const [one, other] = world.arrived.filter(({ flags }) => flags.includes("backfilled"));
  assert.deepEqual(
    [one!.obis, one!.address, one!.unit, one!.labels, one!.flags],
    ["1-1:1.5.0*255", "1-1:1.5", "kW", { site: "north" }, ["backfilled"]],
  );
  assert.deepEqual([other!.obis, other!.time], ["1-1:2.5.0*255", one!.time]);
  const { ledger } = world.report.backfill.meters.get("m")!;
  assert.deepEqual([ledger!.found, ledger!.filled, ledger!.givenUp, ledger!.rows, ledger!.gone], [1, 1, 0, 96, 0]);
  assert.deepEqual(world.log.lines.filter((line) => / m: gap/.test(line)), [
    "info m: gap found: 96 intervals are fetched from P.01",
    "info m: gap filled: 96 intervals",
  ]);
});

Deno.test("Backfill: a meter that was silent for hours has its gap filled, and the next one too", async () => {
  using world = new World();
  const away = [[3, 7], [10, 11]].map(([from, to]) => [NOON + from! * HOUR - MINUTE, NOON + to! * HOUR - MINUTE]);
  await world.run(NOON, 14 * HOUR, { answers: (ms) => !away.some(([from, to]) => ms > from! && ms < to!) });
  assert.deepEqual(world.wrongQuarters(), []);
  assert.equal(world.backfilled().length, 4 * 4 + 4);
  const { ledger, trouble } = world.report.backfill.meters.get("m")!;
  assert.deepEqual([ledger!.found, ledger!.filled, trouble], [2, 2, undefined]);
});

Deno.test("Backfill: cut off in the middle, it goes on where it was, also in another life of the program", async () => {
  using world = new World();
  const slow = { query: "?max_baud=300" };
  await world.run(NOON, QUARTER + MINUTE, slow);
  await world.run(NOON + DAY, 16 * MINUTE, slow);
  const first = world.backfilled();
  assert(first.length > 0 && first.length < 95, `${first.length} came before it was cut off`);
  await world.run(NOON + DAY + 17 * MINUTE, 2 * HOUR, slow);
  assert.deepEqual(world.wrongQuarters(), []);
  assert.deepEqual(world.backfilled(), quarters(NOON + 2 * QUARTER, NOON + DAY));
});

Deno.test("Backfill: no readout is late for it, and no hour of a line gives all its meters more than one budget", async () => {
  const slow = { query: "?max_baud=300&quiet_time=500ms" };
  const schedule = { kind: "every", ms: MINUTE, timeZone: "UTC" } as const;
  const meters = ["1", "2"].map((name) => ({ name, schedule, backfill: { budgetMs: 8 * MINUTE } }));
  using world = new World();
  await world.run(NOON, 10 * MINUTE, { ...slow, meters });
  const latest = (meter: string, fromMs: number) =>
    Math.max(...world.live(meter).filter((ms) => ms > fromMs).map((ms) => ms % MINUTE));
  const before = ["1", "2"].map((meter) => latest(meter, NOON));
  await world.run(NOON + 8 * DAY, 55 * MINUTE, { ...slow, meters });
  assert.deepEqual(["1", "2"].map((meter) => latest(meter, NOON + 8 * DAY)), before);
  assert.equal(world.report.counts.lostSlots, 0);
  const spent = ["1", "2"].map((meter) => world.report.backfill.meters.get(meter)!.lineMs);
  const both = spent[0]! + spent[1]!;
  assert(both > 7 * MINUTE && both < 8.2 * MINUTE, `${spent} ms of the line`);
  for (const [at, meter] of ["1", "2"].entries()) {
    const { ledger } = world.report.backfill.meters.get(meter)!;
    assert(spent[at]! > 3 * MINUTE, `${spent} ms: they take turns`);
    assert(ledger!.rows > 100 && ledger!.gaps.length === 1, `${ledger!.rows} of ${8 * 96} intervals`);
  }
  const { budgetMs, spentMs } = world.report.backfill.lines.get("room")!;
  assert.deepEqual([budgetMs, Math.round(spentMs())], [8 * MINUTE, Math.round(both)]);
});

Deno.test("Backfill: a budget that others have used up is no want of time; one that never has a session in it is", async () => {
  const slow = { query: "?max_baud=300" };
  using world = new World();
  const meters = ["1", "2", "3"].map((name) => ({ name, backfill: { budgetMs: 2 * MINUTE } }));
  await world.run(NOON, QUARTER + MINUTE, { ...slow, meters });
  await world.run(NOON + 4 * DAY, 8 * HOUR, { ...slow, meters });
  const told = (of: World) => of.log.lines.filter((line) => line.includes("there is no time for its profile"));
  assert.deepEqual(told(world), []);
  for (const { name } of meters) {
    assert(world.backfilled(name).length > 60, `${name}: ${world.backfilled(name).length}`);
  }
  using poor = new World();
  await poor.run(NOON, 4 * HOUR, { ...slow, meters: [{ backfill: { budgetMs: 4000, from: "start" } }] });
  assert.equal(told(poor).length, 1, poor.log.lines.join("\n"));
});

Deno.test("Backfill: both nights of the year have the quarter hours that they have", async () => {
  for (const [midnight, hours] of [[Date.UTC(2026, 2, 28, 23), 23], [Date.UTC(2026, 9, 24, 22), 25]] as const) {
    using world = new World();
    const zone = "Europe/Berlin";
    await world.run(midnight - HOUR, HOUR + MINUTE, { zone });
    await world.run(midnight + hours * HOUR - MINUTE, 2 * HOUR, { zone });
    assert.deepEqual(world.backfilled(), quarters(midnight + QUARTER, midnight + hours * HOUR - QUARTER));
    assert.deepEqual(world.wrongQuarters(), []);
    const changed = world.arrived.filter(({ flags }) => flags.includes("season-change")).map(({ flags }) => flags);
    assert.deepEqual(changed[0], ["backfilled", "season-change"]);
  }
});

Deno.test("Backfill: a profile in standard time all year, without a mark, is right by its option, or by the meter's type", async () => {
  const [zone, profileZone] = ["Europe/Berlin", "Etc/GMT-1"];
  const type = { id: "unmarked", name: "Unmarked", identifications: ["/ABC?METER*"] };
  const valueAt = (world: World, ms: number) =>
    world.arrived.find(({ time, obis }) => obis === "1-1:1.5.0*255" && Date.parse(time) === ms)?.text;
  const fill = async (profile: NonNullable<MeterType["profile"]>, backfill = {}) => {
    useMeterTypes([{ ...type, profile: { stamp: 10, ...profile } }]);
    const world = new World();
    const its = { zone, profileZone, meters: [{ backfill }] };
    await world.run(NOON, 16 * MINUTE, its);
    await world.run(NOON + DAY, HOUR, its);
    return world;
  };
  try {
    using right = await fill({}, { timeZone: profileZone });
    using byType = await fill({ standardTime: true });
    using wrong = await fill({});
    const at = NOON + 8 * HOUR;
    assert.deepEqual([right.wrongQuarters(), byType.wrongQuarters()], [[], []]);
    assert.equal(valueAt(byType, at), valueAt(right, at));
    assert.equal(valueAt(wrong, at - HOUR), valueAt(right, at), "without either it is an hour off");
  } finally {
    useMeterTypes([]);
  }
});

Deno.test("Backfill: a refused password is sent once; readouts go on, and the gap waits", async () => {
  using world = new World();
  const programming = { password: "12345678", protects: "reading" } as const;
  const meters = [{ password: () => "87654321" }];
  await world.run(NOON, HOUR, { programming, meters });
  const { trouble, ledger } = world.report.backfill.meters.get("m")!;
  assert.match(trouble!.reason, /password/);
  assert.equal(ledger!.probed, false);
  assert.deepEqual(world.live().length, 3);
  await world.run(NOON + DAY, 30 * HOUR, { programming, meters });
  const sent = world.log.lines.filter((line) => /answers the password by a break/.test(line));
  assert.equal(sent.length, 2, "once in each life of the program");
  assert.equal(world.live().length, 3 + 30 * 4 - 1);
  await world.run(NOON + 54 * HOUR, HOUR, { programming, meters: [{ password: () => "12345678" }] });
  assert.deepEqual(world.wrongQuarters(), []);
});

Deno.test("Backfill: what the meter does not have any more is said, counted and given up; the rest comes", async () => {
  using world = new World();
  const meters = [{ backfill: { maxAgeMs: 60 * DAY } }];
  await world.run(NOON, 16 * MINUTE, { meters });
  await world.run(NOON + 43 * DAY, 3 * HOUR, { meters }); // a meter keeps 40 days
  const { ledger } = world.report.backfill.meters.get("m")!;
  const missing = (43 * DAY - QUARTER) / QUARTER;
  assert.deepEqual([ledger!.found, ledger!.filled, ledger!.givenUp, ledger!.rows + ledger!.gone], [1, 0, 1, missing]);
  assert(Math.abs(ledger!.gone - 3 * 96) < 12, `${ledger!.gone} gone`);
  assert.equal(new Set(world.backfilled()).size, ledger!.rows);
  const said = new RegExp(
    `warning m: gap given up: ${ledger!.rows} intervals were filled, ${ledger!.gone} more are gone`,
  );
  assert(world.log.lines.some((line) => said.test(line)), world.log.lines.join("\n"));
});

Deno.test("Backfill: rows that do not fit into the meter's answer are asked for, and not given up", async () => {
  for (const dialect of [{ rows: "10" }, { rows: "10", leaves: "" }]) { // and it ends its session behind each answer
    using world = new World();
    await world.run(NOON, 16 * MINUTE);
    await world.run(NOON + DAY, 2 * HOUR, { programming: { dialect } });
    assert.deepEqual(world.wrongQuarters(), []);
    const { ledger } = world.report.backfill.meters.get("m")!;
    assert.deepEqual([ledger!.found, ledger!.filled, ledger!.gone], [1, 1, 0]);
  }
});

Deno.test("Backfill: what is older than max_age is not asked for", async () => {
  using world = new World();
  const meters = [{ backfill: { maxAgeMs: DAY } }];
  await world.run(NOON, 16 * MINUTE, { meters });
  await world.run(NOON + 3 * DAY, HOUR, { meters });
  const { ledger } = world.report.backfill.meters.get("m")!;
  assert.deepEqual(world.backfilled()[0], NOON + 2 * DAY + 2 * QUARTER);
  assert.deepEqual([ledger!.rows, ledger!.gone, ledger!.givenUp], [95, 96 * 2, 1]);
});

Deno.test("Backfill: from: start begins with what the meter has from before", async () => {
  using world = new World();
  await world.run(NOON, HOUR, { meters: [{ backfill: { from: "start", maxAgeMs: 2 * DAY } }] });
  assert.equal(world.backfilled().length, 2 * 96 - 1);
  assert.equal(world.backfilled().at(-1), NOON);
});

Deno.test("Backfill: rows that a slow meter has not written yet come later", async () => {
  using world = new World();
  const slowMs = 4 * MINUTE;
  const schedule = { kind: "every", ms: MINUTE, timeZone: "UTC" } as const;
  await world.run(NOON, 3 * MINUTE, { slowMs, meters: [{ schedule }] });
  await world.run(NOON + HOUR - 30_000, 20 * MINUTE, { slowMs, meters: [{ schedule }] });
  assert.deepEqual(world.backfilled(), quarters(NOON + QUARTER, NOON + 3 * QUARTER));
  await world.run(NOON + HOUR + 30 * MINUTE + 20_000, 20 * MINUTE, { slowMs, meters: [{ schedule }] });
  assert.deepEqual(world.backfilled().slice(3), [NOON + HOUR + 30 * MINUTE]);
  const { ledger } = world.report.backfill.meters.get("m")!;
  assert.deepEqual([ledger!.found, ledger!.filled, ledger!.gone], [2, 2, 0]);
});

Deno.test("Backfill: a profile that the meter does not have is told, and a damaged answer is asked for again", async () => {
  using world = new World();
  await world.run(NOON, HOUR, { meters: [{ backfill: { profile: "P.02" } }] });
  assert(world.log.lines.includes("warning m: P.02 has no rows of the last hours: is it the meter's load profile?"));
  using other = new World();
  await other.run(NOON, 16 * MINUTE);
  await other.run(NOON + 5 * HOUR, HOUR, { faults: ["flip-digit:2"] });
  assert.deepEqual(other.wrongQuarters(), []);
});

Deno.test("Backfill: of a DLMS meter (mode E), too", async () => {
  using world = new World();
  const dlms = parseSimulatedDlms({ values: { opening: "hdlc" }, positionals: [] });
  const settings = toDlmsSettings(dlmsSchema.parse({ opening: "hdlc", client: 1 }));
  const backfill = { profile: "1-0:99.1.0*255" };
  const its = {
    dlms,
    url: "serial:///dev/fake",
    meters: [{ mode: "E", dlms: settings, obis: ["1.8.0"], backfill }],
  } as const;
  await world.run(NOON, 16 * MINUTE, its);
  await world.run(NOON + DAY, HOUR, its);
  const { ledger, trouble } = world.report.backfill.meters.get("m")!;
  assert.deepEqual(
    [trouble, ledger!.found, ledger!.filled, ledger!.gone],
    [undefined, 1, 1, 0],
    world.log.lines.join("\n"),
  );
  const energies = world.arrived.filter(({ obis, flags }) => flags.includes("backfilled") && obis === "1-0:1.8.0*255");
  assert.deepEqual(energies.map(({ time }) => Date.parse(time)), quarters(NOON + 2 * QUARTER, NOON + DAY));
  assert.deepEqual(energies[0]!.unit, "Wh");
});

Deno.test("Backfill: a line that is always busy is left alone, and that is told once", async () => {
  using world = new World();
  const schedule = { kind: "every", ms: 30_000, timeZone: "UTC" } as const;
  await world.run(NOON, 190 * MINUTE, { query: "?max_baud=300", meters: [{ schedule }], faults: ["slow:6"] });
  const told = world.log.lines.filter((line) => line.includes("there is no time for its profile"));
  assert.equal(told.length, 1, world.log.lines.join("\n"));
  assert.equal(world.report.counts.lostSlots, 0);
});

Deno.test("Backfill: a refusal is about the range if the newest rows still come, else about everything", async () => {
  using world = new World();
  const refuses = { programming: { dialect: { only: "R1" } } } as const;
  await world.run(NOON, 16 * MINUTE);
  await world.run(NOON + 5 * HOUR, 2 * HOUR, refuses);
  const { ledger, trouble } = world.report.backfill.meters.get("m")!;
  assert.deepEqual([ledger!.gaps.length, ledger!.gone], [1, 0], "nothing is given up");
  assert.match(trouble!.reason, /refuses R5 P\.01.*it may want a password/);
  await world.run(NOON + 8 * HOUR, HOUR);
  assert.deepEqual(world.wrongQuarters(), []);
});
