/** Passwords that pass in a session, and how what passes is shown without them. @module */
import { hex, toBytes, toText } from "../iec62056/characters.ts";
import { MASKED_OCTET } from "../recording.ts";

/** Shorter ones would be found in every number. */
const LEAST_CHARACTERS = 4;

/** What was sent that nobody but the meter may see. */
export class Secrets {
  readonly #known = new Set<string>();

  /** Whether there is none: then a message may be shown in pieces. */
  get none(): boolean {
    return this.#known.size === 0;
  }

  /** From here on it is shown nowhere. */
  learn(secret: string): void {
    this.#known.add(secret);
  }

  /**
   * The characters of a message: `***` for a password, wherever it comes back, and `*` for the check character behind
   * it, which tells a part of it.
   */
  mask(bytes: Uint8Array): string {
    // deno-lint-ignore no-control-regex -- they frame the message
    const commands = toText(bytes).replace(/(\x01P[12]\x02\()[^)\x03]*(?:\)\x03[^]?)?/g, "$1***)\x03*");
    return Array.from(this.#known).reduce((shown, secret) => {
      // A short one is looked for behind a bracket alone: 0.9.1(1143000)(12)
      const before = secret.length < LEAST_CHARACTERS ? "(?<=\\)\\()" : "";
      return shown.replace(
        new RegExp(`${before}${RegExp.escape(secret)}(\\)\\x03[^]?)?`, "g"),
        (_, end) => end ? "***)\x03*" : "***",
      );
    }, commands);
  }

  /** The same of what is no text: a `MASKED_OCTET` for each octet, whose number is no secret there. */
  maskOctets(bytes: Uint8Array): string {
    return Array.from(this.#known).reduce(
      (text, secret) => text.replaceAll(secret, MASKED_OCTET.repeat(secret.length)),
      toText(bytes),
    );
  }

  /** `7E A0 07 … *** 7E`. */
  maskHex(bytes: Uint8Array): string {
    const text = Array.from(this.#known).reduce((text, secret) => text.replaceAll(secret, "***"), toText(bytes));
    return text.split("***").map((piece) => hex(toBytes(piece), Infinity)).join(" *** ");
  }
}
