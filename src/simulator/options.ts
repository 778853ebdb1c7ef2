/** What is simulated, and where. @module */
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Capture, SimulatedMode } from "./capture.ts";
import type { DlmsOptions } from "./dlms_meter.ts";
import type { Fault } from "./faults.ts";
import type { ProgrammedOptions } from "./registers.ts";
import type { ReplayOptions } from "./replay.ts";

/** One meter on the wire. */
export interface SimulatedMeter {
  /** What it says: the telegrams of a captured file, one after the other. */
  readonly captures: readonly Capture[];
  /** Absent: the number that stands in its telegram. */
  readonly address?: string;
}

/** What is simulated, and where. */
export interface SimulatorOptions {
  readonly meters: readonly SimulatedMeter[];
  /** Instead of meters: a recording that is played back. */
  readonly replay?: Omit<ReplayOptions, "paced">;
  /** `{ tcp: "127.0.0.1:0" }`, or `{ pty: link }`: the path at which the pseudo-terminal is to be found. */
  readonly listen: { readonly tcp: string } | { readonly pty: string };
  /** Absent: as each capture shows. */
  readonly mode?: SimulatedMode;
  /** The port's only speed; absent: 300 Bd and what is negotiated, mode D 2400 Bd, P1 115200 Bd. */
  readonly baud?: number;
  /** From one push to the next (mode D); absent: 1 s for P1, else 2 s, or as long as the telegram takes. */
  readonly everyMs?: number;
  /** Values move. */
  readonly live?: boolean;
  readonly faults?: readonly Fault[];
  /** How programming mode (mode C) is: absent, open to everybody; `false`: there is none. */
  readonly programming?: ProgrammedOptions | false;
  /** Mode E: how a client signs on; absent: the meter speaks no DLMS. */
  readonly dlms?: DlmsOptions;
  /** It has a load profile P.01 of the last 40 days, made up, in local time of this zone. */
  readonly profile?: string;
  /** When its power failed for less than an interval of that, ms since 1970. */
  readonly blinksMs?: readonly number[];
  /** `false`: nothing takes its time, and a client's speed is not watched. */
  readonly pacing?: boolean;
  readonly signal?: AbortSignal;
  readonly log?: Log;
  readonly clock?: Clock;
}
