/** What a line can carry, reckoned by hand. */
import assert from "node:assert/strict";
import type { MeterConfig } from "../src/config.ts";
import { lineTrouble, readingMs } from "../src/line_budget.ts";
import { parseEndpoint } from "../src/transport/endpoint.ts";

const NOW = Date.UTC(2026, 5, 1);

const line = (query = "") => ({ name: "room", endpoint: parseEndpoint(`/dev/ttyS0${query}`) });

function meter(minutes: number, more: Partial<MeterConfig> = {}): MeterConfig {
  const schedule = { kind: "every", ms: minutes * 60_000, timeZone: "UTC" } as const;
  const its = { name: "flat-1", line: "room", mode: "auto", timeZone: "UTC", schedule, labels: {}, tries: 3 } as const;
  return { ...its, timestamp: "readout", ...more };
}

Deno.test("readingMs: bytes by speed, the sign-on, the pauses", () => {
  const cases: [query: string, more: Partial<MeterConfig>, seconds: number][] = [
    ["", {}, 3.7], // 37 characters at 300 Bd, 1605 at 9600, four pauses of 200 ms
    ["?max_baud=300", {}, 55.5],
    ["?baud_policy=none", {}, 55.5],
    ["?baud=9600", {}, 2.5],
    ["", { mode: "A" }, 55.5],
    ["", { type: "iskra-mt174" }, 14.8], // 9.5 kB, and 40 NULs with their pause
    ["", { type: "landisgyr-ultraheat" }, 9.2],
    ["", { registers: ["1.8.0", "2.8.0"] }, 2.9],
    ["?max_baud=300", { registers: ["1.8.0", "2.8.0"] }, 6],
  ];
  for (const [query, more, expected] of cases) {
    const ms = readingMs(meter(15, more), line(query));
    assert.equal(Math.round(ms / 100) / 10, expected, `${query} ${JSON.stringify(more)}`);
  }
});

Deno.test("lineTrouble: warns with numbers where a line has no time for its meters, and says what to do", () => {
  const many = (count: number, minutes: number) =>
    Array.from({ length: count }, (_, at) => meter(minutes, { name: `flat-${at + 1}`, address: `${at + 1}` }));
  assert.equal(lineTrouble(line(), many(30, 15), NOW), undefined); // 30 × 4.2 s in a quarter hour
  assert.equal(lineTrouble(line("?max_baud=300"), many(12, 15), NOW), undefined);
  const tight = lineTrouble(line("?max_baud=300"), many(15, 15), NOW)!;
  assert.match(tight, /^line room is busy 93 % of the time, so that a meter that does not answer makes others late/);
  const over = lineTrouble(line("?max_baud=300"), many(30, 15), NOW)!;
  assert.match(
    over,
    /cannot carry what it is asked to: it would be busy 187 % of the time \(flat-1 takes 56 s every 15m/,
  );
  assert.match(
    over,
    /all 30 meters once take 1681 s; reckoned with 1600 bytes .* Read less often, only registers:.* \(priority\)$/,
  );
  const some = many(30, 15).map((its, at) => at < 10 ? { ...its, priority: "high" as const } : its);
  assert.match(
    lineTrouble(line("?max_baud=300"), some, NOW)!,
    /; those of high priority alone want 62 %, and are read first;/,
  );
  const alone = lineTrouble(line("?max_baud=300"), [meter(0.5)], NOW)!;
  assert.match(alone, /busy 185 % of the time \(flat-1 takes 56 s every 30s; reckoned/);
});

Deno.test("lineTrouble: a calendar counts by its slots; who pushes takes nothing", () => {
  const cron = (pattern: string) => meter(15, { schedule: { kind: "cron", pattern, timeZone: "UTC" } });
  assert.equal(lineTrouble(line("?max_baud=300"), [cron("0 * * * *")], NOW), undefined);
  assert.match(lineTrouble(line("?max_baud=300"), [cron("* * * * *")], NOW)!, /busy 93 %/);
  assert.equal(
    lineTrouble(line("?max_baud=300"), [meter(0.5, { mode: "D" }), meter(0.5, { mode: "E" })], NOW),
    undefined,
  );
});
