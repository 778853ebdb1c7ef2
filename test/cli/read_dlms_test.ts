/** `obisd read --mode E` against a simulated DLMS meter, over a pseudo-terminal and TCP: readings, refusals, exit codes. @module */
import assert from "node:assert/strict";
import { createTracer } from "../../src/cli/watcher.ts";
import { toBytes } from "../../src/iec62056/mod.ts";
import { testMeter } from "../support/dlms_meter.ts";
import { signedOn, station, wrapped } from "../support/dlms_stations.ts";
import { runCommand } from "../support/read_meter.ts";
import { type Served, servePty, serveTcp } from "../support/serve_dialogue.ts";

const PASSWORD = "OBISD_TEST_DLMS_PASSWORD";

/** Runs a command against the meter, and closes it. */
async function readDlms(served: Served, ...args: readonly string[]) {
  await using _ = served;
  return await runCommand(["read", served.endpoint, "--mode", "E", "--format", "json", "--name", "m1", ...args]);
}

/** `obis text unit name` of each JSON line. */
function words(out: string): string[] {
  const lines = out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  return lines.map(({ obis, text, unit, name }) => [obis, text, unit, name].join(" ").trim());
}

const ENERGY = "1-0:1.8.0*255 1000000 Wh active_energy_import_total";
const VOLTAGE = "1-0:32.7.0*255 233.7 V voltage_l1_instantaneous";

Deno.test("read --mode E: a serial line from the sign-on at 300 Bd to HDLC at 9600, everything the meter describes", async () => {
  const { code, out, err } = await readDlms(servePty(() => signedOn(testMeter(), "/LGZ5\\2ZMD4101234.B12")));
  assert.equal(code, 0, err);
  const said = words(out);
  assert.ok(said.includes(ENERGY) && said.includes(VOLTAGE), out);
  assert.ok(said.some((line) => line.startsWith("0-0:42.0.0*255 OBI1234567890123")), out);
  assert.ok(said.some((line) => line.startsWith("0-0:1.0.0*255 2024-03-30T10:30:00+01:00")), out);
  assert.equal(JSON.parse(out.split("\n")[0]!).meter, "m1");
});

Deno.test("read --mode E: HDLC at once, the wrapper, codes as people write them", async () => {
  const wanted = ["--obis", "1.8.0,1-0:32.7.0*255"];
  const hdlc = await readDlms(serveTcp(() => station(testMeter())), "--opening", "hdlc", ...wanted);
  assert.equal(hdlc.code, 0, hdlc.err);
  assert.deepEqual(words(hdlc.out), [ENERGY, VOLTAGE]);
  const other = await readDlms(serveTcp(() => wrapped(testMeter())), "--opening", "wrapper", ...wanted);
  assert.equal(other.code, 0, other.err);
  assert.equal(other.out.replace(/"time":"[^"]*"/g, ""), hdlc.out.replace(/"time":"[^"]*"/g, ""));
});

Deno.test("read --mode E: signs on by password and by challenge", async () => {
  Deno.env.set(PASSWORD, "12345678");
  try {
    for (const [client, auth] of [["17", "low"], ["19", "md5"], ["20", "sha1"]] as const) {
      const args = ["--client", client, "--auth", auth, "--password", `env:${PASSWORD}`, "--obis", "1.8.0"];
      const { code, out, err } = await readDlms(serveTcp(() => station(testMeter())), "--opening", "hdlc", ...args);
      assert.equal(code, 0, err);
      assert.equal(words(out)[0]?.split(" ")[1], "1000000");
    }
  } finally {
    Deno.env.delete(PASSWORD);
  }
});

Deno.test("read --mode E: what is refused, missing or wrong: exit code and words", async () => {
  const meter = () => serveTcp(() => station(testMeter()));
  const hdlc = ["--opening", "hdlc"];
  const cases: [Served, string[], number, RegExp][] = [
    [meter(), [...hdlc, "--client", "17"], 77, /client 17 has to sign on with a password or key/],
    [meter(), [...hdlc, "--client", "99"], 77, /client 99 may have no association there/],
    [meter(), [...hdlc, "--obis", "9.9.9"], 0, /Cannot read data line "1-0:9.9.9\*255": the meter has no such object/],
    [meter(), [...hdlc, "--obis", "HELLO"], 0, /The meter did not say HELLO/],
    [meter(), [...hdlc, "--server", "2", "--timeout", "60s"], 69, /No answer from meter 2/],
    [meter(), ["--auth", "low"], 64, /--auth low takes a --password/],
    [meter(), ["--auth", "hls"], 64, /allowed are none, low, manufacturer, md5, sha1, sha256, gmac, ecdsa/],
    [meter(), ["--client", "128"], 64, /--client 128: allowed are 0 to 127/],
    [meter(), ["--raw", "x"], 64, /--raw keeps a telegram, and mode E has none/],
    [servePty(() => signedOn(testMeter(), "/LGZ5ZMD4101234.B12")), [], 77, /offers no mode E/],
    [servePty(() => signedOn(testMeter(), "/LGZ5\\2ZMD")), ["--opening", "wrapper"], 64, /wrapper is for tcp:/],
  ];
  for (const [served, args, code, message] of cases) {
    const outcome = await readDlms(served, ...args);
    assert.equal(outcome.code, code, `${args}: ${outcome.err}`);
    assert.match(outcome.err, message);
  }
});

Deno.test("createTracer: mode E is shown as hex, its sign-on as text, a password not", () => {
  const lines: string[] = [];
  const tracer = createTracer((line) => lines.push(line.replace(/^\S+ /, "")), "E");
  const sent = (bytes: Uint8Array, secret?: string) =>
    tracer.add({ kind: "sent", bytes, atMs: 0, ...secret !== undefined && { secret } });
  sent(toBytes("/?!\r\n"));
  tracer.add({ kind: "received", bytes: toBytes("/LGZ5\\2ZMD\r\n\x06252\r\n"), atMs: 0 });
  sent(toBytes("~\xa0\x07\x03!secret~"), "secret");
  for (const byte of [0x7e, 0xa0, 0x0a, 0x7e]) tracer.add({ kind: "received", bytes: Uint8Array.of(byte), atMs: 0 });
  tracer.end();
  assert.deepEqual(lines, [
    ...["→ /?!<CR><LF>", "← /LGZ5\\2ZMD<CR><LF>", "← <ACK>252<CR><LF>", "→ 7E A0 07 03 21 *** 7E", "← 7E A0 0A 7E"],
  ]);
});
