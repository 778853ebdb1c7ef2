/**
 * What the collector says and counts. One line an event; what changes from time to time (slots, moments) stands in the
 * fields, so that the log can fold what repeats; a meter that stays away is told of ever more seldom.
 * @module
 */
import { BackfillReport } from "./backfill/report.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Log } from "./log.ts";
import type { Telegram } from "./telegram.ts";
import type { Wire, WireOptions } from "./wire.ts";

/** What has happened since the start. */
export interface Counts {
  /** Readouts in the journal, and the readings in them. */
  readouts: number;
  readings: number;
  /** Attempts in vain. */
  failures: number;
  /** Slots without a readout. */
  lostSlots: number;
  /** Pushed telegrams that were not whole, or whose CRC was wrong. */
  dropped: number;
}

/** Farther from ours, a meter's clock is worth a warning. */
const DRIFT_MS = 90_000;

/** A slot that ended without a reading, or how many did. */
export interface LostSlot {
  readonly reason: string;
  /** When the slot was, and when the meter is asked next; ms since 1970. */
  readonly slot: number;
  readonly next: number;
  /** Slots that are over with this one, those included in which a dead meter is left out. */
  readonly count: number;
  /** Lost in a row, this one included. */
  readonly inARow: number;
  /** To be said each time. */
  readonly loud: boolean;
}

/** How a meter is doing. Times in ms since 1970. */
export interface MeterState {
  /** When its last readout was kept. */
  readonly goodMs?: number;
  /** What went wrong last, and whether it has been read since. */
  readonly trouble?: { readonly atMs: number; readonly reason: string; readonly over: boolean };
}

/** Tells the log and keeps the counts, for all meters. */
export class CollectorReport {
  readonly counts: Counts = { readouts: 0, readings: 0, failures: 0, lostSlots: 0, dropped: 0 };
  /** By their names; one of which nothing has been heard is not there. */
  readonly meters = new Map<string, MeterState>();
  /** By their names; one that is not served yet is not there. */
  readonly lines = new Map<string, Pick<Wire, "state">>();
  /** By how many seconds the clock of each meter that says its time is ahead of ours. */
  readonly drifts = new Map<string, number>();
  readonly backfill: BackfillReport;
  readonly #said = new Set<string>();
  readonly #drifting = new Set<string>();

  constructor(readonly log: Log, readonly clock: Pick<Clock, "now"> = systemClock) {
    this.backfill = new BackfillReport(log, clock);
  }

  /** A readout is in the journal. */
  kept(meter: string, readings: number): void {
    this.counts.readouts++;
    this.counts.readings += readings;
    const { trouble } = this.meters.get(meter) ?? {};
    this.meters.set(meter, { goodMs: this.clock.now(), ...trouble && { trouble: { ...trouble, over: true } } });
    this.log.debug(`${meter}: ${readings} readings`, { meter, readings });
  }

