/** The real program in its real surroundings: signals, and the permissions of the service. @module */
import assert from "node:assert/strict";
import { type Capture, parseCaptures, startSimulator } from "../../src/simulator/mod.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;
const TELEGRAM = "/ISk5MT174\r\n\x021.8.0(000123.4*kWh)\r\n!\r\n\x03";

function spawn(args: string[], flags: readonly string[] = ["--allow-all"]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--cached-only", ...flags, MAIN, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
}

Deno.test("obisd: SIGINT ends a command that waits, with exit 130 and without a word", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const child = spawn(["read", `tcp://127.0.0.1:${listener.addr.port}`]);
  using _connection = await listener.accept(); // it has begun to wait for the meter
  child.kill("SIGINT");
  const { code, stdout } = await child.output();
  assert.deepEqual([code, stdout.length], [130, 0]);
});

Deno.test("obisd run: works with the flags that obisd permissions prints and no others, and ends at SIGTERM", async () => {
  const captures: readonly Capture[] = parseCaptures(new TextEncoder().encode(TELEGRAM));
  await using meter = await startSimulator({ meters: [{ captures }], listen: { tcp: "127.0.0.1:0" }, pacing: false });
  const folder = await Deno.makeTempDir({ prefix: "obisd-run-" });
  try {
    const path = `${folder}/obisd.yaml`;
    await Deno.writeTextFile(
      path,
      `lines: { a: { url: "${meter.endpoint}" } }
meters: [{ name: flat-1, line: a, every: 1s }]
sinks: [{ type: stdout }, { type: csv, path: "out/readings.csv" }]
journal: { path: journal.db, group_commit: 0s }
`,
    );
    const printed = await spawn(["permissions", "-c", path]).output();
    const flags = new TextDecoder().decode(printed.stdout).trim().split("\n");
    const child = spawn(["run", "-c", path], flags);
    const limit = setTimeout(() => child.kill("SIGKILL"), 60_000); // else one that says nothing would hold up all tests
    const first = await firstLine(child.stdout);
    clearTimeout(limit);
    if (first !== "") child.kill("SIGTERM");
    const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
    assert.match(first, /"text":"000123\.4"/, stderr);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /Requires|allow-/);
    assert.match(await Deno.readTextFile(`${folder}/out/readings.csv`), /flat-1,1-0:1\.8\.0\*255/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The first line of a stream; the rest is read and thrown away, so that the writer never waits. */
async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const lines = stream[Symbol.asyncIterator]();
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await lines.next();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  void drain(lines);
  return text.split("\n")[0]!;
}

async function drain(chunks: AsyncIterator<Uint8Array>): Promise<void> {
  while (!(await chunks.next()).done);
}
