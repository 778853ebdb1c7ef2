/** A sink that is away for days gets everything in the end, in order. The month itself is in the torture. */
import assert from "node:assert/strict";
import { outage } from "./support/outage.ts";

Deno.test("outage: a day with five meters a minute, everything arrives in order, and tries stay few", async () => {
  const { readings, retries } = await outage({ days: 1 });
  assert.equal(readings, 5 * 1440 * 2);
  assert(retries > 300 && retries < 700, `${retries} attempts`); // each 2.5 min, half of the longest pause
});
