/** The bundle, started by the unit's own words, as systemd would start, reload and stop it. @module */
import assert from "node:assert/strict";
import { notifySocket } from "../support/notify_socket.ts";

const PROJECT = new URL("../../", import.meta.url).pathname;

/** The words of `ExecStart=`, with what lies in /opt and /etc taken from `folder` and the permissions filled in. */
async function execStart(folder: string): Promise<string[]> {
  const unit = (await Deno.readTextFile(`${PROJECT}systemd/obisd.service`)).replaceAll("\\\n", "");
  const environment = await Deno.readTextFile(`${folder}/permissions.env`);
  return unit.match(/^ExecStart=(.*)$/m)![1]!.trim()
    .replace("$OBISD_PERMISSIONS", environment.match(/^OBISD_PERMISSIONS=(.*)$/m)![1]!)
    .replace("/opt/obisd/deno", Deno.execPath())
    .replaceAll("/opt/obisd", folder)
    .replaceAll("/etc/obisd", folder)
    .split(/\s+/);
}

/** The bundle, a configuration of one meter that nobody answers for, and its permissions, in a folder. */
async function inService(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "obisd-service-" });
  try {
    await deno("run", "--allow-all", "--quiet", `${PROJECT}src/bundle.ts`);
    for (const { name } of Deno.readDirSync(`${PROJECT}dist`)) {
      if (name.endsWith(".js")) await Deno.copyFile(`${PROJECT}dist/${name}`, `${folder}/${name}`);
    }
    await Deno.writeTextFile(
      `${folder}/obisd.yaml`,
      `lines: { a: { url: "tcp://127.0.0.1:9" } }
meters: [{ name: flat-1, line: a, every: 1d }]
sinks: [{ type: stdout }]
journal: { path: journal.db }
`,
    );
    const config = ["-c", `${folder}/obisd.yaml`];
    await deno("run", "--allow-all", "--no-config", `${folder}/obisd.js`, "check", "--write-permissions", ...config);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function deno(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: PROJECT }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test("obisd.service: its command becomes ready, feeds the watchdog, reloads, and stops", () =>
  inService(async (folder) => {
    using socket = notifySocket(`${folder}/notify`);
    const [program, ...args] = await execStart(folder);
    const child = new Deno.Command(program!, {
      args,
      clearEnv: true,
      env: { NOTIFY_SOCKET: `${folder}/notify`, WATCHDOG_USEC: "200000", DENO_DIR: `${folder}/cache`, NO_COLOR: "1" },
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const stderr = new Response(child.stderr).text();
    const heard: string[] = [];
    const hears = async (wanted: RegExp) => {
      for (let tries = 0; tries < 2000; tries++) {
        heard.push(...socket.heard());
        const at = heard.findIndex((message) => wanted.test(message));
        if (at >= 0) return heard.splice(0, at + 1);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      child.kill("SIGKILL");
      assert.fail(`systemd never heard ${wanted}, only ${heard.join(" | ")}: ${await stderr}`);
    };

    await hears(/^READY=1$/);
    await hears(/^WATCHDOG=1$/);
    child.kill("SIGHUP");
    await hears(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
    await hears(/^READY=1$/);
    child.kill("SIGTERM");
    await hears(/^STOPPING=1$/);
    assert.deepEqual((await child.status).code, 0, await stderr);
    await stderr;
  }));

Deno.test("obisd.service: a wrong configuration ends in 78 before it is ever ready", () =>
  inService(async (folder) => {
    using socket = notifySocket(`${folder}/notify`);
    await Deno.writeTextFile(`${folder}/obisd.yaml`, "meetres: []\n");
    const [program, ...args] = await execStart(folder);
    const env = { NOTIFY_SOCKET: `${folder}/notify`, DENO_DIR: `${folder}/cache`, NO_COLOR: "1" };
    const { code, stderr } = await new Deno.Command(program!, { args, clearEnv: true, env }).output();
    assert.equal(code, 78, new TextDecoder().decode(stderr));
    assert.match(new TextDecoder().decode(stderr), /obisd\.yaml:1:1: .*meetres/);
    assert.deepEqual(socket.heard(), []);
  }));
