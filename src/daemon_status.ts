/** How each part of the daemon is doing, put together. @module */
import type { BackfillState } from "./backfill/report.ts";
import type { CollectorReport } from "./collector_report.ts";
import type { Config, LineConfig, MeterConfig } from "./config.ts";
import { degradedBy } from "./degraded.ts";
import type { DeliveryState } from "./delivery.ts";
import type { HostTime } from "./host_time.ts";
import type { Book, Journal } from "./journal.ts";
import type { Progress } from "./progress.ts";
import { slotsOf } from "./schedule.ts";
import {
  type GapStatus,
  type LineStatus,
  type MeterStatus,
  type SinkStatus,
  type Status,
  toFacts,
  toTime,
} from "./status.ts";
import { formatEndpoint } from "./transport/endpoint.ts";

/** What only the program knows of itself. */
export type ProgramStatus = Pick<Status, "version" | "started" | "reload">;

/** What the status is made of. */
export interface Parts {
  readonly config: Config;
  readonly report: CollectorReport;
  readonly progress: Progress;
  readonly journal: Pick<Journal, "books" | "state">;
  readonly time: Pick<HostTime, "state">;
  /** By the sinks' names. */
  readonly deliveries: ReadonlyMap<string, DeliveryState>;
  readonly program: ProgramStatus;
}

/** The status now. */
export function statusOf({ config, report, progress, journal, deliveries, time, program }: Parts): Status {
  const { readouts, readings, failures, lostSlots, dropped } = report.counts;
  const books = new Map(journal.books().map((book) => [book.sink, book]));
  const nowMs = report.clock.now();
  const state = journal.state();
  const on = Map.groupBy(config.meters, ({ line }) => line);
  const parts = {
    meters: config.meters.map((meter) => meterStatus(meter, report, nowMs)),
    lines: config.lines.map((line) => lineStatus(line, on.get(line.name) ?? [], report)),
    sinks: config.sinks.flatMap(({ name, type }) => sinkStatus(name, type, deliveries.get(name), books.get(name))),
    stuck: progress.stuck(),
  };
  return {
    time: toTime(nowMs),
    ...program,
    pid: Deno.pid,
    configuration: config.path,
    counts: { readouts, readings, failures, lost_slots: lostSlots, dropped_telegrams: dropped },
    ...parts,
    degraded: degradedBy({ ...parts, reload: program.reload, journal: state, clock: time.state }),
    journal: toFacts(state),
    clock: toFacts({ ...time.state, heldReadouts: state.held }),
  };
}

function meterStatus(
  { name, line, priority = "normal", schedule, backfill: wanted }: MeterConfig,
  { meters, drifts, backfill }: CollectorReport,
  nowMs: number,
): MeterStatus {
  const { goodMs, trouble } = meters.get(name) ?? {};
  return {
    name,
    line,
    priority,
    last_good: goodMs === undefined ? null : toTime(goodMs),
    last_error: trouble ? { time: toTime(trouble.atMs), message: trouble.reason } : null,
    in_trouble: trouble?.over === false,
    clock_drift_s: drifts.get(name) ?? null,
    next: schedule ? toTime(slotsOf(schedule)(nowMs)) : null,
    gaps: wanted ? gapStatus(backfill.meters.get(name)) : null,
  };
}

function gapStatus({ ledger, lineMs, trouble }: BackfillState = { lineMs: 0 }): GapStatus {
  return {
    found: ledger?.found ?? 0,
    filled: ledger?.filled ?? 0,
    given_up: ledger?.givenUp ?? 0,
    open: ledger?.gaps.length ?? 0,
    intervals_filled: ledger?.rows ?? 0,
    intervals_gone: ledger?.gone ?? 0,
    line_time_s: Math.round(lineMs / 1000),
    last_error: trouble ? { time: toTime(trouble.atMs), message: trouble.reason } : null,
  };
}

function lineStatus(
  { name, endpoint }: LineConfig,
  meters: readonly MeterConfig[],
  report: CollectorReport,
): LineStatus {
  const its = report.lines.get(name)?.state;
  const { away, trouble } = its ?? {};
  const use = meters.some(({ backfill }) => backfill) ? report.backfill.lines.get(name) : undefined;
  return {
    ...{ name, url: formatEndpoint(endpoint), meters: meters.length },
    state: its?.state ?? "resting",
    away_since: away ? toTime(away.sinceMs) : null,
    next_try: away ? toTime(away.nextMs) : null,
    last_error: trouble ? { time: toTime(trouble.atMs), message: trouble.reason } : null,
    losses: its?.losses ?? 0,
    backfill: use ? { last_hour_s: Math.round(use.spentMs() / 1000), budget_s: use.budgetMs / 1000 } : null,
  };
}

/** Empty while a reload brings the sink. */
function sinkStatus(name: string, type: string, state?: DeliveryState, book?: Book): readonly SinkStatus[] {
  if (!state || !book) return [];
  const { activity, blocked = null, lastError = null, failingSinceMs, nextTryMs, oldest = null } = state;
  const { ingested, delivered, pending, evicted, dead } = book;
  const balanced = ingested === delivered + pending + evicted + dead;
  const failing = failingSinceMs === undefined ? null : toTime(failingSinceMs);
  const next = activity === "waiting" && nextTryMs !== undefined ? toTime(nextTryMs) : null;
  const its = { name, type, activity, blocked, last_error: lastError, failing_since: failing, next_try: next, oldest };
  return [{ ...its, ingested, delivered, pending, evicted, dead, balanced }];
}
