/** One meter whose gaps are filled: what is asked for next, and what becomes of the answer. @module */
import { withLimit } from "../abort.ts";
import { type Clock, steadyClock, timeOf } from "../clock.ts";
import type { BackfillConfig, MeterConfig } from "../config.ts";
import { isOfMeterOrWire, RefusalError } from "../errors.ts";
import { type StampForm, type Zone, zoneOf } from "../iec62056/mod.ts";
import type { Journal, Moment, Note } from "../journal.ts";
import { rowReadings } from "../profile_readings.ts";
import { slotsOf } from "../schedule.ts";
import { converse } from "../session.ts";
import type { Wire } from "../wire.ts";
import {
  afterPart,
  afterReadout,
  countEnds,
  expire,
  formatLedger,
  type GapOptions,
  lacksEdge,
  type Ledger,
  nextPart,
  parseLedger,
  type Part,
} from "./gaps.ts";
import { afterDating, afterHeld, withoutHeld } from "./held.ts";
import { type LineTime, Pace } from "./line_time.ts";
import type { BackfillReport } from "./report.ts";
import { type DlmsAsking, type FetchedRows, fetchRows, periodOf } from "./rows.ts";

/** What a session that is cut off may take to sign off, and a little more; mostly it is much less. */
const SIGN_OFF_MS = 2500;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** The first thing that is asked for: the period is learned from it, and whether the meter gives its profile at all. */
const PROBE_MS = 2 * HOUR_MS;
/** A refusal so soon after an answer is about the range, not about the profile. */
const PROVEN_MS = 10 * MINUTE_MS;
/** Rows that are not written yet are asked for again after this. */
const EARLY_MS = 5 * MINUTE_MS;
/** After trouble of meter or wire, and after a refusal; doubled each time up to the second. */
const TROUBLE_MS = [MINUTE_MS, HOUR_MS] as const;
const REFUSED_MS = [HOUR_MS, 24 * HOUR_MS] as const;
/** A part so long that is answered by nothing at all is empty, and not hidden by a meter that is an hour off. */
const SURELY_EMPTY_MS = 3 * HOUR_MS;
/** When nothing came of what is wanted for so long, for want of time, it is told. */
const CROWDED_MS = 2 * HOUR_MS;

/** What it needs of the world. */
export interface BackfillContext {
  readonly journal: {
    readonly appendAll: Journal["appendAll"];
    waitsForTime(): Promise<boolean>;
    note(name: string): Promise<string | undefined>;
  };
  readonly report: BackfillReport;
  readonly clock: Clock;
  /** Ends a session at once, the meter signed off. */
  readonly signal: AbortSignal;
  /** What fetching took of the line, for all of its meters. */
  readonly line: LineTime;
  readonly dlms?: DlmsAsking | undefined;
  /** Hears of each step of a session: it goes on. */
  readonly onStep?: () => void;
}

/** What is asked for: a part of a gap, or (`probe`) the newest rows. */
interface Plan {
  readonly ledger: Ledger;
  readonly part: Part;
  readonly probe: boolean;
}

/** Fills the gaps of one meter. What must outlive it stands in the journal's note; here is only what may be forgotten. */
export class Follower {
  /** When it was last asked, by the steady clock. */
  askedMs = -Infinity;
  readonly #name: string;
  readonly #zone: Zone;
  readonly #pace = new Pace();
  /** What it took of its line, ms. */
  #lineMs = 0;
  #form: StampForm | undefined;
  #notBeforeMs = -Infinity;
  #failures = 0;
  /** When it last answered. */
  #provenMs = -Infinity;
  /** Since when something is wanted for which there was no time; and whether that was told. */
  #crowdedSinceMs: number | undefined;
  #isToldCrowded = false;
  /** It refused: whether it still gives its newest rows is asked first. */
  #inDoubt = false;
  /** The part is asked for once more, with an hour at both ends. */
  #wide = false;

