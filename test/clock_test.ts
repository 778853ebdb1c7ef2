/** The host's clock. */
import assert from "node:assert/strict";
import process from "node:process";
import { systemClock } from "../src/clock.ts";

Deno.test("systemClock.sleep: a moment that has passed already is no cause for a warning", async () => {
  const warnings: string[] = [];
  const hear = (warning: Error) => void warnings.push(warning.message);
  process.on("warning", hear);
  try {
    await systemClock.sleep(-0.002);
    await systemClock.sleep(1);
  } finally {
    process.off("warning", hear);
  }
  assert.deepEqual(warnings.filter((message) => message.includes("negative")), []);
});
