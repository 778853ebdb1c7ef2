import assert from "node:assert/strict";
import { parseSimulatedDlms } from "../../src/cli/simulate_dlms.ts";
import { parseCaptures, type SimulatedMode, startSimulator } from "../../src/simulator/mod.ts";
import { hastyClock } from "../support/hasty_clock.ts";
import { runCommand } from "../support/read_meter.ts";

const helpOf = async (...command: string[]) => (await runCommand(["help", ...command])).out;
const overview = await helpOf();
const commands = [...overview.split("Commands:")[1]!.split("\n\n")[0]!.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) =>
  name!
);

/** The meter that an example is for, as its help starts it. */
async function simulated(flags: string) {
  const captures = parseCaptures(await Deno.readFile(new URL("../../demo/household.txt", import.meta.url)));
  const mode = /--mode (\S)/.exec(flags)?.[1];
  return await startSimulator({
    meters: [{ captures }],
    listen: { tcp: "127.0.0.1:0" },
    ...mode === "E" ? { dlms: parseSimulatedDlms({ values: {}, positionals: [] }) } : {},
    ...mode === "D" ? { mode: mode as SimulatedMode, everyMs: 50 } : {},
    ...flags.includes("--profile") ? { profile: "UTC" } : {},
    live: flags.includes("--live"),
    pacing: false,
    clock: hastyClock,
  });
}

/** The words of an example, as a shell takes them. */
const words = (line: string) => line.match(/'[^']*'|\S+/g)!.map((word) => word.replaceAll("'", ""));

Deno.test("--help: every command has an example, each can be parsed, and no line is longer than a screen is wide", async () => {
  assert.ok(commands.length > 10);
  for (const command of commands) {
    const help = await helpOf(command);
    assert.match(help, RegExp(`^  (?:sudo |deno run .*)?obisd ${command}\\b`, "m"), command);
    assert.deepEqual(help.split("\n").filter((line) => line.length > 120), [], command);
    for (const [, line] of help.matchAll(/^ {2}(?:sudo )?obisd (.*?)(?: +[#|>&].*)?$/gm)) {
      assert.deepEqual((await runCommand([...words(line!), "--help"])).err, "", line);
    }
  }
  assert.deepEqual(overview.split("\n").filter((line) => line.length > 120), []);
});

Deno.test("--help: each example that wants nothing but a simulated meter does what it says", async (test) => {
  const tried: string[] = [];
  for (const command of commands) {
    const help = await helpOf(command);
    const flags = /obisd simulate demo\/household\.txt (.*) &$/m.exec(help)?.[1] ?? "";
    for (
      const [, line] of help.matchAll(/^ {2}(obisd (?!simulate)\w+ (?:\/tmp\/meter|demo\/\S+).*?)(?: +#.*| \|.*)?$/gm)
    ) {
      if (command === "simulate") continue; // it shows how its meter is read
      tried.push(command);
      await test.step(line!, async () => {
        await using meter = await simulated(flags);
        const today = new Date(hastyClock.now()).toISOString().slice(0, 10);
        const args = words(line!.replace("$(date +%F)", today).replace("/tmp/meter", meter.endpoint)).slice(1);
        const { code, out, err } = await runCommand(command === "set" ? [...args, "--yes"] : args);
        assert.equal(code, 0, err);
        assert.notEqual(out + err, "");
      });
    }
  }
  const wanted = ["read", "discover", "listen", "get", "set", "clock", "send", "objects", "profile", "decode"];
  assert.deepEqual(new Set(tried), new Set(wanted));
});
