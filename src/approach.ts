/** How a meter is approached: as its endpoint says, else as the named type of meter has it, else by the standard. @module */
import type { ProgrammingOptions } from "./iec62056/mod.ts";
import { type Manners, meterTypeNamed } from "./meters/mod.ts";
import { type Endpoint, signOnLine } from "./transport/endpoint.ts";

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

/** What the dialogue is told of the way to the meter. */
export function approach({ endpoint, address, type }: Approached): Approach {
  const { max_baud: maxBaud } = endpoint.options;
  return {
    line: signOnLine(endpoint, type === undefined ? {} : meterTypeNamed(type)?.line),
    manners: mannersOf(endpoint),
    ...address !== undefined && { address },
    ...type !== undefined && { type },
    ...maxBaud !== undefined && { maxBaud },
  };
}

/** What stands in the query of the endpoint; the rest is the type's. */
function mannersOf({ options }: Endpoint): Manners {
  const { baud_policy: baudPolicy, wake_up: wakeUp, fast_wake_up: fastWakeUp, ack_delay: ackDelayMs } = options;
  return {
    ...baudPolicy !== undefined && { baudPolicy },
    ...wakeUp && { wakeUp },
    ...fastWakeUp && { fastWakeUp },
    ...ackDelayMs !== undefined && { ackDelayMs },
  };
}
