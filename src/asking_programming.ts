/**
 * What a meter that is due is asked in programming mode. Where a configuration says by `expect` which meter it is, no other
 * one hears its password, let alone a command: the registers that prove it are read before, and if they are behind the
 * password too, its readout.
 * @module
 */
import type { MeterConfig } from "./config.ts";
import type { Dialogue } from "./dialogue.ts";
import { RefusalError, SilenceError } from "./errors.ts";
import {
  isPassword,
  logIn,
  type Programming,
  programming,
  readout,
  type ReadoutOptions,
  readRegisters,
  type RegisterAnswer,
  telegramOf,
} from "./iec62056/mod.ts";
import { identify, type Identity } from "./identity.ts";
import { verifyIdentity } from "./normalise.ts";
import { notSent, passwordOf, remembered } from "./password.ts";
import type { Telegram } from "./telegram.ts";

/** How to reach the meter. */
export interface ProgrammingWay {
  /** Of the session, without a password. */
  readonly session: Parameters<typeof programming>[0];
  /** Whether a readout has enough in it. */
  readonly enough: (codes: readonly string[]) => NonNullable<ReadoutOptions["enough"]>;
}

/** What is done with a meter. */
interface Task<T> {
  /** With the expected one, logged in; `known`: registers that were read to prove it. */
  readonly work: (meter: Programming, known: readonly RegisterAnswer[]) => Dialogue<T>;
  /** With another one, of which a telegram shows that it is. */
  readonly stranger: (telegram: Telegram, why: string) => T;
}

/** What became of a session; `undefined`: it was interrupted, and nobody waits for more than its sign-off. */
type Outcome<T> = { readonly done: T } | "hidden" | undefined;

/** Meters that tell who they are in their readout alone: it is read first, at once. */
const hidden = new WeakSet<MeterConfig>();

/**
 * Reads the registers of `meter`, and those of its `expect`. A stranger's telegram has these alone.
 * @throws {RefusalError} the password cannot be sent, or was refused
 */
export function askRegisters(
  meter: MeterConfig,
  way: ProgrammingWay,
  onRefused: (reason: string) => void,
): Dialogue<Telegram> {
  const addresses = [...new Set([...meter.registers!, ...Object.keys(meter.expect ?? {})])];
  return admitted(meter, { ...way, prove: meter.password !== undefined }, {
    stranger: (telegram) => telegram,
    *work(its, known) {
      const rest = addresses.filter((address) => !known.some(({ asked }) => asked === address));
      const { answers, refused } = yield* readRest(its, rest, known);
      for (const { reason } of refused) onRefused(reason);
      const place = ({ asked }: RegisterAnswer) => addresses.indexOf(asked);
      return telegramOf(its, [...known, ...answers].sort((one, other) => place(one) - place(other)));
    },
  });
}

/**
 * Does `work` in programming mode with a meter that has proven to be the expected one.
 * @throws {RefusalError} its password cannot be sent @throws {SilenceError} another meter answers
 */
export function askProgramming<T>(
  meter: MeterConfig,
  way: ProgrammingWay,
  work: (meter: Programming) => Dialogue<T>,
): Dialogue<T> {
  const stranger = (_: Telegram, why: string): never => {
    throw new SilenceError(`The meter of the configuration is not there: ${why}`);
  };
  return admitted(meter, { ...way, prove: true }, { stranger, work });
}

/** Proves who the meter is, if it is to be proven, gives it the password, if there is one, and does the task. */
function* admitted<T>(
  meter: MeterConfig,
  { session, enough, prove }: ProgrammingWay & { readonly prove: boolean },
  { work, stranger }: Task<T>,
): Dialogue<T> {
  const password = passwordOf(meter);
  if (password !== undefined && !isPassword(password)) {
    throw notSent("only printable characters of ASCII can be, no ( ) / !, 32 at most");
  }
  const { expect } = meter;
  const ask = (proof?: typeof expect) =>
    remembered(
      meter,
      password,
      programming(session, function* (its): Dialogue<Outcome<T>> {
        const identity: Identity | undefined = proof && (yield* identify(its, proof));
        if (identity?.kind === "hidden") return "hidden";
        if (identity?.kind === "stranger") return { done: stranger(telegramOf(its, identity.answers), identity.why) };
        if (password !== undefined) yield* logIn(its, password, meter.access);
        return { done: yield* work(its, identity?.answers ?? []) };
      }),
    );
  if (prove && expect) {
    const outcome: Outcome<T> = hidden.has(meter) ? "hidden" : yield* ask(expect);
    if (outcome !== "hidden") return doneOf(outcome);
    hidden.add(meter);
    const shown = readout({ ...session, tries: { left: 1 }, enough: enough(Object.keys(expect)) });
    const telegram: Telegram | undefined = yield* shown;
    if (!telegram) return doneOf<T>(undefined);
    const why = verifyIdentity(telegram, expect);
    if (why !== undefined) return stranger(telegram, why);
  }
  return doneOf(yield* ask());
}

/** What was done; of a session that was interrupted, nothing. */
function doneOf<T>(outcome: Outcome<T>): T {
  return (outcome as { readonly done: T } | undefined)?.done as T;
}

/** What is not known yet; that it is refused is no fault of what is known. */
function* readRest(meter: Programming, addresses: readonly string[], known: readonly RegisterAnswer[]) {
  try {
    return addresses.length > 0 ? yield* readRegisters(meter, addresses) : { answers: [], refused: [] };
  } catch (error) {
    if (known.length === 0 || !(error instanceof RefusalError)) throw error;
    return { answers: [], refused: addresses.map((asked) => ({ asked, reason: error.message })) };
  }
}
