/** `obisd read` against a simulated meter, in this process: exit code, what is said and where, what the meter saw. @module */
import { toBytes } from "../../src/iec62056/characters.ts";
import { main } from "../../src/main.ts";
import {
  parseCaptures,
  parseFault,
  type SimulatedMode,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
  type Statistics,
} from "../../src/simulator/mod.ts";
import { hastyClock } from "./hasty_clock.ts";

/** What the meter says; its digits must arrive as they are, or not at all. */
export const SAID = ["12345678", "0147238.4", "000001.2"];

/** The telegram that every meter of these tests has. */
export const TELEGRAM = "/ABC5METER\r\n0.0.0(12345678)\r\n1.8.0(0147238.4*kWh)\r\n2.8.0(000001.2*kWh)\r\n!\r\n";

const P1 = "/ABC5P1\r\n\r\n0-0:96.1.1(12345678)\r\n1-0:1.8.1(0147238.4*kWh)\r\n1-0:2.8.1(000001.2*kWh)\r\n!0000\r\n";

/** What the command did. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly seen: Readonly<Statistics>;
}

/** How the meter is, and how it is read. */
export interface Reading extends Partial<Pick<SimulatorOptions, "live" | "pacing" | "programming">> {
  readonly mode?: SimulatedMode | "P1";
  readonly faults?: readonly string[];
  /** Another telegram than TELEGRAM. */
  readonly telegram?: string;
  /** Where the meter is: TCP, or a pseudo-terminal at this link. */
  readonly link?: string;
  /** Behind the endpoint: `?max_baud=300`. */
  readonly query?: string;
  /** Options of the command. */
  readonly args?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Runs a command in this process. */
export async function runCommand(
  args: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<Omit<Outcome, "seen">> {
  let [out, err] = ["", ""];
  const print = (text: string) => out += text + "\n";
  const complain = (text: string) => err += text;
  const code = await main(args, { signal, print, complain, clock: hastyClock });
  return { code, out, err };
}

/** Starts a meter as a test wants it. */
export function meter(reading: Reading = {}): Promise<Simulator> {
  const { mode, faults = [], link, live = false, pacing = false, programming } = reading;
  const { telegram = mode === "P1" ? P1 : TELEGRAM } = reading;
  return startSimulator({
    meters: [{ captures: parseCaptures(toBytes(telegram)) }],
    ...programming !== undefined && { programming },
    listen: link === undefined ? { tcp: "127.0.0.1:0" } : { pty: link },
    ...mode !== undefined && mode !== "P1" && { mode },
    faults: faults.map(parseFault),
    everyMs: 200,
    live,
    pacing,
    clock: hastyClock,
  });
}

/** Reads a meter once, JSON lines if not told otherwise. */
export async function readMeter(reading: Reading): Promise<Outcome> {
  const { mode, query = "", args = [], signal } = reading;
  await using simulator = await meter(reading);
  const pushes = mode === "D" || mode === "P1" ? ["--mode", "D"] : [];
  const format = args.includes("--format") ? [] : ["--format", "json"];
  const command = ["read", simulator.endpoint + query, ...pushes, ...format, ...args];
  const outcome = await runCommand(command, signal);
  const seen = simulator.statistics;
  const deadlineMs = performance.now() + 500; // what was sent last is still on its way
  while (seen.breaks === 0 && seen.sessions > 0 && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { ...outcome, seen: { ...seen } };
}

/** The digits of JSON lines. */
export function textsOf(out: string): string[] {
  return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line).text);
}
