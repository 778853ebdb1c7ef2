/** What every trial is given, and what it tells. @module */
import type { Row } from "../bench/table.ts";

export type { Row } from "../bench/table.ts";

/** How hard, and how chance begins. */
export interface TrialOptions {
  /** How often; absent: as often as the project promises. */
  readonly count?: number;
  /** The same seed gives the same faults. */
  readonly seed: number;
  /** Hears how far it is, for whoever waits. */
  readonly say: (text: string) => void;
}

/** One way to break the program. */
export interface Trial {
  /** By which it is chosen: `deno task torture NAME`. */
  readonly name: string;
  /** What is done to it, how often, and how long that takes. */
  readonly summary: string;
  /** @throws {Error} when the program broke: what broke it, and the seed */
  run(options: TrialOptions): Promise<readonly Row[]>;
}
