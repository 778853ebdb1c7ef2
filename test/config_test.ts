/** The configuration: what is read, and what a person is told who got it wrong. @module */
import assert from "node:assert/strict";
import { type Config, loadConfig, type LoadOptions } from "../src/config.ts";
import { ConfigError } from "../src/errors.ts";

const WHOLE = `time_zone: Europe/Berlin
lines:
  meter-room: { url: "serial:///dev/serial/by-id/usb-FTDI-port0" }
  heat: { url: "tcp://192.168.1.20:8000?max_baud=300" }
meters:
  - name: flat-1
    line: meter-room
    address: "0012345678"
    mode: C
    every: 15m
    obis: ["1.8.0", "1.8.0*24"]
    labels: { site: north, flat: "1" }
    expect: { "0.0.0": "12345678" }
    tries: 2
  - name: heat
    line: heat
    mode: D
    time_zone: UTC
sinks:
  - { type: stdout }
  - { type: csv, name: files, path: "out/readings-%Y.csv", max_age: 30d, max_bytes: 2MiB }
journal: { path: journal.db, max_bytes: 1MiB, max_age: 90d, min_free: 1GiB, group_commit: 2s }
`;

const MINIMAL = `lines: { a: { url: "tcp://h:1" } }
meters: [{ name: m, line: a, every: 15m }]
sinks: [{ type: stdout }]
`;

/** Puts a text into a file of a folder of its own and loads it. */
async function load(text: string | Uint8Array, options?: LoadOptions, others: Record<string, string> = {}) {
  const folder = await Deno.makeTempDir({ prefix: "obisd-config-" });
  try {
    for (const [name, content] of Object.entries(others)) await Deno.writeTextFile(`${folder}/${name}`, content);
    const path = `${folder}/obisd.yaml`;
    await Deno.writeFile(path, typeof text === "string" ? new TextEncoder().encode(text) : text);
    return { folder, config: await loadConfig(path, options) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What is said about a text, each `LINE:COLUMN: message`; empty when it is right. */
async function faultsOf(text: string | Uint8Array, options?: LoadOptions): Promise<string[]> {
  try {
    await load(text, options);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ line, column, message }) => line ? `${line}:${column}: ${message}` : message);
  }
}

const warningsOf = ({ warnings }: Config) => warnings.map(({ line, message }) => `${line}: ${message}`);

Deno.test("loadConfig: reads every option and fills in the defaults", async () => {
  const { config, folder } = await load(WHOLE);
  assert.equal(config.path, `${folder}/obisd.yaml`);
  assert.deepEqual(config.lines.map(({ name, endpoint }) => [name, endpoint.kind]), [["meter-room", "serial"], [
    "heat",
    "tcp",
  ]]);
  assert.deepEqual(config.meters, [
    {
      name: "flat-1",
      line: "meter-room",
      mode: "C",
      labels: { site: "north", flat: "1" },
      tries: 2,
      timestamp: "readout",
      timeZone: "Europe/Berlin",
      schedule: { kind: "every", ms: 900_000, timeZone: "Europe/Berlin" },
      address: "0012345678",
      obis: ["1.8.0", "1.8.0*24"],
      expect: { "0.0.0": "12345678" },
    },
    { name: "heat", line: "heat", mode: "D", labels: {}, tries: 3, timestamp: "readout", timeZone: "UTC" },
  ]);
  assert.deepEqual(config.sinks.map(({ name, type }) => [name, type]), [["stdout", "stdout"], ["files", "csv"]]);
  assert.deepEqual(config.sinks.map(({ bounds }) => bounds), [{}, {
    maxBytes: 2 * 1024 ** 2,
    maxAgeMs: 30 * 86_400_000,
  }]);
  assert.equal((config.sinks[1]!.options as { path: string }).path, `${folder}/out/readings-%Y.csv`);
  assert.deepEqual(config.journal, {
    path: `${folder}/journal.db`,
    maxBytes: 1024 ** 2,
    unsynchronised: "hold",
    groupCommitMs: 2000,
    minFreeBytes: 1024 ** 3,
    maxAgeMs: 90 * 86_400_000,
  });
  assert.deepEqual(config.warnings, []);
});

