/**
 * Carries out a simulated meter's steps on its end of a wire. The meter's own time runs from deadline to deadline: what
 * it does begins when it should have ended what it did before, however late this program woke, so nothing drifts.
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Arrival, Dialogue, Step } from "../dialogue.ts";
import { SilenceError } from "../errors.ts";
import { sleepUntil, type WireEnd } from "./wire.ts";

const NOTHING: Arrival = { bytes: new Uint8Array(), atMs: 0 };

/** Until the wire is gone, the signal aborts or the dialogue throws: it always throws. */
export async function serve(
  dialogue: Dialogue<never>,
  end: WireEnd,
  clock: Clock,
  signal: AbortSignal,
): Promise<never> {
  let atMs = clock.monotonic();
  let arrival = NOTHING;
  let silent = false;
  while (true) {
    const next: IteratorResult<Step, never> = silent
      ? dialogue.throw(new SilenceError("Nothing came"))
      : dialogue.next(arrival);
    const step = next.value as Step;
    [arrival, silent] = [NOTHING, false];
    if (step.kind === "line") end.setLine(step.settings);
    else if (step.kind === "flush") end.flush();
    else if (step.kind === "pause") await sleepUntil(clock, atMs += step.ms, signal);
    else if (step.kind === "send") atMs = await end.send(step.bytes, atMs, signal);
    else {
      const heard = await end.receive(atMs + step.withinMs, signal);
      if (heard === undefined) {
        silent = true;
        atMs += step.withinMs;
      } else {
        atMs = Math.max(atMs, heard.atMs);
        arrival = { bytes: heard.bytes, atMs: clock.now() };
      }
    }
  }
}
