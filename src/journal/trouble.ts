/** What goes wrong with the journal's file, sorted by who must act. @module */
import type { Trouble } from "./messages.ts";

/** A failure that already knows who must act. */
export class FileTrouble extends Error {
  override readonly name = "FileTrouble";
  constructor(readonly kind: Trouble["kind"], message: string) {
    super(message);
  }
}

/** An error as it crosses to the other side of the worker. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof FileTrouble) return { kind: error.kind, message: error.message };
  return { kind: "disk", message: error instanceof Error ? error.message : String(error) };
}

/** What opening says of a file that no waiting will mend. */
export function openingTrouble(path: string, error: unknown): unknown {
  const { message } = error as Error;
  const config = (what: string) => new FileTrouble("config", what);
  if (/not a database/.test(message)) return config("This is no SQLite database: name another file in journal.path");
  if (/unable to open/.test(message)) return config("This file cannot be opened: name another one in journal.path");
  if (!/malformed/.test(message)) return error;
  return config(
    `The journal is damaged (${message}): move ${path} and ${path}-wal away, and obisd begins a new one; ` +
      "readings in it that a sink lacks are lost with it",
  );
}