  /** The meter's clock against ours, and why it does not date the readout although it should. */
  clockOf(meter: string, { aheadMs, unfit }: { readonly aheadMs?: number; readonly unfit?: string }): void {
    if (unfit !== undefined) {
      const message = `${meter}: timestamp: meter, but ${unfit}; its readings have the time at which they come`;
      this.#once(message, { meter }, `${meter} unfit`);
    }
    if (aheadMs === undefined) return;
    const seconds = Math.round(aheadMs / 1000);
    this.drifts.set(meter, seconds);
    const far = Math.abs(aheadMs) > DRIFT_MS;
    if (far === this.#drifting.has(meter)) return;
    const way = seconds < 0 ? "slow" : "fast";
    if (far) {
      this.#drifting.add(meter);
      this.log.warning(`${meter}: its clock is ${Math.abs(seconds)} s ${way}`, { meter, clock_drift_s: seconds });
    } else {
      this.#drifting.delete(meter);
      this.log.info(`${meter}: its clock is right again`, { meter, clock_drift_s: seconds });
    }
  }

  /** What the meter said and nobody can read; the rest of its telegram is fine. */
  damagedLines(meter: string, { block }: Telegram): void {
    for (const { text, reason } of block.damaged) {
      this.log.warning(`${meter}: cannot read a data line: ${reason}`, { meter, text });
    }
  }

  /** The configuration wants codes that the meter does not say. Told once. */
  missing(meter: string, codes: readonly string[]): void {
    this.#once(`${meter} does not say ${codes.join(", ")}, which its obis: wants`, { meter });
  }

  /** The meter refuses a register. Told once. */
  refused(meter: string, reason: string): void {
    this.#once(`${meter}: ${reason}`, { meter });
  }

  /** The meter could have been read in mode E, and why it was not. Told once. */
  notInModeE(meter: string, why: string | undefined): void {
    if (why !== undefined) this.#once(`${meter}: ${why}`, { meter }, `${meter} not in mode E`, "info");
  }

  /** A pushed telegram that is not delivered. */
  dropped(meter: string, { block, check, bytes }: Telegram): void {
    this.counts.dropped++;
    const why = block.complete ? `${check.kind.toUpperCase()} wrong` : "it broke off";
    this.#trouble(meter, `telegram dropped: ${why}`);
    this.log.warning(`${meter}: telegram dropped: ${why}`, { meter, bytes: bytes.length });
  }

  /**
   * An attempt was in vain and another one follows within the slot: at `due`, or as soon as the line is back. `inARow`: the
   * slot would be the so-manieth that is lost.
   */
  askedAgain(
    meter: string,
    reason: string,
    { due, inARow = 1 }: { readonly due?: number; readonly inARow?: number },
  ): void {
    this.counts.failures++;
    this.#trouble(meter, reason);
    const level = isNews(inARow) ? "warning" : "debug";
    const at = due === undefined ? {} : { at: formatMoment(due) };
    this.log[level](`${meter}: ${reason}; it is asked again`, { meter, ...at });
  }

  /** A pushing meter is not heard, or its telegram is not kept. `inARow`: so often now. */
  unheard(meter: string, reason: string, inARow = 1): void {
    this.counts.failures++;
    this.#trouble(meter, reason);
    this.log[isNews(inARow) ? "warning" : "debug"](`${meter}: ${reason}`, { meter });
  }

  /** A slot ends without a reading. */
  lost(meter: string, { reason, slot, next, count, inARow, loud }: LostSlot): void {
    this.counts.failures++;
    this.counts.lostSlots += count;
    this.#trouble(meter, reason);
    this.log[loud || isNews(inARow) ? "error" : "debug"](`${meter}: no reading: ${reason}`, {
      meter,
      slot: formatMoment(slot),
      next: formatMoment(next),
      ...inARow > 1 && { lost_in_a_row: inARow },
    });
  }

  /** Slots came and went: the line was busy, or the meter said nothing whole. */
  missed(meter: string, missed: number, { slot, why }: { readonly slot: number; readonly why: string }): void {
    if (missed === 0) return;
    this.counts.lostSlots += missed;
    this.#trouble(meter, `slot missed: ${why}`);
    this.log.error(`${meter}: slot missed: ${why}`, { meter, missed, now: formatMoment(slot) });
  }

  /** A meter that was away is back. */
  readAgain(meter: string, lostInARow: number): void {
    if (lostInARow > 0) this.log.info(`${meter}: read again`, { meter, lost_in_a_row: lostInARow });
  }

  /** What only a fault of ours explains: its stack is worth a line. */
  unforeseen(meter: string, error: unknown): void {
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
    this.log.error(`${meter}: ${message}: this is a bug, please report it`, { meter, stack });
  }

  /** What is worth knowing about a line; what holds for others too is said of the first alone. */
  notice(line: string, text: string): void {
    this.#once(`Line ${line}: ${text}`, { line }, text);
  }

  /** Who hears how a line is doing. */
  onLine(line: string): Pick<WireOptions, "onNotice" | "onAway" | "onBack"> {
    return {
      onNotice: (text) => this.notice(line, text),
      onAway: (reason) => this.log.warning(`Line ${line} is away: ${reason}`, { line }),
      onBack: (awayMs) => this.log.info(`Line ${line} is back`, { line, away_s: Math.round(awayMs / 1000) }),
    };
  }

  #trouble(meter: string, reason: string): void {
    const trouble = { atMs: this.clock.now(), reason, over: false };
    this.meters.set(meter, { ...this.meters.get(meter), trouble });
  }

  #once(
    message: string,
    fields: Record<string, unknown>,
    key = message,
    level: "info" | "warning" = "warning",
  ): void {
    if (!this.#said.has(key)) this.log[level](message, fields);
    this.#said.add(key);
  }
}

/** The first time, the second, the fourth, …: a thousand dead meters shall not bury the one that dies now. */
function isNews(times: number): boolean {
  return Number.isInteger(Math.log2(times));
}

function formatMoment(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : "never";
}
