/** `obisd check`: is the configuration right, and what will happen with it? @module */
import { access, constants } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Config, DEFAULT_CONFIG_PATH, loadConfig, type MeterConfig } from "../config.ts";
import { formatFault, UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { systemHost } from "../host.ts";
import type { Log } from "../log.ts";
import { METER_TYPES, type MeterType, meterTypeNamed, useMeterTypes } from "../meters/mod.ts";
import { aligned } from "../format.ts";
import { formatEnvironmentFile, needsOf } from "../permissions.ts";
import { print } from "../print.ts";
import { SERVICE_RUNTIME_DIRECTORY } from "../runtime_directory.ts";
import { nextSlot } from "../schedule.ts";
import { nameNotice } from "../transport/serial.ts";
import { lineTrouble } from "../line_budget.ts";
import { formatEndpoint } from "../transport/endpoint.ts";
import { counted, formatDuration } from "../units.ts";
import type { Command } from "./command.ts";

/** Checks a configuration, and keeps the service's permissions on demand. */
export const check: Command = {
  summary: "check the configuration and say what will happen",
  help: `obisd check [-c FILE] [--write-permissions [FILE]]

Says all that is wrong with the configuration, each fault with its line and column (exit 78), or what it will do:
its lines, meters with their next slots, and sinks. Nothing is opened or asked.

  --write-permissions  keep the Deno flags that this configuration needs where the service reads them:
                       FILE, or permissions.env beside the configuration. Restart the service afterwards.

  obisd check -c obisd.yaml
  sudo obisd check --write-permissions`,
  options: { "write-permissions": { type: "boolean" } },

  async run({ values, positionals }, { log }) {
    const writes = values["write-permissions"] === true;
    if (positionals.length > (writes ? 1 : 0)) {
      throw new UsageError("check takes no argument; the configuration is named by -c FILE");
    }
    const path = values.config as string | undefined ?? DEFAULT_CONFIG_PATH;
    const config = await loadConfig(path, { missingSecrets: "warning" });
    useMeterTypes(config.meterTypes.own);
    await warn(config, log);
    print(summarise(config, Date.now()));
    if (writes) await writePermissions(config, positionals[0] ?? join(dirname(config.path), "permissions.env"));
    return EXIT.ok;
  },
};

/** Whole or not at all: the service may start at any moment. */
async function writePermissions(config: Config, file: string): Promise<void> {
  const text = `# Written by "obisd check --write-permissions" from ${config.path}\n${
    formatEnvironmentFile(needsOf(config))
  }`;
  await Deno.writeTextFile(`${file}.new`, text, { mode: 0o644 });
  await Deno.chmod(`${file}.new`, 0o644); // whatever the umask
  await Deno.rename(`${file}.new`, file);
  print(`Permissions written to ${file}`);
}

/** What is allowed, but hardly meant or about to fail. */
async function warn(config: Config, log: Log): Promise<void> {
  for (const fault of config.warnings) log.warning(formatFault(fault));
  for (const { name, endpoint } of config.lines) {
    const notice = endpoint.kind === "serial" ? nameNotice(endpoint.path, endpoint.bare === true) : undefined;
    if (notice) log.warning(`line ${name}: ${notice}`);
    const trouble = lineTrouble({ name, endpoint }, config.meters.filter(({ line }) => line === name), Date.now());
    if (trouble) log.warning(trouble);
  }
  const clock = clockTrouble(config.journal);
  if (clock) log.warning(clock);
  const folder = dirname(config.journal.path);
  if (await isMissing(folder)) {
    log.warning(`${folder}, where the journal lies, does not exist: obisd run will not make it`);
  }
  // node's access() compares user ids; without the right to see them (the service's own flags) it cannot be asked.
  if (Deno.permissions.querySync({ name: "sys", kind: "uid" }).state !== "granted") return;
  for (const folder of needsOf(config).write) {
    if (folder === SERVICE_RUNTIME_DIRECTORY) continue; // systemd makes it
    const trouble = await writeTrouble(folder);
    if (trouble) log.warning(trouble);
  }
}

/** What a clock that nothing keeps right will do to readings. */
function clockTrouble({ unsynchronised }: Config["journal"]): string | undefined {
  if (systemHost().synchronised()) return undefined;
  const what = unsynchronised === "hold"
    ? "wait until it is, a day at most, or go on flagged clock-unsynchronised where it never has been"
    : "go on flagged clock-unsynchronised";
  return `The host's clock is not synchronised (timedatectl says more): readings ${what}`;
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

/** Why files could not be made in a folder, which itself may be made first. */
async function writeTrouble(folder: string): Promise<string | undefined> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    return (await Deno.stat(folder)).isDirectory ? undefined : `${folder} is no directory`;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" && dirname(folder) !== folder) return await writeTrouble(dirname(folder));
    return code === "EACCES" || code === "EROFS"
      ? `This user may not write to ${folder}; the service's user must`
      : undefined;
  }
}

/** The whole configuration on one screen. */
function summarise(config: Config, nowMs: number): string {
  const { lines, meters, sinks, journal } = config;
  return [
    `${config.path} is right: ${counted(lines, "line")}, ${counted(meters, "meter")}, ${counted(sinks, "sink")}`,
    "",
    ...aligned(meters.map((meter) => describeMeter(meter, config, nowMs))).map((line) => `  ${line}`),
    "",
    ...sinks.map(({ name, type }) => `to ${name}${name === type ? "" : ` (${type})`}`),
    `through ${journal.path}`,
    ...describeTypes(config),
  ].join("\n");
}

function describeMeter(meter: MeterConfig, { lines }: Config, nowMs: number): string[] {
  const { endpoint } = lines.find(({ name }) => name === meter.line)!;
  const address = meter.address === undefined ? "" : ` address ${meter.address}`;
  const { name, mode, type, priority, backfill, setClock } = meter;
  const habits = type === undefined ? "" : `, type ${type}${placeOf(meterTypeNamed(type))}`;
  const more = [
    ...priority ? [`${priority} priority`] : [],
    ...backfill ? [`back-fill from ${backfill.profile}`] : [],
    ...setClock ? ["its clock is set"] : [],
  ];
  return [
    ...[name, `on ${formatEndpoint(endpoint)}${address}`, `mode ${mode}${habits}`],
    [describeSchedule(meter, nowMs), ...more].join("; "),
  ];
}

function placeOf(type: MeterType | undefined): string {
  return type?.file === undefined ? "" : ` (${type.file})`;
}

function describeSchedule({ schedule, timeZone }: MeterConfig, nowMs: number): string {
  if (!schedule) return "each telegram";
  const when = schedule.kind === "every" ? `every ${formatDuration(schedule.ms)}` : `cron ${schedule.pattern}`;
  const next = nextSlot(schedule, nowMs);
  const zoned = Temporal.Instant.fromEpochMilliseconds(next).toZonedDateTimeISO(timeZone);
  return `${when}, next ${zoned.toPlainDateTime().toString({ smallestUnit: "second" }).replace("T", " ")} ${timeZone}`;
}

/** The administrator's types of meters. */
function describeTypes({ meterTypes: { folder, own } }: Config): string[] {
  if (own.length === 0) return [];
  const isInstead = (id: string) => METER_TYPES.some((type) => type.id === id);
  return [
    `types of meters in ${folder}: ${
      own.map(({ id }) => isInstead(id) ? `${id} (instead of obisd's)` : id).join(", ")
    }`,
  ];
}
