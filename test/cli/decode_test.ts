/** `obisd decode`: exit codes, notes and formats, on texts of our own and on the whole corpus. @module */
import assert from "node:assert/strict";
import { toBytes, toText } from "../../src/iec62056/characters.ts";
import { encodeDataMessage } from "../../src/iec62056/messages.ts";
import { openPty } from "../support/pty.ts";
import { runCommand } from "../support/read_meter.ts";
import { corpus, hasCorpus, type Specimen } from "../support/specs.ts";

const BLOCK = "0.0.0(12345678)\r\n1.8.0(0147238.4*kWh)\r\n!\r\n";
const WHOLE = `/ABC5METER\r\n${toText(encodeDataMessage(BLOCK))}`;
const BARE = `/ABC5METER\r\n${BLOCK}`;
const PROFILE = "P.01(2606010000)(00)(15)(2)(1.5)(kW)(2.5)(kvar)\r\n(0.1)(0.2)\r\n(0.3)(0.4)\r\n!\r\n";

/** What is decoded, the exit code, addresses and flags, what is said. */
const CASES: Record<string, [text: string, code: number, readings: string[], said: RegExp]> = {
  "a whole message": [WHOLE, 0, ["0.0.0", "1.8.0"], /^$/],
  "a text without its check": [BARE, 0, ["0.0.0 bcc-unchecked", "1.8.0 bcc-unchecked"], /^$/],
  "a changed digit": [
    WHOLE.replace("47238", "47239"),
    65,
    ["0.0.0 bcc-wrong", "1.8.0 bcc-wrong"],
    /Block check character wrong/,
  ],
  "a text that breaks off": [
    WHOLE.slice(0, -6),
    65,
    ["0.0.0 bcc-unchecked incomplete", "1.8.0 bcc-unchecked incomplete"],
    /The telegram has no end/,
  ],
  "a line that cannot be read, without a check": [
    BARE.replace("12345678)", "12345678"),
    65,
    ["1.8.0 bcc-unchecked"],
    /Cannot read data line "0\.0\.0\(12345678":/,
  ],
  "rows of a load profile": [PROFILE, 0, [], /2 rows of a load profile or log book are no readings/],
  "no telegram": ["hello\n", 65, [], /no data set found/],
  "SML": ["\x1b\x1b\x1b\x1b\x01\x01\x01\x01v\x05", 65, [], /this is SML, a language of its own/],
};

for (const [name, [text, code, readings, said]] of Object.entries(CASES)) {
  Deno.test(`decode: ${name} is exit ${code}`, async () => {
    const outcome = await decodeText(text, "--format", "json");
    const rows = rowsOf(outcome.out);
    assert.deepEqual(rows.map(({ address, flags }) => [address, ...flags].join(" ")), readings);
    assert.match(outcome.err, said);
    assert.equal(outcome.code, code, outcome.err);
  });
}

Deno.test("decode: what is not on the command line, not there, or no time", async () => {
  const table: [string[], number, RegExp][] = [
    [["a", "b"], 64, /decode takes one FILE, not 2/],
    [["/nowhere/telegram.txt"], 66, /\/nowhere\/telegram\.txt/],
    [["/"], 66, /directory/],
    [["a", "--time", "yesterday"], 64, /--time yesterday: a time like 2026-06-01T12:00:00Z/],
    [["a", "--format", "yaml"], 64, /allowed are table, json, csv/],
  ];
  for (const [args, code, said] of table) {
    const outcome = await runCommand(["decode", ...args]);
    assert.deepEqual([outcome.code, outcome.out], [code, ""], args.join(" "));
    assert.match(outcome.err, said);
  }
});

Deno.test("decode: --time and --name stand in every reading", async () => {
  const { out } = await decodeText(WHOLE, "--format", "csv", "--time", "2026-06-01T14:00:00+02:00", "--name", "flat-1");
  const [header, ...rows] = out.split("\r\n");
  assert.match(header!, /^time,meter,obis,address/);
  assert.deepEqual(rows, [
    "2026-06-01T12:00:00.000Z,flat-1,1-0:0.0.0*255,0.0.0,0,,12345678,,electricity_meter_identification_1,,{}",
    "2026-06-01T12:00:00.000Z,flat-1,1-0:1.8.0*255,1.8.0,0,147238.4,0147238.4,kWh,active_energy_import_total,,{}",
    "",
  ]);
});

