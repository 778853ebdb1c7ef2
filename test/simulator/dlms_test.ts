/** A simulated DLMS meter, asked by `obisd read`: every opening, every fault, every size of frames and blocks. @module */
import assert from "node:assert/strict";
import { parseCaptures, parseFault, startSimulator } from "../../src/simulator/mod.ts";
import { parseSimulatedDlms } from "../../src/cli/simulate_dlms.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { runCommand } from "../support/read_meter.ts";
import { hastyClock } from "../support/hasty_clock.ts";
import { temporaryFolder } from "../support/readings.ts";

const LINES = [
  "0.0.0(00471101)",
  "1.8.0(0147238.4*kWh)",
  "7.8(99.99*m3)",
  "1.8.1(99999999999*Wh)",
  "C.5(AB 1)",
  "0.1.0(24)",
];
const TELEGRAM = `/OBI5X\r\n${LINES.join("\r\n")}\r\n!\r\n`;
const SAID = ["00471101 ", "147238400 Wh", "99.99 m³", "99999999999 Wh", "AB 1 ", "24 "];
const ALL = "0.0.0,1.8.0,1-0:7.8.0,1.8.1,C.5,0.1.0";

interface World {
  readonly values?: Record<string, string>;
  readonly faults?: readonly string[];
  readonly args?: readonly string[];
  readonly pty?: boolean;
  readonly obis?: string;
}

/** Reads the meter once, and says what it said. */
async function read({ values = {}, faults = [], args = [], pty = false, obis = ALL }: World) {
  using folder = temporaryFolder();
  for (const [name, first] of [["ek", 0], ["ak", 0xd0]] as const) {
    const key = Uint8Array.from({ length: 16 }, (_, at) => first + at);
    Deno.writeTextFileSync(`${folder.path}/${name}`, key.toHex());
  }
  Deno.writeTextFileSync(`${folder.path}/password`, "12345678");
  const its = { opening: "hdlc", ...values };
  await using simulator = await startSimulator({
    meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
    listen: pty ? { pty: `${folder.path}/meter` } : { tcp: "127.0.0.1:0" },
    dlms: parseSimulatedDlms({ values: its, positionals: [] }),
    faults: faults.map(parseFault),
    pacing: false,
    clock: hastyClock,
  });
  const command = [
    "read",
    simulator.endpoint,
    "--mode",
    "E",
    "--opening",
    its.opening,
    "--client",
    "1",
    "--obis",
    obis,
  ];
  const files = args.map((arg) => arg.replace("DIR", folder.path));
  const outcome = await runCommand([
    ...command,
    "--format",
    "json",
    ...files,
    "--counters",
    `${folder.path}/counters.json`,
  ]);
  const lines = outcome.out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  return { ...outcome, said: lines.map(({ text, unit }) => `${text} ${unit}`) };
}

const KEYS = [
  ...["--security", "both", "--client-title", "4D4D4D0000000001"],
  ...["--encryption-key", "file:DIR/ek", "--authentication-key", "file:DIR/ak"],
];

Deno.test("simulate --mode E: says its telegram by every opening, in logical and short names, plain and ciphered", async () => {
  const worlds: World[] = [
    {},
    { pty: true },
    { values: { opening: "sign-on" }, pty: true },
    { values: { opening: "sign-on" } },
    { values: { opening: "wrapper" } },
    { values: { names: "short" }, args: ["--names", "short"] },
    { values: { opening: "wrapper", names: "short" }, args: ["--names", "short"] },
    { values: { password: "12345678" }, args: ["--password", "file:DIR/password"] },
    { values: { auth: "gmac", security: "both" }, args: ["--auth", "gmac", ...KEYS] },
    {
      values: { opening: "wrapper", security: "both", cipher: "general-global" },
      args: [...KEYS, "--cipher", "general-global"],
    },
    { values: { server: "1/17" }, args: ["--server", "1/17"] },
  ];
  for (const world of worlds) {
    const { code, said, err } = await read(world);
    assert.equal(code, 0, `${JSON.stringify(world)}: ${err}`);
    assert.deepEqual(said, SAID, JSON.stringify(world));
  }
});

Deno.test("simulate --mode E: frames and blocks of every size, damaged, lost, late: the same is read", async () => {
  for (const [frame, block] of [["32", "16"], ["33", "17"], ["61", "2000"], ["2030", "16"]] as const) {
    const { code, said, err } = await read({ values: { "frame-octets": frame, "block-octets": block } });
    assert.equal(code, 0, `${frame} ${block}: ${err}`);
    assert.deepEqual(said, SAID);
  }
  const small = { "frame-octets": "40" };
  for (
    const fault of [
      "bad-fcs:3",
      "bad-fcs:2",
      "lost-frame:4",
      "silent:connect:2",
      "silent:association:1",
      "silent:answer:2",
    ]
  ) {
    const { code, said, err } = await read({ values: small, faults: [fault], obis: "1.8.0" });
    assert.equal(code, 0, `${fault}: ${err}`);
    assert.deepEqual(said, SAID.slice(1, 2), fault);
  }
  const ahead = await read({
    values: { security: "both", "frame-octets": "40" },
    faults: ["wrong-counter:1"],
    args: KEYS,
  });
  assert.equal(ahead.code, 0, ahead.err);
});

Deno.test("simulate --mode E: silence to the end is silence, wherever; who has no secret sees little", async () => {
  for (const fault of ["silent:association", "silent:answer", "bad-fcs"]) {
    const { code, err } = await read({ faults: [fault], obis: "1.8.0" });
    assert.equal(code, 69, `${fault}: ${err}`);
  }
  const open = await read({ values: { password: "12345678" }, args: ["--client", "16"] });
  assert.equal(open.code, 0);
  assert.deepEqual(open.said, []);
  assert.match(open.err, /1-0:1\.8\.0\*255": the meter has no such object/);
  const wrong = await read({ values: { password: "87654321" }, args: ["--password", "file:DIR/password"] });
  assert.equal(wrong.code, 77);
  assert.match(wrong.err, /wrong password or key for client 1/);
});
