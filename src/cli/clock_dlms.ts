/** The clock of a DLMS meter (class 8), read and set. @module */
import { readDlmsClock, setDlmsClock } from "../clock_dlms.ts";
import type { ClockAccess } from "./clock.ts";
import type { DlmsMeter } from "./dlms_session.ts";

/** The clock of this meter. `name`: what it is called where it does not say who it is. */
export function dlmsClock(meter: DlmsMeter, name: string): ClockAccess {
  return {
    waitsForMidnight: false,
    look: () =>
      meter.session(function* ({ client, identification }) {
        return { line: identification?.line ?? name, clock: yield* readDlmsClock(client) };
      }),
    set: (zone) => meter.session(({ client }) => setDlmsClock(client, zone)),
  };
}
