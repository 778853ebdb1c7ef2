/** What the pages for people say: their commands exist, their configurations are right, their links lead somewhere. @module */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { loadConfig } from "../src/config.ts";
import { temporaryFolder } from "./support/readings.ts";
import { runCommand } from "./support/read_meter.ts";

const ROOT = new URL("../", import.meta.url).pathname;

function pages(): { readonly path: string; readonly text: string }[] {
  const folders = [
    "",
    "docs/",
    "config/meters/",
    "sinks/",
    "sinks/csv/",
    "sinks/influxdb/",
    "sinks/stdout/",
    "systemd/",
  ];
  const paths = folders.flatMap((folder) =>
    [...Deno.readDirSync(ROOT + folder)].filter(({ name }) => name.endsWith(".md")).map(({ name }) => folder + name)
  );
  return paths.map((path) => ({ path, text: Deno.readTextFileSync(ROOT + path) }));
}

const blocks = (text: string, kinds: string) =>
  [...text.matchAll(RegExp("^ *```(?:" + kinds + ")\\n([^]*?)^ *```", "gm"))].map(([, block]) => block!);

/** The arguments of each `obisd COMMAND …` in a block of shell lines, up to a comment, a pipe or a redirection. */
function commandsIn(block: string): string[][] {
  return block.split("\n").flatMap((line) =>
    [...line.matchAll(/(?:^|\$ |sudo |&& |-q )obisd ((?:'[^']*'|"[^"]*"|[^#|>&;\n])+)/g)]
      .map(([, words]) => words!.match(/'[^']*'|"[^"]*"|\S+/g)!.map((word) => word.replaceAll(/['"]/g, "")))
  );
}

Deno.test("pages: every command line in them is one that obisd understands", async () => {
  const commands = pages().flatMap(({ path, text }) =>
    blocks(text, "sh|console").flatMap(commandsIn).map((args) => ({ path, args }))
  );
  assert.ok(commands.length > 20, `${commands.length}`);
  const wrong: string[] = [];
  for (const { path, args } of commands) {
    const { code, err } = await runCommand([...args, "--help"]);
    if (code !== 0) wrong.push(`${path}: obisd ${args.join(" ")}: ${err}`);
  }
  assert.deepEqual(wrong, []);
});

Deno.test("pages: every whole configuration in them is right", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/obisd.yaml`;
  const configurations = pages().flatMap(({ text }) => blocks(text, "yaml")).filter((block) => /^lines:/m.test(block));
  assert.ok(configurations.length >= 3, `${configurations.length}`);
  for (const text of configurations) {
    const sinks = /^sinks:/m.test(text) ? "" : "sinks: [{ type: stdout }]\n";
    await Deno.writeTextFile(path, text + sinks);
    await loadConfig(path, { missingSecrets: "warning" });
  }
});

Deno.test("pages: every link between them leads to a file", () => {
  const broken = pages().flatMap(({ path, text }) =>
    [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
      .map(([, link]) => join(dirname(path), link!))
      .filter((target) => !exists(ROOT + target))
      .map((target) => `${path} → ${target}`)
  );
  assert.deepEqual(broken, []);
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
