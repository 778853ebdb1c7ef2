/**
 * How the daemon is doing: the shape that `obisd status --format json`, the file status.json and programs that watch obisd
 * read. Times are RFC 3339 in UTC; `null`: there is none.
 * @module
 */

/** All of it. */
export interface Status {
  /** When this was so. */
  readonly time: string;
  readonly version: string;
  readonly pid: number;
  readonly started: string;
  /** The configuration's file, and how its last reload went. */
  readonly configuration: string;
  readonly reload: { readonly time: string; readonly ok: boolean } | null;
  /** Why it does not do all that its configuration asks of it (`degraded.ts`); empty: all is well. */
  readonly degraded: readonly string[];
  readonly counts: CountStatus;
  readonly meters: readonly MeterStatus[];
  readonly lines: readonly LineStatus[];
  readonly sinks: readonly SinkStatus[];
  /** `path`, `bytes`, `max_bytes`, and what else the journal says of itself. */
  readonly journal: Facts;
  /** What the host's clock is worth; `null`: nobody looks. */
  readonly clock: Facts | null;
  /** Loops that have not kept their word; the watchdog will see to it. */
  readonly stuck: readonly string[];
}

/** What a part says of itself, under names that a part may add to. */
export type Facts = Readonly<Record<string, unknown>>;

/** Since the start. */
export interface CountStatus {
  readonly readouts: number;
  readonly readings: number;
  readonly failures: number;
  readonly lost_slots: number;
  readonly dropped_telegrams: number;
}

/** One meter. */
export interface MeterStatus {
  readonly name: string;
  readonly line: string;
  /** Who is read first where its line has no time for all. */
  readonly priority: "high" | "normal" | "low";
  /** When its last readout was kept. */
  readonly last_good: string | null;
  /** What went wrong last, if anything since the last good readout: then it is in trouble now. */
  readonly last_error: { readonly time: string; readonly message: string } | null;
  readonly in_trouble: boolean;
  /** By how many seconds its own clock is ahead of the host's. */
  readonly clock_drift_s: number | null;
  /** Its next slot. */
  readonly next: string | null;
  /** Intervals that no readout told of, and what was fetched of them; `null`: nobody goes back for them. */
  readonly gaps: GapStatus | null;
}

/** How back-filling is doing. Gaps and intervals are counted beyond restarts, seconds since the start. */
export interface GapStatus {
  /** Gaps ever found, filled whole, given up because the meter lacked intervals in them, and still open. */
  readonly found: number;
  readonly filled: number;
  readonly given_up: number;
  readonly open: number;
  /** Intervals that were delivered, and those that the meter did not have. */
  readonly intervals_filled: number;
  readonly intervals_gone: number;
  /** Spent on the meter's line. */
  readonly line_time_s: number;
  readonly last_error: { readonly time: string; readonly message: string } | null;
}

/** One wire. */
export interface LineStatus {
  readonly name: string;
  readonly url: string;
  readonly meters: number;
  /** `resting`: not open, for nobody wants to talk; `open`; `away`: unplugged, refused, held by others. */
  readonly state: "resting" | "open" | "away";
  /** While it is away: since when, and when it is tried again at the latest. */
  readonly away_since: string | null;
  readonly next_try: string | null;
  /** What went wrong last. */
  readonly last_error: { readonly time: string; readonly message: string } | null;
  /** How often it has gone away since it was last configured anew. */
  readonly losses: number;
  /** What fetching from load profiles took of it in the last hour, for all of its meters; `null`: none has it configured. */
  readonly backfill: { readonly last_hour_s: number; readonly budget_s: number } | null;
}

/** One sink and its books, in readings: `ingested = delivered + pending + evicted + dead`. */
export interface SinkStatus {
  readonly name: string;
  readonly type: string;
  /** What it is doing: opening, idle, writing, waiting (to try again), hanging, stopped. */
  readonly activity: string;
  /** For whom it waits: auth, target, config, reject. */
  readonly blocked: string | null;
  /** What is wrong now, and since when. */
  readonly last_error: string | null;
  readonly failing_since: string | null;
  /** While it waits: when it is tried again. */
  readonly next_try: string | null;
  /** Time of the oldest reading that it is being offered. */
  readonly oldest: string | null;
  readonly ingested: number;
  readonly delivered: number;
  readonly pending: number;
  readonly evicted: number;
  readonly dead: number;
  readonly balanced: boolean;
}

/** One line for `systemctl status`: what is wrong stands in it first. */
export function formatStatusLine({ degraded, counts, meters, lines, sinks }: Status): string {
  const parts = partsOf(degraded);
  const bad = parts.length > 0 ? [`degraded: ${shortList(parts)}`] : [];
  const silent = meters.filter((meter) => meter.in_trouble);
  const trouble = silent.length > 0
    ? ` (${silent.length} without an answer: ${shortList(silent.map(({ name }) => name))})`
    : "";
  const read = `${meters.length} meters${trouble}, ${counts.readouts} readouts, ${counts.lost_slots} slots lost`;
  const gone = lines.filter(({ state }) => state === "away").map(({ name }) => name);
  const away = gone.length > 0 ? [`${gone.length} of ${lines.length} lines away: ${shortList(gone)}`] : [];
  const dropped = counts.dropped_telegrams > 0 ? [`${counts.dropped_telegrams} telegrams dropped`] : [];
  return [...bad, read, ...away, ...dropped, ...sinks.map(formatSink)].join("; ");
}

function formatSink({ name, delivered, pending, evicted, dead, blocked, last_error }: SinkStatus): string {
  const parts = [`${delivered} delivered`, `${pending} pending`];
  if (evicted > 0) parts.push(`${evicted} evicted`);
  if (dead > 0) parts.push(`${dead} dead`);
  const trouble = last_error === null ? "" : ` (${blocked === null ? "" : `blocked, ${blocked}: `}${last_error})`;
  return `${name}: ${parts.join(", ")}${trouble}`;
}

/** The parts that reasons to be degraded concern, each once. */
function partsOf(reasons: readonly string[]): string[] {
  return [...new Set(reasons.map((reason) => reason.slice(0, reason.indexOf(": "))))];
}

function shortList(names: readonly string[]): string {
  return names.length <= 3 ? names.join(", ") : `${names.slice(0, 3).join(", ")}, …`;
}

/** A part's own state with its names as JSON has them here: `lastStepMs` → `last_step_ms`. */
export function toFacts(state: object): Facts {
  return Object.fromEntries(
    Object.entries(state).map((
      [name, value],
    ) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  );
}

/** RFC 3339, UTC. */
export function toTime(ms: number): string {
  return new Date(ms).toISOString();
}
