/** Smart Message Language, which many German meters push instead: recognised, and not spoken here. @module */
import { toText } from "./characters.ts";

/** What a person is told of it. */
export const SML_HINT = "this is SML, a language of its own that obisd does not speak";

/** Four escapes and version 1 of its transport protocol, with which each of its files begins. */
const START = "\x1b\x1b\x1b\x1b\x01\x01\x01\x01";

/** Whether these bytes, or a piece of them, are SML. */
export function isSml(bytes: Uint8Array | string): boolean {
  return (typeof bytes === "string" ? bytes : toText(bytes)).includes(START);
}
