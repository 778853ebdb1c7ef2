/** `obisd simulate`: a meter that says what a captured telegram says, on TCP or on a pseudo-terminal. @module */
import { ACCESSES } from "../iec62056/mod.ts";
import { EXIT } from "../exit_code.ts";
import { ProtocolError, UsageError } from "../errors.ts";
import {
  DIALECTS,
  type Fault,
  FAULTS,
  parseCaptures,
  parseDialect,
  parseFault,
  type ProgrammedOptions,
  type SimulatedMeter,
  type SimulatedMode,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "../simulator/mod.ts";
import { parseDuration } from "../units.ts";
import { MAX_ADDRESS } from "../dlms_settings.ts";
import type { Arguments, Command } from "./command.ts";
import { parseNumber } from "./dlms.ts";
import { playBack, type PlayBackOptions } from "./play_back.ts";
import { parseSimulatedDlms, SIMULATED_DLMS_HELP, SIMULATED_DLMS_OPTIONS } from "./simulate_dlms.ts";

const listed = (table: Readonly<Record<string, { readonly argument: string; readonly does: string }>>) =>
  Object.entries(table).map(([name, { argument, does }]) =>
    `  ${(name + (argument && `[:${argument}]`)).padEnd(28)} ${
      does.match(/\S.{0,87}(?= |$)/g)!.join("\n" + " ".repeat(31))
    }`
  ).join("\n");

const HELP = `obisd simulate FILE[@ADDRESS]… (--listen tcp://HOST:PORT | --pty LINK) [OPTIONS]
obisd simulate --replay FILE (--listen tcp://HOST:PORT | --pty LINK) [--strict] [--no-pacing]

Plays meters that say what captured telegrams say. FILE is any captured text: with or without its identification,
control characters and check; a file that is whole is said byte for byte. Several FILEs are several meters on one line.
ADDRESS is the number by which a meter is called; absent, the one in its telegram (0.0.0, C.1.0); with --opening hdlc it
is the meter's number on the line: obisd simulate a.txt@17 b.txt@18 --mode E --opening hdlc --pty /tmp/line.

  --listen tcp://HOST:PORT  serve clients on TCP, each with a line of its own; port 0: any that is free
  --pty LINK                serve one client on a pseudo-terminal, to be found at LINK; its speed is watched
  --replay FILE             plays back what --record kept of a session (or an exchange as people write it down: hex
                            digits behind > and <): the meter's bytes come as they came, and what the client sends is
                            compared; where it differs is said on standard error
  --strict                  plays it once: exit 0 if the client said what is recorded, 76 at the first difference
  --mode A|B|C|D|E          instead of what the identification announces; D pushes without being asked; E, see below
  --baud N                  a port that has one speed: sign-on and data at N; mode D pushes at N
  --every DURATION          from one push to the next in mode D (1s for P1, else 2s)
  --live                    values move: energies grow, power sways, the clock runs
  --fault NAME[:ARG]…       something goes wrong, see below; may be given several times
  --password WORD           programming mode wants it before anything is written; WORD is no secret of a real meter
  --protect writing|reading what the password is for: writing (the default), or reading as well
  --seed TEXT               what P0 says (default nothing)
  --access HOW              password (P1, W5; the default) or the name of an algorithm (P2)
  --dialect NAME[:ARG]…     habits of makers in programming mode, see below; may be given several times
  --profile                 a load profile P.01 of the last 40 days, made up
  --no-programming          a meter without programming mode
  --no-pacing               nothing takes its time and no speed is watched: for measures of the reader alone

${SIMULATED_DLMS_HELP}

Faults, each NAME[:ARG][:TIMES]; with TIMES, only so many times (bad-bcc:1, truncate:200:1):
${listed(FAULTS)}

Dialects of programming mode, in which the telegram's registers can be read and written:
${listed(DIALECTS)}

It says where it listens on standard output, and what a client does wrong on standard error; --log-level debug tells
all that happens. It ends on SIGINT or SIGTERM.

  obisd simulate demo/household.txt --pty /tmp/meter --live &
  obisd read /tmp/meter
  obisd simulate demo/household.txt --pty /tmp/meter --mode E --password 12345678 --security both

  obisd read /dev/ttyUSB0 --record night.jsonl        # where it goes wrong
  obisd simulate --replay night.jsonl --pty /tmp/meter &
  obisd read /tmp/meter                               # goes wrong again, wherever you are`;

/** The command `simulate`. */
export const simulate: Command = {
  summary: "be a meter on TCP or on a pseudo-terminal",
  help: HELP,
  options: {
    listen: { type: "string" },
    pty: { type: "string" },
    replay: { type: "string" },
    strict: { type: "boolean" },
    mode: { type: "string" },
    baud: { type: "string" },
    every: { type: "string" },
    live: { type: "boolean" },
    fault: { type: "string", multiple: true },
    password: { type: "string" },
    protect: { type: "string" },
    seed: { type: "string" },
    access: { type: "string" },
    dialect: { type: "string", multiple: true },
    profile: { type: "boolean" },
    "no-programming": { type: "boolean" },
    "no-pacing": { type: "boolean" },
    ...SIMULATED_DLMS_OPTIONS,
  },
  async run(args, context) {
    const { log, signal } = context;
    const { replay, strict = false } = args.values;
    if (replay !== undefined) return await playBack(String(replay), playBackOptions(args), context);
    if (strict === true) throw new UsageError("--strict is for a recording: --replay FILE");
    const options = simulatorOptions(args);
    const meters = await Promise.all(args.positionals.map(loadMeter));
    if (options.dlms?.opening === "hdlc") {
      for (const { address } of meters) if (address !== undefined) parseNumber("FILE@ADDRESS", address, MAX_ADDRESS);
    }
    await using simulator = await start({ ...options, meters, signal, log });
    await sayWhere(simulator.endpoint);
    await simulator.ended;
    return EXIT.ok;
  },
};

function playBackOptions({ values, positionals }: Arguments): PlayBackOptions {
  const taken = ["replay", "listen", "pty", "strict", "no-pacing", "config", "log-level"];
  const other = Object.keys(values).find((option) => !taken.includes(option));
  if (positionals.length > 0 || other !== undefined) {
    throw new UsageError(`A recording is played as it is: --replay FILE takes no ${other ? `--${other}` : "telegram"}`);
  }
  return {
    listen: listenOf(values),
    pacing: values["no-pacing"] !== true,
    strict: values.strict === true,
    onListen: sayWhere,
  };
}

/** What the command line asks for, but for the files. @throws {UsageError} */
function simulatorOptions(args: Arguments): Omit<SimulatorOptions, "meters"> {
  const { values, positionals } = args;
  if (positionals.length === 0) throw new UsageError("Which telegram? obisd simulate FILE --pty LINK; see --help");
  const faults = (values.fault ?? []) as string[];
  const isModeE = values.mode === "E";
  const foreign = Object.keys(SIMULATED_DLMS_OPTIONS).find((option) => !isModeE && values[option] !== undefined);
  if (foreign !== undefined) throw new UsageError(`--${foreign} is of --mode E`);
  return {
    listen: listenOf(values),
    ...isModeE && { dlms: parseSimulatedDlms(args) },
    ...(values.mode === undefined || isModeE ? {} : { mode: modeOf(String(values.mode)) }),
    ...(values.baud === undefined ? {} : { baud: baudOf(String(values.baud)) }),
    ...(values.every === undefined ? {} : { everyMs: asUsage("--every", () => parseDuration(String(values.every))) }),
    live: values.live === true,
    faults: faults.map((fault): Fault => asUsage("--fault", () => parseFault(fault))),
    programming: values["no-programming"] !== true && programmedOptions(values),
    ...values.profile === true && { profile: Temporal.Now.timeZoneId() },
    pacing: values["no-pacing"] !== true,
  };
}

function programmedOptions({ password, protect, seed, access, dialect }: Arguments["values"]): ProgrammedOptions {
  if (protect !== undefined && protect !== "writing" && protect !== "reading") {
    throw new UsageError(`--protect ${protect}: allowed are writing and reading`);
  }
  const algorithms = ACCESSES.filter((name) => name !== "auto" && name !== "bracket");
  if (access !== undefined && !algorithms.includes(String(access))) {
    throw new UsageError(`--access ${access}: allowed are ${algorithms.join(", ")}`);
  }
  const habits = ((dialect ?? []) as string[]).map((text) => asUsage("--dialect", () => parseDialect(text)));
  return {
    ...password !== undefined && { password: String(password) },
    ...protect !== undefined && { protects: protect },
    ...seed !== undefined && { seed: String(seed) },
    ...access !== undefined && { access: String(access) },
    dialect: Object.fromEntries(habits),
  };
}

function listenOf({ listen, pty }: Arguments["values"]): SimulatorOptions["listen"] {
  if ((listen === undefined) === (pty === undefined)) {
    throw new UsageError("Say where: either --listen tcp://127.0.0.1:PORT or --pty LINK");
  }
  if (typeof pty === "string") return { pty };
  const found = /^tcp:\/\/(\[[^\]]+\]|[^:/?]+):(\d+)\/?$/.exec(String(listen));
  if (!found || Number(found[2]) > 65535) {
    throw new UsageError(`Cannot listen on "${listen}": allowed is tcp://HOST:PORT, like tcp://127.0.0.1:8000`);
  }
  return { tcp: `${found[1]}:${found[2]}` };
}

