/** The installer: what it refuses and in which words, and what stands where after it. @module */
import assert from "node:assert/strict";

const INSTALL = new URL("../../systemd/install.sh", import.meta.url).pathname;
const all = Deno.env.get("OBISD_TEST_ALL") === "1";

async function run(program: string, args: readonly string[], env: Record<string, string> = {}) {
  const output = await new Deno.Command(program, { args: [...args], env }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code: output.code, out: text(output.stdout), err: text(output.stderr) };
}

async function has(program: string): Promise<boolean> {
  return (await run("sh", ["-c", `command -v ${program}`])).code === 0;
}

const installable = Deno.uid() === 0 && await has("systemd-sysusers") && await has("systemd-tmpfiles");

/** A folder that is gone afterwards. */
async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "obisd-install-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Another machine: programs that come first on the PATH and answer as told. */
async function machine(folder: string, answers: Record<string, string>): Promise<Record<string, string>> {
  for (const [program, script] of Object.entries({ id: "echo 0", uname: "echo x86_64", ...answers })) {
    await Deno.writeTextFile(`${folder}/${program}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return { PATH: `${folder}:${Deno.env.get("PATH")}` };
}

const pageSize = (bytes: number) => `case $1 in LONG_BIT) echo 64;; PAGESIZE) echo ${bytes};; esac`;

const REFUSALS: readonly { name: string; answers: Record<string, string>; args?: string[]; says: RegExp }[] = [
  { name: "somebody who is not root", answers: { id: "echo 1000" }, says: /run it as root \(sudo / },
  { name: "a 32-bit machine", answers: { uname: "echo armv7l" }, says: /armv7l.*64-bit Raspberry Pi OS/ },
  { name: "32-bit programs on a 64-bit kernel", answers: { getconf: "echo 32" }, says: /32:? install the 64-bit/ },
  { name: "a Pi 5 with large pages", answers: { getconf: pageSize(16384) }, says: /16384.*kernel=kernel8\.img/ },
  { name: "an unknown option", answers: {}, args: ["--ruut", "/x"], says: /no option --ruut: see --help/ },
  { name: "an option without its value", answers: {}, args: ["--deno"], says: /--deno wants a value/ },
  {
    name: "a root that is not there",
    answers: {},
    args: ["--root", "/nowhere/at/all"],
    says: /no directory \/nowhere/,
  },
  {
    name: "a Deno that does not run",
    answers: { getconf: pageSize(4096) },
    args: ["--deno", "/bin/false"],
    says: /\/bin\/false does not run here/,
  },
];

for (const { name, answers, args = [], says } of REFUSALS) {
  Deno.test(`install.sh: refuses ${name} and says what to do`, () =>
    inFolder(async (folder) => {
      const tools = { systemctl: "", "systemd-sysusers": "", "systemd-tmpfiles": "" };
      // No test of a refusal may ever install: the root is an empty folder unless the case names one.
      const where = args.includes("--root") ? [] : ["--root", folder];
      const { code, out, err } = await run(
        "sh",
        [INSTALL, ...where, ...args],
        await machine(folder, { ...tools, ...answers }),
      );
      assert.deepEqual({ code, out }, { code: 1, out: "" });
      assert.match(err, says);
    }));
}

Deno.test({
  name: "install.sh: installs, upgrades, and on removal keeps configuration and data",
  ignore: !installable && !all,
  fn: () =>
    inFolder(async (root) => {
      await Deno.mkdir(`${root}/etc`);
      const install = (...args: string[]) => run("sh", [INSTALL, "--root", root, ...args]);
      const mine = "# mine\n" + await Deno.readTextFile(new URL("../../systemd/first.yaml", import.meta.url));

      const first = await install("--deno", Deno.execPath());
      assert.equal(first.code, 0, first.err);
      const unit = await Deno.readTextFile(`${root}/etc/systemd/system/obisd.service`);
      for (const [, path] of unit.replace(/^#.*$/gm, "").matchAll(/(\/(?:opt|etc)\/obisd\/[\w.]+)/g)) {
        assert.ok((await Deno.stat(root + path)).isFile, `the unit names ${path}`);
      }
      const dropIn = `${root}/etc/systemd/system/obisd.service.d/obisd-clock.conf`;
      assert.match(await Deno.readTextFile(dropIn), /^ProtectClock=no$/m, "nothing here keeps the clock right");
      const permissions = await Deno.readTextFile(`${root}/etc/obisd/permissions.env`);
      assert.match(permissions, /^OBISD_PERMISSIONS="?--allow-/m);
      assert.ok(!permissions.includes(root), permissions);

      await Deno.writeTextFile(`${root}/etc/obisd/obisd.yaml`, mine);
      await Deno.writeTextFile(`${root}/var/lib/obisd/journal.db`, "data");
      await Deno.mkdir(`${root}/lib/systemd`, { recursive: true });
      await Deno.writeTextFile(`${root}/lib/systemd/systemd-timesyncd`, "", { mode: 0o755 });
      const second = await install("--deno", Deno.execPath());
      assert.equal(second.code, 0, second.err);
      assert.equal(await Deno.readTextFile(`${root}/etc/obisd/obisd.yaml`), mine);
      await assert.rejects(Deno.stat(dropIn), Deno.errors.NotFound, "systemd-timesyncd does, and says so");

      assert.equal((await install("--uninstall")).code, 0);
      const left = await run("find", [root, "-name", "*obisd*", "-printf", "%P\n"]);
      assert.deepEqual(left.out.trim().split("\n").sort(), ["etc/obisd", "etc/obisd/obisd.yaml", "var/lib/obisd"]);
      assert.equal(await Deno.readTextFile(`${root}/var/lib/obisd/journal.db`), "data");
    }),
});
