/** Sinks that come, go and change by reloads while meters speak: nothing is lost, doubled or left open. */
import assert from "node:assert/strict";
import { reloadDaemon } from "../../torture/reload.ts";

Deno.test("obisd run: 25 reloads while four meters speak: no reading lost or doubled, no telegram missed", async () => {
  const { readouts, open: [before, after] } = await reloadDaemon(25);
  assert(readouts > 0);
  assert(after <= before + 2, `${before} files were open, then ${after}`);
});