  constructor(readonly meter: MeterConfig, readonly options: BackfillConfig, readonly context: BackfillContext) {
    this.#name = `backfill ${meter.name} ${options.profile}`;
    this.#zone = zoneOf(options.timeZone ?? meter.timeZone);
  }

  /** What is known, after the readout of a slot. */
  async noteAfter(slotMs: number): Promise<Note> {
    const before = await this.#ledger();
    const ledger = afterReadout(before && this.#dated(before), slotMs, this.#gapOptions(slotMs));
    this.#tellFound(before, ledger);
    return this.#note(ledger);
  }

  /** The same while nobody knows the time: by its clock of now the readout was of this slot. */
  async noteHeld(slotMs: number, moment: Moment | undefined): Promise<Note | undefined> {
    const { meter: { schedule }, context: { journal } } = this;
    const before = await this.#ledger();
    const ledger = moment && (moment.trusted || await journal.waitsForTime())
      ? afterHeld(before, moment, slotsOf(schedule!)(slotMs) - slotMs)
      : before && withoutHeld(before);
    return ledger && this.#note(ledger);
  }

  /** Fetches a part, if one is missing and it can be over within a time. Brings home whether the line was used. */
  async step(wire: Wire, withinMs: number): Promise<boolean> {
    if (this.context.clock.monotonic() < this.#notBeforeMs) return false;
    const roomMs = Math.max(withinMs - SIGN_OFF_MS, withinMs / 2);
    try {
      const ledger = await this.#present();
      const plan = ledger && this.#plan(ledger, roomMs);
      if (plan) await this.#fetch(wire, plan, roomMs);
      return plan !== undefined;
    } catch (error) { // of the journal
      if (this.context.signal.aborted) throw error;
      this.#backOff(error);
      return false;
    }
  }

  /** The status hears what is known. */
  async tell(): Promise<void> {
    const ledger = await this.#ledger();
    this.context.report.is(this.meter.name, { lineMs: this.#lineMs, ...ledger && { ledger } });
  }

  /** What to ask for; `undefined`: nothing now. */
  #plan(ledger: Ledger, roomMs: number): Plan | undefined {
    const { clock } = this.context;
    const nowMs = clock.monotonic();
    const probe = !ledger.probed || this.#inDoubt;
    if (!probe && ledger.gaps.length === 0) return undefined;
    const margin = probe ? 0 : 2 * Math.ceil((this.#wide ? HOUR_MS : ledger.periodMs) / ledger.periodMs);
    const everMs = Math.min(roomMs, this.options.budgetMs);
    if (this.#pace.rowsWithin(everMs, nowMs) <= margin) return this.#crowded(everMs);
    const leftMs = this.options.budgetMs - this.context.line.spentMs(nowMs);
    const rows = this.#pace.rowsWithin(Math.min(roomMs, leftMs), nowMs);
    if (rows <= margin) return void (this.#crowdedSinceMs = undefined); // an hour, and there is a budget again
    if (!probe) return { ledger, part: nextPart(ledger, this.#zone, rows - margin)!, probe };
    const [newestMs, count] = [clock.now(), Math.min(rows, Math.ceil(PROBE_MS / ledger.periodMs))];
    const part = { fromMs: newestMs - count * ledger.periodMs, toMs: newestMs, count, untilMs: newestMs };
    return { ledger, part, probe };
  }

  /** What is known: the time is, by now. */
  #dated(ledger: Ledger): Ledger {
    const { clock } = this.context;
    if (!ledger.held) return ledger;
    return afterDating(ledger, { bootId: clock.bootId, startMs: timeOf(0, clock) }, this.#gapOptions(clock.now()));
  }

  #gapOptions(nowMs: number): GapOptions {
    const { meter: { schedule }, options: { from, maxAgeMs } } = this;
    const since = from === "start" ? { sinceMs: nowMs - maxAgeMs } : {};
    return { slots: slotsOf(schedule!), zone: this.#zone, ...since };
  }

  #tellFound(before: Ledger | undefined, ledger: Ledger): void {
    const { meter: { name }, options: { profile }, context: { report } } = this;
    const count = ledger.found - (before?.found ?? 0);
    for (const gap of count > 0 ? ledger.gaps.slice(-count) : []) {
      report.found(name, gap, { intervals: countEnds(gap.fromMs, gap.toMs - 1, this.#grid(ledger)), profile });
    }
    report.is(name, { ledger });
  }

  /** What is missing by now: what came while nobody knew the time is not, and what is too old is given up. */
  async #present(): Promise<Ledger | undefined> {
    const { context: { clock, report, journal }, options: { maxAgeMs } } = this;
    const before = await this.#ledger();
    let ledger = before && this.#dated(before);
    if (ledger && ledger !== before) {
      await journal.appendAll([], this.#note(ledger));
      this.#tellFound(before, ledger);
    }
    while (ledger) {
      const outcome = expire(ledger, this.#zone, clock.now() - maxAgeMs);
      if (!outcome) return ledger;
      ({ ledger } = outcome);
      await journal.appendAll([], this.#note(ledger));
      if (outcome.closed) report.closed(this.meter.name, outcome.closed);
      await this.tell();
    }
    return undefined;
  }

  /** There is not time enough; that there never is, is told once. */
  #crowded(roomMs: number): undefined {
    const nowMs = this.context.clock.monotonic();
    this.#crowdedSinceMs ??= nowMs;
    if (this.#isToldCrowded || nowMs - this.#crowdedSinceMs < CROWDED_MS) return;
    this.#isToldCrowded = true;
    this.context.report.crowded(this.meter.name, roomMs);
  }

  /** One session. */
  async #fetch(wire: Wire, plan: Plan, withinMs: number): Promise<void> {
    const { clock, signal: parent, dlms, onStep: trace = () => {} } = this.context;
    const { probe, part: { fromMs, toMs, count }, ledger: { periodMs } } = plan;
    const beganMs = this.askedMs = clock.monotonic();
    const marginMs = probe ? 0 : this.#wide ? HOUR_MS : Math.min(HOUR_MS, periodMs);
    const range = { fromMs: fromMs - marginMs, toMs: toMs + marginMs, zone: this.#zone, form: this.#form };
    const dialogue = fetchRows(this.meter, { endpoint: wire.endpoint, dlms, ...range });
    let isCut = false;
    try {
      const limit = { withinMs, what: "Fetching its profile", clock };
      const fetched = await withLimit(parent, limit, async (signal) => {
        signal.addEventListener("abort", () => isCut = !parent.aborted, { once: true });
        return await converse(await wire.open(signal), dialogue, { signal, clock: steadyClock(clock), trace });
      });
      wire.proved();
      const endMs = clock.monotonic();
      const { atMs = beganMs, rows: { length: rows } } = fetched;
      const isTold = rows > 0 || fetched.atMs !== undefined;
      this.#spent(endMs - beganMs, endMs);
      if (isTold) this.#pace.took(endMs - beganMs, { dataMs: endMs - atMs, rows });
      await this.#took(plan, fetched);
    } catch (error) {
      if (parent.aborted) throw error;
      const endMs = clock.monotonic();
      this.#spent(endMs - beganMs, endMs);
      await wire.afterTrouble(error);
      if (isCut) this.#pace.wasCut(endMs - beganMs, count, endMs); // the next time it waits for a longer pause
      else await this.#failed(plan, error);
    }
    await this.tell();
  }

  #spent(ms: number, endMs: number): void {
    this.#lineMs += ms;
    this.context.line.took(this.meter.name, ms, endMs);
  }

  async #took({ probe, ...plan }: Plan, fetched: FetchedRows): Promise<void> {
    const { meter: { name }, context: { clock, report } } = this;
    [this.#failures, this.#crowdedSinceMs, this.#isToldCrowded] = [0, undefined, false];
    this.#form = fetched.form ?? this.#form;
    this.#provenMs = clock.monotonic();
    report.works(name);
    report.damaged(name, fetched.damaged);
    if (!probe) return await this.#settle(plan, fetched);
    const { ledger } = plan;
    if (fetched.rows.length === 0 && !ledger.probed) report.empty(name, this.options.profile);
    this.#inDoubt = false;
    await this.#keep([], ledger, { ...ledger, probed: true, periodMs: periodOf(fetched.rows) ?? ledger.periodMs });
  }

  /** A part's answer: its rows are delivered, and what did not come is gone. */
  async #settle({ part, ledger }: Omit<Plan, "probe">, fetched: FetchedRows): Promise<void> {
    const { meter: { name, labels }, context: { clock, report } } = this;
    const [ends, nowMs, periodMs] = [fetched.rows.map(({ endMs }) => endMs), clock.now(), periodOf(fetched.rows)];
    const answer = { ends, nowMs, ...periodMs !== undefined && { periodMs } };
    const outcome = afterPart(ledger, part, this.#zone, answer);
    const mayBeOff = ends.length > 0 || part.toMs - part.fromMs < SURELY_EMPTY_MS;
    if (!this.#wide && !outcome.early && mayBeOff && lacksEdge(part, answer)) return void (this.#wide = true);
    this.#wide = false;
    if (outcome.early) this.#notBeforeMs = clock.monotonic() + EARLY_MS;
    const wanted = fetched.rows.filter(({ endMs }) => endMs > outcome.afterMs && endMs <= outcome.untilMs);
    const options = { meter: name, labels, isUnchecked: fetched.isUnchecked, flags: ["backfilled"] as const };
    await this.#keep(wanted.map((row) => rowReadings(row, options)), ledger, outcome.ledger);
    if (outcome.closed) report.closed(name, outcome.closed);
  }

  /** Rows and ledger, both or none. */
  async #keep(readouts: Parameters<Journal["appendAll"]>[0], before: Ledger, ledger: Ledger): Promise<void> {
    const { journal } = this.context;
    try {
      await journal.appendAll(readouts, this.#note(ledger));
    } catch (error) {
      await journal.appendAll([], this.#note(before));
      throw error;
    }
  }

  async #failed(plan: Plan, error: unknown): Promise<void> {
    if (error instanceof RefusalError && error.what !== "password" && !plan.probe) {
      if (this.context.clock.monotonic() - this.#provenMs >= PROVEN_MS) return void (this.#inDoubt = true);
      return await this.#settle(plan, { rows: [], damaged: [], isUnchecked: false });
    }
    this.#backOff(error);
  }

  #backOff(error: unknown): void {
    const { meter: { name }, context: { clock, report } } = this;
    const [firstMs, mostMs] = error instanceof RefusalError ? REFUSED_MS : TROUBLE_MS;
    this.#crowdedSinceMs = undefined;
    const waitMs = Math.min(firstMs * 2 ** this.#failures++, mostMs);
    this.#notBeforeMs = clock.monotonic() + waitMs;
    const reason = error instanceof Error ? error.message : String(error);
    const bug = isOfMeterOrWire(error) ? "" : ": this is a bug, please report it";
    report.failed(name, reason + bug, { inARow: this.#failures, waitMs });
  }

  /** Read afresh each time: what was on its way to a disk that failed may not have arrived. */
  async #ledger(): Promise<Ledger | undefined> {
    return parseLedger(await this.context.journal.note(this.#name));
  }

  #note(ledger: Ledger): Note {
    return { name: this.#name, content: formatLedger(ledger) };
  }

  #grid({ periodMs }: Ledger) {
    return { periodMs, zone: this.#zone };
  }
}
