/** A meter's password, or its keys: read afresh each time, and never sent again once the meter has refused it. @module */
import type { MeterConfig } from "./config.ts";
import type { Dialogue } from "./dialogue.ts";
import { RefusalError } from "./errors.ts";

/** Passwords and keys that meters have refused: none is sent a second time, for some meters lock themselves after three. */
const refused = new WeakMap<MeterConfig, string>();

/**
 * The password, as it is now; `undefined`: there is none. `read` gives something else that proves who we are.
 * @throws {RefusalError} it cannot be had, or may not be sent
 */
export function passwordOf(meter: MeterConfig, read: (() => string) | undefined = meter.password): string | undefined {
  if (!read) return undefined;
  let password;
  try {
    password = read();
  } catch (error) {
    throw notSent((error as Error).message, error);
  }
  if (refused.get(meter) === password) throw notSent("the meter has refused it, and might lock itself");
  return password;
}

/** Why a password is not sent. */
export function notSent(why: string, cause?: unknown): RefusalError {
  return new RefusalError(`Its password is not sent: ${why}`, { cause });
}

/** Does `work`, and remembers the password that it presents if the meter refuses it. */
export function* remembered<T>(meter: MeterConfig, password: string | undefined, work: Dialogue<T>): Dialogue<T> {
  try {
    return yield* work;
  } catch (error) {
    if (password !== undefined && error instanceof RefusalError && error.what === "password") {
      refused.set(meter, password);
    }
    throw error;
  }
}
