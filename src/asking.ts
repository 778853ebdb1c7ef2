/** What is asked of a meter that is due: its readout, whole or until enough has come, or single registers. @module */
import type { MeterConfig } from "./config.ts";
import type { Dialogue } from "./dialogue.ts";
import { RefusalError } from "./errors.ts";
import { isPassword, programming, readout, readRegisters, telegramOf, type Tries } from "./iec62056/mod.ts";
import { missingCodes, normalise } from "./normalise.ts";
import type { DataSet, Identification, Telegram } from "./telegram.ts";
import { type Endpoint, signOnLine } from "./transport/endpoint.ts";

/** What asking a meter needs to know besides its configuration. */
export interface AskingOptions {
  readonly endpoint: Endpoint;
  /** Data messages, or sessions in programming mode, that are left in this slot. */
  readonly tries: Tries;
  /** Told of each register that the meter refuses; the others are brought home. */
  readonly onRefused: (reason: string) => void;
}

/** Passwords that meters have refused: none is sent a second time, for some meters lock themselves after three. */
const refusedPasswords = new WeakMap<MeterConfig, string>();

/** The dialogue by which a meter of modes A, B and C is read. @throws {RefusalError} its password cannot be sent */
export function asking(meter: MeterConfig, { endpoint, tries, onRefused }: AskingOptions): Dialogue<Telegram> {
  const { max_baud: maxBaud } = endpoint.options;
  const options = {
    mode: meter.mode as "A" | "B" | "C" | "auto",
    line: signOnLine(endpoint),
    tries,
    ...meter.address !== undefined && { address: meter.address },
    ...maxBaud !== undefined && { maxBaud },
  };
  if (meter.registers) return askRegisters(meter, options, onRefused);
  const enough = meter.stopEarly && meter.obis && enoughOf([...meter.obis, ...Object.keys(meter.expect ?? {})]);
  return readout({ ...options, ...enough && { enough } });
}

/** Whether a reading was asked for, and not only to prove that it is the right meter. */
export function isWanted({ registers, expect }: MeterConfig, { address }: { readonly address: string }): boolean {
  return registers === undefined || registers.includes(address) || !Object.hasOwn(expect ?? {}, address);
}

function* askRegisters(
  meter: MeterConfig,
  options: Parameters<typeof programming>[0],
  onRefused: (reason: string) => void,
): Dialogue<Telegram> {
  const password = passwordOf(meter);
  const addresses = new Set([...meter.registers!, ...Object.keys(meter.expect ?? {})]);
  const access = {
    ...password !== undefined && { password },
    ...meter.access !== undefined && { access: meter.access },
  };
  try {
    return yield* programming({ ...options, ...access }, function* (its) {
      const { answers, refused } = yield* readRegisters(its, [...addresses]);
      for (const { reason } of refused) onRefused(reason);
      return telegramOf(its, answers);
    });
  } catch (error) {
    if (password !== undefined && error instanceof RefusalError && error.what === "password") {
      refusedPasswords.set(meter, password);
    }
    throw error;
  }
}

/** Read afresh each time, for it may have been renewed. */
function passwordOf(meter: MeterConfig): string | undefined {
  if (!meter.password) return undefined;
  const fail = (why: string, cause?: unknown) => new RefusalError(`Its password is not sent: ${why}`, { cause });
  let password;
  try {
    password = meter.password();
  } catch (error) {
    throw fail((error as Error).message, error);
  }
  if (!isPassword(password)) throw fail("only printable characters of ASCII can be, no ( ) / !, 32 at most");
  if (refusedPasswords.get(meter) === password) throw fail("the meter has refused it, and might lock itself");
  return password;
}

/** All of these have come, and a further set behind the last of them, which had to begin on a line of its own. */
function enoughOf(codes: readonly string[]): (sets: readonly DataSet[], identification: Identification) => boolean {
  return (sets, identification) => {
    if (sets.length <= codes.length || sets.at(-1)!.address === "") return false;
    const block = { sets: sets.slice(0, -1), damaged: [], complete: true };
    const rest = { mode: "C", check: { kind: "bcc", result: "absent" }, atMs: 0, bytes: new Uint8Array() } as const;
    return missingCodes(normalise({ ...rest, identification, block }), codes).length === 0;
  };
}
