/** Shows a telegram as readings, and tells what is odd about it. @module */
import { asItWrites } from "../asking.ts";
import { EXIT } from "../exit_code.ts";
import { missingCodes, normalise, verifyIdentity } from "../normalise.ts";
import type { Telegram } from "../telegram.ts";
import type { Context } from "./command.ts";
import { type Format, present } from "./present.ts";
import type { Target } from "./target.ts";

/** How a telegram is shown. */
export interface ShowOptions {
  readonly format: Format;
  /** Another telegram was shown before: a heading that stands once stands there. */
  readonly more?: boolean;
}

/** Prints the readings, tells what is odd. @returns the exit code: nothing is shown of a meter that is not the expected one */
export function showTelegram(
  telegram: Telegram,
  wanted: Target,
  { format, more = false }: ShowOptions,
  { log, print }: Pick<Context, "log" | "print">,
): number {
  const target = asItWrites(wanted, telegram);
  const stranger = target.expect && verifyIdentity(telegram, target.expect);
  if (stranger) {
    log.error(`Nothing is shown: ${stranger}`);
    return EXIT.noAnswer;
  }
  for (const { text, reason } of telegram.block.damaged) {
    log.warning(`Cannot read data line ${JSON.stringify(text)}: ${reason}`);
  }
  const { name: meter, labels, obis } = target;
  const options = { ...meter !== undefined && { meter }, ...labels && { labels }, ...obis && { obis } };
  const readings = normalise(telegram, options);
  const text = present(readings, format);
  const shown = more && format === "csv" ? text.slice(text.indexOf("\n") + 1) : text;
  if (shown !== "") print(more && format === "table" ? `\n${shown}` : shown);
  const missing = obis ? missingCodes(readings, obis) : [];
  if (missing.length > 0) {
    log.warning(`The meter did not say ${missing.join(", ")}; without --obis it shows all that it says`);
  }
  return EXIT.ok;
}
