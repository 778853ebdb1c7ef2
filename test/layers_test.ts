/** The arrows between the rooms go one way, and the pure rooms know neither the world nor the time. @module */
import assert from "node:assert/strict";

const ROOT = new URL("../", import.meta.url);

/** What each room may import, by the beginning of the path: rooms further up alone, and its own. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  "deno.json": [],
  "src/bundle.ts": [],
  "src/clock.ts": [],
  "src/abort.ts": ["src/clock.ts"],
  "src/bytes.ts": [],
  "src/crc.ts": [],
  "src/errors.ts": [],
  "src/garbage.ts": [],
  "src/libc": [],
  "src/line.ts": [],
  "src/log.ts": [],
  "src/moments.ts": [],
  "src/nearest.ts": [],
  "src/parsed.ts": [],
  "src/print.ts": [],
  "src/progress.ts": [],
  "src/reading.ts": [],
  "src/schedule.ts": [],
  "src/secret.ts": [],
  "src/status.ts": [],
  "src/telegram.ts": [],
  "src/units.ts": [],
  "src/without_absent.ts": [],
  "src/dlms_settings.ts": [],
  "src/counter_book.ts": [],
  "src/heard_counters.ts": ["src/counter_book.ts"],
  "src/invocation_counters.ts": ["src/errors.ts", "src/counter_book.ts", "src/heard_counters.ts"],
  "src/exit_code.ts": ["src/errors.ts"],
  "src/host": ["src/clock.ts", "src/libc", "src/log.ts"],
  "src/format.ts": ["src/reading.ts"],
  "src/occurrence.ts": ["src/reading.ts"],
  "src/openmetrics.ts": ["src/status.ts"],
  "src/control.ts": ["src/errors.ts"],
  "src/systemd.ts": ["src/libc"],
  // what makers do
  "src/meters/": ["src/telegram.ts", "src/nearest.ts"],
  // what the standards say
  "src/dialogue.ts": ["src/bytes.ts", "src/line.ts", "src/errors.ts"],
  "src/iec62056/": [
    "src/meters/",
    "src/bytes.ts",
    "src/crc.ts",
    "src/dialogue.ts",
    "src/line.ts",
    "src/telegram.ts",
    "src/errors.ts",
  ],
  "src/dlms/": ["src/crc.ts", "src/bytes.ts", "src/dialogue.ts", "src/line.ts", "src/telegram.ts", "src/errors.ts"],
  "src/obis/": [],
  "src/recording.ts": ["src/line.ts", "src/iec62056/"],
  "src/normalise.ts": ["src/meters/", "src/telegram.ts", "src/obis/", "src/reading.ts"],
  "src/meter_clock.ts": ["src/telegram.ts", "src/obis/"],
  "src/clock_dlms.ts": ["src/dialogue.ts", "src/dlms/", "src/iec62056/", "src/errors.ts"],
  "src/profile_dlms.ts": ["src/dialogue.ts", "src/dlms/", "src/iec62056/"],
  "src/profile_readings.ts": ["src/iec62056/", "src/normalise.ts", "src/obis/", "src/reading.ts"],
  "src/mode_e_ahead.ts": [
    ...["src/dialogue.ts", "src/dlms/", "src/errors.ts", "src/normalise.ts", "src/telegram.ts"],
  ],
  "src/mode_e.ts": [
    "src/mode_e_ahead.ts",
    ...["src/dialogue.ts", "src/line.ts", "src/telegram.ts", "src/iec62056/", "src/dlms/", "src/obis/"],
    ...["src/dlms_settings.ts", "src/errors.ts"],
  ],
  // to the meter
  "src/transport/": [
    ...["src/bytes.ts", "src/libc", "src/line.ts", "src/abort.ts", "src/errors.ts", "src/clock.ts"],
    ...["src/nearest.ts", "src/parsed.ts", "src/units.ts"],
  ],
  "src/session.ts": ["src/dialogue.ts", "src/transport/", "src/line.ts", "src/errors.ts", "src/clock.ts"],
  // to the destinations
  "src/journal": [
    "src/garbage.ts",
    "src/clock.ts",
    "src/host",
    "src/errors.ts",
    "src/log.ts",
    "src/reading.ts",
    "src/occurrence.ts",
  ],
  "src/sink.ts": ["src/reading.ts", "src/occurrence.ts", "src/errors.ts", "src/format.ts", "src/secret.ts"],
  "sinks/": ["src/sink.ts"],
  "src/degraded.ts": ["src/clock.ts", "src/journal", "src/status.ts"],
  "src/delivery": ["src/clock.ts", "src/log.ts", "src/journal", "src/sink.ts"],
  "src/control_questions.ts": ["src/heard_counters.ts", "src/journal", "src/status.ts"],
  "src/dlms_access.ts": [
    ...["src/dlms_settings.ts", "src/dlms/", "src/errors.ts", "src/invocation_counters.ts", "src/mode_e.ts"],
    "src/transport/endpoint.ts",
  ],
  // what the file says
  "src/config": [
    ...["src/errors.ts", "src/nearest.ts", "src/parsed.ts", "src/units.ts", "src/schedule.ts", "src/secret.ts"],
    ...[
      "src/without_absent.ts",
      "src/telegram.ts",
      "src/meters/",
      "src/iec62056/access.ts",
      "src/iec62056/registers.ts",
      "src/dlms_settings.ts",
      "src/obis/",
      "src/transport/endpoint.ts",
      "src/sink.ts",
      "sinks/mod.ts",
    ],
  ],
  "src/runtime_directory.ts": ["src/config", "src/status.ts"],
  "src/permissions.ts": ["src/config", "src/libc", "src/systemd.ts", "src/runtime_directory.ts"],
  "src/generate.ts": ["src/config", "src/errors.ts", "src/print.ts", "src/transport/endpoint.ts", "sinks/mod.ts"],
  // the whole line
  "src/turns.ts": ["src/schedule.ts", "src/clock.ts", "src/iec62056/"],
  "src/standing.ts": ["src/config", "src/schedule.ts", "src/turns.ts"],
  "src/stamp.ts": [
    ...["src/clock.ts", "src/moments.ts", "src/reading.ts", "src/telegram.ts", "src/meter_clock.ts", "src/config"],
  ],
  "src/wire.ts": ["src/abort.ts", "src/clock.ts", "src/errors.ts", "src/transport/"],
  "src/password.ts": ["src/config", "src/dialogue.ts", "src/errors.ts"],
  "src/approach.ts": [
    ...["src/line.ts", "src/meters/", "src/iec62056/", "src/transport/endpoint.ts", "src/without_absent.ts"],
  ],
  "src/discovery/": [
    ...[
      "src/abort.ts",
      "src/clock.ts",
      "src/dialogue.ts",
      "src/errors.ts",
      "src/libc",
      "src/reading.ts",
      "src/telegram.ts",
    ],
    ...["src/iec62056/", "src/meters/", "src/obis/", "src/normalise.ts", "src/transport/", "src/session.ts"],
    ...["src/config", "src/approach.ts", "src/dlms/", "src/line.ts", "src/mode_e.ts"],
  ],
  "src/identity.ts": ["src/dialogue.ts", "src/errors.ts", "src/iec62056/", "src/normalise.ts"],
  "src/line_budget.ts": [
    ...["src/approach.ts", "src/config", "src/iec62056/modes.ts", "src/line.ts", "src/meters/", "src/schedule.ts"],
    "src/units.ts",
  ],
  "src/pushed.ts": [
    ...["src/config", "src/dialogue.ts", "src/dlms/", "src/dlms_settings.ts", "src/errors.ts", "src/heard_counters.ts"],
    ...["src/line.ts", "src/telegram.ts"],
  ],
  "src/calls.ts": [
    ...["src/clock.ts", "src/config", "src/dialogue.ts", "src/dlms/", "src/errors.ts", "src/pushed.ts"],
    ...["src/heard_counters.ts", "src/session.ts", "src/telegram.ts", "src/transport/"],
  ],
  "src/asking": [
    "src/identity.ts",
    "src/approach.ts",
    ...["src/config", "src/dialogue.ts", "src/errors.ts", "src/iec62056/", "src/normalise.ts", "src/telegram.ts"],
    ...["src/transport/endpoint.ts", "src/obis/", "src/mode_e.ts", "src/dlms_access.ts", "src/password.ts"],
    ...["src/dlms/", "src/clock_dlms.ts", "src/profile_dlms.ts"],
    ...["src/dlms_settings.ts", "src/invocation_counters.ts"],
  ],
  "src/backfill": [
    ...[
      "src/asking",
      "src/invocation_counters.ts",
      "src/abort.ts",
      "src/clock.ts",
      "src/config",
      "src/dialogue.ts",
      "src/errors.ts",
    ],
    ...["src/iec62056/", "src/journal", "src/log.ts", "src/profile_readings.ts", "src/schedule.ts", "src/session.ts"],
    ...["src/transport/endpoint.ts", "src/wire.ts"],
  ],
  "src/audit.ts": ["src/log.ts"],
  "src/clock_keeper.ts": [
    ...["src/asking.ts", "src/abort.ts", "src/audit.ts", "src/backfill.ts", "src/config", "src/dialogue.ts"],
    ...["src/errors.ts", "src/iec62056/", "src/log.ts", "src/meter_clock.ts", "src/session.ts", "src/wire.ts"],
  ],
  "src/collector_report.ts": ["src/backfill/", "src/clock.ts", "src/log.ts", "src/telegram.ts", "src/wire.ts"],
  "src/attempt.ts": [
    ...["src/asking", "src/backfill", "src/clock.ts", "src/collector_report.ts", "src/config", "src/errors.ts"],
    ...["src/invocation_counters.ts", "src/journal", "src/moments.ts", "src/normalise.ts", "src/progress.ts"],
    ...["src/schedule.ts", "src/stamp.ts", "src/standing.ts", "src/telegram.ts", "src/turns.ts", "src/wire.ts"],
  ],
  "src/hearing.ts": [
    ...[
      "src/attempt.ts",
      "src/calls.ts",
      "src/pushed.ts",
      "src/clock.ts",
      "src/config",
      "src/dialogue.ts",
      "src/errors.ts",
    ],
    ...["src/iec62056/", "src/meters/", "src/session.ts", "src/standing.ts", "src/telegram.ts"],
    ...["src/transport/endpoint.ts", "src/turns.ts", "src/wire.ts"],
  ],
  "src/collector": [
    ...["src/attempt.ts", "src/hearing.ts", "src/collector_report.ts", "src/backfill", "src/clock_keeper.ts"],
    ...[
      "src/asking",
      "src/abort.ts",
      "src/bytes.ts",
      "src/clock.ts",
      "src/errors.ts",
      "src/log.ts",
      "src/moments.ts",
      "src/progress.ts",
    ],
    ...["src/schedule.ts", "src/telegram.ts", "src/dialogue.ts", "src/meters/", "src/iec62056/", "src/normalise.ts"],
    ...["src/transport/endpoint.ts", "src/session.ts", "src/journal", "src/config", "src/turns.ts", "src/wire.ts"],
    ...["src/stamp.ts", "src/calls.ts", "src/standing.ts", "src/invocation_counters.ts", "src/dlms_settings.ts"],
  ],
  "src/pulse.ts": ["src/clock.ts", "src/progress.ts"],
  "src/daemon": [
    "src/abort.ts",
    "src/pulse.ts",
    "src/garbage.ts",
    "src/heard_counters.ts",
    "src/invocation_counters.ts",
    ...["src/host", "src/libc", "src/log.ts", "src/moments.ts", "src/progress.ts", "src/schedule.ts"],
    ...["src/status.ts", "src/standing.ts", "src/degraded.ts"],
    ...["src/transport/endpoint.ts", "src/journal", "src/delivery", "src/config", "src/backfill", "src/collector"],
  ],
  // a meter that is none
  "src/simulator/": [
    ...["src/abort.ts", "src/bytes.ts", "src/clock.ts", "src/errors.ts", "src/libc", "src/line.ts", "src/log.ts"],
    ...["src/telegram.ts"],
    ...["src/dialogue.ts", "src/iec62056/", "src/dlms/", "src/obis/", "src/transport/", "src/recording.ts"],
  ],
  // the shell
  "src/cli/": [
    ...[
      "src/abort.ts",
      "src/asking.ts",
      "src/audit.ts",
      "src/clock_dlms.ts",
      "src/profile_dlms.ts",
      "src/profile_readings.ts",
      "src/bytes.ts",
      "src/clock.ts",
      "src/errors.ts",
      "src/host",
      "src/libc",
      "src/line.ts",
      "src/log.ts",
      "src/print.ts",
      "src/reading.ts",
      "src/meter_clock.ts",
    ],
    ...["src/schedule.ts", "src/telegram.ts", "src/units.ts", "src/exit_code.ts", "src/format.ts", "src/systemd.ts"],
    ...["src/dialogue.ts", "src/iec62056/", "src/normalise.ts", "src/transport/", "src/session.ts", "src/config"],
    ...["src/meters/", "src/approach.ts", "src/identity.ts", "src/line_budget.ts"],
    "src/discovery/",
    ...["src/permissions.ts", "src/daemon", "src/simulator/", "src/journal", "src/status.ts", "src/openmetrics.ts"],
    ...[
      "src/control.ts",
      "src/control_questions.ts",
      "src/runtime_directory.ts",
      "src/dlms/",
      "src/dlms_settings.ts",
      "src/dlms_access.ts",
      "src/asking.ts",
      "src/obis/",
      "src/heard_counters.ts",
      "src/invocation_counters.ts",
      "src/mode_e.ts",
      "src/recording.ts",
      "src/without_absent.ts",
      "deno.json",
    ],
  ],
  "src/main.ts": [
    "deno.json",
    ...["src/clock.ts", "src/errors.ts", "src/log.ts", "src/nearest.ts", "src/print.ts", "src/exit_code.ts"],
    "src/cli/",
  ],
};

/** Rooms that are pure: bytes in, values out. */
const PURE = new RegExp(
  [
    "^src/(iec62056|dlms|meters|obis)/",
    "^src/(line|errors|telegram|reading|dialogue|normalise|meter_clock|mode_e|mode_e_ahead|format|recording)\\.ts$",
    "^src/simulator/(capture|client_messages|distortions|dlms_meter|dlms_objects|faults|live|load_profile|meter|programming|registers|replay|sleep|simulated_meter|speech|statistics)\\.ts$",
    "^src/(clock_dlms|profile_dlms|profile_readings|backfill/(gaps|line_time))\\.ts$",
  ].join("|"),
);

