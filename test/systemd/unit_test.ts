/** The unit says what it must, systemd understands it, and it is as closed as promised. @module */
import assert from "node:assert/strict";

const UNIT = new URL("../../systemd/obisd.service", import.meta.url);
const MANY_METERS = new URL("../../systemd/many_meters.conf", import.meta.url);
const CLOCK = new URL("../../systemd/clock.conf", import.meta.url);

const missing = !await succeeds("systemd-analyze", ["--version"]) && Deno.env.get("OBISD_TEST_ALL") !== "1";

async function succeeds(program: string, args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args, stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

async function analyze(...args: string[]) {
  const output = await new Deno.Command("systemd-analyze", { args, env: { SYSTEMD_COLORS: "0" } }).output();
  const text = new TextDecoder().decode(output.stdout) + new TextDecoder().decode(output.stderr);
  return { code: output.code, text };
}

Deno.test("obisd.service: restarts always, but never on a wrong configuration", async () => {
  const lines = new Set((await Deno.readTextFile(UNIT)).split("\n"));
  const promised = ["Type=notify", "Restart=always", "RestartPreventExitStatus=78", "StartLimitIntervalSec=0"];
  assert.deepEqual(promised.filter((line) => !lines.has(line)), []);
});

Deno.test("obisd.service: downloads nothing and asks nobody at run time", async () => {
  const command = (await Deno.readTextFile(UNIT)).replaceAll("\\\n", "").match(/^ExecStart=(.*)$/m)![1]!.split(/\s+/);
  assert.equal(command[0], "/opt/obisd/deno");
  assert.deepEqual(
    ["--no-prompt", "--cached-only", "$OBISD_PERMISSIONS"].filter((word) => !command.includes(word)),
    [],
  );
  assert.ok(!command.includes("--allow-all"));
});

Deno.test("many_meters.conf: starts what the unit starts, with a compiler", async () => {
  const [unit, dropIn] = await Promise.all([UNIT, MANY_METERS].map(async (file) => {
    const words = (await Deno.readTextFile(file)).replaceAll("\\\n", "").match(/^ExecStart=(\S.*)$/m)![1]!.split(/\s+/);
    return { flags: words.find((word) => word.startsWith("--v8-flags="))!, words: words.map(withoutFlags) };
  }));
  assert.deepEqual(dropIn!.words, unit!.words);
  assert.deepEqual([unit, dropIn].map((start) => start!.flags.includes("--jitless")), [true, false]);
});

const withoutFlags = (word: string) => word.replace(/^--v8-flags=.*/, "--v8-flags=");

Deno.test({
  name: "obisd.service: its exposure is 1.5 at most",
  ignore: missing,
  async fn() {
    const { code, text } = await analyze("security", "--offline=true", "--threshold=15", UNIT.pathname);
    assert.equal(code, 0, text.trim().split("\n").at(-1));
  },
});

Deno.test({
  name: "clock.conf: opens the kernel's clock to a question, and to nothing else",
  ignore: missing,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "obisd-unit-" });
    try {
      const dropIn = await Deno.readTextFile(CLOCK);
      await Deno.writeTextFile(`${folder}/obisd.service`, await Deno.readTextFile(UNIT) + dropIn);
      const { text } = await analyze("security", "--offline=true", `${folder}/obisd.service`);
      const open = text.split("\n").filter((line) => line.startsWith("✗")).map((line) => line.split(/\s+/)[1]);
      assert.deepEqual(open.filter((name) => /clock|time/i.test(name!)), ["SystemCallFilter=~@clock", "ProtectClock="]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "obisd.service: systemd understands every line",
  ignore: missing,
  async fn() {
    const root = await Deno.makeTempDir({ prefix: "obisd-unit-" });
    try {
      const unit = `${root}/etc/systemd/system/obisd.service`;
      await Deno.mkdir(`${root}/etc/systemd/system`, { recursive: true });
      await Deno.mkdir(`${root}/opt/obisd`, { recursive: true });
      await Deno.writeTextFile(`${root}/opt/obisd/deno`, "", { mode: 0o755 });
      await Deno.mkdir(`${root}/bin`, { recursive: true });
      await Deno.writeTextFile(`${root}/bin/sh`, "", { mode: 0o755 });
      await Deno.copyFile(UNIT, unit);
      await Deno.mkdir(`${unit}.d`);
      await Deno.copyFile(CLOCK, `${unit}.d/obisd-clock.conf`);
      await Deno.copyFile(MANY_METERS, `${unit}.d/many_meters.conf`);
      const { text } = await analyze("verify", "--man=no", `--root=${root}`, "obisd.service");
      const complaints = text.split("\n").filter((line) => /obisd.service|obisd-clock/.test(line));
      // The empty root has no other units: that alone is no complaint about this one.
      assert.deepEqual(complaints.filter((line) => !line.endsWith("sysinit.target not found.")), []);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  },
});
