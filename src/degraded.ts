/**
 * What keeps the daemon from doing all that its configuration asks of it. Meters, lines, sinks and disks that are absent end
 * nothing: it goes on with the others and is degraded, not dead. Here that is said in one place.
 * @module
 */
import type { Trust } from "./clock.ts";
import type { JournalState } from "./journal.ts";
import type { LineStatus, MeterStatus, SinkStatus, Status } from "./status.ts";

/** What it is judged by. */
export type Judged = Pick<Status, "reload" | "meters" | "lines" | "sinks" | "stuck"> & {
  readonly journal: Pick<JournalState, "trouble" | "inMemory" | "salvaging">;
  readonly clock: { readonly trust: Trust; readonly since: string };
};

/**
 * A reason each: the part that it concerns, a colon, what is wrong with it and since when (`sink influxdb: fails since
 * 2026-01-15T12:00:00.000Z: connection refused`). None: all is well.
 */
export function degradedBy({ reload, meters, lines, sinks, journal, clock, stuck }: Judged): string[] {
  const lineNamed = new Map(lines.map((line) => [line.name, line]));
  return [
    ...stuck.map((loop) => `${loop}: stuck`),
    ...reload?.ok === false ? [`configuration: refused at ${reload.time}, the one before is in force`] : [],
    ...journalReasons(journal),
    ...clock.trust === "unknown" ? [`clock: not synchronised since ${clock.since}`] : [],
    ...sinks.flatMap(sinkReasons),
    ...lines.flatMap(lineReasons),
    ...meters.flatMap((meter) => meterReasons(meter, lineNamed.get(meter.line))),
  ];
}

function journalReasons({ trouble, inMemory: { readouts }, salvaging }: Judged["journal"]): string[] {
  const since = trouble && new Date(trouble.sinceMs).toISOString();
  const memory = `${readouts} readouts are in memory alone`;
  return [
    ...trouble ? [`journal: cannot be written since ${since}, ${memory}: ${trouble.message}`] : [],
    ...salvaging === undefined ? [] : [`journal: was damaged, readouts are fetched from ${salvaging}`],
  ];
}

function sinkReasons({ name, activity, blocked, last_error, failing_since, balanced }: SinkStatus): string[] {
  const does = blocked === null ? "fails" : `blocked (${blocked})`;
  return [
    ...activity === "hanging" || activity === "stopped" ? [`sink ${name}: ${activity}`] : [],
    ...last_error === null ? [] : [`sink ${name}: ${does} since ${failing_since}: ${last_error}`],
    ...balanced ? [] : [`sink ${name}: its books do not balance`],
  ];
}

function lineReasons({ name, away_since, last_error }: LineStatus): string[] {
  return away_since === null ? [] : [`line ${name}: away since ${away_since}: ${last_error?.message ?? "not there"}`];
}

/** What is wrong with its line is said there. */
function meterReasons({ name, in_trouble, last_good, last_error }: MeterStatus, line?: LineStatus): string[] {
  if (!in_trouble) return [];
  const since = last_good === null ? "since the start" : `since ${last_good}`;
  const away = line?.state === "away" && line.last_error?.message === last_error?.message;
  return [`meter ${name}: no readout ${since}: ${away ? "its line is away" : last_error?.message ?? "no answer"}`];
}
