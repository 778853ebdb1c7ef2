/** An administrator's own types of meters: read beside the program's, told where they are wrong, taken at a reload. @module */
import assert from "node:assert/strict";
import { loadConfig } from "../src/config.ts";
import { readOwnMeterTypes } from "../src/config/meter_types.ts";
import { ConfigError } from "../src/errors.ts";
import { meterTypeOf, useMeterTypes } from "../src/meters/mod.ts";
import { needsOf } from "../src/permissions.ts";
import { meter, runCommand } from "./support/read_meter.ts";
import { obisd, startRun, until } from "./support/running.ts";

/** Codes of two groups mean heat: the same telegram reads differently. */
const HEAT = 'name: ABC heat\nidentifications: ["/ABC5*"]\nseen: ["/ABC5X"]\ncodes: heat\n';
const TELEGRAM = "/ABC5X\r\n6.8(0012.5*GJ)\r\n!\r\n";

async function withFolder(files: Record<string, string>, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/meters`);
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    await use(folder);
  } finally {
    useMeterTypes([]);
    await Deno.remove(folder, { recursive: true });
  }
}

const config = (url: string, more = "", its = "") =>
  `lines: { a: { url: "${url}" } }\nmeters: [{ name: m, line: a, every: 1s${its} }]\n` +
  `sinks: [{ type: csv, path: r.csv }]\njournal: { path: j.db, group_commit: 0s }\n${more}`;

const faultsOf = (work: Promise<unknown>) =>
  work.then(() => [], (error) => {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message.split("\n");
  });

Deno.test("readOwnMeterTypes: win over the program's, by name and by pattern; what is the same is left out", async () => {
  const lzqj = await Deno.readTextFile(new URL("../config/meters/emh-lzqj.yaml", import.meta.url));
  const files = {
    "meters/abc.yaml": HEAT,
    "meters/luna-lun.yaml": 'name: Mine\nidentifications: ["/LUN*"]\nmode: A\n',
    "meters/my-dc3.yaml": "name: Mine too\nidentifications: ['/SLB?\\@DC3*']\n",
    "meters/emh-lzqj.yaml": lzqj,
    "meters/README.md": "no type",
    "meters/.abc.yaml.swp": "an editor's",
  };
  await withFolder(files, async (folder) => {
    const own = await readOwnMeterTypes(`${folder}/meters`);
    assert.deepEqual(own.map(({ id, file }) => [id, file]), [
      ["abc", `${folder}/meters/abc.yaml`],
      ["luna-lun", `${folder}/meters/luna-lun.yaml`],
      ["my-dc3", `${folder}/meters/my-dc3.yaml`],
    ]);
    useMeterTypes(own);
    const nameOf = (line: string) => meterTypeOf({ line })?.name;
    assert.deepEqual(["/LUN5X", "/SLB5\\@DC3-6", "/ABC5Y"].map(nameOf), ["Mine", "Mine too", "ABC heat"]);
    assert.equal(meterTypeOf({ line: "/EMH5\\@01LZQJC003410B" })?.id, "emh-lzqj");
    useMeterTypes([]);
    assert.equal(meterTypeOf({ line: "/ABC5Y" }), undefined);
  });
});

Deno.test("loadConfig: faults of the folder's files stand where they are, beside those of the configuration", async () => {
  const files = {
    "obisd.yaml": config("tcp://h:1", "", ", evry: 1s"),
    "meters/abc.yaml": HEAT.replace("codes: heat", "codes: heet"),
    "meters/isk.yaml": 'name: Mine\nidentifications: ["/ISK*"]\nseen: ["/ISk5MT174-0001"]\n',
  };
  await withFolder(files, async (folder) => {
    const said = await faultsOf(loadConfig(`${folder}/obisd.yaml`));
    assert.match(said[0]!, /obisd\.yaml:2:\d+: meters\[0\]\.evry: unknown option, did you mean every\?$/);
    assert.match(said[1]!, /meters\/abc\.yaml:4:8: codes: found "heet", allowed is heat/);
    assert.match(said[2]!, /meters\/isk\.yaml:3:8: seen\[0\]: .*config\/meters\/iskra-mt174\.yaml claims it/);
    assert.equal(said.length, 3);
    await Deno.remove(`${folder}/meters`, { recursive: true });
    await Deno.writeTextFile(`${folder}/obisd.yaml`, config("tcp://h:1", "meter_types: metres\n"));
    assert.match((await faultsOf(loadConfig(`${folder}/obisd.yaml`)))[0]!, /metres: there is no such folder/);
    await Deno.writeTextFile(`${folder}/obisd.yaml`, config("tcp://h:1", "", ", type: abd"));
    assert.match((await faultsOf(loadConfig(`${folder}/obisd.yaml`)))[0]!, /type: there is no such type of meter/);
  });
});

Deno.test("meter_types: a folder elsewhere is one that the service must be allowed to read; its types can be named", async () => {
  const files = { "meters/abc.yaml": HEAT, "obisd.yaml": config("tcp://h:1", "", ", type: abc") };
  await withFolder(files, async (folder) => {
    const beside = await loadConfig(`${folder}/obisd.yaml`);
    assert.ok(!needsOf(beside).read.includes(`${folder}/meters`), "the configuration's own folder is read anyhow");
    await Deno.mkdir(`${folder}/etc`);
    await Deno.writeTextFile(`${folder}/etc/o.yaml`, config("tcp://h:1", "meter_types: ../meters\n", ", type: abd"));
    assert.match((await faultsOf(loadConfig(`${folder}/etc/o.yaml`)))[0]!, /type of meter, did you mean abc\?/);
    await Deno.writeTextFile(`${folder}/etc/o.yaml`, config("tcp://h:1", "meter_types: ../meters\n", ", type: abc"));
    assert.ok(needsOf(await loadConfig(`${folder}/etc/o.yaml`)).read.includes(`${folder}/meters`));
    const { code, stdout } = await obisd("check", "-c", `${folder}/etc/o.yaml`);
    assert.equal(code, 0);
    assert.ok(stdout.includes(`mode auto, type abc (${folder}/meters/abc.yaml)`), stdout);
    assert.match(stdout, /types of meters in .*\/meters: abc$/m);
  });
});

Deno.test("--meters: read and decode know what stands there, and say where that is", async () => {
  await withFolder({ "meters/abc.yaml": HEAT, "telegram": TELEGRAM }, async (folder) => {
    await using simulator = await meter({ telegram: TELEGRAM });
    const codes = (out: string) => out.trim().split("\n").map((line) => JSON.parse(line).obis);
    for (const command of [["read", simulator.endpoint], ["decode", `${folder}/telegram`]]) {
      const plain = await runCommand([...command, "--format", "json"]);
      assert.deepEqual([plain.code, codes(plain.out)], [0, ["1-0:6.8.0*255"]], plain.err);
      const own = await runCommand([...command, "--format", "json", "--meters", `${folder}/meters`]);
      assert.deepEqual([own.code, codes(own.out)], [0, ["6-0:6.8.0*255"]], own.err);
      const beside = await runCommand([...command, "--format", "json", "-c", `${folder}/obisd.yaml`]);
      assert.deepEqual([beside.code, codes(beside.out)], [0, ["6-0:6.8.0*255"]], beside.err);
      const none = await runCommand([...command, "--meters", `${folder}/none`]);
      assert.deepEqual([none.code, none.out], [78, ""]);
      assert.match(none.err, /none: there is no such folder/);
    }
  });
});

Deno.test("run: a file that is put there is taken at the reload; a wrong one changes nothing", async () => {
  await using simulator = await meter({ telegram: TELEGRAM });
  await withFolder({ "obisd.yaml": config(simulator.endpoint) }, async (folder) => {
    await using daemon = startRun(`${folder}/obisd.yaml`);
    const rows = (text: string) =>
      until(text, async () => {
        const all = await Deno.readTextFile(`${folder}/r.csv`).catch(() => "");
        return all.includes(text) || undefined;
      });
    await rows(",m,1-0:6.8.0*255,");
    await Deno.writeTextFile(`${folder}/meters/abc.yaml`, HEAT + "mdoe: A\n");
    daemon.kill("SIGHUP");
    await daemon.said(/meters\/abc\.yaml:5:1: mdoe: unknown option, did you mean mode\?/);
    await daemon.said(/The configuration is wrong: the old one is kept/);
    await Deno.writeTextFile(`${folder}/meters/abc.yaml`, HEAT);
    daemon.kill("SIGHUP");
    await rows(",m,6-0:6.8.0*255,");
  });
});
