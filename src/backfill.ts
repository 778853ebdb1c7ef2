/**
 * Going back for intervals that no readout told of. A line that has nothing due lends its time: one part of one gap, which
 * must be over before the next readout is due, within a budget, oldest first. What comes is journaled together with the
 * note of how far the meter is done, so that a kill neither loses an interval nor brings one twice.
 *
 * | what | where |
 * |---|---|
 * | which intervals are missing | `backfill/gaps.ts` |
 * | what came while nobody knew the time | `backfill/held.ts` |
 * | one meter: what is asked for, and what becomes of the answer | `backfill/follower.ts` |
 * | what it costs | `backfill/line_time.ts` |
 * | how rows are fetched | `backfill/rows.ts` |
 * | what is said about it | `backfill/report.ts` |
 * @module
 */
import { type BackfillContext, Follower } from "./backfill/follower.ts";
import { LineTime } from "./backfill/line_time.ts";
import type { MeterConfig } from "./config.ts";
import type { Moment, Note } from "./journal.ts";
import type { Wire } from "./wire.ts";

export type { BackfillContext } from "./backfill/follower.ts";

/** Fills the gaps of the meters on one line. */
export class Backfill {
  private constructor(readonly followers: readonly Follower[], readonly context: BackfillContext) {}

  /** `undefined`: no meter on the line has it configured. */
  static async of(
    meters: readonly MeterConfig[],
    its: Omit<BackfillContext, "line">,
  ): Promise<Backfill | undefined> {
    const context = { ...its, line: new LineTime() };
    const followers = meters.flatMap((meter) => meter.backfill ? [new Follower(meter, meter.backfill, context)] : []);
    for (const follower of followers) await follower.tell();
    const [first] = followers;
    if (!first) return undefined;
    const budgetMs = Math.max(...followers.map(({ options }) => options.budgetMs));
    its.report.lines.set(first.meter.line, { budgetMs, spentMs: () => context.line.spentMs(its.clock.monotonic()) });
    return new Backfill(followers, context);
  }

  /** The note that must go to the journal with the readout of a slot; absent: none. `moment`: when it came. */
  async noteAfter(meter: MeterConfig, slotMs: number | undefined, moment?: Moment): Promise<Note | undefined> {
    const follower = this.followers.find((follower) => follower.meter === meter);
    if (slotMs === undefined) return undefined;
    return this.#isLost() ? await follower?.noteHeld(slotMs, moment) : await follower?.noteAfter(slotMs);
  }

  /** Fetches one part, if one is missing and it can be over within a time. Brings home whether the line was used. */
  async step(wire: Wire, withinMs: number): Promise<boolean> {
    if (this.#isLost() || wire.waitMs() > 0) return false;
    for (const follower of this.#inTurn()) {
      if (await follower.step(wire, withinMs)) return true;
    }
    return false;
  }

  /** First whoever had least of the line in the last hour; of these, whoever was asked longest ago. */
  #inTurn(): readonly Follower[] {
    const { line, clock } = this.context;
    const had = this.followers.map((follower) => ({
      follower,
      ms: line.spentMs(clock.monotonic(), follower.meter.name),
    }));
    had.sort((one, other) => one.ms - other.ms || one.follower.askedMs - other.follower.askedMs);
    return had.map(({ follower }) => follower);
  }

  /** Whether nobody knows what time it is, and will. */
  #isLost(): boolean {
    const { trust, willBeKnown } = this.context.clock;
    return trust === "unknown" && willBeKnown === true;
  }
}
