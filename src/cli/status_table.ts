/** The status for people. @module */
import { aligned } from "../format.ts";
import type { Facts, GapStatus, LineStatus, MeterStatus, SinkStatus, Status } from "../status.ts";

/** All of it, in tables. */
export function formatStatus(status: Status, nowMs: number): string {
  const { version, pid, started, configuration, reload, counts, meters, lines, sinks, journal, clock, degraded } =
    status;
  return [
    `obisd ${version}, process ${pid}, for ${since(started, nowMs)}, ${configuration}`,
    ...reload
      ? [`loaded again ${since(reload.time, nowMs)} ago${reload.ok ? "" : ": refused, the old one is in force"}`]
      : [],
    `${counts.readouts} readouts, ${counts.lost_slots} slots lost, ${counts.failures} attempts in vain`,
    ...degraded.length > 0 ? ["DEGRADED:", ...degraded.map((reason) => `  ${reason}`)] : ["all is well"],
    "",
    ...table(["meter", "line", "last good", "next", "trouble"], meters.map((meter) => meterRow(meter, nowMs))),
    ...meters.flatMap(({ name, gaps }) => gaps ? [`${name} gaps: ${formatGaps(gaps)}`] : []),
    "",
    ...table(["line", "state", "port", "trouble"], lines.map((line) => lineRow(line, nowMs))),
    ...lines.flatMap(({ name, backfill: its }) =>
      its ? [`${name} back-fill: ${its.last_hour_s} s in the last hour, of ${its.budget_s} s`] : []
    ),
    "",
    ...table(
      ["sink", "state", "delivered", "pending", "dead", "evicted", "oldest", "trouble"],
      sinks.map((sink) => sinkRow(sink, nowMs)),
    ),
    "",
    `journal  ${formatFacts(journal)}`,
    ...clock ? [`clock    ${formatFacts(clock)}`] : [],
  ].join("\n");
}

function meterRow(meter: MeterStatus, nowMs: number): string[] {
  const { name, line, priority, last_good, last_error, in_trouble, next, clock_drift_s: drift } = meter;
  return [
    ...[
      name,
      priority === "normal" ? line : `${line} (${priority})`,
      last_good === null ? "never" : `${since(last_good, nowMs)} ago`,
    ],
    next === null ? "when it speaks" : until(next, nowMs),
    in_trouble && last_error ? last_error.message : drift === null ? "" : driftText(drift),
  ];
}

/** Trouble that is over stands in the log. */
function lineRow({ name, url, state, away_since, next_try, last_error }: LineStatus, nowMs: number): string[] {
  if (away_since === null || next_try === null) return [name, state, url, ""];
  const next = `next try ${until(next_try, nowMs)}`;
  return [name, `away for ${since(away_since, nowMs)}`, url, `${last_error?.message ?? ""}; ${next}`];
}

function formatGaps({ found, filled, given_up, intervals_filled, intervals_gone, ...its }: GapStatus): string {
  return [
    `${found} found, ${filled} filled`,
    ...given_up > 0 ? [`${given_up} given up (${intervals_gone} intervals gone)`] : [],
    ...its.open > 0 ? [`${its.open} open`] : [],
    ...found > 0 ? [`${intervals_filled} intervals`] : [],
    `${its.line_time_s} s of its line's time`,
    ...its.last_error ? [its.last_error.message] : [],
  ].join(", ");
}

/** Seconds of difference are no trouble. */
function driftText(seconds: number): string {
  return Math.abs(seconds) <= 90 ? "" : `its clock is ${Math.abs(seconds)} s ${seconds < 0 ? "slow" : "fast"}`;
}

function sinkRow(sink: SinkStatus, nowMs: number): string[] {
  const { name, activity, blocked, delivered, pending, dead, evicted, oldest, last_error, next_try, balanced } = sink;
  const trouble = [last_error ?? "", ...next_try === null ? [] : [`next try ${until(next_try, nowMs)}`]].join("; ");
  return [
    ...[name, blocked === null ? activity : `blocked (${blocked})`],
    ...[delivered, pending, dead, evicted].map(String),
    oldest === null ? "" : oldest.slice(0, 16).replace("T", " "),
    [...balanced ? [] : ["BOOKS DO NOT BALANCE"], trouble].join(" ").trim(),
  ];
}

/** Columns under their heads. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return aligned([head.map((word) => word.toUpperCase()), ...rows]);
}

function formatFacts(facts: Facts): string {
  return Object.entries(facts).map(([name, value]) => `${name}=${formatFact(name, value)}`).join("  ");
}

function formatFact(name: string, value: unknown): string {
  if (typeof value === "object" && value !== null) return `{ ${formatFacts(value as Facts)} }`;
  if (typeof value !== "number") return String(value);
  if (/bytes$/.test(name)) return value < 1e6 ? `${Math.ceil(value / 1024)}KiB` : `${Math.round(value / 2 ** 20)}MiB`;
  return /ms$/.test(name) && value > 1e11 ? new Date(value).toISOString() : String(value);
}

/** `in 12 s`. */
function until(time: string, nowMs: number): string {
  return `in ${since(new Date(nowMs).toISOString(), Date.parse(time))}`;
}

/** `12 s`, `3 min`, `5 h`, `2 d`: as exact as anybody wants it. */
function since(time: string, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(time)) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
