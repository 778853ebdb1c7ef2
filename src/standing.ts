/**
 * Where each meter stands in the queue of its line, kept while lines come and go: one that is started anew goes on with the
 * slot that is not served yet, not with the next.
 * @module
 */
import type { MeterConfig } from "./config.ts";
import { slotsOf } from "./schedule.ts";
import { firstTurn, type Turn } from "./turns.ts";

/** A meter in the queue of its line. */
export type MeterTurn = Turn & {
  readonly meter: MeterConfig;
  /** The slot of which was told that it waits for its line. */
  toldSlot?: number;
};

/** The turns of all meters that have a schedule, by their names. */
export class Standing {
  readonly #turns = new Map<string, MeterTurn>();

  /**
   * The turn of a meter whose line begins now and was wanted since `sinceMs` (ms since 1970): what fell due while the line
   * before was still busy is not forgotten. Whoever had it before must be done with it.
   */
  take(meter: MeterConfig, sinceMs: number): MeterTurn {
    const before = this.#turns.get(meter.name);
    const first = { ...firstTurn(slotsOf(meter.schedule!), meter.tries, sinceMs, meter.priority), meter };
    const same = before && JSON.stringify(before.meter.schedule) === JSON.stringify(meter.schedule);
    const turn = same ? goOn(before, first) : first;
    this.#turns.set(meter.name, turn);
    return turn;
  }

  /** Forgets the meters that are no more: one by the same name may come again some day. */
  retain(names: ReadonlySet<string>): void {
    for (const name of this.#turns.keys()) if (!names.has(name)) this.#turns.delete(name);
  }
}

/**
 * The slot that was not served, with the tries that are left of it; or, where a dead meter has stepped back, the first one,
 * for somebody has changed the configuration.
 */
function goOn(before: MeterTurn, first: MeterTurn): MeterTurn {
  const { slot, tries, askedMs, lostInARow, passedOver, seen } = before;
  const past = { askedMs, lostInARow, awayInARow: lostInARow, passedOver, ...seen && { seen } };
  return slot <= first.slot ? { ...first, ...past, slot, due: slot, tries } : { ...first, ...past };
}
