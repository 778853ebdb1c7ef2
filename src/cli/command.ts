/** What a command of `obisd` is. @module */
import type { ParseArgsConfig } from "node:util";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { RecordSession } from "./recorder.ts";

/** What the command line said, as `node:util`'s parseArgs gives it. */
export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

/** The world around a command. */
export interface Context {
  readonly log: Log;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Writes text and a line end to standard output. */
  readonly print: (text: string) => void;
  readonly clock: Clock;
  /** Begins a session of the recording that was asked for (`--record`). */
  readonly record?: RecordSession;
}

/** One file of `src/cli/`. */
export interface Command {
  /** One line for `obisd --help`. */
  readonly summary: string;
  /** The whole help text, with an example. */
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Resolves with the exit code; what it throws becomes an exit code by its class (`main.ts`). */
  run(args: Arguments, context: Context): Promise<number>;
}
