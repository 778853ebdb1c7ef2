/** Readouts that came while the time was unknown: they wait until it is known, and then get the time at which they came. @module */
import { systemClock } from "../clock.ts";
import type { HostTime, TimeMemory } from "../host_time.ts";
import type { Moment } from "../journal.ts";
import type { Log } from "../log.ts";
import type { Redating, Size } from "./messages.ts";
import { QUALITY, type Quality, type ReadoutRow } from "./rows.ts";

/** When the machine has been up for so long without a time, or with so many readouts, nobody waits any longer. */
const HOLD_MS = 24 * 3_600_000;
const HOLD_READOUTS = 10_000;
/** Whether the time is known by now is asked this often. */
const LOOK_MS = 2000;
/** A disk that takes nothing is tried again after this. */
const RETRY_MS = 30_000;
/** Dated at once: appends and sinks want the file too. */
const REDATE_ROWS = 500;
/** The latest certain time is kept at least this often. */
const KEEP_TIME_MS = 600_000;
/** And at once when the start of the machine is reckoned otherwise by more than this. */
const START_MS = 500;

/** What holds readouts back, and lets them go. */
export interface HeldOptions {
  /** Absent: the time is always known. */
  readonly time: HostTime | undefined;
  readonly unsynchronised: "hold" | "flag";
  readonly log: Log | undefined;
  /** Dates some of them. */
  readonly redate: (redating: Redating) => Promise<Size>;
}

/** Decides what waits. How much does is in the size of the file, which the last commit has told. */
export class Held implements Disposable {
  readonly #options: HeldOptions;
  readonly #end = new AbortController();
  #size: Pick<Size, "held"> = {};
  #gaveUp = false;
  #watching = false;
  #said = "";
  #kept: TimeMemory | undefined;

  constructor(options: HeldOptions) {
    this.#options = options;
  }

  /** Readouts that wait. */
  get count(): number {
    return this.#size.held?.count ?? 0;
  }

  /** No sink may pass this readout; `Infinity`: none waits. */
  get first(): number {
    return this.#size.held?.first ?? Infinity;
  }

  /** Whether waiting is worth it. */
  get patient(): boolean {
    const { time, unsynchronised } = this.#options;
    if (!time) return false;
    this.#gaveUp ||= time.monotonic() > HOLD_MS || this.count >= HOLD_READOUTS;
    return unsynchronised === "hold" && time.willBeKnown && !this.#gaveUp;
  }

  /** How far the time of a readout that comes can be trusted. */
  qualityOf(moment: Moment | undefined): Quality {
    if (!moment || moment.trusted) return QUALITY.good;
    const patient = this.patient;
    this.#say(patient);
    return patient ? QUALITY.pending : QUALITY.estimated;
  }

  /** A readout that is in memory alone by the time that is known now; `undefined`: it waits. */
  dated(row: ReadoutRow): ReadoutRow | undefined {
    if (row.quality !== QUALITY.pending) return row;
    const { time } = this.#options;
    if (time?.trusted && row.bootId === time.bootId && row.monoMs !== null) {
      return { ...row, atMs: time.startMs() + row.monoMs, quality: QUALITY.redated };
    }
    return !time?.trusted && this.patient ? undefined : { ...row, quality: QUALITY.estimated };
  }

  /** The file is a new one, which knows nothing of the time. */
  touch(): void {
    this.#kept = undefined;
  }

  /** After each commit. Begins to watch the time when something waits for it. */
  sizeIs(size: Size): void {
    this.#size = size;
    if (size.held && !this.#watching) this.#watch();
  }

  /** What to write of the time; undefined: what was written is enough. */
  memory(): TimeMemory | undefined {
    const memory = this.#options.time?.memory;
    if (!memory || !this.#kept) return memory;
    const { known, startMs, latestMs } = this.#kept;
    const moved = Math.abs(memory.startMs - startMs) > START_MS;
    return moved || memory.known !== known || memory.latestMs - latestMs > KEEP_TIME_MS ? memory : undefined;
  }

  /** It is written. */
  remembered(memory: TimeMemory | undefined): void {
    this.#kept = memory ?? this.#kept;
  }

  [Symbol.dispose](): void {
    this.#end.abort();
  }

  async #watch(): Promise<void> {
    const { time, log } = this.#options;
    const rest = (ms: number) => (time ?? systemClock).sleep(ms, this.#end.signal);
    this.#watching = true;
    while (this.#size.held && !this.#end.signal.aborted) {
      try {
        if (time && !time.trusted && this.patient) await rest(LOOK_MS);
        else await this.#date();
      } catch (error) {
        if (this.#end.signal.aborted) return;
        log?.warning(`Readouts that wait for their time wait on: ${(error as Error).message}`);
        await rest(RETRY_MS).catch(() => {});
      }
    }
    this.#watching = false;
  }

  /** All of them, a few at a time. */
  async #date(): Promise<void> {
    const { time, redate, log } = this.#options;
    const readouts = this.count;
    while (this.#size.held && !this.#end.signal.aborted) {
      const now = time?.trusted ? { now: { bootId: time.bootId, startMs: time.startMs() } } : {};
      this.#size = await redate({ rows: REDATE_ROWS, ...now });
    }
    if (!time || time.trusted) {
      log?.info(`The time is known: ${readouts} readouts have got theirs and go on`, { readouts });
    } else this.#say(false);
  }

  #say(patient: boolean): void {
    const what = patient
      ? "readings wait in the journal until it is, a day at most (journal.unsynchronised)"
      : "readings are delivered with the flag clock-unsynchronised";
    if (this.#said !== what) this.#options.log?.warning(`The host's clock is not synchronised: ${what}`);
    this.#said = what;
  }
}
