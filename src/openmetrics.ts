/**
 * The status as OpenMetrics text: for node_exporter's textfile collector, or whatever gathers numbers.
 * @module
 */
import type { Facts, GapStatus, LineStatus, MeterStatus, SinkStatus, Status } from "./status.ts";

/** A number and what it is about. */
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

interface Family {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** The text, its `# EOF` included. */
export function toOpenMetrics(status: Status): string {
  return [...familiesOf(status).filter(({ samples }) => samples.length > 0).map(formatFamily), "# EOF\n"].join("");
}

function familiesOf(
  { degraded, meters, lines, sinks, counts, journal, clock, started, version, time }: Status,
): Family[] {
  const one = (value: number): Sample[] => [[{}, value]];
  return [
    { ...gauge("info", "The version that runs."), samples: [[{ version }, 1]] },
    { ...gauge("start_time_seconds", "When the daemon started."), samples: one(seconds(started)) },
    { ...gauge("status_time_seconds", "When this was so."), samples: one(seconds(time)) },
    {
      ...gauge("degraded", "For how many reasons the daemon is degraded; 0: all is well."),
      samples: one(degraded.length),
    },
    { ...counter("readouts", "Readouts kept since the start."), samples: one(counts.readouts) },
    { ...counter("failures", "Attempts in vain since the start."), samples: one(counts.failures) },
    { ...counter("lost_slots", "Slots without a readout since the start."), samples: one(counts.lost_slots) },
    { ...counter("dropped_telegrams", "Pushed telegrams that were damaged."), samples: one(counts.dropped_telegrams) },
    ...meterFamilies(meters),
    ...lineFamilies(lines),
    ...sinkFamilies(sinks),
    ...factFamilies("journal", journal),
    ...factFamilies("clock", clock ?? {}),
  ];
}

function meterFamilies(meters: readonly MeterStatus[]): Family[] {
  const times = (of: (meter: MeterStatus) => string | null) => timesOf("meter", meters, of);
  return [
    {
      ...gauge("meter_up", "Whether the last attempt at the meter was good."),
      samples: meters.map(({ name, in_trouble }) => [{ meter: name }, in_trouble ? 0 : 1]),
    },
    { ...gauge("meter_last_good_seconds", "When the last readout was kept."), samples: times((its) => its.last_good) },
    { ...gauge("meter_next_seconds", "When the meter is due next."), samples: times((its) => its.next) },
    {
      ...gauge("meter_clock_drift_seconds", "By how much the meter's clock is ahead of the host's."),
      samples: meters.flatMap(({ name, clock_drift_s }) =>
        clock_drift_s === null ? [] : [[{ meter: name }, clock_drift_s] as Sample]
      ),
    },
    ...gapFamilies(meters),
  ];
}

function gapFamilies(meters: readonly MeterStatus[]): Family[] {
  const of = (value: (gaps: GapStatus) => number): Sample[] =>
    meters.flatMap(({ name, gaps }) => gaps === null ? [] : [[{ meter: name }, value(gaps)] as Sample]);
  return [
    { ...counter("meter_gaps_found", "Gaps ever found between readouts."), samples: of((its) => its.found) },
    { ...counter("meter_gaps_filled", "Gaps ever filled whole."), samples: of((its) => its.filled) },
    { ...counter("meter_gaps_given_up", "Gaps of which the meter lacked some."), samples: of((its) => its.given_up) },
    { ...gauge("meter_gaps_open", "Gaps that are still to be filled."), samples: of((its) => its.open) },
    { ...counter("meter_intervals_filled", "Intervals ever filled."), samples: of((its) => its.intervals_filled) },
    {
      ...counter("meter_intervals_gone", "Intervals that the meter lacked."),
      samples: of((its) => its.intervals_gone),
    },
    { ...counter("meter_backfill_line_seconds", "Spent on the line."), samples: of((its) => its.line_time_s) },
    { ...gauge("meter_backfill_up", "Whether the last fetch was good."), samples: of((its) => its.last_error ? 0 : 1) },
  ];
}

/** A time of each part that has one. */
function timesOf<T extends { readonly name: string }>(
  kind: string,
  parts: readonly T[],
  of: (part: T) => string | null,
): Sample[] {
  return parts.flatMap((part): Sample[] => {
    const time = of(part);
    return time === null ? [] : [[{ [kind]: part.name }, seconds(time)]];
  });
}

function lineFamilies(lines: readonly LineStatus[]): Family[] {
  const times = (of: (line: LineStatus) => string | null) => timesOf("line", lines, of);
  const of = (value: (line: LineStatus) => number): Sample[] =>
    lines.map((line): Sample => [{ line: line.name }, value(line)]);
  return [
    { ...gauge("line_up", "Whether the line is there."), samples: of((its) => its.state === "away" ? 0 : 1) },
    { ...gauge("line_open", "Whether it is open now."), samples: of((its) => its.state === "open" ? 1 : 0) },
    { ...gauge("line_away_since_seconds", "When it went away."), samples: times((its) => its.away_since) },
    { ...gauge("line_next_try_seconds", "When it is tried again."), samples: times((its) => its.next_try) },
    { ...counter("line_losses", "How often it has gone away."), samples: of((its) => its.losses) },
    {
      ...gauge("line_backfill_hour_seconds", "What fetching from load profiles took of it in the last hour."),
      samples: lines.flatMap(({ name, backfill }): Sample[] =>
        backfill ? [[{ line: name }, backfill.last_hour_s]] : []
      ),
    },
  ];
}

function sinkFamilies(sinks: readonly SinkStatus[]): Family[] {
  const of = (value: (sink: SinkStatus) => number): Sample[] =>
    sinks.map((sink): Sample => [{ sink: sink.name }, value(sink)]);
  return [
    { ...gauge("sink_up", "Whether the sink takes what it is given."), samples: of((its) => its.last_error ? 0 : 1) },
    { ...gauge("sink_blocked", "Whether the sink waits for a person."), samples: of((its) => its.blocked ? 1 : 0) },
    { ...gauge("sink_balanced", "Whether the sink's books balance."), samples: of((its) => its.balanced ? 1 : 0) },
    { ...gauge("sink_pending_readings", "Readings that wait for the sink."), samples: of((its) => its.pending) },
    { ...gauge("sink_dead_readings", "Readings that the sink can never take."), samples: of((its) => its.dead) },
    { ...counter("sink_ingested_readings", "Readings kept for the sink."), samples: of((its) => its.ingested) },
    { ...counter("sink_delivered_readings", "Readings that the sink has."), samples: of((its) => its.delivered) },
    { ...counter("sink_evicted_readings", "Readings dropped for want of room."), samples: of((its) => its.evicted) },
  ];
}

/** Every number and every yes or no that a part says of itself. */
function factFamilies(part: string, facts: Facts): Family[] {
  return Object.entries(facts).flatMap(([name, value]) =>
    typeof value === "number" && Number.isFinite(value) || typeof value === "boolean"
      ? [{ ...gauge(`${part}_${name}`, `Of the ${part}: ${name}.`), samples: [[{}, Number(value)]] as Sample[] }]
      : []
  );
}

const gauge = (name: string, help: string) => ({ name: `obisd_${name}`, type: "gauge" as const, help });
const counter = (name: string, help: string) => ({ name: `obisd_${name}`, type: "counter" as const, help });

function formatFamily({ name, type, help, samples }: Family): string {
  const suffix = type === "counter" ? "_total" : "";
  const lines = samples.map(([labels, value]) => `${name}${suffix}${formatLabels(labels)} ${value}\n`);
  return `# TYPE ${name} ${type}\n# HELP ${name} ${help}\n${lines.join("")}`;
}

function formatLabels(labels: Sample[0]): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(",")}}` : "";
}

function escape(value: string): string {
  return value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
}

function seconds(time: string): number {
  return Date.parse(time) / 1000;
}
