/** The stdout sink, in a process of its own. */
import assert from "node:assert/strict";
import { toJson } from "../../src/sink.ts";
import { readout, temporaryFolder } from "../support/readings.ts";

Deno.test("stdout: one JSON object a line when it is no terminal", async () => {
  using folder = temporaryFolder();
  const script = `${folder.path}/print.ts`;
  const from = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  Deno.writeTextFileSync(
    script,
    `
    import stdout from ${from("../../sinks/stdout/mod.ts")};
    import { readout } from ${from("../support/readings.ts")};
    const idle = new AbortController().signal;
    await using sink = await stdout.open({}, undefined, idle);
    await sink.write(readout(1), idle);
    await sink.write(readout(2, 2000), idle);`,
  );
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const args = ["run", "--allow-all", "--quiet", "--config", config, script];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const lines = [...readout(1), ...readout(2, 2000)].map((reading) => toJson(reading) + "\n").join("");
  assert(new TextDecoder().decode(stdout) === lines, new TextDecoder().decode(stderr));
});
