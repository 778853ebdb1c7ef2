/**
 * Readouts that came while nobody knew the time. Which slots they were of turns out when the time is known, in the same run
 * of the machine: then they have left out nothing, and what lies between them is a gap like any other.
 * @module
 */
import { slotUntil } from "../schedule.ts";
import type { Moment } from "../journal.ts";
import { afterReadout, type GapOptions, type Ledger, NEW_LEDGER } from "./gaps.ts";

/** As often as this, or more often, a meter's readouts are told by the first and the last of a stretch. */
const RAPID_MS = 60_000;
/** So many stretches are remembered; the journal gives up waiting for the time before that. */
const STRETCHES_LIMIT = 2000;

/** A ledger when a readout was kept whose time nobody knows. `stepMs`: from one slot to the next. */
export function afterHeld(ledger: Ledger | undefined, { bootId, monotonicMs }: Moment, stepMs: number): Ledger {
  const before = ledger ?? NEW_LEDGER;
  const held = before.held ?? [];
  const last = held.at(-1);
  const goesOn = last?.bootId === bootId && stepMs <= RAPID_MS && monotonicMs - last.toMs <= 2 * stepMs;
  const next = goesOn
    ? [...held.slice(0, -1), { ...last, toMs: monotonicMs }]
    : [...held, { bootId, fromMs: monotonicMs, toMs: monotonicMs }];
  return { ...before, held: next.slice(-STRETCHES_LIMIT) };
}

/** The same, but nobody waits any longer for the time of what came: it has a wrong one, and is of no slot. */
export function withoutHeld({ held: _, ...ledger }: Ledger): Ledger {
  return ledger;
}

/** The time is known. What came in an earlier run of the machine, which never knew it, is of no slot. */
export function afterDating(
  ledger: Ledger,
  boot: { readonly bootId: string | undefined; readonly startMs: number },
  options: GapOptions,
): Ledger {
  return (ledger.held ?? []).filter(({ bootId }) => bootId === boot.bootId).reduce((before, { fromMs, toMs }) => {
    const [first, last] = [fromMs, toMs].map((ms) => slotUntil(options.slots, boot.startMs + ms)) as [number, number];
    if (last <= (before.readMs ?? -Infinity)) return before;
    return { ...afterReadout(before, first, options), readMs: last };
  }, withoutHeld(ledger));
}
