/**
 * All that the author of a sink needs, in one import. A sink is one small object: options, open, write. Durability,
 * batching, retry and ordering stand outside, once, in the journal and the delivery loop.
 * @module
 */
import type { ZodType } from "zod";
import type { Reading } from "./reading.ts";

export { SinkError, type SinkRemedy } from "./errors.ts";
export type { Reading } from "./reading.ts";

/** An open destination. */
export interface Sink extends AsyncDisposable {
  /**
   * Resolves once the destination has the batch; a returned mark is kept with the cursor and handed to the next `open`.
   * Never called before the last call has settled; batches come in order; nothing is buffered inside.
   * @throws {SinkError}
   */
  write(readings: readonly Reading[], signal: AbortSignal): Promise<string | void>;
}

/** A kind of sink, as `sinks/mod.ts` lists it and as a module outside the project exports it by default. */
export interface SinkPlugin<O = unknown> {
  readonly type: string;
  /** Checked before anything is opened: a wrong option stops the start, an unreachable server does not. */
  readonly options: ZodType<O>;
  /** @throws {SinkError} `retry`, when it cannot be opened now */
  open(options: O, mark: string | undefined, signal: AbortSignal): Promise<Sink>;
}
