/**
 * Keeping meters' clocks right, where the configuration says so: the only thing that the daemon ever writes to a meter. Only
 * by a host's clock that is synchronised, only when its line has nothing due, never about midnight, the end of a quarter
 * hour or a change of the season, and by a bounded number of seconds a day, which is remembered across restarts.
 * @module
 */
import { withLimit } from "./abort.ts";
import { askProgramming } from "./asking.ts";
import { audit } from "./audit.ts";
import type { BackfillContext } from "./backfill.ts";
import type { MeterConfig, SetClockConfig } from "./config.ts";
import type { Dialogue } from "./dialogue.ts";
import { isOfMeterOrWire, RefusalError } from "./errors.ts";
import {
  type ClockDialogues,
  formatClock,
  type MeterClock,
  type Programming,
  readClock,
  setClock,
  type Zone,
  zoneOf,
} from "./iec62056/mod.ts";
import type { Log } from "./log.ts";
import { aheadMs, SET_WITHIN_MS } from "./meter_clock.ts";
import { converse } from "./session.ts";
import type { Wire } from "./wire.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Time and date are written apart, and an interval of the load profile ends at each quarter hour. */
const CALM_MS = 2 * MINUTE_MS;
const QUARTER_MS = 15 * MINUTE_MS;
/** Reading, setting and reading again take so long at 300 Bd. */
const ROOM_MS = 25_000;

/** What it needs of the world. */
export interface KeeperContext extends Pick<BackfillContext, "journal" | "clock" | "signal" | "dlms"> {
  readonly log: Log;
  /** By how many seconds each meter's clock was ahead when it was read out. */
  readonly drifts: ReadonlyMap<string, number>;
}

/** One meter whose clock is kept. Moments by the steady clock. */
interface Kept {
  readonly meter: MeterConfig;
  readonly options: SetClockConfig;
  readonly zone: Zone;
  /** When it was last looked at; one that no readout tells of has been since the start. */
  lookedMs: number;
  notBeforeMs: number;
  /** It was told that its clock is too far off. */
  isTold: boolean;
}

/** What was set, and when, ms since 1970. */
type Setting = readonly [atMs: number, byMs: number];

/** What came of a session, as far as it came. */
interface Outcome {
  before?: MeterClock;
  aheadMs?: number | undefined;
  /** It was to be set. */
  isDue?: boolean;
  written?: Readonly<Record<string, string>>;
  after?: MeterClock;
  error?: unknown;
}

/** Keeps the clocks of the meters on one line. */
export class ClockKeeper {
  private constructor(readonly kept: readonly Kept[], readonly context: KeeperContext) {}

  /** `undefined`: no meter on the line has it configured. */
  static of(meters: readonly MeterConfig[], context: KeeperContext): ClockKeeper | undefined {
    const kept = meters.flatMap((meter) =>
      meter.setClock
        ? [{
          ...{ meter, options: meter.setClock, zone: zoneOf(meter.timeZone), isTold: false },
          ...{ lookedMs: context.clock.monotonic() - HOUR_MS, notBeforeMs: -Infinity },
        }]
        : []
    );
    return kept.length > 0 ? new ClockKeeper(kept, context) : undefined;
  }

  /** Sets one clock, if one is off and it can be done within a time. Brings home whether the line was used. */
  async step(wire: Wire, withinMs: number): Promise<boolean> {
    const { clock, drifts } = this.context;
    if ((clock.trust ?? "synchronised") !== "synchronised" || withinMs < ROOM_MS || wire.waitMs() > 0) return false;
    for (const its of this.kept) {
      const drift = drifts.get(its.meter.name);
      const isRight = drift !== undefined && Math.abs(drift) * 1000 <= its.options.toleranceMs;
      const [nowMs, everyMs] = [clock.monotonic(), drift === undefined ? DAY_MS : HOUR_MS];
      if (isRight || nowMs < Math.max(its.notBeforeMs, its.lookedMs + everyMs) || !isCalm(clock.now(), its.zone)) {
        continue;
      }
      its.lookedMs = nowMs;
      await this.#look(wire, its);
      return true;
    }
    return false;
  }

