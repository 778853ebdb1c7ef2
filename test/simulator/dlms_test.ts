/** A simulated DLMS meter, asked by `obisd read`: every opening, every fault, every size of frames and blocks. @module */
import assert from "node:assert/strict";
import { publicKeyOf, type SigningKey } from "../../src/dlms/mod.ts";
import { exampleKeys, parseCaptures, parseFault, startSimulator } from "../../src/simulator/mod.ts";
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

/** Keys that sign, by suite; suite 0 has none. */
const SIGNING = [1, 1, 2].map((suite) => {
  const curve = suite === 2 ? "P-384" : "P-256";
  const pair = (first: number) => ({
    curve,
    secret: Uint8Array.from({ length: suite === 2 ? 48 : 32 }, (_, at) => first + at),
  } as const);
  return { client: pair(1), meter: pair(101) };
}) as readonly { readonly client: SigningKey; readonly meter: SigningKey }[];

/** Reads the meter once, and says what it said. */
async function read({ values = {}, faults = [], args = [], pty = false, obis = ALL }: World) {
  using folder = temporaryFolder();
  for (const suite of [0, 1, 2] as const) {
    const { encryption, authentication } = exampleKeys(suite);
    Deno.writeTextFileSync(`${folder.path}/ek${suite}`, encryption.toHex());
    Deno.writeTextFileSync(`${folder.path}/ak${suite}`, authentication.toHex());
    Deno.writeTextFileSync(`${folder.path}/signing${suite}`, SIGNING[suite]!.client.secret.toHex());
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
  const recording = args.includes("--record") ? Deno.readTextFileSync(`${folder.path}/session`) : "";
  return {
    ...outcome,
    said: lines.map(({ text, unit }) => `${text} ${unit}`),
    lines: Array.from(recording.matchAll(/"line":"([^"]*)"/g), ([, settings]) => settings),
  };
}

const RECORD = ["--record", "DIR/session"];
const TITLE = ["--client-title", "4D4D4D0000000001"];
const keysOf = (suite: number) => [
  ...["--security", "both", ...TITLE],
  ...["--encryption-key", `file:DIR/ek${suite}`, "--authentication-key", `file:DIR/ak${suite}`],
];
const KEYS = keysOf(0);

Deno.test("simulate --mode E: says its telegram on every kind of line, in logical and short names, to each who is told its number", async () => {
  const worlds: World[] = [
    { pty: true },
    { values: { opening: "sign-on" } },
    { values: { names: "short" }, args: ["--names", "short"] },
    { values: { opening: "wrapper", names: "short" }, args: ["--names", "short"] },
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

/** Each mechanism of HLS and what is below it, in plain and with each suite's cipher: what the meter has, what is said. */
function* levels(): Generator<Required<Pick<World, "values" | "args">>> {
  for (const auth of ["none", "low", "md5", "sha1", "gmac", "sha256", "ecdsa"]) {
    for (const suite of auth === "ecdsa" ? [1, 2] : [0, 1, 2]) {
      const { client, meter } = SIGNING[suite]!;
      const [signing, its] = [meter.secret.toHex(), publicKeyOf(client).point.toHex()];
      const values: Record<string, string> = {
        ...{ auth, suite: String(suite) },
        ...["low", "md5", "sha1", "sha256"].includes(auth) && { password: "12345678" },
        ...auth === "ecdsa" && { "signing-key": signing, "client-key": its },
      };
      const args = ["--auth", auth, "--suite", String(suite), ...TITLE];
      if (values.password) args.push("--password", "file:DIR/password");
      if (auth === "gmac") args.push(...keysOf(suite), "--security", "none");
      if (auth === "ecdsa") {
        args.push("--signing-key", `file:DIR/signing${suite}`, "--meter-key", publicKeyOf(meter).point.toHex());
      }
      if (suite === 0 || ["gmac", "ecdsa"].includes(auth)) yield { values, args };
      yield { values: { ...values, security: "both" }, args: [...args, ...keysOf(suite)] };
    }
  }
}

for (const [opening, pty] of [["sign-on", true], ["hdlc", false], ["wrapper", false]] as const) {
  const where = { "sign-on": "on a pseudo-terminal, from 300 Bd 7E1", hdlc: "on TCP", wrapper: "on TCP" }[opening];
  Deno.test(`simulate --mode E: a whole session at each level of security, ${opening} ${where}`, async () => {
    for (const { values, args } of levels()) {
      const { code, said, err, lines } = await read({
        values: { ...values, opening },
        args: [...args, ...RECORD],
        pty,
      });
      assert.equal(code, 0, `${args.join(" ")}: ${err}`);
      assert.deepEqual(said, SAID, args.join(" "));
      if (pty) assert.deepEqual(lines, ["300 7E1", "9600 7E1", "9600 8N1", "300 7E1"]);
    }
  });
}

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
  const mute = await read({ values: { opening: "sign-on" }, faults: ["silent:connect"], obis: "1.8.0" });
  assert.equal(mute.code, 69);
  assert.match(
    mute.err,
    /\(SNRM\): it signed on, but did not go over to HDLC; some offer "\\2" and are read in mode C/,
  );
  const open = await read({ values: { password: "12345678" }, args: ["--client", "16"] });
  assert.equal(open.code, 0);
  assert.deepEqual(open.said, []);
  assert.match(open.err, /1-0:1\.8\.0\*255": the meter has no such object/);
  const wrong = await read({ values: { password: "87654321" }, args: ["--password", "file:DIR/password"] });
  assert.equal(wrong.code, 77);
  assert.match(wrong.err, /wrong password or key for client 1/);
});
