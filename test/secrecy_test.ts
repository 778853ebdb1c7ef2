/** Where a meter's password could be found after a daemon has used it: nowhere but in the file that it came from. */
import assert from "node:assert/strict";
import { toBytes } from "../src/iec62056/characters.ts";
import { parseCaptures, startSimulator } from "../src/simulator/mod.ts";
import { temporaryFolder } from "./support/readings.ts";
import { obisd, startRun } from "./support/running.ts";

const TELEGRAM = "/ABC5METER\r\n0.0.0(12345678)\r\n1.8.0(0147238.4*kWh)\r\n!\r\n";
const RIGHT = "SESAME77";
const WRONG = "MELON-42";

/** A meter that reads nothing out before the right password, and says the wrong one back. */
const startMeter = () =>
  startSimulator({
    meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
    listen: { tcp: "127.0.0.1:0" },
    programming: { password: RIGHT, protects: "reading", dialect: { refuses: WRONG } },
    profile: "UTC",
    pacing: false,
  });

/** The names of what holds a text, or the bytes of it, in any of its usual disguises. */
function holders(found: ReadonlyMap<string, Uint8Array>, secret: string): string[] {
  const hex = new TextEncoder().encode(secret).toHex();
  const disguises = [secret, secret.toLowerCase(), btoa(secret).replace(/=+$/, ""), hex, hex.match(/../g)!.join(" ")];
  return [...found].filter(([_, bytes]) => {
    const text = new TextDecoder("latin1").decode(bytes);
    return [text, text.toLowerCase()].some((text) => disguises.some((disguise) => text.includes(disguise)));
  }).map(([name]) => name);
}

Deno.test("run, status, check, get: a password is in no log, trace, error, status, journal, recording or process list", async () => {
  using folder = temporaryFolder();
  const [config, keys] = [`${folder.path}/obisd.yaml`, `${folder.path}/keys`];
  await Deno.mkdir(keys);
  for (const [name, password] of Object.entries({ right: RIGHT, wrong: WRONG })) {
    await Deno.writeTextFile(`${keys}/${name}`, password, { mode: 0o600 });
  }
  await using right = await startMeter();
  await using wrong = await startMeter();
  const its = { every: "10s", registers: ["1.8.0"], backfill: { profile: "P.01", from: "start", max_age: "1d" } };
  const meters = Object.keys({ right, wrong }).map((name) => ({
    ...{ name, line: name, password: { file: `keys/${name}` }, ...its },
  }));
  await Deno.writeTextFile(
    config,
    JSON.stringify({
      ...{ time_zone: "UTC", lines: { right: { url: right.endpoint }, wrong: { url: wrong.endpoint } }, meters },
      ...{ sinks: [{ type: "csv", path: "r.csv" }], journal: { path: "j.db", group_commit: "0s" } },
      runtime_directory: "run",
    }),
  );

  const said: Record<string, string> = {};
  const say = async (name: string, ...args: string[]) => {
    const { stdout, stderr } = await obisd(...args);
    return said[name] = stdout + stderr;
  };
  {
    await using daemon = startRun(config, { args: ["--log-level", "debug"] });
    await daemon.said(/wrong: no reading: .*refuses the password: \(\*\*\*\)/, 60_000);
    await daemon.said(/right: gap filled/, 60_000);
    assert.match(await say("status", "status", "-c", config), /\(\*\*\*\)/);
    await say("status for programs", "status", "-c", config, "--json");
    said["process list"] = await Deno.readTextFile(`/proc/${daemon.pid}/cmdline`);
    daemon.kill("SIGTERM");
    assert.equal(await daemon.ended, 0);
    said["log"] = daemon.stderr.join("\n");
    said["output and notifications"] = [...daemon.stdout, ...daemon.notified].join("\n");
  }
  await say("check", "check", "-c", config);
  for (const [name, { endpoint }] of Object.entries({ right, wrong })) {
    const more = ["--password", `file:${keys}/${name}`, "--trace", "--record", `${folder.path}/${name}.jsonl`];
    assert.match(await say(`get, ${name}`, "get", endpoint, "1.8.0", ...more), /P1<STX>\(\*\*\*\)/);
  }

  const found = new Map(Object.entries(said).map(([name, text]) => [name, new TextEncoder().encode(text)]));
  for await (const { name, isFile } of Deno.readDir(folder.path)) {
    if (isFile) found.set(name, await Deno.readFile(`${folder.path}/${name}`));
  }
  for (const kept of ["r.csv", "j.db", "right.jsonl", "wrong.jsonl"]) assert(found.get(kept)!.length > 0, kept);
  for (const secret of [RIGHT, WRONG]) {
    assert.deepEqual(holders(found, secret), []);
    const known = new Map([["key", await Deno.readFile(`${keys}/${secret === RIGHT ? "right" : "wrong"}`)]]);
    assert.deepEqual(holders(known, secret), ["key"], "the search finds what is there");
  }
});
