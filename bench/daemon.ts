/** The daemon as a measure runs it: a configuration in a folder of its own, and the socket on which it says READY. @module */
import { notifySocket } from "../test/support/notify_socket.ts";
import { type Child, type ChildOptions, FROM_SOURCES, sleep, startObisd } from "./child.ts";

/** How the daemon is started. */
export interface DaemonOptions extends Pick<ChildOptions, "onStdout" | "onStderr"> {
  /** Where its configuration and its files are. */
  readonly folder: string;
  /** The configuration, as YAML's subset JSON has it. */
  readonly config: unknown;
  /** Further arguments of `obisd run`. */
  readonly args?: readonly string[];
  /** How Deno is told to run the program; absent: from its sources. */
  readonly program?: readonly string[];
  /** Added to the environment. */
  readonly env?: Record<string, string>;
}

/** A daemon that is ready. */
export interface DaemonChild extends Child {
  /** From its start to READY=1. */
  readonly readyMs: number;
}

const READY_LIMIT_MS = 60_000;

/** Starts the daemon and waits until it says that it is ready. @throws {Error} it ends, or never says so */
export async function startDaemon(
  { folder, config, args = [], program, env: more, ...on }: DaemonOptions,
): Promise<DaemonChild> {
  const path = `${folder}/obisd.yaml`;
  await Deno.writeTextFile(path, JSON.stringify(config, undefined, 1));
  await using stack = new AsyncDisposableStack();
  const socket = stack.use(notifySocket(`@${folder}/notify`));
  const startMs = performance.now();
  const env = { NOTIFY_SOCKET: `@${folder}/notify`, NO_COLOR: "1", ...more };
  const child = stack.use(startObisd(["run", "-c", path, ...args], { ...on, env }, program ?? FROM_SOURCES));
  let failure: Error | undefined;
  child.done.then(() => failure = new Error("The daemon ended before it was ready"), (error) => failure = error);
  while (!socket.heard().some((message) => message.split("\n").includes("READY=1"))) {
    if (failure) throw failure;
    if (performance.now() - startMs > READY_LIMIT_MS) throw new Error(`Not ready within ${READY_LIMIT_MS / 1000} s`);
    await sleep(1);
  }
  const readyMs = performance.now() - startMs;
  const reading = setInterval(() => socket.heard(), 1000); // as systemd does: its status comes every ten seconds
  stack.defer(() => clearInterval(reading));
  const owned = stack.move();
  return { ...child, readyMs, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A configuration of `count` meters at a TCP endpoint, each with a connection of its own. */
export function metersAt(endpoint: string, count: number, every: string): { lines: unknown; meters: unknown } {
  const names = Array.from({ length: count }, (_, at) => `m${at + 1}`);
  return {
    lines: Object.fromEntries(names.map((name) => [name, { url: endpoint }])),
    meters: names.map((name) => ({ name, line: name, mode: "C", every })),
  };
}
