/** The program: arguments → command → exit code. @module */
import { parseArgs, type ParseArgsConfig } from "node:util";
import deno from "../deno.json" with { type: "json" };
import type { Arguments, Command } from "./cli/command.ts";
import { type Clock, systemClock } from "./clock.ts";
import { ConfigError, UsageError } from "./errors.ts";
import { EXIT, exitCodeOf } from "./exit_code.ts";
import { createLog, type Level, LEVELS, type Log, oneLine } from "./log.ts";
import { nearest } from "./nearest.ts";
import { print as printOut } from "./print.ts";

/** Each command's module is loaded when it is asked for, so that `decode` need not know what a port is. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import("./cli/run.ts")).run,
  check: async () => (await import("./cli/check.ts")).check,
  read: async () => (await import("./cli/read.ts")).read,
  discover: async () => (await import("./cli/discover.ts")).discover,
  listen: async () => (await import("./cli/listen.ts")).listen,
  get: async () => (await import("./cli/get.ts")).get,
  set: async () => (await import("./cli/set.ts")).set,
  clock: async () => (await import("./cli/clock.ts")).clock,
  send: async () => (await import("./cli/send.ts")).send,
  objects: async () => (await import("./cli/objects.ts")).objects,
  profile: async () => (await import("./cli/profile.ts")).profile,
  decode: async () => (await import("./cli/decode.ts")).decode,
  simulate: async () => (await import("./cli/simulate.ts")).simulate,
  dead: async () => (await import("./cli/dead.ts")).dead,
  status: async () => (await import("./cli/status.ts")).status,
  forget: async () => (await import("./cli/forget.ts")).forget,
  permissions: async () => (await import("./cli/permissions.ts")).permissions,
};

/** Options of every command. */
const COMMON = {
  config: { type: "string", short: "c" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
  "log-level": { type: "string" },
} as const satisfies NonNullable<ParseArgsConfig["options"]>;

const COMMON_HELP = `Options of every command:
  -c, --config FILE    the configuration (default /etc/obisd/obisd.yaml)
  --log-level LEVEL    ${LEVELS.join(", ")} (default info)
  -h, --help           this help, or a command's: obisd COMMAND --help
  --version            the version`;

/** The parts of the world that a test replaces. */
export interface MainOptions {
  readonly signal: AbortSignal;
  /** Takes text for standard output. */
  readonly print?: (text: string) => void;
  /** Takes text for standard error. */
  readonly complain?: (text: string) => void;
  readonly commands?: Readonly<Record<string, () => Promise<Command>>>;
  readonly clock?: Clock;
}

/** Runs the command that `args` name. Never throws: what goes wrong is said on standard error. */
export async function main(args: readonly string[], options: MainOptions): Promise<number> {
  const { complain = sayOnStderr } = options;
  const verbose = /--log-level[= ]debug/.test(args.join(" "));
  try {
    return await dispatch(args, options);
  } catch (error) {
    const code = options.signal.aborted && error === options.signal.reason ? EXIT.interrupted : exitCodeOf(error);
    const text = describe(error, code, verbose);
    if (text !== "") complain(text + "\n");
    return code;
  }
}

async function dispatch(args: readonly string[], options: MainOptions): Promise<number> {
  const { print = printOut, commands = COMMANDS, clock = systemClock, signal } = options;
  const [name, ...rest] = args[0] === "help" && args.length > 1 ? [args[1]!, "--help"] : args;
  if (name === undefined) throw new UsageError("Which command? obisd --help lists them");
  if (["--help", "-h", "help"].includes(name)) return say(print, await overview(commands));
  if (name === "--version") return say(print, `obisd ${deno.version}`);
  if (name.startsWith("-")) {
    throw new UsageError(`The command comes first: obisd COMMAND ${name}; obisd --help lists them`);
  }
  const command = await load(name, commands);
  const parsed = parse(name, command, rest);
  if (parsed.values.help) return say(print, `${command.help.trim()}\n\n${COMMON_HELP}`);
  if (parsed.values.version) return say(print, `obisd ${deno.version}`);
  const log = openLog(parsed.values["log-level"], options.complain);
  const { record } = parsed.values as Arguments["values"];
  if (record === undefined) return await command.run(parsed, { log, signal, print, clock });
  const { recorded } = await import("./cli/recorder.ts");
  return await recorded(
    String(record),
    { command: name, clock, log },
    (record) => command.run(parsed, { log, signal, print, clock, record }),
  );
}

function say(print: (text: string) => void, text: string): number {
  print(text);
  return EXIT.ok;
}

async function load(name: string, commands: NonNullable<MainOptions["commands"]>): Promise<Command> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command) return await command();
  throw new UsageError(
    `There is no command "${name}"${didYouMean(name, Object.keys(commands))}: obisd --help lists them`,
  );
}

