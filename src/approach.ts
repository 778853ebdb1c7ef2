/** How a meter is approached: as its endpoint says, else as the named type of meter has it, else by the standard. @module */
import type { ProgrammingOptions } from "./iec62056/mod.ts";
import { SIGN_ON_LINE } from "./line.ts";
import { type Manners, meterTypeNamed } from "./meters/mod.ts";
import { type Endpoint, signOnLine } from "./transport/endpoint.ts";
import { withoutAbsent } from "./without_absent.ts";

/** Whom to ask. */
export interface Approached {
  readonly endpoint: Endpoint;
  readonly address?: string;
  /** A file of `config/meters/`. */
  readonly type?: string;
}

/** What a readout and a session in programming mode begin with. */
export type Approach =
  & Required<Pick<ProgrammingOptions, "line" | "manners">>
  & Pick<ProgrammingOptions, "address" | "type" | "maxBaud">;

/** The speed of most meters of mode C, where it may be changed. */
export const USUAL_BAUD = 9600;

/**
 * What the dialogue is told of the way to the meter. `uncertain`: a session before may not have ended, and where several
 * share a line, the meter would take for its own what is meant for others; so a break is sent first.
 */
export function approach({ endpoint, address, type }: Approached, { uncertain = false } = {}): Approach {
  const { max_baud: maxBaud } = endpoint.options;
  return {
    line: signOnLine(endpoint, meterTypeNamed(type)?.line),
    manners: { ...mannersOf(endpoint), ...uncertain && { breakBauds: breakBauds(endpoint, type) } },
    ...address !== undefined && { address },
    ...type !== undefined && { type },
    ...maxBaud !== undefined && { maxBaud },
  };
}

/** Speeds at which the meter may still be listening; at the last one it will be asked. */
function breakBauds(endpoint: Endpoint, type?: string): number[] {
  const { max_baud: maxBaud = Infinity, baud_policy: policy } = endpoint.options;
  const { baud } = signOnLine(endpoint, meterTypeNamed(type)?.line);
  const agreed = meterTypeNamed(type)?.readout?.baud ?? USUAL_BAUD;
  const bound = Math.min(maxBaud, typeof policy === "number" ? policy : Infinity);
  const changes = endpoint.kind !== "tcp" && policy !== "fixed" && policy !== "none" && bound >= agreed;
  return changes && baud === SIGN_ON_LINE.baud ? [agreed, baud] : [baud];
}

/** What stands in the query of the endpoint; the rest is the type's. */
function mannersOf({ options }: Endpoint): Manners {
  const { baud_policy: baudPolicy, wake_up: wakeUp, fast_wake_up: fastWakeUp } = options;
  const { data_baud: dataBaud, ack_delay: ackDelayMs, prolonged_break: prolongedBreakMs } = options;
  return withoutAbsent({ baudPolicy, wakeUp, fastWakeUp, dataBaud, ackDelayMs, prolongedBreakMs });
}
