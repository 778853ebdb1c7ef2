/** What back-filling says in the log, and what the status knows of it. @module */
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Gap, Ledger } from "./gaps.ts";

/** How it is doing for one meter. */
export interface BackfillState {
  /** Absent: no readout of the meter was ever kept. */
  readonly ledger?: Ledger;
  /** Spent on the line since the start, ms. */
  readonly lineMs: number;
  /** Why the last attempt failed; absent: it did not. */
  readonly trouble?: { readonly atMs: number; readonly reason: string };
}

/** What fetching takes of one line. */
export interface LineUse {
  /** What it may take in any hour. */
  readonly budgetMs: number;
  /** What it took in the hour before now, for all of the line's meters. */
  spentMs(): number;
}

/** Tells and keeps, for all meters. */
export class BackfillReport {
  /** By their names; those alone that have it configured. */
  readonly meters = new Map<string, BackfillState>();
  /** By their names; those alone with a meter that has it configured. */
  readonly lines = new Map<string, LineUse>();

  constructor(readonly log: Log, readonly clock: Pick<Clock, "now">) {}

  /** What is known now. */
  is(meter: string, state: Partial<BackfillState>): void {
    this.meters.set(meter, { lineMs: 0, ...this.meters.get(meter), ...state });
  }

  /** A readout came, and one before it had not. */
  found(meter: string, { fromMs, toMs }: Gap, { intervals, profile }: { intervals: number; profile: string }): void {
    const range = { from: moment(fromMs), to: moment(toMs) };
    this.log.info(`${meter}: gap found: ${intervals} intervals are fetched from ${profile}`, { meter, ...range });
  }

  /** A gap is over. */
  closed(meter: string, { fromMs, toMs, rows, gone }: Gap): void {
    const range = { meter, from: moment(fromMs), to: moment(toMs), filled: rows, gone };
    if (gone === 0) return this.log.info(`${meter}: gap filled: ${rows} intervals`, range);
    const lacks = `${gone} more are gone: the meter does not have them`;
    this.log.warning(`${meter}: gap given up: ${rows} intervals were filled, ${lacks}`, range);
  }

  /** What the meter said and nobody can read. */
  damaged(meter: string, damaged: readonly string[]): void {
    for (const what of damaged) this.log.warning(`${meter}: cannot read all of its profile: ${what}`, { meter });
  }

  /** The profile is empty where it should have rows in any case. */
  empty(meter: string, profile: string): void {
    this.log.warning(`${meter}: ${profile} has no rows of the last hours: is it the meter's load profile?`, { meter });
  }

  /** A fetch was in vain. `inARow`: so often now. */
  failed(meter: string, reason: string, { inARow, waitMs }: { inARow: number; waitMs: number }): void {
    this.is(meter, { trouble: { atMs: this.clock.now(), reason } });
    const isNews = Number.isInteger(Math.log2(inARow));
    const again = moment(this.clock.now() + waitMs);
    this.log[isNews ? "warning" : "debug"](`${meter}: its profile cannot be fetched: ${reason}`, { meter, again });
  }

  /** Between the readouts on its line, or in its budget, there is no time for it. */
  crowded(meter: string, roomMs: number): void {
    const where = "between the readouts on its line, or in its budget,";
    const reason = `${where} there is no time for its profile: ${Math.floor(roomMs / 1000)} s`;
    this.is(meter, { trouble: { atMs: this.clock.now(), reason } });
    this.log.warning(`${meter}: ${reason}; its gaps stay open`, { meter });
  }

  /** It works again, or for the first time. */
  works(meter: string): void {
    const { trouble: _, ...state } = this.meters.get(meter) ?? { lineMs: 0 };
    this.meters.set(meter, state);
  }
}

const moment = (ms: number) => new Date(ms).toISOString();
