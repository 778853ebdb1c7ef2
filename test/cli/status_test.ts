/** What the status looks like for people and for programs. */
import assert from "node:assert/strict";
import { formatStatus } from "../../src/cli/status_table.ts";
import { degradedBy } from "../../src/degraded.ts";
import { toOpenMetrics } from "../../src/openmetrics.ts";
import { formatStatusLine, type SinkStatus, type Status, toFacts } from "../../src/status.ts";
import { main } from "../../src/main.ts";

const sink: SinkStatus = {
  ...{ name: "csv", type: "csv", activity: "idle", blocked: null, last_error: null, failing_since: null },
  ...{ next_try: null, oldest: null, ingested: 84, delivered: 84, pending: 0, evicted: 0, dead: 0, balanced: true },
};

const PARTS: Omit<Status, "degraded" | "journal" | "clock"> = {
  time: "2026-01-15T12:00:10.000Z",
  version: "0.1.0",
  pid: 4711,
  started: "2026-01-15T09:00:00.000Z",
  configuration: "/etc/obisd/obisd.yaml",
  reload: { time: "2026-01-15T11:59:10.000Z", ok: false },
  counts: { readouts: 4, readings: 84, failures: 1, lost_slots: 1, dropped_telegrams: 0 },
  meters: [
    {
      ...{
        name: "flat-1",
        line: "room",
        priority: "normal",
        last_good: "2026-01-15T12:00:00.000Z",
        last_error: null,
        in_trouble: false,
      },
      ...{ next: "2026-01-15T12:15:00.000Z", clock_drift_s: -125 },
      gaps: {
        ...{ found: 3, filled: 2, given_up: 1, open: 0, intervals_filled: 190, intervals_gone: 12, line_time_s: 41 },
        last_error: null,
      },
    },
    {
      ...{
        name: 'he"at',
        line: "boiler",
        priority: "low",
        last_good: null,
        in_trouble: true,
        next: null,
        clock_drift_s: null,
      },
      gaps: null,
      last_error: { time: "2026-01-15T12:00:05.000Z", message: "no answer" },
    },
  ],
  lines: [
    {
      ...{ name: "room", url: "serial:///dev/ttyUSB0", meters: 1, state: "away", losses: 2 },
      backfill: { last_hour_s: 34, budget_s: 360 },
      ...{ away_since: "2026-01-15T11:59:40.000Z", next_try: "2026-01-15T12:00:13.000Z" },
      last_error: { time: "2026-01-15T12:00:08.000Z", message: "Cannot open /dev/ttyUSB0: no such port" },
    },
    {
      ...{ name: "boiler", url: "tcp://h:1", meters: 1, state: "open", losses: 1, away_since: null, next_try: null },
      backfill: null,
      last_error: { time: "2026-01-15T10:00:00.000Z", message: "refused" },
    },
  ],
  sinks: [sink, {
    ...sink,
    ...{ name: "influxdb", type: "influxdb", activity: "waiting", blocked: "auth", last_error: "401", delivered: 42 },
    failing_since: "2026-01-15T11:00:10.000Z",
    next_try: "2026-01-15T12:08:10.000Z",
    ...{ pending: 40, dead: 2, oldest: "2026-01-15T11:00:00.000Z" },
  }],
  stuck: [],
};

const STATUS: Status = {
  ...PARTS,
  degraded: degradedBy({
    ...PARTS,
    journal: { inMemory: { readouts: 0, bytes: 0 } },
    clock: { trust: "synchronised", since: PARTS.started },
  }),
  journal: toFacts({ path: "/j.db", bytes: 14336, maxBytes: 536870912, ballast: false }),
  clock: toFacts({ trust: "synchronised", steps: 1, lastStepMs: -3000 }),
};

Deno.test("formatStatus: everything on one screen, what is wrong beside what it concerns", () => {
  assert.equal(
    formatStatus(STATUS, Date.parse(STATUS.time)),
    `obisd 0.1.0, process 4711, for 3 h, /etc/obisd/obisd.yaml
loaded again 60 s ago: refused, the old one is in force
4 readouts, 1 slots lost, 1 attempts in vain
DEGRADED:
  configuration: refused at 2026-01-15T11:59:10.000Z, the one before is in force
  sink influxdb: blocked (auth) since 2026-01-15T11:00:10.000Z: 401
  line room: away since 2026-01-15T11:59:40.000Z: Cannot open /dev/ttyUSB0: no such port
  meter he"at: no readout since the start: no answer

METER   LINE          LAST GOOD  NEXT            TROUBLE
flat-1  room          10 s ago   in 15 min       its clock is 125 s slow
he"at   boiler (low)  never      when it speaks  no answer
flat-1 gaps: 3 found, 2 filled, 1 given up (12 intervals gone), 190 intervals, 41 s of its line's time

LINE    STATE          PORT                   TROUBLE
room    away for 30 s  serial:///dev/ttyUSB0  Cannot open /dev/ttyUSB0: no such port; next try in 3 s
boiler  open           tcp://h:1
room back-fill: 34 s in the last hour, of 360 s

SINK      STATE           DELIVERED  PENDING  DEAD  EVICTED  OLDEST            TROUBLE
csv       idle            84         0        0     0
influxdb  blocked (auth)  42         40       2     0        2026-01-15 11:00  401; next try in 8 min

journal  path=/j.db  bytes=14KiB  max_bytes=512MiB  ballast=false
clock    trust=synchronised  steps=1  last_step_ms=-3000`,
  );
});