function parse(name: string, command: Command, args: readonly string[]) {
  const options = { ...command.options, ...COMMON };
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(explain(error as Error, name, Object.keys(options)), { cause: error });
  }
}

/** parseArgs' own words, and what was probably meant. */
function explain(error: Error, command: string, options: readonly string[]): string {
  const unknown = error.message.match(/^Unknown option '(-{1,2})([^'=]+)/);
  if (!unknown) return `${error.message.split(". ")[0]}: obisd ${command} --help shows the options`;
  const [, dashes, key] = unknown;
  return `obisd ${deno.version} has no option ${dashes}${key} for ${command}${
    didYouMean(key!, options, "--")
  }: obisd ${command} --help shows them`;
}

function didYouMean(found: string, allowed: readonly string[], before = ""): string {
  const best = nearest(found, allowed);
  return best === undefined ? "" : `, did you mean ${before}${best}?`;
}

async function overview(commands: NonNullable<MainOptions["commands"]>): Promise<string> {
  const rows = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => `  ${name.padEnd(12)} ${(await load()).summary}`),
  );
  return `obisd reads utility meters over IEC 62056-21 and delivers every reading.

obisd COMMAND [OPTIONS]

Commands:
${rows.join("\n")}

${COMMON_HELP}

  obisd discover                   which ports are there, and who answers on them?
  obisd read /dev/ttyUSB0          what does this meter say?
  obisd check -c obisd.yaml        is the configuration right?

No meter at hand? This is one, for "obisd read /tmp/meter" and the rest:
  obisd simulate demo/household.txt --pty /tmp/meter &`;
}

/** Under systemd as the journal wants it, else for people. */
function openLog(level: string | boolean | undefined, write: MainOptions["complain"]): Log {
  if (level !== undefined && !LEVELS.includes(level as Level)) {
    throw new UsageError(`--log-level ${level}: allowed are ${LEVELS.join(", ")}`);
  }
  return createLog({
    level: (level ?? "info") as Level,
    format: underSystemd() ? "journal" : "terminal",
    colour: Deno.stderr.isTerminal() && !Deno.noColor,
    ...write && { write },
  });
}

/** systemd tells a service that its standard error ends in the journal (systemd.exec(5)). */
function underSystemd(): boolean {
  return Deno.env.get("JOURNAL_STREAM") !== undefined;
}

/** What a person reads about an error: its own sentence; a stack only for a bug, and only when asked for. */
function describe(error: unknown, code: number, verbose: boolean): string {
  if (code === EXIT.interrupted || error instanceof Deno.errors.BrokenPipe) return "";
  if (error instanceof ConfigError) return error.message; // FILE:LINE:COLUMN: first, so that editors can jump there
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  if (error instanceof Deno.errors.NotCapable) {
    return `obisd: Deno forbids it: ${message}\nobisd permissions prints the flags that a configuration needs`;
  }
  if (code !== EXIT.bug) return `obisd: ${message}`;
  const hint = verbose ? `\n${stack}` : " (--log-level debug shows where)";
  return `obisd: ${oneLine(message)}: this is a bug, please report it${hint}`;
}

function sayOnStderr(text: string): void {
  const lines = underSystemd() ? text.trimEnd().split("\n").map((line) => `<3>${line}\n`).join("") : text;
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(lines));
  } catch {
    // Standard error is closed: nobody is there to be told.
  }
}

/** SIGINT and SIGTERM end a command by its signal, so that a meter is signed off before the port closes. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort(new DOMException("Interrupted", "AbortError"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, abort);
  return controller.signal;
}

if (import.meta.main) {
  const end = (error: unknown) => {
    const code = exitCodeOf(error);
    sayOnStderr(describe(error, code, false) + "\n");
    Deno.exit(code);
  };
  globalThis.addEventListener("unhandledrejection", (event) => end(event.reason));
  globalThis.addEventListener("error", (event) => end(event.error));
  Deno.exit(await main(Deno.args, { signal: abortOnSignals() }));
}
