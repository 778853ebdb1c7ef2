/** What a command of `obisd` is. @module */
import type { ParseArgsConfig } from "node:util";
import type { Log } from "../log.ts";

/** What the command line said, as `node:util`'s parseArgs gives it. */
export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

/** One file of `src/cli/`. */
export interface Command {
  /** One line for `obisd --help`. */
  readonly summary: string;
  /** The whole help text, with an example. */
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Resolves with the exit code; what it throws becomes an exit code by its class (`main.ts`). `signal` aborts on SIGINT and SIGTERM. */
  run(args: Arguments, context: { readonly log: Log; readonly signal: AbortSignal }): Promise<number>;
}
