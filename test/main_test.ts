/** Arguments → command → exit code. @module */
import assert from "node:assert/strict";
import type { Command } from "../src/cli/command.ts";
import {
  ConfigError,
  JournalError,
  LineError,
  ProtocolError,
  RefusalError,
  SilenceError,
  UsageError,
} from "../src/errors.ts";
import { exitCodeOf } from "../src/exit_code.ts";
import { main } from "../src/main.ts";

const MAIN = new URL("../src/main.ts", import.meta.url).pathname;

/** A command that does what its test says. */
function command(run: Command["run"]): Command {
  return { summary: "Does it", help: "obisd doit --speed N", options: { speed: { type: "string" } }, run };
}

/** Runs main in this process and keeps what it says. */
async function runMain(args: string[], run: Command["run"] = () => Promise.resolve(0), signal?: AbortSignal) {
  let out = "";
  let err = "";
  const code = await main(args, {
    signal: signal ?? new AbortController().signal,
    print: (text) => out += text + "\n",
    complain: (text) => err += text,
    commands: { doit: () => Promise.resolve(command(run)) },
  });
  return { code, out, err };
}

Deno.test("exitCodeOf: a code for each kind of error", () => {
  const table: [unknown, number][] = [
    [new UsageError("x"), 64],
    [new ProtocolError("damaged", "x"), 65],
    [new Deno.errors.NotFound("x"), 66],
    [new Deno.errors.IsADirectory("x"), 66],
    [new SilenceError("x"), 69],
    [new LineError("refused", "x"), 69],
    [new LineError("missing", "x"), 74],
    [new JournalError("full", "x"), 74],
    [new LineError("denied", "x"), 74],
    [new LineError("lost", "x"), 74],
    [new LineError("busy", "x"), 75],
    [new ProtocolError("unreadable", "x"), 76],
    [new ProtocolError("endless", "x"), 76],
    [new RefusalError("x"), 77],
    [new ConfigError([{ path: "x", message: "y" }]), 78],
    [new DOMException("x", "AbortError"), 130],
    [new TypeError("x"), 70],
    ["x", 70],
  ];
  for (const [error, code] of table) assert.equal(exitCodeOf(error), code, String(error));
});

Deno.test("main: hands options and positionals to the command and returns its code", async () => {
  let seen: unknown;
  const { code } = await runMain(["doit", "--speed", "300", "x", "-c", "f.yaml"], (args) => {
    seen = { ...args.values, positionals: args.positionals };
    return Promise.resolve(7);
  });
  assert.equal(code, 7);
  assert.deepEqual(seen, { speed: "300", config: "f.yaml", positionals: ["x"] });
});

Deno.test("main: help and version", async () => {
  assert.match((await runMain(["--version"])).out, /^obisd \d+\.\d+\.\d+\n$/);
  assert.match((await runMain(["doit", "--version"])).out, /^obisd \d+\.\d+\.\d+\n$/);
  for (const args of [["--help"], ["-h"], ["help"]]) {
    const { code, out } = await runMain(args);
    assert.deepEqual([code, /doit +Does it/.test(out)], [0, true]);
  }
  for (const args of [["doit", "--help"], ["doit", "-h"], ["help", "doit"]]) {
    const { code, out } = await runMain(args);
    assert.deepEqual([code, /obisd doit --speed N[^]*--log-level/.test(out)], [0, true], args.join(" "));
  }
});

Deno.test("main: a wrong command line is exit 64 and says what was meant", async () => {
  const table: [string[], RegExp][] = [
    [[], /Which command\? obisd --help/],
    [["doti"], /no command "doti", did you mean doit\?/],
    [["toString"], /no command "toString"/],
    [["doit", "--sped", "1"], /no option --sped for doit, did you mean --speed\?/],
    [["doit", "-x"], /no option -x for doit/],
    [["doit", "--speed"], /--speed <value>' argument missing/],
    [["--speed", "doit"], /The command comes first/],
    [["doit", "--log-level", "loud"], /allowed are debug, info, warning, error/],
  ];
  for (const [args, message] of table) {
    const { code, out, err } = await runMain(args);
    assert.deepEqual([code, out], [64, ""], args.join(" "));
    assert.match(err, message);
  }
});

Deno.test("main: an error is one sentence, a bug says so, a stack comes only when asked for", async () => {
  const fail = (error: unknown) => () => Promise.reject(error);
  assert.equal((await runMain(["doit"], fail(new SilenceError("No answer")))).err, "obisd: No answer\n");
  const faults = [{ path: "o.yaml", line: 1, column: 2, message: "a" }, { path: "o.yaml", message: "b" }];
  assert.equal((await runMain(["doit"], fail(new ConfigError(faults)))).err, "o.yaml:1:2: a\no.yaml: b\n");
  const bug = await runMain(["doit"], fail(new TypeError("x is\nundefined")));
  assert.deepEqual([bug.code, bug.err.split("\n").length], [70, 2]);
  assert.match(bug.err, /x is\\nundefined: this is a bug, please report it/);
  assert.match((await runMain(["doit", "--log-level", "debug"], fail(new TypeError("x")))).err, /main_test\.ts/);
  assert.deepEqual(await runMain(["doit"], fail(new Deno.errors.BrokenPipe("x"))), { code: 0, out: "", err: "" });
});

Deno.test("main: an interrupted command is exit 130, but it may end with a code of its own", async () => {
  const controller = new AbortController();
  controller.abort(new DOMException("Interrupted", "AbortError"));
  const thrown = await runMain(["doit"], (_, { signal }) => Promise.reject(signal.reason), controller.signal);
  assert.deepEqual([thrown.code, thrown.err], [130, ""]);
  assert.equal((await runMain(["doit"], () => Promise.resolve(0), controller.signal)).code, 0);
});

/** Runs the program as the shell does. */
async function runProgram(args: string[], shell?: string) {
  const program = [Deno.execPath(), "run", "--quiet", "--allow-all", MAIN, ...args];
  const [command, ...rest] = shell === undefined ? program : ["sh", "-c", shell, ...program];
  const { code, stdout, stderr } = await new Deno.Command(command!, {
    args: rest,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("obisd: exit codes and streams of the real program", async () => {
  const version = await runProgram(["--version"]);
  assert.deepEqual([version.code, version.stderr], [0, ""]);
  const wrong = await runProgram(["chekc"]);
  assert.deepEqual([wrong.code, wrong.stdout], [64, ""]);
});

Deno.test("obisd: a reader that has had enough is no error", async () => {
  const { code, stderr } = await runProgram(["--help"], `{ "$0" "$@"; echo "$?" >&2; } | exec <&-`);
  assert.deepEqual([code, stderr], [0, "0\n"]);
});
