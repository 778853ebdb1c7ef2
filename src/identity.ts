/** Which meter it is, before a password goes out: heads get swapped, and a password told to a stranger is none any more. @module */
import type { Dialogue } from "./dialogue.ts";
import { RefusalError } from "./errors.ts";
import { type Programming, readRegisters, type RegisterAnswer, telegramOf } from "./iec62056/mod.ts";
import { verifyIdentity } from "./normalise.ts";

/** What a meter shows of itself without a password. */
export type Identity =
  /** It is the expected one. */
  | { readonly kind: "right"; readonly answers: readonly RegisterAnswer[] }
  /** It is another one. */
  | { readonly kind: "stranger"; readonly answers: readonly RegisterAnswer[]; readonly why: string }
  /** It does not say. */
  | { readonly kind: "hidden"; readonly why: string };

/** Reads what `expect` names, in a session without a password. @throws {SilenceError} {ProtocolError} */
export function* identify(meter: Programming, expect: Readonly<Record<string, string>>): Dialogue<Identity> {
  try {
    const { answers, refused } = yield* readRegisters(meter, Object.keys(expect));
    const answered = Object.entries(expect).filter(([code]) => answers.some(({ asked }) => asked === code));
    const why = verifyIdentity(telegramOf(meter, answers), Object.fromEntries(answered));
    if (why !== undefined) return { kind: "stranger", answers, why };
    return refused.length === 0 ? { kind: "right", answers } : { kind: "hidden", why: refused[0]!.reason };
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    return { kind: "hidden", why: error.message };
  }
}
