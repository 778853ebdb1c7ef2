/** The installer: what it refuses and in which words, and what stands where after it. @module */
import assert from "node:assert/strict";

const INSTALL = new URL("../../systemd/install.sh", import.meta.url).pathname;

async function run(program: string, args: readonly string[], env: Record<string, string> = {}) {
  const output = await new Deno.Command(program, { args: [...args], env }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code: output.code, out: text(output.stdout), err: text(output.stderr) };
}

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
