/** The configuration: what the file says, checked, with every default filled in. @module */
import { dirname, join, resolve } from "node:path";
import { dlmsSchema, type DraftDlms, toDlmsSettings } from "./config/dlms.ts";
import { type Document, type Path, readDocument } from "./config/document.ts";
import { isMapping, present, readFields, readMapping } from "./config/fields.ts";
import { createReport, describe, type Report } from "./config/report.ts";
import { readOwnMeterTypes } from "./config/meter_types.ts";
import { checkRules, type DraftLine, type DraftMeter } from "./config/rules.ts";
import {
  backfillSchema,
  configSchema,
  journalSchema,
  lineSchema,
  meterSchema,
  nameSchema,
  setClockSchema,
} from "./config/schema.ts";
import type { DlmsSettings } from "./dlms_settings.ts";
import { ConfigError, type ConfigFault } from "./errors.ts";
import { type MeterType, withOwn } from "./meters/mod.ts";
import type { Priority, Schedule } from "./schedule.ts";
import { readSinks } from "./config/sinks.ts";
import { inSurroundings, type Surroundings } from "./secret.ts";
import type { SinkPlugin } from "./sink.ts";
import type { Mode } from "./telegram.ts";
import type { Endpoint } from "./transport/endpoint.ts";

/** Where the service looks. */
export const DEFAULT_CONFIG_PATH = "/etc/obisd/obisd.yaml";

/** A configuration without a fault. */
export interface Config {
  /** Absolute. */
  readonly path: string;
  readonly timeZone: string;
  /** Absolute; where the daemon shows how it is doing. */
  readonly runtimeDirectory?: string;
  /** Absolute; types of meters that the program does not know, or knows differently, and where they stand. */
  readonly meterTypes: { readonly folder: string; readonly own: readonly MeterType[] };
  readonly lines: readonly LineConfig[];
  readonly meters: readonly MeterConfig[];
  readonly sinks: readonly SinkConfig[];
  readonly journal: JournalConfig;
  /** What is allowed but hardly meant. */
  readonly warnings: readonly ConfigFault[];
  /** What its secrets are read from: names of environment variables, paths of files. */
  readonly secrets: { readonly env: readonly string[]; readonly files: readonly string[] };
}

/** A wire that several meters may share. */
export interface LineConfig {
  readonly name: string;
  readonly endpoint: Endpoint;
}

/** One meter. */
export interface MeterConfig {
  readonly name: string;
  /** Name of its line. */
  readonly line: string;
  readonly address?: string;
  readonly mode: Mode | "auto";
  /** A file of `config/meters/`. */
  readonly type?: string;
  /** Mode E: how to reach it and to sign on. In mode auto: if it is offered; absent: then it is not taken. */
  readonly dlms?: DlmsSettings;
  /** Who is read first where the line has no time for all; absent: normal. */
  readonly priority?: Priority;
  /** Absent only where the meter speaks by itself: each telegram counts. */
  readonly schedule?: Schedule;
  readonly timeZone: string;
  readonly obis?: readonly string[];
  /** A readout ends once all of `obis` is in. */
  readonly stopEarly?: true;
  /** Read one by one, in programming mode or mode E, instead of a readout. */
  readonly registers?: readonly string[];
  /** Reads it afresh at each call. @throws {Error} it is not there */
  readonly password?: () => string;
  /** One of `ACCESSES`. */
  readonly access?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly expect?: Readonly<Record<string, string>>;
  /** Data messages that may be asked for in a slot. */
  readonly tries: number;
  /** What dates a readout: its arrival, its slot, the meter's own clock. */
  readonly timestamp: "readout" | "slot" | "meter";
  /** Absent: gaps stay. */
  readonly backfill?: BackfillConfig;
  /** Absent: nothing is ever written to it. */
  readonly setClock?: SetClockConfig;
}

/** What becomes of intervals that no readout told of. */
export interface BackfillConfig {
  /** `P.01` */
  readonly profile: string;
  readonly maxAgeMs: number;
  /** Of the line's time, in any hour. */
  readonly budgetMs: number;
  readonly from: "now" | "start";
  /** What the profile's times are in; absent: as the meter's clock, or as is usual with its type. */
  readonly timeZone?: string;
}

/** Whether a meter's clock is kept right. */
export interface SetClockConfig {
  /** Off by no more, it is left. */
  readonly toleranceMs: number;
  /** By so much it is set in any 24 hours at most. */
  readonly maxPerDayMs: number;
}

/** One sink: a plug-in and its options, which the plug-in's own schema has read. */
export interface SinkConfig {
  readonly name: string;
  readonly type: string;
  /** What the journal keeps for it at most. */
  readonly bounds: { readonly maxBytes?: number; readonly maxAgeMs?: number };
  readonly plugin: SinkPlugin;
  readonly options: unknown;
}

