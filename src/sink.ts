/**
 * All that the author of a sink needs, in one import. A sink is one small object: options, open, write. Durability,
 * batching, retry and ordering stand outside, once, in the journal and the delivery loop.
 * @module
 */
import type { ZodType } from "zod";
import type { Reading } from "./reading.ts";

export { type SinkBlock, SinkError, type SinkRemedy } from "./errors.ts";
export { CSV_HEADER, toCsv, toJson, toTable } from "./format.ts";
export { occurrenceOf, occurrencesIn } from "./occurrence.ts";
export { type Flag, FLAGS, type Reading } from "./reading.ts";
export { filePath, secret } from "./secret.ts";

/** An open destination. */
export interface Sink extends AsyncDisposable {
  /**
   * Resolves once the destination has the batch; a returned mark is kept with the cursor and handed to the next `open`.
   * Never called before the last call has settled; batches come in order, each of whole readouts; nothing is buffered
   * inside. After `split` the same reading objects come again in halves. After `signal` has aborted (30 s), settle soon.
   * @throws {SinkError} anything else that is thrown closes the sink, and it is opened again later
   */
  write(readings: readonly Reading[], signal: AbortSignal): Promise<string | void>;
}

/** What the Deno process must be allowed so that a sink can work; paths are absolute, `net` is `host:port`. */
export interface SinkNeeds {
  readonly net?: readonly string[];
  readonly read?: readonly string[];
  readonly write?: readonly string[];
  /** Names of environment variables; those of secrets are known already. */
  readonly env?: readonly string[];
}

/** A kind of sink, as `sinks/mod.ts` lists it and as a module outside the project exports it by default. */
export interface SinkPlugin<O = unknown> {
  readonly type: string;
  /** Checked before anything is opened: a wrong option stops the start, an unreachable server does not. */
  readonly options: ZodType<O>;
  /** Absent: nothing from outside the process. The service runs with exactly this (`obisd permissions`). */
  needs?(options: O): SinkNeeds;
  /** @throws {SinkError} `retry`, when it cannot be opened now */
  open(options: O, mark: string | undefined, signal: AbortSignal): Promise<Sink>;
}