Deno.test("loadConfig: the smallest configuration", async () => {
  const { config } = await load(MINIMAL);
  assert.equal(config.timeZone, Intl.DateTimeFormat().resolvedOptions().timeZone);
  assert.deepEqual(config.journal, {
    path: "/var/lib/obisd/journal.db",
    maxBytes: 512 * 1024 ** 2,
    unsynchronised: "hold",
    groupCommitMs: 10_000,
  });
  assert.deepEqual([config.meters[0]!.mode, config.meters[0]!.tries], ["auto", 3]);
});

Deno.test("loadConfig: a meter in mode E has the settings of an association, its own or the usual ones", async () => {
  const its = "mode: E, dlms: { opening: hdlc, client: 1, physical: 17, auth: md5 }, password: { file: obisd.yaml }";
  const wrong = await faultsOf(meter(`every: 15m, ${its}`));
  assert.match(wrong.join(), /more than one line of text/); // the secret is read for the check
  const usual = { opening: "sign-on", client: 16, server: 1, frameOctets: 1024, names: "logical" };
  const rest = {
    security: "none",
    suite: 0,
    cipher: "global",
    signOff: true,
    acceptUnproven: false,
    generalBlocks: false,
    acceptUnauthenticated: false,
  };
  const { config } = await load(meter("every: 15m, mode: E"));
  assert.deepEqual(config.meters[0]!.dlms, { ...usual, ...rest });
  const right = await load(meter(`every: 15m, ${its.replace("obisd.yaml", "secret")}`), {}, { secret: "12345678" });
  const short = { key: "00112233445566778899AABBCCDDEEFF".slice(2) };
  const gmac =
    "auth: gmac, client_title: '4D4D4D0000000001', encryption_key: { file: key }, authentication_key: { file: key }";
  const keys = meter(`every: 15m, mode: E, dlms: { ${gmac} }`);
  await assert.rejects(
    load(keys, {}, short),
    /encryption_key: it has 32 hex digits \(16 octets\), found 30 hex digits/,
  );
  const { config: ciphered } = await load(keys, {}, { key: "00" + short.key });
  assert.equal(ciphered.meters[0]!.dlms!.clientTitle, "4D4D4D0000000001");
  assert.ok(!JSON.stringify(ciphered).includes(short.key), "a key is never part of the configuration");
  const { dlms, password } = right.config.meters[0]!;
  assert.deepEqual(dlms, { ...usual, ...rest, opening: "hdlc", client: 1, physical: 17, auth: "md5" });
  assert.equal(typeof password, "function");
});

Deno.test("loadConfig: anchors and merge keys", async () => {
  const { config } = await load(`lines: { a: { url: "tcp://h:1" } }
meters:
  - &first { name: m, line: a, every: 15m, address: "1" }
  - { <<: *first, name: n, address: "2" }
`);
  assert.deepEqual(config.meters.map(({ name, address }) => [name, address]), [["m", "1"], ["n", "2"]]);
});

/** Replaces one piece of the minimal configuration. */
const meter = (options: string) => MINIMAL.replace("every: 15m", options);

