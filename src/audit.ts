/** What is done to a meter leaves a line in the log. @module */
import type { Log } from "./log.ts";

/** What was done, or tried. */
export interface Deed {
  /** Who did it. */
  readonly who: Readonly<Record<string, string>>;
  readonly meter: string;
  /** `W1 0.9.1`, never a password. */
  readonly command: string;
  /** What the register held before and holds now; absent: it can't be read. */
  readonly old?: string | undefined;
  readonly now?: string | undefined;
  /** What was to be written. */
  readonly wanted?: string | undefined;
}

/** Who did what to which meter; the log adds when. `result`: `written`, or why it is not, or not known to be. */
export function audit(log: Log, { who, meter, command, old, now, wanted }: Deed, result: string): void {
  const fields = { ...who, meter, command, old, wanted, now, result };
  log[result === "written" ? "info" : "error"](`AUDIT: ${command}`, fields);
}
