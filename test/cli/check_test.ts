/** `check` and `permissions` as the shell runs them. @module */
import assert from "node:assert/strict";
import { loadConfig } from "../../src/config.ts";
import { formatEnvironmentFile, formatFlags, missingPermissions, needsOf } from "../../src/permissions.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

const CONFIG = `time_zone: Europe/Berlin
lines: { a: { url: /dev/none }, heat: { url: "tcp://[::1]:8000" } }
meters:
  - { name: flat-1, line: a, every: 15m }
  - { name: heat, line: heat, mode: D }
sinks:
  - { type: csv, path: "out put/%Y/readings.csv" }
  - { type: influxdb, url: "https://h", org: o, bucket: b, token: { credential: influx } }
  - { type: influxdb, name: old, url: "http://h:8086", database: d, username: u, password: { env: SECRET } }
journal: { path: data/journal.db }
`;

/** A folder with a configuration in it, while `use` runs. */
async function withConfig(text: string, use: (path: string, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "obisd-check-" });
  try {
    await Deno.writeTextFile(`${folder}/obisd.yaml`, text);
    await use(`${folder}/obisd.yaml`, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function obisd(args: string[], flags = ["--allow-all"]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--cached-only", ...flags, MAIN, ...args],
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("check: says what will happen, and warns on standard error", () =>
  withConfig(CONFIG, async (path) => {
    const { code, stdout, stderr } = await obisd(["check", "-c", path]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /obisd\.yaml is right: 2 lines, 2 meters, 3 sinks\n/);
    assert.match(
      stdout,
      /flat-1 +on serial:\/\/\/dev\/none +mode auto +every 15m, next \d{4}-\d\d-\d\d \d\d:(00|15|30|45):00 Europe\/Berlin\n/,
    );
    assert.match(stdout, /heat +on tcp:\/\/\[::1\]:8000 +mode D +each telegram\n/);
    assert.match(stderr, /credential influx is only there under systemd/);
    assert.match(stderr, /environment variable SECRET is not set/);
  }));

Deno.test("check: all faults, each where an editor can jump to, and exit 78", () =>
  withConfig(CONFIG.replace("every: 15m", "evry: 15m").replace("mode: D", "mode: X"), async (path) => {
    const { code, stdout, stderr } = await obisd(["check", "-c", path]);
    assert.deepEqual([code, stdout], [78, ""]);
    assert.match(
      stderr,
      new RegExp(`^${path}:4:\\d+: meters\\[0\\]\\.evry: unknown option, did you mean every\\?$`, "m"),
    );
    assert.match(stderr, new RegExp(`^${path}:5:\\d+: meters\\[1\\]\\.mode: found "X"`, "m"));
  }));

Deno.test("check --write-permissions: keeps the flags beside the configuration, and runs with them and no others", () =>
  withConfig(CONFIG, async (path, folder) => {
    const { code, stderr } = await obisd(["check", "--write-permissions", "-c", path]);
    assert.equal(code, 0, stderr);
    const text = await Deno.readTextFile(`${folder}/permissions.env`);
    assert.equal((await Deno.stat(`${folder}/permissions.env`)).mode! & 0o777, 0o644);
    assert.match(text, /^OBISD_PERMISSIONS='--allow-ffi=\/\S+ .*"--allow-write=[^"]*out put".*'\n$/m);
    const printed = await obisd(["permissions", "-c", path]);
    const flags = printed.stdout.trim().split("\n");
    const again = await obisd(["check", "-c", path], flags);
    assert.deepEqual([again.code, /is right/.test(again.stdout)], [0, true], again.stderr);
    assert.doesNotMatch(again.stderr, /allow-|Requires/);
  }));

Deno.test("needsOf: the least, by absolute paths", () =>
  withConfig(CONFIG, async (path, folder) => {
    const config = await loadConfig(path, { missingSecrets: "warning", environment: () => undefined });
    const { ffi, net, read, write, env } = needsOf(config);
    assert.match(ffi.join(), /^\/.*libc/);
    assert.deepEqual(net, ["[::1]:8000", "unix:/run/obisd/control.sock", "h:443", "h:8086"]);
    assert.deepEqual(write, [`${folder}/data`, "/run/obisd", `${folder}/out put`]);
    for (const needed of [folder, `${folder}/data`, "/run/credentials/obisd.service/influx"]) {
      assert.ok(read.includes(needed));
    }
    assert.ok(env.includes("SECRET") && env.includes("NOTIFY_SOCKET"));
    assert.deepEqual(missingPermissions({ ffi, net, read, write, env }), []);
  }));

Deno.test("formatFlags, formatEnvironmentFile: a permission that names nothing is no permission", () => {
  const none = { ffi: ["/lib/libc.so.6"], net: [], read: ["/a,b"], write: [], env: [] };
  assert.deepEqual(formatFlags(none), ["--allow-ffi=/lib/libc.so.6", "--allow-read=/a,,b"]);
  assert.equal(formatEnvironmentFile(none), "OBISD_PERMISSIONS=--allow-ffi=/lib/libc.so.6 --allow-read=/a,,b\n");
});
