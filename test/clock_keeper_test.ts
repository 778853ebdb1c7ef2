/** A meter's clock is set where the configuration says so, by a bounded number of seconds a day, and never otherwise. */
import assert from "node:assert/strict";
import { parseSimulatedDlms } from "../src/cli/simulate_dlms.ts";
import { dlmsSchema, toDlmsSettings } from "../src/config/dlms.ts";
import { HOUR, MINUTE, QUARTER, type Stretch, World } from "./support/backfill_world.ts";

const NOON = Date.UTC(2026, 5, 1, 12);
const SECOND = 1000;
const kept = { toleranceMs: 5 * SECOND, maxPerDayMs: MINUTE };
/** A serial line stays open, and its meter with it. */
const serial: Stretch = { url: "serial:///dev/fake", live: true, meters: [{ setClock: kept, backfill: null }] };
const audits = (world: World) => world.log.lines.filter((line) => line.includes("AUDIT"));

Deno.test("ClockKeeper: a clock that is off by seconds is set once, and is right then", async () => {
  using world = new World();
  await world.run(NOON, 3 * HOUR, { ...serial, slowMs: 20 * SECOND });
  assert.deepEqual(audits(world), ["info AUDIT: set_clock"]);
  assert(Math.abs(world.report.drifts.get("m")!) <= 1);
  assert.deepEqual(world.log.lines.filter((line) => !line.includes("AUDIT")), []);
});

Deno.test("ClockKeeper: nothing is written where the configuration does not say so, or the clock is right enough", async () => {
  for (const [slowMs, meters] of [[20 * SECOND, [{ backfill: null }]], [3 * SECOND, serial.meters!]] as const) {
    using world = new World();
    await world.run(NOON, 3 * HOUR, { ...serial, slowMs, meters });
    assert.deepEqual(audits(world), []);
    assert(Math.abs(world.report.drifts.get("m")! + slowMs / SECOND) <= 1, "as far off as it was");
  }
});

Deno.test("ClockKeeper: a clock that is far off is told once and left to a person", async () => {
  using world = new World();
  await world.run(NOON, 5 * HOUR, { ...serial, slowMs: -80 * SECOND });
  const [told, ...more] = world.log.lines;
  assert.match(
    told!,
    /^warning m: its clock is (79|80) s fast, and by set_clock it may be set by 60 s now; obisd clock m --set/,
  );
  assert.deepEqual(more, []);
});

Deno.test("ClockKeeper: a meter that forgets is set by no more than the bound in a day, across restarts", async () => {
  using world = new World();
  const forgets: Stretch = { ...serial, url: "tcp://fake:1", slowMs: 40 * SECOND };
  await world.run(NOON, 5 * HOUR, forgets);
  assert.equal(audits(world).length, 1);
  await world.run(NOON + 6 * HOUR, 5 * HOUR, forgets);
  assert.equal(audits(world).length, 1);
  await world.run(NOON + 24 * HOUR, 5 * HOUR, forgets);
  assert.equal(audits(world).length, 2, world.log.lines.join("\n"));
});

Deno.test("ClockKeeper: a meter that refuses is asked once a day, and its readouts go on", async () => {
  using world = new World();
  await world.run(NOON, 30 * HOUR, { ...serial, slowMs: 20 * SECOND, programming: { password: "12345678" } });
  assert.deepEqual(audits(world), ["error AUDIT: set_clock", "error AUDIT: set_clock"]);
  assert.equal(world.live().length, 30 * HOUR / QUARTER - 1);
});

/** A DLMS meter whose readout says its clock. */
function dlms(access: Readonly<Record<string, string>> = {}): Stretch {
  const settings = toDlmsSettings(dlmsSchema.parse({ opening: "hdlc", client: 1 }));
  const meter = { mode: "E", dlms: settings, obis: ["1.8.0", "0-0:1.0.0"], setClock: kept, backfill: null } as const;
  const simulated = parseSimulatedDlms({ values: { opening: "hdlc", ...access }, positionals: [] });
  return { url: "serial:///dev/fake", live: true, dlms: simulated, meters: [meter] };
}

Deno.test("ClockKeeper: the clock of a DLMS meter (mode E) is set within the same bounds, and told the same way", async () => {
  using world = new World();
  await world.run(NOON, 3 * HOUR, { ...dlms(), slowMs: 20 * SECOND });
  assert.deepEqual(audits(world), ["info AUDIT: set_clock"], world.log.lines.join("\n"));
  assert(Math.abs(world.report.drifts.get("m")!) <= 1, `${world.report.drifts.get("m")} s`);
  using far = new World();
  await far.run(NOON, 3 * HOUR, { ...dlms(), slowMs: 80 * SECOND });
  assert.deepEqual(audits(far), []);
  assert.match(
    far.log.lines.join("\n"),
    /m: its clock is (79|80|81) s slow, and by set_clock it may be set by 60 s now/,
  );
});