/** Options of a meter that do not fit mode E, or each other in it. */
const dlmsFaults: [string, RegExp][] = [
  ["mode: C, dlms: {}", /dlms: mode C speaks no DLMS: mode: E does, and auto where the meter offers it/],
  ["dlms: { opening: hdlc }", /dlms\.opening: auto sees by the sign-on what the meter offers, and hdlc has none/],
  ["dlms: {}, registers: ['1.8.0']", /registers: modes C and E read them in different ways/],
  ["mode: E, dlms: 5", /dlms: found the number 5, allowed is a mapping/],
  ["mode: E, dlms: { client: 128 }", /dlms\.client: found the number 128, allowed is at most 127/],
  ["mode: E, dlms: { address_octets: 3 }", /dlms\.address_octets: found the number 3, allowed are 1, 2, 4/],
  ["mode: E, dlms: { auth: lwo }", /dlms\.auth: found "lwo", allowed are none, low, .* did you mean low\?/],
  ["mode: E, dlms: { security: both }", /dlms\.security: security: both needs client_title/],
  [
    "mode: E, dlms: { security: both, client_title: '4D' }",
    /client_title: it has 16 hex digits .*, found 2 hex digits/,
  ],
  ["mode: E, dlms: { auth: gmac, suite: 3 }", /dlms\.suite: found the number 3, allowed are 0, 1, 2/],
  ["mode: E, dlms: { auth: gmac }", /dlms\.auth: auth: gmac needs encryption_key/],
  ["mode: E, dlms: { auth: ecdsa }", /dlms\.auth: ecdsa signs in suite 1 or 2, and suite is 0/],
  [
    "mode: E, dlms: { auth: gmac, encryption_key: { file: obisd.yaml } }",
    /dlms\.encryption_key: .*more than one line of text: it must hold the secret alone/,
  ],
  ["mode: E, dlms: { auth: gmac, encryption_key: 00112233 }", /encryption_key: a secret does not stand in the config/],
  ["mode: E, dlms: { cipher: dedicated }", /dlms\.cipher: no message is ciphered: security is none/],
  ["mode: E, dlms: { read_counter: here }", /dlms\.read_counter: an OBIS code is needed: 0-0:43\.1\.0/],
  ["mode: E, dlms: { meter_key: '00' }", /dlms\.meter_key: nothing uses it: auth is none, not ecdsa/],
  ["mode: E, dlms: { auth: low }", /dlms\.auth: low takes a secret: password: \{ credential: NAME \}/],
  ["mode: E, dlms: { auth: none }, password: { file: obisd.yaml }", /password: dlms\.auth is none/],
  ["mode: E, address: x, dlms: { opening: hdlc }", /address: it belongs to the sign-on, .* dlms\.physical is the/],
  ["mode: E, dlms: { opening: wrapper, physical: 17 }", /dlms\.physical: it belongs to HDLC/],
  ["mode: E, stop_early: true, obis: ['1.8.0']", /stop_early: mode E has no readout to be ended/],
  ["mode: E, access: password", /access: it is of programming mode; in mode E dlms\.auth says how to sign on/],
  ["mode: E, obis: [HELLO]", /obis: "HELLO" is no OBIS code, and a meter in mode E knows nothing else/],
  ["mode: E, registers: ['1.8.0'], timestamp: meter", /timestamp: meter needs .* among registers: 0-0:1\.0\.0/],
];

Deno.test("loadConfig: backfill has a default for each of its options", async () => {
  const first = (await load(meter("every: 15m, backfill: {}"))).config.meters[0];
  const day = 86_400_000;
  assert.deepEqual(first!.backfill, { profile: "P.01", maxAgeMs: 40 * day, budgetMs: 360_000, from: "now" });
  const dlms = (await load(meter("every: 15m, mode: E, backfill: {}"))).config.meters[0];
  assert.equal(dlms!.backfill!.profile, "1-0:99.1.0*255");
  const second =
    (await load(meter("every: 15m, backfill: { profile: 1-1:P.02, from: start, max_age: 1d }"))).config.meters[0];
  assert.deepEqual(second!.backfill, { profile: "1-1:P.02", maxAgeMs: day, budgetMs: 360_000, from: "start" });
});

