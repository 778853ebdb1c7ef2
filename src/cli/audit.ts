/** What is done to a meter is asked for twice and leaves a line in the log. @module */
import { audit as write, type Deed } from "../audit.ts";
import { UsageError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Arguments, Context } from "./command.ts";
import { confirm, hasTerminal } from "./terminal.ts";

/** Options of a command that changes something. */
export const WRITE_OPTIONS = { write: { type: "boolean" }, yes: { type: "boolean" } } as const;

/** Their part of the help. */
export const WRITE_HELP = `  --write              without it nothing is written: it says that you mean it
  --yes                asks no question, for scripts; else you see what the meter holds, and are asked`;

/** Whether a change may be tried at all. @throws {UsageError} */
export function requireConsent({ values }: Arguments, what: string): void {
  if (values.write !== true) throw new UsageError(`${what} changes the meter: say --write if that is meant`);
  if (values.yes !== true && !hasTerminal()) {
    throw new UsageError(`${what} changes the meter, and there is no terminal to ask at: say --yes if that is meant`);
  }
}

/** Asks unless --yes was said. @throws {UsageError} the answer was no */
export async function consent({ values }: Arguments, question: string, { signal }: Context): Promise<void> {
  if (values.yes === true || await confirm(question, signal)) return;
  throw new UsageError("Nothing was written");
}

/** What was done, or tried, by whoever sits at this terminal. `result`: `written`, or why it is not, or not known to be. */
export function audit(log: Log, deed: Omit<Deed, "who">, result: string): void {
  const sudo = Deno.env.get("SUDO_USER");
  const who = `${Deno.env.get("USER") ?? Deno.env.get("LOGNAME") ?? "?"}(${Deno.uid() ?? "?"})`;
  write(log, { who: { who, ...sudo !== undefined && { sudo_user: sudo } }, ...deed }, result);
}