  /** One session: what it may cost is written down first, so that no kill lets it be set by more. */
  async #look(wire: Wire, its: Kept): Promise<void> {
    const { meter: { name }, options } = its;
    const { signal, clock, log } = this.context;
    const settings = await this.#settings(its);
    const leftMs = Math.max(0, options.maxPerDayMs - settings.reduce((sum, [, byMs]) => sum + byMs, 0));
    await this.#note(its, [...settings, [clock.now(), leftMs]]);
    const outcome: Outcome = {};
    try {
      await this.#converse(wire, its, setting(outcome, its, leftMs));
      wire.proved();
    } catch (error) {
      if (signal.aborted) throw error;
      await wire.afterTrouble(error);
      outcome.error = error;
      its.notBeforeMs = clock.monotonic() + DAY_MS;
      if (!isOfMeterOrWire(error)) log.error(`${name}: ${(error as Error).message}: this is a bug, please report it`);
    }
    const { before, isDue, aheadMs: ahead = 0 } = outcome;
    await this.#note(its, isDue ? [...settings, [clock.now(), Math.abs(ahead)]] : settings);
    if (isDue) this.#audit(its, outcome);
    else if (before) this.#tell(its, outcome, leftMs);
    else {log.warning(`${name}: its clock cannot be read to be set: ${(outcome.error as Error).message}`, {
        meter: name,
      });}
  }

  async #converse(wire: Wire, { meter }: Kept, work: (clock: ClockDialogues) => Dialogue<void>): Promise<void> {
    const { signal: parent, clock, dlms } = this.context;
    const { endpoint } = wire;
    const dialogue = meter.mode === "E"
      ? dlms!.askDlmsClock(meter, { endpoint, counters: dlms!.counters }, work)
      : askProgramming(meter, { endpoint, tries: { left: 1 } }, (its) => work(programmedClock(its)));
    const limit = { withinMs: ROOM_MS, what: "Setting its clock", clock };
    await withLimit(
      parent,
      limit,
      async (signal) => await converse(await wire.open(signal), dialogue, { signal, clock }),
    );
  }

  /** It was set, or not, or nobody knows. */
  #audit(its: Kept, { before, written, after, error }: Outcome): void {
    const { meter: { name, timeZone } } = its;
    const left = after && aheadMs(after, timeZone);
    const isSet = left !== undefined && Math.abs(left) <= SET_WITHIN_MS;
    its.isTold &&= !isSet;
    if (!isSet) its.notBeforeMs = this.context.clock.monotonic() + DAY_MS;
    const result = isSet
      ? "written"
      : error === undefined
      ? "it shows another time"
      : error instanceof RefusalError
      ? error.message
      : `not known: ${(error as Error).message}`;
    audit(this.context.log, {
      ...{ who: { who: "obisd run" }, meter: name, command: "set_clock", old: formatClock(before!) },
      ...{ wanted: written && formatClock({ texts: written }), now: after && formatClock(after) },
    }, result);
  }

  /** It is right, or farther off than it may be set: that is told once. */
  #tell(its: Kept, { before, aheadMs: ahead }: Outcome, leftMs: number): void {
    const { meter: { name }, options } = its;
    if (its.isTold || ahead !== undefined && Math.abs(ahead) <= options.toleranceMs) return;
    its.isTold = true;
    const way = (ms: number) => `${Math.round(Math.abs(ms) / 1000)} s ${ms < 0 ? "slow" : "fast"}`;
    const how = ahead === undefined
      ? `says ${formatClock(before!)}, which nobody can read`
      : `is ${way(ahead)}, and by set_clock it may be set by ${Math.round(leftMs / 1000)} s now`;
    this.context.log.warning(`${name}: its clock ${how}; obisd clock ${name} --set sets it`, { meter: name });
  }

  async #note({ meter }: Kept, settings: readonly Setting[]): Promise<void> {
    await this.context.journal.appendAll([], { name: noteOf(meter), content: JSON.stringify(settings) });
  }

  /** Those of the last 24 hours. */
  async #settings({ meter }: Kept): Promise<readonly Setting[]> {
    const text = await this.context.journal.note(noteOf(meter));
    const all = text === undefined ? [] : JSON.parse(text) as readonly Setting[];
    return all.filter(([atMs]) => Math.abs(this.context.clock.now() - atMs) < DAY_MS);
  }
}

/** Reads the clock, sets it if it is off by so much as may be set, and reads it again. */
function setting(outcome: Outcome, { meter, options, zone }: Kept, leftMs: number) {
  return function* (clock: ClockDialogues): Dialogue<void> {
    outcome.before = yield* clock.read();
    outcome.aheadMs = aheadMs(outcome.before, meter.timeZone);
    const awayMs = Math.abs(outcome.aheadMs ?? 0);
    outcome.isDue = awayMs > options.toleranceMs && awayMs <= leftMs;
    if (!outcome.isDue) return;
    outcome.written = yield* clock.set(zone);
    outcome.after = yield* clock.read();
  };
}

function programmedClock(its: Programming): ClockDialogues {
  return { read: () => readClock(its), set: (zone) => setClock(its, { zone }) };
}

const noteOf = ({ name }: MeterConfig) => `set_clock ${name}`;

/** Not about midnight, the end of a quarter hour, or a change of the season. */
function isCalm(nowMs: number, zone: Zone): boolean {
  const offsetMs = zone.offsetMs(nowMs);
  const intoQuarter = (nowMs + offsetMs) % QUARTER_MS;
  const isSteady = [-HOUR_MS, HOUR_MS].every((ms) => zone.offsetMs(nowMs + ms) === offsetMs);
  return isSteady && intoQuarter >= CALM_MS && intoQuarter <= QUARTER_MS - CALM_MS;
}
