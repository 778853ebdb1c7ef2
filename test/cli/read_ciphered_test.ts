/** `obisd read --mode E` with keys: each way to sign on, each suite and cipher, counters that go on, what is refused. @module */
import assert from "node:assert/strict";
import {
  countFrom,
  hdlcAddress,
  hdlcStation,
  type Meter,
  publicKeyOf,
  type ServedAssociation,
  Server,
  wrapperStation,
} from "../../src/dlms/mod.ts";
import { keys, LOGINS, METER_TITLE, objects, SECRET, testMeter } from "../support/dlms_meter.ts";
import { listening, signedOn } from "../support/dlms_stations.ts";
import { temporaryFolder } from "../support/readings.ts";
import { runCommand } from "../support/read_meter.ts";
import { servePty, serveTcp } from "../support/serve_dialogue.ts";

const TITLE = "4D4D4D0000000001";
const ENERGY = '"text":"1000000","unit":"Wh"';

/** A folder with the secrets of the test meter, and the arguments that name them. */
function secrets() {
  const folder = temporaryFolder();
  const file = (name: string, text: string) => {
    Deno.writeTextFileSync(`${folder.path}/${name}`, `${text}\n`);
    return `file:${folder.path}/${name}`;
  };
  const keysOf = (suite: 0 | 1 | 2) => {
    const { encryption, authentication } = keys(suite);
    return [
      ...["--client-title", TITLE, "--suite", String(suite)],
      ...["--encryption-key", file(`ek${suite}`, encryption.toHex())],
      ...["--authentication-key", file(`ak${suite}`, authentication.toHex().toUpperCase())],
    ];
  };
  const ecdsa = LOGINS.find(({ name }) => name === "ecdsa")!;
  const [signing, verifying] = [ecdsa.credentials, ecdsa.served].map((its) =>
    "signing" in its ? its.signing : undefined
  );
  return {
    path: folder.path,
    counters: ["--counters", `${folder.path}/state/counters.json`],
    keysOf,
    password: ["--password", file("password", new TextDecoder().decode(SECRET))],
    signing: [
      ...["--suite", "1", "--client-title", TITLE, "--signing-key", file("signing", signing!.secret.toHex())],
      ...["--meter-key", publicKeyOf(verifying!).point.toHex()],
    ],
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** Reads one register of a meter on the wrapper. */
async function read(meter: () => Meter, ...args: readonly string[]) {
  await using served = serveTcp(() => wrapperStation({ port: 1, serve: (client) => new Server(meter(), client) }));
  const command = [
    "read",
    served.endpoint,
    "--mode",
    "E",
    "--opening",
    "wrapper",
    "--obis",
    "1.8.0",
    "--format",
    "json",
  ];
  return await runCommand([...command, ...args]);
}

/** The meter's own, which goes on from test to test: no number of it is believed twice. */
const meterCounter = countFrom(0x100);

const cipheredBy = (suite: 0 | 1 | 2, protection = {}): NonNullable<ServedAssociation["ciphering"]> => ({
  ...{ keys: keys(suite), title: METER_TITLE, counter: meterCounter },
  ...protection,
});

Deno.test("read --mode E: signs on by each challenge, without a cipher", async () => {
  using its = secrets();
  const ways: [client: string, auth: string, args: string[]][] = [
    ["18", "manufacturer", its.password],
    ["21", "sha256", [...its.password, "--client-title", TITLE]],
    ["22", "gmac", its.keysOf(0)],
    ["23", "ecdsa", its.signing],
  ];
  for (const [client, auth, args] of ways) {
    const { code, out, err } = await read(testMeter, "--client", client, "--auth", auth, ...args, ...its.counters);
    assert.equal(code, 0, `${auth}: ${err}`);
    assert.ok(out.includes(ENERGY), out);
  }
});

Deno.test("read --mode E: each suite, each cipher, each protection, with and without a challenge", async () => {
  using its = secrets();
  const ciphers = ["global", "dedicated", "general-global", "general-dedicated"] as const;
  const auths: [client: string, auth: string, args: readonly string[]][] = [
    ["16", "none", []],
    ["17", "low", its.password],
    ["22", "gmac", []],
  ];
  for (const suite of [0, 1, 2] as const) {
    for (const cipher of ciphers) {
      for (const [client, auth, more] of suite === 0 ? auths : auths.slice(0, 1)) {
        const meter = () => testMeter({ ciphering: { ...cipheredBy(suite), kind: cipher } });
        const args = ["--client", client, "--auth", auth, ...more, "--security", "both", "--cipher", cipher];
        const { code, out, err } = await read(meter, ...args, ...its.keysOf(suite), ...its.counters);
        assert.equal(code, 0, `${suite} ${cipher} ${auth}: ${err}`);
        assert.ok(out.includes(ENERGY), out);
      }
    }
  }
  for (const security of ["authentication", "encryption"]) {
    const protection = { authenticated: security === "authentication", encrypted: security === "encryption" };
    const meter = () => testMeter({ ciphering: cipheredBy(0, { protection }) });
    const { code, err } = await read(meter, "--security", security, ...its.keysOf(0), ...its.counters);
    assert.equal(code, 0, `${security}: ${err}`);
  }
});

/** A meter that remembers over its associations what it has heard, and writes down every number. */
function remembering(heard: number[], start = -1): () => Meter {
  return () => {
    const last = Math.max(start, ...heard);
    const ciphering = { ...cipheredBy(0), heard: last };
    const plain = { client: 16, credentials: { mechanism: "none" } } as const;
    const all = objects();
    const counter = all.find(({ name }) => name === "0-0:43.1.0*255")!;
    counter.attributes[2] = { type: "double-long-unsigned", value: Math.max(0, last) };
    const ciphered = { client: 1, credentials: { mechanism: "none" }, ciphering } as const;
    return { title: METER_TITLE, objects: all, associations: [plain, ciphered] };
  };
}

Deno.test("read --mode E: numbers go on from command to command; a meter that is ahead tells its own first", async () => {
  using its = secrets();
  const args = ["--client", "1", "--security", "both", ...its.keysOf(0), ...its.counters, "--obis", "1.8.0"];
  const heard: number[] = [];
  const meter = remembering(heard, 811);
  const over = { tcp: serveTcp, pty: servePty };
  const run = async (opening: string, serve: keyof typeof over, ...more: string[]) => {
    const station = () =>
      opening === "sign-on"
        ? signedOn(meter, "/LGZ5\\2ZMD", undefined, listening(meter, heard))
        : hdlcStation({ address: hdlcAddress(1), serve: listening(meter, heard) });
    await using served = over[serve](station);
    return await runCommand(["read", served.endpoint, "--mode", "E", "--opening", opening, ...args, ...more]);
  };
  const asked = await run("hdlc", "tcp", "--read-counter", "0-0:43.1.0");
  assert.equal(asked.code, 0, asked.err);
  assert.ok(heard[0]! > 811, `${heard}`); // the first one of all goes by the sign-on, and is not listened to
  for (const [opening, serve] of [["hdlc", "tcp"], ["sign-on", "pty"]] as const) {
    const { code, err } = await run(opening, serve);
    assert.equal(code, 0, `${opening}: ${err}`);
  }
  const again = await run("sign-on", "pty", "--read-counter", "0-0:43.1.0*255");
  assert.equal(again.code, 0, again.err);
  assert.deepEqual(heard, [...new Set(heard)].sort((one, other) => one - other), "each once, each above the last");
});

Deno.test("read --mode E: without the right keys: exit code and words", async () => {
  using its = secrets();
  Deno.writeTextFileSync(`${its.path}/short`, "0011\n");
  const meter = () => testMeter({ ciphering: cipheredBy(0) });
  const both = ["--security", "both"];
  const cases: [string[], number, RegExp][] = [
    [both, 64, /--security both needs --client-title/],
    [[...both, "--client-title", TITLE], 64, /--security both needs --encryption-key/],
    [["--auth", "gmac"], 64, /--auth gmac needs --client-title/],
    [["--auth", "gmac", ...its.password], 64, /--auth gmac takes no --password/],
    [["--auth", "ecdsa"], 64, /--auth ecdsa signs in --suite 1 or 2/],
    [
      [...both, ...its.keysOf(0), "--encryption-key", "00112233"],
      64,
      /--encryption-key takes env:NAME, file:PATH or ask/,
    ],
    [
      [...both, ...its.keysOf(0), "--encryption-key", `file:${its.path}/short`],
      64,
      /it has 32 hex digits \(16 octets\), fo/,
    ],
    [["--suite", "3"], 64, /--suite 3: allowed are 0, 1, 2/],
    [["--read-counter", "here"], 64, /--read-counter here: an OBIS code is needed/],
    [
      [...both, ...its.keysOf(0), "--authentication-key", `file:${its.path}/ek0`],
      77,
      /The meter refuses/,
    ],
    [
      [...both, ...its.keysOf(0), "--counters", "/proc/nowhere/c.json"],
      74,
      /No message is ciphered, for its number cannot/,
    ],
  ];
  for (const [args, code, message] of cases) {
    const outcome = await read(meter, ...its.counters, ...args);
    assert.match(outcome.err, message);
    assert.equal(outcome.code, code, `${args}: ${outcome.err}`);
    assert.ok(!/00.?01.?02.?03|d0d1d2d3/i.test(outcome.err), "no key is shown");
  }
});
