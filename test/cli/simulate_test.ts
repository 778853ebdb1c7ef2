import assert from "node:assert/strict";
import { simulate } from "../../src/cli/simulate.ts";
import { main } from "../../src/main.ts";
import { FAULTS } from "../../src/simulator/mod.ts";

const TELEGRAM = "/ABC5X\r\n1.8.0(000123.4*kWh)\r\n!\r\n";

/** A folder with a telegram, a text that is none, and one whose name has an `@`. */
async function withFiles(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/meter.txt`, TELEGRAM);
    await Deno.writeTextFile(`${folder}/a@b.txt`, TELEGRAM);
    await Deno.writeTextFile(`${folder}/none.txt`, "hello\n");
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What the command line gives: the exit code and what is said about it. */
async function run(...args: string[]): Promise<{ code: number; said: string }> {
  let said = "";
  const code = await main(["simulate", ...args], {
    signal: new AbortController().signal,
    commands: { simulate: () => Promise.resolve(simulate) },
    print: (text) => said += text,
    complain: (text) => said += text,
  });
  return { code, said };
}

const LISTEN = ["--listen", "tcp://127.0.0.1:0"];

/** Arguments (`DIR` stands for the folder), exit code, what is said. */
const WRONG: [args: string[], code: number, said: RegExp][] = [
  [LISTEN, 64, /Which telegram\?/],
  [["DIR/meter.txt"], 64, /either --listen tcp:\/\/127\.0\.0\.1:PORT or --pty LINK/],
  [["DIR/meter.txt", ...LISTEN, "--pty", "x"], 64, /either --listen/],
  [["DIR/meter.txt", "--listen", "127.0.0.1"], 64, /allowed is tcp:\/\/HOST:PORT/],
  [["DIR/meter.txt", "--listen", "tcp://127.0.0.1:70000"], 64, /allowed is tcp:\/\/HOST:PORT/],
  [["DIR/meter.txt", ...LISTEN, "--mode", "E", "--auth", "low"], 64, /--auth low takes a --password WORD/],
  [["DIR/meter.txt", ...LISTEN, "--mode", "E", "--auth", "ecdsa"], 64, /--auth ecdsa signs in --suite 1 or 2/],
  [["DIR/meter.txt", ...LISTEN, "--mode", "E", "--encryption-key", "00"], 64, /--encryption-key: it has 32 hex digits/],
  [
    ["DIR/meter.txt", ...LISTEN, "--mode", "E", "--opening", "any"],
    64,
    /--opening any: allowed are sign-on, hdlc, wra/,
  ],
  [["DIR/meter.txt", ...LISTEN, "--security", "both"], 64, /--security is of --mode E/],
  [["DIR/meter.txt", ...LISTEN, "--mode", "c"], 64, /allowed are A, B, C, D, E/],
  [["DIR/meter.txt", ...LISTEN, "--baud", "fast"], 64, /allowed is a speed/],
  [["DIR/meter.txt", ...LISTEN, "--every", "2"], 64, /--every: "2" is no duration/],
  [["DIR/meter.txt", ...LISTEN, "--fault", "bad"], 64, /There is no fault "bad"/],
  [["DIR/missing.txt", ...LISTEN], 66, /There is no file .*missing\.txt/],
  [["DIR/missing.txt@12", ...LISTEN], 66, /There is no file .*missing\.txt/],
  [["DIR/none.txt", ...LISTEN], 65, /none\.txt is no telegram/],
];

for (const [args, code, said] of WRONG) {
  Deno.test(`simulate ${args.join(" ")}: ${code}`, async () => {
    await withFiles(async (folder) => {
      const outcome = await run(...args.map((arg) => arg.replace("DIR", folder)));
      assert.equal(outcome.code, code, outcome.said);
      assert.match(outcome.said, said);
    });
  });
}

Deno.test("simulate --help: shows an example and every fault", async () => {
  const { code, said } = await run("--help");
  assert.equal(code, 0);
  assert.match(said, /obisd simulate demo\/household\.txt --pty/);
  for (const name of Object.keys(FAULTS)) assert.ok(said.includes(`  ${name}`), name);
});

Deno.test("simulate: says where it listens, serves, and ends on SIGTERM", async () => {
  await withFiles(async (folder) => {
    const module = new URL("../../src/cli/simulate.ts", import.meta.url).href;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", starter(module), `${folder}/meter.txt@12`, `${folder}/a@b.txt`],
      cwd: new URL("../../", import.meta.url).pathname,
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await reader.read();
    const [, port] = /^Listening on tcp:\/\/127\.0\.0\.1:(\d+)\n$/.exec(value ?? "") ?? [];
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    await connection.write(new TextEncoder().encode("/?12!\r\n"));
    const answer = new Uint8Array(64);
    const count = await connection.read(answer);
    assert.equal(new TextDecoder().decode(answer.subarray(0, count!)), "/ABC5X\r\n");
    child.kill("SIGTERM");
    assert.equal((await child.status).code, 0);
    connection.close();
    await reader.cancel();
  });
});

/** A program that runs the command until SIGTERM, as `main.ts` does. */
function starter(module: string): string {
  return `
    import { simulate } from ${JSON.stringify(module)};
    const controller = new AbortController();
    Deno.addSignalListener("SIGTERM", () => controller.abort(new DOMException("Interrupted", "AbortError")));
    const none = () => {};
    const log = { debug: none, info: none, warning: none, error: none };
    const args = { values: { listen: "tcp://127.0.0.1:0", "no-pacing": true }, positionals: Deno.args };
    Deno.exit(await simulate.run(args, { log, signal: controller.signal }));`;
}
