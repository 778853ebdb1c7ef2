/** The sign-off: the break, with which a session ends in modes B and C (IEC 62056-21, 6.3.14 and 6.4.3). @module */
import { type Dialogue, pause, send } from "../dialogue.ts";
import { LineError } from "../errors.ts";
import type { Manners } from "../meters/mod.ts";
import type { Identification } from "../telegram.ts";
import type { ChecksumRule } from "./bcc.ts";
import { encodeBreak } from "./messages.ts";
import { reactionMs } from "./modes.ts";

/** How a meter hears that a session is over. */
export interface SignOffOptions {
  readonly identification: Identification;
  readonly manners: Pick<Manners, "fastWakeUp">;
  /** Of our own check characters. */
  readonly rule: ChecksumRule;
}

/**
 * Signs a meter off. A converter may have hung up when it had said its last, which takes nothing from whoever has what it
 * wanted; who has not has a better reason to complain.
 */
export function* signOff({ identification, manners: { fastWakeUp }, rule }: SignOffOptions): Dialogue<void> {
  try {
    yield* pause(reactionMs(identification));
    yield* send(encodeBreak(rule, fastWakeUp?.nuls ? "B1" : "B0"));
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
  }
}