Deno.test("obisd decode -: reads standard input", async () => {
  const main = new URL("../../src/main.ts", import.meta.url).pathname;
  const args = ["run", "--quiet", "--allow-all", main, "decode", "-"];
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(WHOLE));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.deepEqual([code, text(stderr)], [0, ""]);
  assert.match(text(stdout), /^METER +.* UTC\n0\.0\.0 .*\n1\.8\.0 +0147238\.4 kWh .*\n$/);
});

const NO_END = /The telegram has no end/;
const WRONG_BCC = /Block check character wrong/;

/** Files of the corpus that are not whole, and what is said about them: many lost their end when they were posted. */
const DAMAGED: Record<string, RegExp> = {
  "002": /Cannot read data line "HAG5eHZ010C_EHZ1vA02": no brackets/,
  "004": WRONG_BCC,
  "006": WRONG_BCC,
  "012": NO_END,
  "027": /Cannot read data line/,
  "055": /Cannot read data line/,
  "056": /CRC wrong/,
  "068": WRONG_BCC,
  "086": /Cannot read data line/,
  ...Object.fromEntries(["016", "017", "018", "019", "020", "021", "022", "023", "024", "026", "120"].map((number) => [
    number,
    NO_END,
  ])),
};

Deno.test("decode: the whole corpus, in every format", { ignore: !hasCorpus }, async (test) => {
  for (const { name, bytes, expected } of corpus()) {
    await test.step(name, async () => {
      const json = await decodeBytes(bytes, "--format", "json");
      const readings = rowsOf(json.out);
      const damaged = DAMAGED[name.slice(0, 3)];
      assert.equal(json.code, damaged ? 65 : 0, json.err);
      if (damaged) assert.match(json.err, damaged);
      assertTruth(readings, expected);
      const csv = await decodeBytes(bytes, "--format", "csv");
      const table = await decodeBytes(bytes);
      assert.deepEqual([csv.code, table.code], [json.code, json.code]);
      assert.equal(csv.out.split("\r\n").length, readings.length + 2);
      for (const { text } of readings) {
        assert.ok(csv.out.includes(text.replaceAll('"', '""')), `csv lacks ${text}`);
        assert.ok(table.out.includes(text.trim()), `the table lacks ${text}`);
      }
    });
  }
});

interface Row {
  readonly address: string;
  readonly text: string;
  readonly flags: readonly string[];
}

/** Every reading's digits stand in the file's truth, and every plain data set of the truth is a reading. */
function assertTruth(readings: readonly Row[], expected: Specimen["expected"]): void {
  const said = expected.flatMap(({ values }) => values.map(({ value, unit }) => `${value}*${unit ?? ""}`)).join("\n");
  for (const { text, address } of readings) assert.ok(said.includes(text), `${address} ${text} is invented`);
  const plain = expected.filter(({ address }) => /^[\w.:-]+(\*\d+)?$/.test(address) && !/P\.\d|99[.:]/.test(address));
  const addresses = new Set(readings.map(({ address }) => address));
  for (const { address } of plain) assert.ok(addresses.has(address), `${address} is missing`);
}

function rowsOf(out: string): Row[] {
  return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

async function decodeText(text: string, ...args: string[]) {
  return await decodeBytes(toBytes(text), ...args);
}

async function decodeBytes(bytes: Uint8Array, ...args: string[]) {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeFile(file, bytes);
    return await runCommand(["decode", file, ...args]);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("decode: a terminal that does not know its width, like a serial console, shows all", async () => {
  await using pty = openPty();
  const [main, household] = ["src/main.ts", "demo/household.txt"].map((path) =>
    new URL(`../../${path}`, import.meta.url).pathname
  );
  const command = `"$0" run --allow-all --quiet ${main} decode ${household} > ${pty.path}`;
  const { code } = await new Deno.Command("sh", {
    args: ["-c", command, Deno.execPath()],
    env: { NO_COLOR: "1" },
  }).output();
  let shown = "";
  while (!shown.includes("14.7.0")) shown += toText(await pty.read(AbortSignal.timeout(10_000)));
  assert.match(shown, /1\.8\.0 +012345\.678 kWh +active_energy_import_total/);
  assert.equal(code, 0);
});
