/** Plug-ins are found, checked, and the one in the README works as it stands there. */
import assert from "node:assert/strict";
import { loadPlugin, SINK_TYPES } from "../../sinks/mod.ts";
import { readout, temporaryFolder } from "../support/readings.ts";

const idle = new AbortController().signal;

Deno.test("loadPlugin: each sink that comes along is named for its folder, and has its README", async () => {
  for (const type of SINK_TYPES) {
    assert.equal((await loadPlugin(type, "/")).type, type);
    assert(Deno.statSync(new URL(`../../sinks/${type}/README.md`, import.meta.url)).isFile);
  }
});

Deno.test("loadPlugin: the sink of the README, copied beside a configuration, works", async () => {
  using folder = temporaryFolder();
  const text = await Deno.readTextFile(new URL("../../sinks/README.md", import.meta.url));
  const code = text.match(/```ts\n([\s\S]*?)```/)![1]!.replace("npm:zod@4", import.meta.resolve("zod"));
  await Deno.writeTextFile(`${folder.path}/my_sink.ts`, code);
  const plugin = await loadPlugin("./my_sink.ts", folder.path);
  const path = `${folder.path}/lines.txt`;
  assert.equal(plugin.options.safeParse({ pth: path }).success, false);
  await using sink = await plugin.open(plugin.options.parse({ path }), undefined, idle);
  const mark = await sink.write(readout(1, 2), idle);
  assert.equal(mark, "2026-01-15T12:00:01.000Z");
  assert.equal(
    await Deno.readTextFile(path),
    "2026-01-15T12:00:01.000Z flat-1 1.8.0 000001 kWh\n2026-01-15T12:00:01.000Z flat-1 2.8.0 000001 kWh\n",
  );
});

Deno.test("loadPlugin: says what is wrong", async () => {
  using folder = temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/half.ts`, "export default { type: 'half', open: 1 };");
  await Deno.writeTextFile(`${folder.path}/none.ts`, "export const a = 1;");
  await Deno.writeTextFile(`${folder.path}/broken.ts`, "throw new Error('bang');");
  for (
    const [type, message] of [
      ["influx", /No sink is called "influx": stdout, csv, influxdb are, or .\/FILE.ts/],
      ["constructor", /No sink is called/],
      ["./half.ts", /is no sink: its default export lacks options \(a zod schema\), open \(a function\)/],
      [`${folder.path}/none.ts`, /lacks type \(a text\), options/],
      ["./broken.ts", /Cannot load sink ".\/broken.ts": bang/],
      ["./missing.ts", /Cannot load sink ".\/missing.ts": Module not found/],
    ] as const
  ) await assert.rejects(loadPlugin(type, folder.path), message);
});
