/** `obisd run` as a process, with the service manager's socket at its side. @module */
import { notifySocket } from "./notify_socket.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

/** How the daemon is started. */
export interface RunOptions {
  /** Deno's flags; default everything. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Further arguments of `obisd run`. */
  readonly args?: readonly string[];
}

/** A daemon, and all that it has said so far. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
  readonly stdout: string[];
  readonly stderr: string[];
  /** What the service manager has heard, a variable each: `READY=1`. */
  readonly notified: string[];
  kill(signal: Deno.Signal): void;
  /** Its exit code. */
  readonly ended: Promise<number>;
  /** Waits until a line of `stderr` fits. `withinMs`: default 15 s. */
  said(what: RegExp, withinMs?: number): Promise<string>;
  /** Waits until the service manager has heard it. */
  told(what: RegExp): Promise<string>;
}

/** Starts `obisd run -c CONFIG`. Its last words are in the error of a wait that fails. */
export function startRun(config: string, { flags = ["--allow-all"], env = {}, args = [] }: RunOptions = {}): Running {
  const address = `@obisd-test-${crypto.randomUUID()}`;
  const socket = notifySocket(address);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--cached-only", ...flags, MAIN, "run", "-c", config, ...args],
    env: { NO_COLOR: "1", NOTIFY_SOCKET: address, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [stdout, stderr, notified]: [string[], string[], string[]] = [[], [], []];
  const heard = [collect(child.stdout, stdout), collect(child.stderr, stderr)];
  const listen = () => notified.push(...socket.heard().flatMap((message) => message.split("\n")));
  const ended = child.status.then(async ({ code }) => {
    await Promise.all(heard);
    listen();
    return code;
  });
  let over = false;
  ended.then(() => over = true);
  const find = async (lines: string[], what: RegExp, withinMs?: number) => {
    const found = () => (listen(), lines.find((line) => what.test(line)));
    const said = () => `${what}, but:\n${stderr.join("\n")}`;
    return await until(said, () => found() ?? (over ? null : undefined), withinMs);
  };
  return {
    pid: child.pid,
    stdout,
    stderr,
    notified,
    ended,
    kill: (signal) => child.kill(signal),
    said: (what, withinMs) => find(stderr, what, withinMs),
    told: (what) => find(notified, what),
    async [Symbol.asyncDispose]() {
      if (!over) child.kill("SIGKILL");
      await ended;
      socket[Symbol.dispose]();
    },
  };
}

/** Runs another `obisd` command to its end. */
export async function obisd(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--cached-only", "--allow-all", MAIN, ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** Waits until `look` finds something. @throws {Error} after 15 s or `withinMs`, or as soon as it finds `null` */
export async function until<T>(
  what: string | (() => string),
  look: () => T | undefined | null | Promise<T | undefined | null>,
  withinMs = 15_000,
): Promise<T> {
  for (const deadline = performance.now() + withinMs;;) {
    const found = await look();
    if (found === null || performance.now() > deadline) {
      throw new Error(`Waited for ${typeof what === "string" ? what : what()}`);
    }
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>, lines: string[]): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const whole = (rest + text).split("\n");
    rest = whole.pop()!;
    lines.push(...whole);
  }
  if (rest !== "") lines.push(rest);
}
