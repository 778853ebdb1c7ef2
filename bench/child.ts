/** Processes beside this one: the daemon, simulated meters, a peer. Each ends with the measure that started it. @module */
import deno from "../deno.json" with { type: "json" };

/** Called for each line that a child says, with the moment at which it came: milliseconds since 1970. */
export type OnLine = (line: string, atMs: number) => void;

/** What a child is given. */
export interface ChildOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly onStdout?: OnLine;
  readonly onStderr?: OnLine;
}

/** A process that runs. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Resolves when it has ended by itself. @throws {Error} with what it said, when it failed */
  readonly done: Promise<void>;
}

/** Starts a program. What it says is always read; disposing ends it by SIGTERM, and waits for that. */
export function startChild(command: string, args: readonly string[], options: ChildOptions = {}): Child {
  const { onStdout = () => {}, onStderr = () => {}, cwd, env } = options;
  const child = new Deno.Command(command, {
    args: [...args],
    ...cwd !== undefined && { cwd },
    ...env && { env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const last: string[] = [];
  const remember: OnLine = (line, atMs) => {
    last.push(line);
    if (last.length > 10) last.shift();
    onStderr(line, atMs);
  };
  const heard = Promise.all([eachLine(child.stdout, onStdout), eachLine(child.stderr, remember)]);
  let ending = false;
  const done = child.status.then(async ({ code }) => {
    await heard;
    if (code !== 0 && !ending) throw new Error(`${args.join(" ")}: exit ${code}\n${last.join("\n")}`);
  });
  done.catch(() => {}); // whoever awaits `done` hears of it
  return {
    pid: child.pid,
    done,
    async [Symbol.asyncDispose]() {
      ending = true;
      try {
        child.kill("SIGTERM");
      } catch {
        // It had ended by itself.
      }
      await child.status;
      await heard;
    },
  };
}

async function eachLine(stream: ReadableStream<Uint8Array<ArrayBuffer>>, onLine: OnLine): Promise<void> {
  for await (const line of stream.pipeThrough(new TextDecoderStream()).pipeThrough(lines())) onLine(line, Date.now());
}

/** Text in any pieces → whole lines. */
function lines(): TransformStream<string, string> {
  let rest = "";
  return new TransformStream({
    transform(piece, controller) {
      const whole = (rest + piece).split("\n");
      rest = whole.pop()!;
      for (const line of whole) controller.enqueue(line);
    },
    flush: (controller) => rest === "" ? undefined : controller.enqueue(rest),
  });
}

const ROOT = new URL("../", import.meta.url);

/** A file of the project as a path. */
export function projectPath(path: string): string {
  return new URL(path, ROOT).pathname;
}

/** The program from its sources, as `deno task obisd` starts it. */
export const FROM_SOURCES: readonly string[] = deno.tasks.obisd.command.split(" ").slice(1)
  .map((argument) => argument === "src/main.ts" ? projectPath(argument) : argument);

/** `obisd ARGS`. `program`: how Deno is told to run it. */
export function startObisd(args: readonly string[], options: ChildOptions = {}, program = FROM_SOURCES): Child {
  return startChild(Deno.execPath(), [...program, ...args], options);
}

/** A simulated meter that listens. */
export interface SimulatorChild extends Child {
  /** What a reader is given: `tcp://127.0.0.1:40001`, or the path of a pseudo-terminal. */
  readonly endpoint: string;
}

/** Simulated meters are not what is measured: they keep their garbage, for its collection would take the daemon's cores. */
const GENEROUS = FROM_SOURCES.toSpliced(1, 0, "--v8-flags=--min-semi-space-size=64,--max-semi-space-size=64");

/** `obisd simulate ARGS`, once it listens. */
export async function startSimulator(args: readonly string[], onStderr: OnLine = () => {}): Promise<SimulatorChild> {
  const { promise: endpoint, resolve } = Promise.withResolvers<string>();
  const onStdout: OnLine = (line) => line.startsWith("Listening on ") && resolve(line.slice("Listening on ".length));
  const child = startObisd(["simulate", ...args], { onStdout, onStderr }, GENEROUS);
  const ended = child.done.then(() => {
    throw new Error("The simulator ended before it listened");
  });
  return { ...child, endpoint: await Promise.race([endpoint, ended]) };
}

/** A folder that goes with the measure. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "obisd-bench-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Waits. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
