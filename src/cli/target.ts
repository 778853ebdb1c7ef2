/** Whom a command asks: an endpoint of the command line, or a meter of the configuration. @module */
import { dirname, join } from "node:path";
import { type BackfillConfig, DEFAULT_CONFIG_PATH, loadConfig } from "../config.ts";
import type { DlmsSettings } from "../dlms_settings.ts";
import { ConfigError, UsageError } from "../errors.ts";
import { countersBeside } from "../invocation_counters.ts";
import { zoneOf } from "../iec62056/mod.ts";
import { explainType, meterTypeNamed, useMeterTypes } from "../meters/mod.ts";
import { readOwnMeterTypes } from "../config/meter_types.ts";
import { type Endpoint, parseEndpoint } from "../transport/endpoint.ts";
import { parseDuration } from "../units.ts";
import type { Arguments } from "./command.ts";

const MODES = ["auto", "A", "B", "C", "D", "E"] as const;

/** One meter and how to reach it. */
export interface Target {
  readonly endpoint: Endpoint;
  readonly mode: typeof MODES[number];
  readonly address?: string;
  /** A file of `config/meters/`. */
  readonly type?: string;
  readonly name?: string;
  readonly obis?: readonly string[];
  readonly registers?: readonly string[];
  readonly password?: () => string;
  readonly access?: string;
  readonly dlms?: DlmsSettings;
  /** The file in which the daemon keeps its invocation counters. */
  readonly counters?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly expect?: Readonly<Record<string, string>>;
  /** Absent: the host's. */
  readonly timeZone?: string;
  /** What is fetched of it by itself, and how. */
  readonly backfill?: BackfillConfig;
}

/** Options by which a command is told whom to ask, and how long. */
export const TARGET_OPTIONS = {
  mode: { type: "string" },
  address: { type: "string" },
  type: { type: "string" },
  meters: { type: "string" },
  trace: { type: "boolean" },
  record: { type: "string" },
  timeout: { type: "string" },
  name: { type: "string" },
} as const;

/** The target that `what` names, with what the options change about it. @throws {UsageError} @throws {ConfigError} */
export async function parseTarget(what: string, { values }: Arguments): Promise<Target> {
  const isEndpoint = /[/:]/.test(what) || /^tty/.test(what);
  const target = isEndpoint
    ? { endpoint: parseUsage(() => parseEndpoint(what)), mode: "auto" as const }
    : await configured(what, values.config);
  if (isEndpoint || values.meters !== undefined) await useOwnMeterTypes(values);
  return {
    ...target,
    ...values.mode !== undefined && { mode: parseMode(values.mode as string) },
    ...values.address !== undefined && { address: values.address as string },
    ...values.type !== undefined && { type: parseType(values.type as string) },
    ...values.name !== undefined && { name: values.name as string },
    ...values.obis !== undefined && { obis: (values.obis as string).split(",").map((code) => code.trim()) },
  };
}

async function configured(name: string, file: unknown): Promise<Target> {
  const path = file as string | undefined ?? DEFAULT_CONFIG_PATH;
  const config = await loadConfig(path, { missingSecrets: "warning" }); // this shell may lack what the service has
  useMeterTypes(config.meterTypes.own);
  const meter = config.meters.find((meter) => meter.name === name);
  if (!meter) {
    throw new UsageError(`${path} has no meter "${name}": ${config.meters.map((meter) => meter.name).join(", ")}`);
  }
  const line = config.lines.find((line) => line.name === meter.line)!;
  return { ...meter, endpoint: line.endpoint, counters: countersBeside(config.journal.path) };
}

/** Knows the types of `--meters DIR`, or else of the folder beside the configuration, if there is one. @throws {ConfigError} */
export async function useOwnMeterTypes({ meters, config }: Arguments["values"]): Promise<void> {
  const beside = join(dirname(config as string | undefined ?? DEFAULT_CONFIG_PATH), "meters");
  const folder = meters as string | undefined;
  const types = readOwnMeterTypes(folder ?? beside, { isWanted: folder !== undefined });
  useMeterTypes(await ((folder ?? config) === undefined ? types.catch(forgiveClosed) : types));
}

/** Nobody named the folder, and this user may not look into it: the program's own types serve. */
function forgiveClosed(error: unknown): [] {
  if (error instanceof ConfigError && error.cause instanceof Deno.errors.PermissionDenied) return [];
  throw error;
}

function parseMode(text: string): Target["mode"] {
  const mode = MODES.find((mode) => mode === text);
  if (mode === undefined) throw new UsageError(`--mode ${text}: allowed are ${MODES.join(", ")}`);
  return mode;
}

function parseType(id: string): string {
  if (meterTypeNamed(id)) return id;
  throw new UsageError(`--type ${id}: ${explainType(id)}`);
}

/** The value of `--timeout`, ms. @throws {UsageError} */
export function parseTimeout(text: unknown, absentMs = 120_000): number {
  return text === undefined ? absentMs : parseUsage(() => parseDuration(text as string), "--timeout: ");
}

/** What cannot be parsed on a command line is a usage error. */
export function parseUsage<T>(parse: () => T, where = ""): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(where + (error as Error).message, { cause: error });
  }
}

/** The zone that a meter's clock shows: that of `--time-zone`, else the meter's, else this machine's. @throws {UsageError} */
export function timeZoneOf(text: unknown, ofMeter: string | undefined): string {
  const name = text as string | undefined ?? ofMeter ?? Temporal.Now.timeZoneId();
  try {
    zoneOf(name).offsetMs(0);
    return name;
  } catch (cause) {
    throw new UsageError(`There is no time zone ${JSON.stringify(name)}: write one like Europe/Berlin`, { cause });
  }
}
