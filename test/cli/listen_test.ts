/** `obisd listen` against a simulated meter that pushes: what is shown, what is told, how it ends. @module */
import assert from "node:assert/strict";
import { pause, send } from "../../src/dialogue.ts";
import { encodePush, toBytes, toText } from "../../src/iec62056/mod.ts";
import { withoutHaste } from "../support/hasty_clock.ts";
import { meter, type Reading, runCommand, SAID, textsOf } from "../support/read_meter.ts";
import { serveTcp } from "../support/serve_dialogue.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

async function listen(how: Reading, ...args: string[]) {
  await using simulator = await meter({ mode: "D", ...how });
  return await runCommand(["listen", simulator.endpoint + (how.query ?? ""), ...args]);
}

Deno.test("listen: telegram after telegram, one heading in CSV, one in each telegram of a table", async () => {
  const json = await listen({}, "--count", "3", "--format", "json");
  assert.deepEqual([json.code, textsOf(json.out)], [0, [...SAID, ...SAID, ...SAID]], json.err);
  const csv = await listen({ mode: "P1" }, "--count", "2", "--format", "csv", "--obis", "1-0:1.8.1", "--name", "home");
  const rows = csv.out.trimEnd().split(/\r\n/);
  assert.deepEqual([rows.length, rows[0]!.slice(0, 10), rows[2]!.split(",")[1]], [3, "time,meter", "home"], csv.err);
  const table = await listen({}, "--count", "2");
  assert.equal(table.out.match(/ METER|^METER/gm)?.length, 2, table.out);
  assert.match(table.out, /\n\nMETER/);
});

/** Mode, faults, arguments, exit code, what is told. */
const CASES: ["D" | "P1", string, string, number, RegExp][] = [
  ["D", "garbage:before", "--count 2", 0, /Passed over 16 bytes that are no whole telegram: GdB_/],
  ["D", "truncate:40:1", "--count 2", 0, /Passed over 40 bytes that are no whole telegram: \/ABC5METER<CR><LF>/],
  ["P1", "wrong-crc:1", "--count 2", 0, /Telegram of \d+ bytes dropped: CRC wrong/],
  ["P1", "wrong-crc", "--for 400ms", 65, /dropped: CRC wrong[^]*No undamaged telegram within 400ms/],
  ["D", "garbage:data", "--for 600ms", 76, /bytes came within 600ms, and no telegram; is 2400 7E1 right\?/],
  ["D", "silent", "--for 300ms", 69, /Nothing was pushed at 2400 7E1 within 300ms; obisd discover tries others/],
  ["D", "disconnect:30", "--count 2", 74, /closed the connection/],
  ["D", "", "--for 500ms", 0, /^$/],
];

for (const [mode, faults, args, code, told] of CASES) {
  Deno.test(`listen ${args}: mode ${mode}, ${faults || "no fault"}: ${code}`, async () => {
    const outcome = await listen({ mode, faults: faults ? [faults] : [] }, ...args.split(" "), "--format", "json");
    assert.equal(outcome.code, code, outcome.err);
    assert.match(outcome.err, told);
    assert.ok(textsOf(outcome.out).every((text) => SAID.includes(text)), outcome.out);
    if (args.startsWith("--count") && code === 0) assert.equal(textsOf(outcome.out).length, 2 * SAID.length);
  });
}

Deno.test("listen: telegrams that come in one piece are all shown, and none is passed over", async () => {
  const telegram = toText(encodePush("/ABC5METER", "1.8.0(1*kWh)\r\n!\r\n"));
  await using pushing = serveTcp(function* () {
    yield* send(toBytes(telegram.repeat(3)));
    yield* pause(10_000);
  });
  const { code, out, err } = await runCommand(["listen", pushing.endpoint, "--count", "3", "--format", "json"]);
  assert.deepEqual([code, textsOf(out), err], [0, ["1", "1", "1"], ""]);
});

Deno.test("listen: at the pace of the wire on a pseudo-terminal, traced and recorded", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/r.jsonl`;
    await withoutHaste(async () => {
      const args = ["--count", "1", "--format", "json", "--record", file];
      const { code, out, err } = await listen({ link: `${folder}/meter`, pacing: true }, ...args);
      assert.deepEqual([code, textsOf(out)], [0, SAID], err);
    });
    assert.match(await Deno.readTextFile(file), /"line":"2400 7E1"[^]*"received":"1\.8\.0\(0147238\.4\*kWh\)/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("listen: Ctrl-C is exit 130, and what was heard stays", async () => {
  await using simulator = await meter({ mode: "D" });
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--cached-only", "--allow-all", MAIN, "listen", simulator.endpoint],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  child.kill("SIGINT");
  while (!(await reader.read()).done);
  const [{ code }, err] = await Promise.all([child.status, new Response(child.stderr).text()]);
  assert.deepEqual([code, err], [130, ""]);
  assert.match(new TextDecoder().decode(value), /0147238\.4 kWh/);
});

Deno.test("listen: what cannot be is exit 64", async () => {
  const cases: [string, RegExp][] = [
    ["listen", /takes one ENDPOINT/],
    ["listen tcp://127.0.0.1:1 --mode C", /a meter of mode C is asked: obisd read/],
    ["listen tcp://127.0.0.1:1 --count 0", /--count 0: a number of telegrams/],
    ["listen tcp://127.0.0.1:1 --for soon", /"soon" is no duration/],
  ];
  for (const [words, said] of cases) {
    const { code, err } = await runCommand(words.split(" "));
    assert.equal(code, 64, err);
    assert.match(err, said);
  }
});