/** Options that do not fit a meter that calls in. */
const callFaults: [string, RegExp][] = [
  ["mode: C", /mode: a line that takes calls hears DLMS meters: mode: E, not C/],
  ["mode: E, registers: ['1.8.0']", /registers: it is for a meter that is asked, and this one speaks by itself/],
  ["mode: E, dlms: { client: 1 }", /dlms\.client: it is for a meter that is asked/],
  ["mode: E, obis: [HELLO]", /obis: "HELLO" is no OBIS code, and no place in a message: #3/],
  [
    "mode: E, dlms: { encryption_key: { env: HOME } }",
    /dlms: authentication_key is missing: messages are ciphered with/,
  ],
  ["mode: E, dlms: { meter_title: '01' }", /dlms\.meter_title: it has 16 hex digits/],
  ["mode: E, dlms: { opening: hdlc }", /dlms\.opening: who calls in speaks by itself: push, or nothing/],
  [
    "mode: E, dlms: { accept_unauthenticated: true }",
    /dlms\.accept_unauthenticated: without encryption_key messages come in plain/,
  ],
  ["mode: E, timestamp: slot", /timestamp: slot needs every or cron/],
  ["mode: E }, { name: n, line: a, mode: E", /meters\[0\]: dlms\.meter_title is missing: 2 meters call in there/],
];

/** Options that do not fit a meter that pushes. */
const pushFaults: [string, RegExp][] = [
  ["mode: C, dlms: { opening: push }", /dlms\.opening: push is of mode: E, and the meter's mode is C/],
  ["dlms: { opening: push }", /dlms\.opening: push is of mode: E, and the meter's mode is auto/],
  ["mode: E, password: { env: HOME }, dlms: { opening: push }", /password: .* and this one speaks by itself/],
  ["mode: E, backfill: {}, dlms: { opening: push }", /backfill: a meter that pushes speaks by itself and is not asked/],
  ["mode: E, dlms: { opening: push, client: 1 }", /dlms\.client: it is for a meter that is asked/],
  [
    "mode: E, dlms: { opening: push, encryption_key: { env: HOME } }",
    /dlms: authentication_key is missing: messages are ciphered with both/,
  ],
  [
    "mode: E, every: 1m, dlms: { accept_unauthenticated: true }",
    /dlms\.accept_unauthenticated: it is for a meter that pushes: opening: push/,
  ],
  [
    "mode: E, dlms: { opening: push } }, { name: n, line: a, mode: E, every: 1m",
    /meters\[0\]\.dlms\.opening: a meter that pushes talks whenever it likes: it needs line a for itself/,
  ],
];

Deno.test("loadConfig: each fault is placed and says what is allowed", async () => {
  const table: [string, ...(string | RegExp)[]][] = [
    // the file
    ["", "1:1: the file is empty: it needs lines and meters"],
    ["# nothing\n", /the file is empty/],
    ["- a\n", /^1:1: found a list, allowed is a mapping/],
    ["a: 1\na: 2\n", /^2:1: a stands here for the second time/],
    ["lines:\n\ta: 1\n", /^2:1: a tab cannot indent: use blanks/],
    ["lines: {}\n---\nlines: {}\n", /a second document begins here/],
    ["lines: { a: b\n", /^2:1: no valid YAML/],
    // keys
    [MINIMAL + "sink: []\n", "4:1: sink: unknown option, did you mean sinks?"],
    [meter("evry: 15m"), /1:|2:/, "2:30: meters[0].evry: unknown option, did you mean every?"],
    [meter("every: 15m, profile: P.01"), /2:42: meters\[0\]\.profile: unknown option, allowed are .*\bbackfill\b/],
    [meter("every: 15m, backfill: true"), /2:52: meters\[0\]\.backfill: found true, allowed is a mapping/],
    [meter("every: 15m, backfill: { max_ag: 1d }"), /2:54: .*backfill\.max_ag: unknown option, did you mean max_age\?/],
    [meter("every: 15m, backfill: { max_age: 40 }"), /backfill\.max_age: found the number 40, a unit is missing/],
    [meter("every: 15m, backfill: { budget: 2h }"), /backfill\.budget: it is a part of each hour: at least 30s/],
    [meter("every: 15m, backfill: { profile: x }"), /profile: a profile is written as the meter knows it: P\.01/],
    [meter("every: 15m, backfill: { from: never }"), /from: found "never", allowed are now, start/],
    [
      meter("every: 15m, mode: E, backfill: { profile: P.01 }"),
      /backfill\.profile: in mode E a profile has a code: 1-0:99\.1\.0/,
    ],
    [
      meter("every: 15m, backfill: { profile: '1-0:99.1.0' }"),
      /backfill\.profile: a code is of mode E; here it is P\.01/,
    ],
    [
      meter("every: 15m, dlms: {}, backfill: {}"),
      /backfill: say mode: C or mode: E, for they are asked in different ways/,
    ],
    [meter("every: 15m, mode: A, set_clock: {}"), /set_clock: programming mode is entered in mode C, not in mode A/],
    [meter("every: 15m, set_clock: { tolerance: 1s }"), /set_clock\.tolerance: less than 2s cannot be told/],
    [meter("every: 15m, set_clock: { max_per_day: 2h }"), /set_clock\.max_per_day: allowed are 2s to 1h/],
    [meter("every: 10s, set_clock: {}"), /set_clock: a clock is set between two readouts, which wants 1m at least/],
    [meter("every: 15m, mode: A, backfill: {}"), /backfill: programming mode is entered in mode C, not in mode A/],
    [meter("every: 15m, mode: D, backfill: {}"), /backfill: a meter in mode D speaks by itself and cannot be asked/],
    [meter("every: 15m, registers: []"), /registers: an empty list would read nothing/],
    [meter("every: 15m, registers: ['1.8.0!']"), /registers\[0\]: .*a register is written as the meter knows it/],
    [
      meter("every: 15m, registers: ['1.8.0'], mode: B"),
      /registers: programming mode is entered in mode C, not in mode B/,
    ],
    [meter("every: 15m, registers: ['1.8.0'], obis: ['1.8.0']"), /obis: registers says already what is read/],
    [
      meter("every: 15m, registers: ['1.8.0'], timestamp: meter"),
      /timestamp: meter needs the meter's clock among registers/,
    ],
    [meter("every: 15m, registers: ['1.8.0'], stop_early: true"), /stop_early: it ends a readout/],
    [meter("every: 15m, stop_early: true"), /stop_early: without obis all is wanted/],
    [meter("every: 15m, password: geheim"), /password: a secret does not stand in the configuration/],
    [meter("every: 15m, password: { env: NO_SUCH_VARIABLE }"), /environment variable NO_SUCH_VARIABLE is not set/],
    [meter("every: 15m, access: magic"), /access: found "magic", allowed are auto, password, bracket/],
    [meter("every: 15m, foo: 1"), /foo: unknown option, allowed are name, line, address/],
    // values
    [meter("every: 15m, mode: F"), '2:48: meters[0].mode: found "F", allowed are auto, A, B, C, D, E'],
    [meter("every: 15m, mode: c"), /found "c", allowed are auto, A, B, C, D, E, did you mean C\?/],
    [meter("every: 15"), /every: found the number 15, a unit is missing: 15s, 15m/],
    [meter("every: quarter"), /every: .*"quarter".*15m/],
    [meter("every: 7m"), "2:37: meters[0].every: 7m does not divide a day into equal slots: take 6m or 8m"],
    [meter("every: 2d"), /2d does not divide a day.*: take 1d/],
    [meter("every: 0s"), /does not divide a day.*: take 1s/],
    [meter("every: 15m, cron: '0 * * * *'"), /cron: every stands there too/],
    [meter("cron: '61 * * * *'"), '2:36: meters[0].cron: found "61 * * * *": Invalid value for minute: 61'],
    [meter("cron: '0 0 30 2 *'"), /cron: "0 0 30 2 \*" never comes/],
    [meter("mode: A"), /meters\[0\]: every or cron is missing/],
    [meter("every: 15m, tries: 4"), /tries: found the number 4, allowed is at most 3/],
    [meter("every: 15m, tries: 1.5"), /tries: found the number 1.5, allowed is a whole number/],
    [meter("every: 15m, address: 0012"), /address: found the number 0012, write it in quotes.*: "0012"/],
    [meter('every: 15m, address: "12!"'), /address: an address has 1 to 32 digits, letters and blanks/],
    [meter("every: 15m, mode: D, address: x"), /address: a meter in mode D is never asked/],
    [meter("every: 15m, obis: 1.8.0"), /obis: found "1.8.0", allowed is a list/],
    [meter("every: 15m, obis: [1.8]"), /obis\[0\]: found the number 1.8, write it in quotes/],
    [meter("every: 15m, labels: { unit: x }"), /labels\.unit: this name is taken/],
    [meter("every: 15m, labels: { Meter: x }"), /labels\.Meter: this name is taken/],
    [meter("every: 15m, labels: { _a: x }"), /labels\._a: a label's name begins with a letter/],
    [meter("every: 15m, labels: { flat: 1 }"), /labels\.flat: found the number 1, write it in quotes/],
    [
      meter("every: 15m, time_zone: Europe/Berln"),
      /time_zone: there is no time zone "Europe\/Berln", did you mean Europe\/Berlin\?/,
    ],
    [meter("every: 15m, line: b").replace("line: a, ", ""), /line: there is no line "b"/],
    [MINIMAL.replace("name: m, ", ""), /^2:10: meters\[0\]\.name: is missing/],
    [MINIMAL.replace("tcp://h:1", "udp://h:1"), /lines\.a\.url: .*allowed is/],
    [MINIMAL.replace("type: stdout", "type: stout"), /sinks\[0\]\.type: .*stout/],
    [
      MINIMAL.replace("type: stdout", "type: csv, path: x, pth: y"),
      /sinks\[0\]\.pth: unknown option, did you mean path\?/,
    ],
    [MINIMAL.replace("type: stdout", "type: csv"), /sinks\[0\]\.path: is missing/],
    [MINIMAL + "journal: { max_bytes: 5 }\n", /journal\.max_bytes: found the number 5, a unit is missing: 5MiB/],
    [MINIMAL + "journal: { max_bytes: 1kB, max_age: 0s }\n", /max_bytes: less than 64KiB/, /max_age: less than 1m/],
    [
      MINIMAL.replace("type: stdout", "type: csv, path: x.csv }, { type: csv, name: again, path: ./x.csv"),
      /^3:\d+: sinks\[1\]: sink csv writes the same files/,
    ],
    [MINIMAL + "journal: x\n", '4:10: journal: found "x", allowed is a mapping: indented lines of key: value'],
    // together
    [
      MINIMAL.replace("}]\ns", '}, { name: m, line: a, every: 1h, address: "1" }]\ns'),
      /^2:12: |^2:10: /,
      /name: a second meter is called "m"/,
    ],
    [
      MINIMAL.replace("stdout }", "stdout }, { type: stdout }"),
      /sinks\[1\]\.name: a second sink is called "stdout"; give one of them a name/,
    ],
    [
      MINIMAL.replace("}]\ns", "}, { name: n, line: a, mode: D }]\ns"),
      /meters\[0\]: address is missing: line a has 2 meters/,
      /meters\[1\]\.mode: a meter in mode D talks whenever it likes/,
    ],
    // mode E
    ...pushFaults.map(([options, what]): [string, RegExp] => [meter(options), what]),
    ...callFaults.map(([options, what]): [string, RegExp] => [
      MINIMAL.replace("tcp://h:1", "tcp-listen://0.0.0.0:4059").replace("every: 15m", options),
      what,
    ]),
    ...dlmsFaults.map(([options, what]): [string, RegExp] => [meter(`every: 15m, ${options}`), what]),
    [
      `${MINIMAL.slice(0, -1)}`.replace("every: 15m", "every: 15m, mode: E, dlms: { clint: 1 }"),
      /^2:59: meters\[0\]\.dlms\.clint: unknown option, did you mean client\?/,
    ],
    [
      MINIMAL.replace("tcp://h:1", "/dev/ttyS0").replace(
        "every: 15m",
        "every: 15m, mode: E, dlms: { opening: wrapper }",
      ),
      /dlms\.opening: the wrapper is for tcp:\/\/ alone, and the line is serial:\/\/\/dev\/ttyS0/,
    ],
    [
      MINIMAL.replace("}]\ns", "}, { name: n, line: a, mode: E, every: 1h, dlms: { opening: hdlc } }]\ns"),
      /meters\[1\]: dlms\.physical is missing: line a has 2 meters/,
    ],
    [
      MINIMAL.replace("} }", '}, b: { url: /dev/x }, c: { url: "serial:///dev/x" } }'),
      /lines\.c\.url: line b has the same place/,
    ],
  ];
  const wrong: string[] = [];
  for (const [text, ...expected] of table) {
    const faults = await faultsOf(text);
    for (const want of expected) {
      const is = (fault: string) => typeof want === "string" ? fault === want : want.test(fault);
      if (!faults.some(is)) wrong.push(`${text}expected: ${want}\nfound: ${faults.join("\n")}\n`);
    }
  }
  assert.equal(wrong.join("\n"), "");
});

Deno.test("loadConfig: all faults at once, in their order", async () => {
  const faults = await faultsOf(`time_zone: Mars/Base
lines:
  a: { url: "foo" }
meters:
  - { name: m, line: b, evry: 1m, mode: X }
  - { name: m, line: a, every: 7m }
sinks:
  - { type: nope }
  - { type: csv, name: c }
`);
  assert.deepEqual(faults.map((fault) => Number(fault.split(":")[0])), [1, 3, 5, 5, 5, 6, 6, 8, 9]);
});

Deno.test("loadConfig: warnings are no faults", async () => {
  const { config } = await load(`lines: { a: { url: "tcp://h:1" }, b: { url: "tcp://h:1" } }
meters: [{ name: m, line: a, every: 15m }]
`);
  assert.deepEqual(warningsOf(config), [
    "1: no sinks: readings are kept in the journal and go nowhere",
    "1: lines.b: no meter hangs on this line",
    "1: lines.b.url: line a has the same place: meters that share a wire hang on one line",
  ]);
});

Deno.test("loadConfig: many lines through one gateway are one warning", async () => {
  const names = ["a", "b", "c", "d"];
  const { config } = await load(`lines: { ${names.map((name) => `${name}: { url: "tcp://h:1" }`).join(", ")} }
meters: [${names.map((name) => `{ name: ${name}, line: ${name}, every: 15m }`).join(", ")}]
sinks: [{ type: stdout }]
`);
  assert.deepEqual(warningsOf(config), [
    "1: lines.b.url: line a and 2 more have the same place: meters that share a wire hang on one line",
  ]);
});

Deno.test("loadConfig: a file that is none", async () => {
  assert.match((await faultsOf(new Uint8Array([0x61, 0x3a, 0xff])))[0]!, /is no UTF-8 text/);
  const messageOf = (path: string) => loadConfig(path).then(() => "", (error) => (error as ConfigError).message);
  const folder = await Deno.makeTempDir();
  try {
    assert.match(await messageOf(`${folder}/obisd.yaml`), /obisd\.yaml: not found: .*config\/obisd\.yaml/);
    assert.match(await messageOf(folder), /is a directory: name the file in it/);
  } finally {
    await Deno.remove(folder);
  }
});

const influx = (token: string) =>
  MINIMAL.replace("type: stdout", `type: influxdb, url: "http://h:1", org: o, bucket: b, token: ${token}`);

/** The function that a sink gets for its token. */
const tokenOf = (config: Config) => (config.sinks[0]!.options as { token: () => string }).token;

Deno.test("secret: is read afresh from the environment, a file or a credential", async () => {
  const values: Record<string, string> = { TOKEN: "first" };
  const { config } = await load(influx("{ env: TOKEN }"), { environment: (name) => values[name] });
  assert.equal(tokenOf(config)(), "first");
  values.TOKEN = "second";
  assert.equal(tokenOf(config)(), "second");
  assert.deepEqual(config.secrets, { env: ["TOKEN"], files: [] });
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/influx-token`, "third\n");
    const environment = (name: string) => name === "CREDENTIALS_DIRECTORY" ? folder : undefined;
    for (const source of ["{ credential: influx-token }", `{ file: "${folder}/influx-token" }`]) {
      const { config } = await load(influx(source), { environment });
      assert.equal(tokenOf(config)(), "third");
      assert.deepEqual(config.secrets.files, [`${folder}/influx-token`]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("secret: one that stands in the file, or is not there, is a fault that never shows it", async () => {
  const environment = (name: string) => ({ EMPTY: "", LINES: "user\nhush-hush" })[name];
  const table: [string, RegExp][] = [
    [
      "hush-hush",
      /^3:\d+: sinks\[0\]\.token: a secret does not stand in the configuration: write \{ credential: NAME \}/,
    ],
    ["{ env: T, file: hush-hush }", /a secret does not stand in the configuration/],
    ["[hush-hush]", /a secret does not stand in the configuration/],
    ["{ env: TOKEN }", /token: environment variable TOKEN is not set/],
    ["{ env: EMPTY }", /environment variable EMPTY is empty/],
    ["{ env: LINES }", /environment variable LINES is more than one line/],
    ["{ file: none }", /file none does not exist/],
    ["{ credential: c }", /credential c is only there under systemd: LoadCredential=c:PATH/],
  ];
  for (const [source, message] of table) {
    const faults = await faultsOf(influx(source), { environment });
    assert.equal(faults.length, 1, source);
    assert.match(faults[0]!, message);
    assert.ok(!faults[0]!.includes("hush-hush"));
  }
  const { config } = await load(influx("{ env: TOKEN }"), { environment, missingSecrets: "warning" });
  assert.match(warningsOf(config)[0]!, /environment variable TOKEN is not set/);
});

Deno.test("loadConfig: a plug-in from outside, with options of its own", async () => {
  const plugin = `export default {
  type: "mine",
  options: { safeParse: (value) => value.n === 1 ? { success: true, data: { n: 1 } }
    : { success: false, error: { issues: [{ code: "custom", path: ["n"], message: "must be 1" }] } } },
  open: () => Promise.reject(new Error("not now")),
};`;
  const text = MINIMAL.replace("type: stdout", "type: ./mine.js, name: mine, n: 1");
  const { config } = await load(text, {}, { "mine.js": plugin });
  assert.deepEqual([config.sinks[0]!.name, config.sinks[0]!.options], ["mine", { n: 1 }]);
  await assert.rejects(load(text.replace("n: 1", "n: 2"), {}, { "mine.js": plugin }), /sinks\[0\]\.n: must be 1/);
  await assert.rejects(load(text), /sinks\[0\]\.type: Cannot load sink/);
});
