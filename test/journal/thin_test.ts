/** Of each meter the readouts nearest to the quarter hours stay. */
import assert from "node:assert/strict";
import { betweenQuarters } from "../../src/journal/thin.ts";

const MINUTE = 60_000;
const rows = (minutes: readonly number[], kind = "a", from = 1) =>
  minutes.map((minute, at) => ({ seq: from + at, atMs: minute * MINUTE, kind }));

Deno.test("betweenQuarters: one readout stays for each quarter hour and meter", () => {
  for (
    const [minutes, gone] of [
      [[], []],
      [[3], []],
      [[0, 15, 30, 45, 60], []],
      [[0, 1, 2, 14, 15, 16, 29, 31], [2, 3, 4, 6, 8]], // 29 and 31 are as near: the earlier stays
      [[7, 8], []], // the one belongs to 0, the other to 15
      [[7, 6], [1]],
    ] as const
  ) assert.deepEqual(betweenQuarters(rows(minutes)), gone, minutes.join());
});

Deno.test("betweenQuarters: meters do not stand for each other", () => {
  assert.deepEqual(betweenQuarters([...rows([1, 2, 3]), ...rows([1, 2, 3], "b", 4)]), [2, 3, 5, 6]);
});