/** The durable log of readings. */
export interface JournalConfig {
  /** Absolute. */
  readonly path: string;
  readonly maxBytes: number;
  readonly maxAgeMs?: number;
  /** What becomes of readings while the host's clock is not synchronised. */
  readonly unsynchronised: "hold" | "flag";
  /** Absent: by the size of its disk. */
  readonly minFreeBytes?: number;
  /** So long readouts of fast meters wait for others to share a commit. */
  readonly groupCommitMs: number;
}

/** What a test or a command changes about loading. */
export interface LoadOptions {
  /** The value of an environment variable; default the process's. */
  readonly environment?: (name: string) => string | undefined;
  /** `warning`: for commands that never open a sink; the service may have secrets that this shell lacks. Default `fault`. */
  readonly missingSecrets?: "fault" | "warning";
}

/** Reads and checks a configuration file. @throws {ConfigError} with every fault in it */
export async function loadConfig(path: string, options: LoadOptions = {}): Promise<Config> {
  const faults: ConfigFault[] = [];
  const document = readDocument(await readText(path), (fault) => faults.push({ path, ...fault }));
  if (!document) throw new ConfigError(faults);
  const warnings: ConfigFault[] = [];
  const elsewhere: ConfigFault[] = [];
  const config = await readConfig(path, document, {
    ...options,
    report: createReport(path, document, { faults, warnings }),
    onFault: (fault) => elsewhere.push(fault),
  });
  if (faults.length + elsewhere.length > 0) throw new ConfigError([...faults.toSorted(byPlace), ...elsewhere]);
  return { ...config, warnings: warnings.toSorted(byPlace) };
}

const byPlace = (a: ConfigFault, b: ConfigFault) => (a.line! - b.line!) || (a.column! - b.column!);

/** @throws {ConfigError} when there is no text to be had */
async function readText(path: string): Promise<string> {
  const fail = (message: string, cause: unknown) => new ConfigError([{ path, message }], { cause });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await Deno.readFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw fail(
        `not found: name another with -c FILE, or begin with a copy of config/obisd.yaml, which explains itself`,
        error,
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) throw fail("may not be read by this user", error);
    if (error instanceof TypeError) throw fail("is no UTF-8 text", error);
    if (error instanceof Deno.errors.IsADirectory || /directory/.test(String(error))) {
      throw fail(`is a directory: name the file in it, like ${path.replace(/\/$/, "")}/obisd.yaml`, error);
    }
    throw error;
  }
}

type ReadOptions = LoadOptions & {
  readonly report: Report;
  /** Takes faults of other files. */
  readonly onFault: (fault: ConfigFault) => void;
};

/** Reads all of it, however much is wrong; whatever is incomplete has been reported. */
async function readConfig(path: string, document: Document, options: ReadOptions): Promise<Omit<Config, "warnings">> {
  const { report } = options;
  const base = dirname(resolve(path));
  const secrets = { env: new Set<string>(), files: new Set<string>() };
  const surroundings: Surroundings = {
    base,
    environment: options.environment ?? ((name) => Deno.env.get(name)),
    onUse: ({ kind, name }) => (kind === "env" ? secrets.env : secrets.files).add(name),
  };
  const top = inSurroundings(surroundings, () => readTop(document.value, report));
  const folder = top.meterTypes ?? join(base, "meters");
  const own = await readOwn(folder, { isWanted: top.meterTypes !== undefined, onFault: options.onFault });
  const lines = readLines(top.lines, report);
  const meters = readList(top.meters, ["meters"], report).map((meter, at) => {
    const path = ["meters", at];
    const onMissing = options.missingSecrets === "warning" && ((message: string) => report.warn(path, message));
    return inSurroundings({ ...surroundings, ...onMissing && { onMissing } }, () => readMeter(meter, path, report));
  });
  const sinks = await readSinks(top.sinks ?? [], { ...options, surroundings });
  const journal = inSurroundings(
    surroundings,
    () => readFields(journalSchema, top.journal ?? {}, { path: ["journal"], report }),
  );
  checkRules({ lines, meters, sinks, ...own && { types: withOwn(own) } }, report);
  return {
    path: resolve(path),
    timeZone: top.timeZone,
    ...present("runtimeDirectory", top.runtimeDirectory),
    meterTypes: { folder, own: own ?? [] },
    lines: lines.map(({ name, endpoint }) => ({ name, endpoint: endpoint! })),
    meters: meters.map((meter) => toMeter(meter, top.timeZone)),
    sinks: sinks.map(({ name, type, bounds, plugin, options }) => ({
      name: name!,
      type,
      bounds,
      plugin: plugin!,
      options,
    })),
    journal: {
      path: journal.path!,
      maxBytes: journal.max_bytes!,
      unsynchronised: journal.unsynchronised!,
      groupCommitMs: journal.group_commit!,
      ...present("maxAgeMs", journal.max_age),
      ...present("minFreeBytes", journal.min_free),
    },
    secrets: { env: [...secrets.env], files: [...secrets.files] },
  };
}

/** What stands at the top level itself. */
const plainSchema = configSchema.pick({ time_zone: true, runtime_directory: true, meter_types: true });

