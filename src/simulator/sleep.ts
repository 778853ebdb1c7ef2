/** A battery meter's ear: closed until a run of NULs and a silence have opened it (IEC 62056-21, 6.4.3, annex B). @module */
import type { Arrival, Dialogue } from "../dialogue.ts";
import { SilenceError } from "../errors.ts";
import { SILENCE_MS } from "../iec62056/modes.ts";

/** What opens it. */
export interface Sleep {
  readonly nuls: number;
  /** Behind the last NUL, before anything else. */
  readonly silenceMs: number;
}

/** A deep sleep: the standard sends 63 to 69 NULs and waits 1.5 s. */
export const DEEP: Sleep = { nuls: 60, silenceMs: 1000 };
/** After B1. */
export const LIGHT: Sleep = { nuls: 1, silenceMs: 100 };
/** So long it hears without being asked anything. */
export const AWAKE_MS = 10_000;

/** Sleeps until it is woken; what comes in between is lost, and told to `complain`. */
export function* sleep({ nuls, silenceMs }: Sleep, complain: (message: string) => void): Dialogue<void> {
  let heard = 0;
  while (true) {
    const enough = heard >= nuls;
    const arrival = yield* within(enough ? silenceMs : heard > 0 ? SILENCE_MS : Infinity);
    if (!arrival && enough) return;
    if (!arrival) heard = 0;
    for (const byte of arrival?.bytes ?? []) {
      if (byte !== 0 && heard > 0) {
        complain(enough ? "asleep: no silence behind the NULs" : `asleep: woken by ${heard} NULs instead of ${nuls}`);
      }
      heard = byte === 0 ? heard + 1 : 0;
    }
  }
}

function* within(withinMs: number): Dialogue<Arrival | undefined> {
  try {
    return yield { kind: "receive", withinMs };
  } catch (error) {
    if (!(error instanceof SilenceError)) throw error;
    return undefined;
  }
}