function modeOf(text: string): SimulatedMode {
  if (/^[ABCD]$/.test(text)) return text as SimulatedMode;
  throw new UsageError(`There is no mode "${text}" to simulate: allowed are A, B, C, D, E`);
}

function baudOf(text: string): number {
  const baud = Number(text);
  if (/^\d+$/.test(text) && baud >= 50 && baud <= 4_000_000) return baud;
  throw new UsageError(`--baud ${text}: allowed is a speed in bits per second, like 300 or 9600`);
}

function asUsage<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`, { cause: error });
  }
}

/** Reads `FILE[@ADDRESS]`; a file that has an `@` in its name is found all the same. */
async function loadMeter(argument: string): Promise<SimulatedMeter> {
  const at = argument.lastIndexOf("@");
  const isFile = at <= 0 || await Deno.stat(argument).then(() => true, () => false);
  const path = isFile ? argument : argument.slice(0, at);
  const captures = parseCaptures(await readCapture(path));
  if (captures.length === 0) {
    throw new ProtocolError("damaged", `${path} is no telegram: there is no data set like 1.8.0(000123.4*kWh) in it`);
  }
  return isFile ? { captures } : { captures, address: argument.slice(at + 1) };
}

async function readCapture(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Deno.errors.NotFound(`There is no file ${path}`);
    throw error;
  }
}

async function start(options: SimulatorOptions): Promise<Simulator> {
  return await startSimulator(options);
}

/** On standard output, at once: a script waits for it. */
async function sayWhere(endpoint: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`Listening on ${endpoint}\n`));
}
