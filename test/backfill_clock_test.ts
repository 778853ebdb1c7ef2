/** Back-fill beside a host whose clock begins wrong after a power cut: no quarter hour comes twice, and none is missing. */
import assert from "node:assert/strict";
import { DAY, HOUR, MINUTE, QUARTER, World } from "./support/backfill_world.ts";

const NOON = Date.UTC(2026, 5, 1, 12);
/** When the power came back, in the middle of a quarter hour. */
const BACK = NOON + 8 * HOUR + 7 * MINUTE + 20_000;
const RIGHT = { host: { wallMs: NOON, rightAfterMs: 0 } } as const;
/** Ten years back; where the host was when the power went; by so little that slots look right. */
const WALLS = [Date.UTC(2016, 0, 1), NOON + 2 * HOUR, BACK - 11 * MINUTE];

const flagged = (world: World) => world.arrived.filter(({ flags }) => flags.includes("clock-unsynchronised")).length;

Deno.test("Backfill: readouts that waited for the time cover their quarter hours, whatever the clock showed", async () => {
  for (const wallMs of WALLS) {
    using world = new World();
    await world.run(NOON, 2 * HOUR + MINUTE, RIGHT);
    await world.run(BACK, 4 * HOUR, { host: { wallMs, rightAfterMs: HOUR + 3 * MINUTE } });
    assert.deepEqual(world.wrongQuarters(), [], new Date(wallMs).toISOString());
    assert.equal(world.live().filter((ms) => ms < BACK + HOUR + 3 * MINUTE && ms > BACK).length, 4, "held");
    const { ledger } = world.report.backfill.meters.get("m")!;
    assert.deepEqual([ledger!.filled, ledger!.gone, ledger!.held], [ledger!.found, 0, undefined]);
    assert.equal(flagged(world), 0);
  }
});

Deno.test("Backfill: a gap among the readouts that waited is one, too", async () => {
  using world = new World();
  await world.run(NOON, 2 * HOUR + MINUTE, RIGHT);
  const away = [BACK + 40 * MINUTE, BACK + 73 * MINUTE] as const;
  await world.run(BACK, 5 * HOUR, {
    host: { wallMs: WALLS[1]!, rightAfterMs: 3 * HOUR },
    answers: (ms) => ms < away[0] || ms > away[1],
  });
  assert.deepEqual(world.wrongQuarters(), []);
  assert.equal(world.report.backfill.meters.get("m")!.ledger!.found, 2);
});

Deno.test("Backfill: the clock is put right, and the power goes again before the next readout", async () => {
  using world = new World();
  await world.run(NOON, 2 * HOUR + MINUTE, RIGHT);
  const right = { wallMs: WALLS[1]!, rightAfterMs: HOUR };
  await world.run(BACK, HOUR + MINUTE, { host: right });
  await world.run(BACK + 3 * HOUR, 2 * HOUR, { host: { wallMs: WALLS[1]!, rightAfterMs: 20 * MINUTE } });
  assert.deepEqual(world.wrongQuarters(), []);
});

Deno.test("Backfill: the power goes before the time is known: its readouts have none, and the quarter hours come", async () => {
  using world = new World();
  await world.run(NOON, 2 * HOUR + MINUTE, RIGHT);
  await world.run(BACK, HOUR, { host: { wallMs: WALLS[0]! } });
  await world.run(BACK + 3 * HOUR, 3 * HOUR, { host: { wallMs: WALLS[0]!, rightAfterMs: 50 * MINUTE } });
  assert.deepEqual(world.wrongQuarters(), []);
  assert(flagged(world) > 0);
});

Deno.test("Backfill: readouts that go on with a wrong time cover nothing", async () => {
  using world = new World();
  await world.run(NOON, 2 * HOUR + MINUTE, RIGHT);
  await world.run(BACK, 3 * HOUR, { unsynchronised: "flag", host: { wallMs: WALLS[1]!, rightAfterMs: HOUR } });
  assert.deepEqual(world.wrongQuarters(), []);
  assert.equal(flagged(world), 4 * 2, "two values each");
});

Deno.test("Backfill: the first start of a machine without a clock, and the clock put right in the middle of a session", async () => {
  using world = new World();
  const from = { meters: [{ backfill: { from: "start", maxAgeMs: DAY } }] } as const;
  await world.run(BACK, 2 * HOUR, { ...from, host: { wallMs: WALLS[0]!, rightAfterMs: 40 * MINUTE } });
  assert.deepEqual(world.wrongQuarters(), []);
  const [first] = world.live();
  assert(world.backfilled().includes(first! - first! % QUARTER - QUARTER), "up to the first of those that waited");
  assert(world.backfilled().length > 92, `${world.backfilled().length} of a day`);
  using slow = new World();
  await slow.run(NOON, HOUR, RIGHT);
  const middle = { wallMs: NOON + HOUR + 10 * MINUTE, rightAfterMs: 5 * MINUTE + 2000 };
  await slow.run(BACK, 3 * HOUR, { query: "?max_baud=300", host: middle });
  assert.deepEqual(slow.wrongQuarters(), []);
  assert.equal(
    slow.live().filter((ms) => ms < BACK + 6 * MINUTE && ms > BACK).length,
    1,
    "the one in the middle",
  );
});