/** The top level, whose parts are read one by one. */
function readTop(value: unknown, report: Report) {
  const { lines, meters, sinks, journal, ...plain } = readMapping(value ?? {}, [], report);
  if (value === null || value === undefined) report.fault([], "the file is empty: it needs lines and meters");
  else if (isMapping(value)) {
    if (lines === undefined) report.fault([], "lines are missing: the wires and where they end");
    if (meters === undefined) report.fault([], "meters are missing: what is to be read");
    else if (Array.isArray(meters) && meters.length === 0) {
      report.fault(["meters"], "no meter: there is nothing to read");
    }
  }
  const { time_zone, runtime_directory, meter_types } = readFields(plainSchema, plain, {
    path: [],
    report,
    known: Object.keys(configSchema.shape),
  });
  const timeZone = time_zone ?? Temporal.Now.timeZoneId();
  return { lines, meters, sinks, journal, timeZone, runtimeDirectory: runtime_directory, meterTypes: meter_types };
}

/** The types of the administrator's folder; `undefined`: they are wrong, and were told. */
async function readOwn(
  folder: string,
  { isWanted, onFault }: { readonly isWanted: boolean; readonly onFault: (fault: ConfigFault) => void },
): Promise<MeterType[] | undefined> {
  try {
    return await readOwnMeterTypes(folder, { isWanted });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const fault of error.faults) onFault(fault);
    return undefined;
  }
}

function readLines(value: unknown, report: Report): DraftLine[] {
  return Object.entries(readMapping(value, ["lines"], report)).map(([name, line]) => {
    const path = ["lines", name];
    const result = nameSchema.safeParse(name);
    if (!result.success) report.fault(path, result.error.issues[0]!.message, "key");
    const { url } = readFields(lineSchema, line ?? {}, { path, report });
    return { path, name, endpoint: url };
  });
}

function readMeter(value: unknown, path: Path, report: Report): DraftMeter {
  const given = isMapping(value) ? Object.keys(value) : [];
  const { dlms: itsDlms, backfill: itsBackfill, set_clock: itsClock, ...its } = isMapping(value) ? value : {};
  const { dlms: _, backfill: __, set_clock: ___, ...meter } = readFields(
    meterSchema,
    isMapping(value) ? its : value ?? {},
    {
      path,
      report,
    },
  );
  const dlms = itsDlms !== undefined || meter.mode === "E"
    ? readDlms(itsDlms ?? {}, [...path, "dlms"], report)
    : undefined;
  const backfill = itsBackfill === undefined
    ? undefined
    : readFields(backfillSchema, itsBackfill, { path: [...path, "backfill"], report });
  const set_clock = itsClock === undefined
    ? undefined
    : readFields(setClockSchema, itsClock, { path: [...path, "set_clock"], report });
  const givenDlms = isMapping(itsDlms) ? Object.keys(itsDlms) : [];
  return { ...meter, path, given, dlms, givenDlms, backfill, set_clock };
}

function readDlms(value: unknown, path: Path, report: Report): DraftDlms {
  return readFields(dlmsSchema, value, { path, report });
}

function toMeter({ name, line, mode, labels, tries, timestamp, ...meter }: DraftMeter, timeZone: string): MeterConfig {
  const zone = meter.time_zone ?? timeZone;
  return {
    name: name!,
    line: line!,
    mode: mode!,
    labels: labels!,
    tries: tries!,
    timestamp: timestamp!,
    timeZone: zone,
    ...present("schedule", scheduleOf(meter, zone)),
    ...present("address", meter.address),
    ...meter.priority !== "normal" && present("priority", meter.priority),
    ...present("type", meter.type),
    ...present("obis", meter.obis),
    ...meter.stop_early && { stopEarly: true },
    ...present("registers", meter.registers),
    ...present("password", meter.password),
    ...meter.dlms && { dlms: toDlmsSettings(meter.dlms) },
    ...meter.access !== "auto" && present("access", meter.access),
    ...present("expect", meter.expect),
    ...meter.backfill && { backfill: toBackfill(meter.backfill, mode!) },
    ...meter.set_clock && {
      setClock: { toleranceMs: meter.set_clock.tolerance!, maxPerDayMs: meter.set_clock.max_per_day! },
    },
  };
}

function toBackfill(
  { profile, max_age, budget, from, time_zone }: NonNullable<DraftMeter["backfill"]>,
  mode: MeterConfig["mode"],
): BackfillConfig {
  const usual = mode === "E" ? "1-0:99.1.0*255" : "P.01";
  return {
    ...{ profile: profile ?? usual, maxAgeMs: max_age!, budgetMs: budget!, from: from! },
    ...time_zone !== undefined && { timeZone: time_zone },
  };
}

function scheduleOf({ every, cron }: Pick<DraftMeter, "every" | "cron">, timeZone: string): Schedule | undefined {
  if (every !== undefined) return { kind: "every", ms: every, timeZone };
  return cron === undefined ? undefined : { kind: "cron", pattern: cron, timeZone };
}

function readList(value: unknown, path: Path, report: Report): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value !== undefined) report.fault(path, `found ${describe(value)}, allowed is a list: lines that begin with -`);
  return [];
}
