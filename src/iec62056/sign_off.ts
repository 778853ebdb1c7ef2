/** The sign-off: the break, with which a session ends in modes B and C (IEC 62056-21, 6.3.14 and 6.4.3). @module */
import { type Dialogue, pause, send, setLine } from "../dialogue.ts";
import { LineError } from "../errors.ts";
import type { LineSettings } from "../line.ts";
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
  /** Speed and format to go back to; absent: they are as they were. */
  readonly line?: LineSettings | undefined;
}

/**
 * Signs a meter off; who is interrupted at it begins anew. A converter may have hung up when it had said its last, which
 * takes nothing from whoever has what it wanted; who has not has a better reason to complain.
 */
export function* signOff(options: SignOffOptions): Dialogue<void> {
  let over = false;
  try {
    yield* sayGoodbye(options);
    over = true;
  } catch (error) {
    over = true;
    if (!(error instanceof LineError)) throw error;
  } finally {
    if (!over) yield* sayGoodbye(options);
  }
}

function* sayGoodbye({ identification, manners: { fastWakeUp }, rule, line }: SignOffOptions): Dialogue<void> {
  yield* pause(reactionMs(identification));
  yield* send(encodeBreak(rule, fastWakeUp?.nuls ? "B1" : "B0"));
  if (line) yield* setLine(line);
}