/** What the world and the time look like from inside a program. */
const WORLD = /\bDeno\b|\basync\b|\bawait\b|\bDate\.now\b|\bperformance\b|\bsetTimeout\b|\bfetch\(|new Date\(\)/;

async function* sources(folder: URL): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const url = new URL(entry.name + (entry.isDirectory ? "/" : ""), folder);
    if (entry.isDirectory) yield* sources(url);
    else if (entry.name.endsWith(".ts")) yield url.href.slice(ROOT.href.length);
  }
}

async function allSources(): Promise<string[]> {
  return [
    ...await Array.fromAsync(sources(new URL("src/", ROOT))),
    ...await Array.fromAsync(sources(new URL("sinks/", ROOT))),
  ];
}

/** The text of a file without its comments, which may speak of the world. */
async function code(path: string): Promise<string> {
  const text = await Deno.readTextFile(new URL(path, ROOT));
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[\s;{},])\/\/ .*$/gm, "$1");
}

const startsWithOneOf = (path: string, rooms: readonly string[]) =>
  rooms.some((room) => path === room || !room.endsWith(".ts") && path.startsWith(room));

Deno.test("layers: imports go one way", async () => {
  const wrong: string[] = [];
  for (const path of await allSources()) {
    const room = Object.keys(MAY_IMPORT).find((room) => startsWithOneOf(path, [room]));
    if (room === undefined) {
      wrong.push(`${path} has no room here`);
      continue;
    }
    for (const [, specifier] of (await code(path)).matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      const target = new URL(specifier!, new URL(path, ROOT)).href.slice(ROOT.href.length);
      if (!startsWithOneOf(target, [room, ...MAY_IMPORT[room]!])) wrong.push(`${path} → ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("layers: arrows never return", () => {
  const rooms = Object.keys(MAY_IMPORT);
  for (const [at, room] of rooms.entries()) {
    const later = MAY_IMPORT[room]!.filter((other) => !startsWithOneOf(other, rooms.slice(0, at)));
    assert.deepEqual(later, [], `${room} may import only what stands above it`);
  }
});

Deno.test("layers: pure rooms know neither the world nor the time", async () => {
  const wrong: string[] = [];
  for (const path of (await allSources()).filter((path) => PURE.test(path))) {
    const found = (await code(path)).match(WORLD);
    if (found) wrong.push(`${path}: ${found[0]}`);
  }
  assert.deepEqual(wrong, []);
});

Deno.test("layers: only libc.ts opens a library", async () => {
  const openers: string[] = [];
  for (const path of await allSources()) if ((await code(path)).includes("Deno.dlopen")) openers.push(path);
  assert.deepEqual(openers.filter((path) => path !== "src/libc.ts"), []);
});