Deno.test("formatStatusLine: one line, with what is wrong", () => {
  assert.equal(
    formatStatusLine(STATUS),
    "degraded: configuration, sink influxdb, line room, …; " +
      '2 meters (1 without an answer: he"at), 4 readouts, 1 slots lost; 1 of 2 lines away: room; ' +
      "csv: 84 delivered, 0 pending; influxdb: 42 delivered, 40 pending, 2 dead (blocked, auth: 401)",
  );
});

Deno.test("degradedBy: none when all is well; journal, clock, loops and books too", () => {
  const well = { reload: null, meters: [], lines: [], sinks: [sink], stuck: [] };
  const [journal, clock] = [{ inMemory: { readouts: 0, bytes: 0 } }, { trust: "kept", since: PARTS.started }] as const;
  assert.deepEqual(degradedBy({ ...well, journal, clock }), []);
  const [[first], [room]] = [PARTS.meters, PARTS.lines];
  assert.deepEqual(
    degradedBy({
      reload: PARTS.reload,
      meters: [
        { ...first!, in_trouble: true, last_error: { time: PARTS.time, message: "silent" } },
        {
          ...first!,
          name: "flat-2",
          in_trouble: true,
          last_error: { time: PARTS.time, message: room!.last_error!.message },
        },
      ],
      lines: [room!],
      sinks: [{ ...sink, activity: "hanging", last_error: "refused", failing_since: PARTS.started, balanced: false }],
      stuck: ["line room"],
      journal: {
        trouble: { message: "disk I/O error", sinceMs: Date.parse(PARTS.started) },
        inMemory: { readouts: 7, bytes: 900 },
        salvaging: "/j.db.corrupt-1",
      },
      clock: { trust: "unknown", since: PARTS.started },
    }),
    [
      "line room: stuck",
      "configuration: refused at 2026-01-15T11:59:10.000Z, the one before is in force",
      "journal: cannot be written since 2026-01-15T09:00:00.000Z, 7 readouts are in memory alone: disk I/O error",
      "journal: was damaged, readouts are fetched from /j.db.corrupt-1",
      "clock: not synchronised since 2026-01-15T09:00:00.000Z",
      "sink csv: hanging",
      "sink csv: fails since 2026-01-15T09:00:00.000Z: refused",
      "sink csv: its books do not balance",
      "line room: away since 2026-01-15T11:59:40.000Z: Cannot open /dev/ttyUSB0: no such port",
      "meter flat-1: no readout since 2026-01-15T12:00:00.000Z: silent",
      "meter flat-2: no readout since 2026-01-15T12:00:00.000Z: its line is away",
    ],
  );
});

Deno.test("toOpenMetrics: each family once, counters end in _total, labels are escaped, EOF at the end", () => {
  const text = toOpenMetrics(STATUS);
  const lines = text.split("\n");
  assert.deepEqual(lines.slice(-2), ["# EOF", ""]);
  const families = lines.filter((line) => line.startsWith("# TYPE")).map((line) => line.split(" ")[2]!);
  assert.equal(new Set(families).size, families.length);
  const sample = /^obisd_[a-z_]+(\{[a-z]+="(\\.|[^"\\])*"\})? -?\d+(\.\d+)?(e\+\d+)?$/;
  assert.deepEqual(lines.slice(0, -2).filter((line) => !line.startsWith("# ") && !sample.test(line)), []);
  for (
    const line of [
      'obisd_sink_delivered_readings_total{sink="influxdb"} 42',
      'obisd_sink_blocked{sink="influxdb"} 1',
      'obisd_meter_up{meter="he\\"at"} 0',
      'obisd_line_up{line="room"} 0',
      'obisd_line_open{line="boiler"} 1',
      'obisd_line_away_since_seconds{line="room"} 1768478380',
      'obisd_line_losses_total{line="room"} 2',
      'obisd_line_backfill_hour_seconds{line="room"} 34',
      'obisd_meter_gaps_found_total{meter="flat-1"} 3',
      'obisd_meter_backfill_up{meter="flat-1"} 1',
      "obisd_journal_ballast 0",
      "obisd_degraded 4",
      "obisd_clock_last_step_ms -3000",
    ]
  ) assert(lines.includes(line), line);
});

Deno.test("status: nobody there is exit 69, another format is usage", async () => {
  const run = async (...args: string[]) => {
    const said: string[] = [];
    const { signal } = new AbortController();
    const code = await main(["status", ...args], { signal, complain: (text) => said.push(text) });
    return { code, said: said.join("") };
  };
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  const config = { runtime_directory: "nowhere", lines: { a: { url: "/dev/x" } } };
  await Deno.writeTextFile(path, JSON.stringify({ ...config, meters: [{ name: "a", line: "a", every: "1s" }] }));
  const { code, said } = await run("-c", path);
  assert.equal(code, 69);
  assert.match(said, /No obisd answers at .*\/nowhere\/control\.sock: does it run \(systemctl status obisd\)/);
  assert.equal((await run("-c", path, "--format", "xml")).code, 64);
  await Deno.remove(path);
});
