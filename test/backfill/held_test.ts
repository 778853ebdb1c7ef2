/** Readouts that came while nobody knew the time. */
import assert from "node:assert/strict";
import { formatLedger, type Ledger, parseLedger } from "../../src/backfill/gaps.ts";
import { afterDating, afterHeld, withoutHeld } from "../../src/backfill/held.ts";
import { zoneOf } from "../../src/iec62056/mod.ts";

const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
const NOON = Date.UTC(2026, 5, 1, 12);
const zone = zoneOf("UTC");
const slots = (afterMs: number) => Math.floor(afterMs / QUARTER) * QUARTER + QUARTER;
const boot = { bootId: "b", startMs: NOON + 7 * MINUTE };

/** A ledger after readouts so many minutes after the machine's start. */
function held(minutes: readonly number[], stepMs = QUARTER, bootId = "b"): Ledger {
  return minutes.reduce<Ledger | undefined>(
    (ledger, minute) => afterHeld(ledger, { bootId, monotonicMs: minute * MINUTE, trusted: false }, stepMs),
    undefined,
  )!;
}

const gapsOf = ({ gaps }: Ledger) => gaps.map(({ fromMs, toMs }) => [fromMs, toMs].map((ms) => (ms - NOON) / MINUTE));

Deno.test("afterDating: each readout is of the last slot before it, and what is missing between them is a gap", () => {
  const dated = afterDating(held([1, 16, 31, 76, 91]), boot, { slots, zone });
  assert.deepEqual([gapsOf(dated), dated.readMs, dated.held], [[[30, 75]], NOON + 90 * MINUTE, undefined]);
});

Deno.test("afterDating: behind what was known before, and nothing of another run of the machine", () => {
  const before = { ...held([1]), readMs: NOON - 60 * MINUTE };
  assert.deepEqual(gapsOf(afterDating(before, boot, { slots, zone })), [[-60, 0]]);
  assert.deepEqual(afterDating(before, { ...boot, bootId: "c" }, { slots, zone }), withoutHeld(before));
  const later = { ...held([1, 16]), readMs: NOON + 60 * MINUTE };
  assert.deepEqual(afterDating(later, boot, { slots, zone }), withoutHeld(later), "it was read since");
});

Deno.test("afterHeld: a meter that is read each second makes one entry until it is silent", () => {
  const seconds = [0, 1, 2, 3, 9, 10].map((second) => second / 60);
  const stretches = held(seconds, 1000).held!.map(({ fromMs, toMs }) => [fromMs, toMs]);
  assert.deepEqual(stretches, [[0, 3000], [9000, 10_000]]);
  assert.equal(held([1, 16, 31]).held!.length, 3);
  assert.deepEqual(parseLedger(formatLedger(held([1, 16]))), held([1, 16]), "it outlives a restart");
});
