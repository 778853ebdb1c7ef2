/** What of a load profile has come so far: its rows, each once, and what is to be said besides. @module */
import type { FetchedDay, Gap, ProfileRow, Zone } from "../iec62056/mod.ts";
import type { FetchedRange } from "../profile_dlms.ts";

/** Which rows are wanted: those that end behind its begin, and not behind its end. Ms since 1970. */
export interface Range {
  readonly fromMs: number;
  readonly toMs: number;
  readonly zone: Zone;
  readonly timeZone: string;
}

/** All days so far. They overlap, and a second session begins anew: a row that comes again replaces the one before. */
export class Fetched {
  readonly #rows = new Map<string, ProfileRow>();
  readonly #gaps = new Map<number, Gap>();
  readonly #damaged = new Set<string>();
  #passed = 0;
  /** Of the first row that came, and of the last: some meters begin with the newest. */
  #came: readonly [firstMs: number, lastMs: number] | undefined;
  isUnchecked = false;

  constructor(readonly range: Range) {}

  add({ rows, ...day }: FetchedDay): void {
    for (const row of rows) this.keep(row);
    this.note(day);
  }

  /** Keeps a row of the range. */
  keep(row: ProfileRow): void {
    if (!this.#isWanted(row)) return;
    this.#rows.set(keyOf(row), row);
    this.#note(row);
  }

  /** Shows a row of the range at once: a year of them need not be kept. */
  pass(row: ProfileRow, show: (row: ProfileRow) => void): void {
    if (!this.#isWanted(row)) return;
    this.#passed++;
    this.#note(row);
    show(row);
  }

  /** What is to be said when not all came. */
  brokenOff(): string {
    const last = local(this.#came![1], this.range);
    const [way, option] = this.#isNewestFirst ? ["down", "--to"] : ["up", "--from"];
    const count = `${this.#rows.size + this.#passed} rows have come, ${way} to ${last}`;
    return `It broke off: ${count}; ${option} ${last.replace(" ", "T")} fetches the rest`;
  }

  /** What is done, as if it had begun at the range's beginning, ms since 1970. */
  get doneMs(): number {
    const { fromMs, toMs } = this.range;
    const lastMs = this.#came?.[1] ?? fromMs;
    return this.#isNewestFirst ? fromMs + toMs - lastMs : lastMs;
  }

  get #isNewestFirst(): boolean {
    return this.#came !== undefined && this.#came[1] < this.#came[0];
  }

  #note({ endMs }: ProfileRow): void {
    this.#came = [this.#came?.[0] ?? endMs, endMs];
  }

  #isWanted({ endMs }: ProfileRow): boolean {
    return endMs > this.range.fromMs && endMs <= this.range.toMs;
  }

  /** What is told besides the rows. */
  note({ gaps, damaged, check }: FetchedRange): void {
    const { fromMs, toMs } = this.range;
    for (const gap of gaps) if (gap.toMs > fromMs && gap.fromMs < toMs) this.#gaps.set(gap.fromMs, gap);
    for (const damage of damaged) this.#damaged.add(damage);
    this.isUnchecked ||= check !== "good";
  }

  get isEmpty(): boolean {
    return this.#rows.size + this.#passed === 0;
  }

  get rows(): ProfileRow[] {
    return [...this.#rows.values()].sort((one, other) => one.endMs - other.endMs);
  }

  get gaps(): readonly Gap[] {
    return [...this.#gaps.values()];
  }

  get damaged(): readonly string[] {
    return [...this.#damaged];
  }
}

/** An interval by its end; of the events of a log book several may have come at the same second. */
function keyOf({ startMs, endMs, values }: ProfileRow): string {
  return startMs < endMs ? `${endMs}` : [endMs, ...values.map(({ text }) => text)].join();
}

/** A time as the meter's clock shows it: `2026-06-01 12:00:00`. */
export function local(ms: number, { zone }: Pick<Range, "zone">): string {
  return new Date(ms + zone.offsetMs(ms)).toISOString().slice(0, 19).replace("T", " ");
}
