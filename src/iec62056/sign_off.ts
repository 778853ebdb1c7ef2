/** The sign-off: the break, with which a session ends in modes B and C (IEC 62056-21, 6.3.14 and 6.4.3). @module */
import { type Dialogue, pause, send, setLine } from "../dialogue.ts";
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

/** Signs a meter off. Who is interrupted at it begins anew, and then nothing goes on behind it. @throws {LineError} */
export function* signOff(options: SignOffOptions): Dialogue<void> {
  let interrupted = true;
  try {
    yield* sayGoodbye(options);
    interrupted = false;
  } catch (error) {
    interrupted = false;
    throw error;
  } finally {
    if (interrupted) yield* endBy(sayGoodbye(options));
  }
}

/** A dialogue that is returned goes on behind its last steps as if nothing were; one that throws does not. */
function* endBy(last: Dialogue<void>): Dialogue<never> {
  yield* last;
  throw new DOMException("The session was interrupted", "AbortError");
}

function* sayGoodbye({ identification, manners: { fastWakeUp }, rule, line }: SignOffOptions): Dialogue<void> {
  yield* pause(reactionMs(identification));
  yield* send(encodeBreak(rule, fastWakeUp?.nuls ? "B1" : "B0"));
  if (line) yield* setLine(line);
}
