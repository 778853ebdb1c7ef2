/** What is asked of a meter that is due: its readout, whole or until enough has come, or single registers. @module */
import { approach } from "./approach.ts";
import { askProgramming as askInProgramming, askRegisters } from "./asking_programming.ts";
import type { askDlms } from "./asking_dlms.ts";
import type { MeterConfig } from "./config.ts";
import { type Dialogue, taking } from "./dialogue.ts";
import type { InvocationCounters } from "./invocation_counters.ts";
import { isSlow, offersModeE, type Programming, readout, type Seen, type Tries } from "./iec62056/mod.ts";
import { missingCodes, normalise } from "./normalise.ts";
import { parseObis } from "./obis/code.ts";
import type { DataSet, Identification, Telegram } from "./telegram.ts";
import type { Endpoint } from "./transport/endpoint.ts";

/** What asking a meter needs to know besides its configuration. */
export interface AskingOptions {
  readonly endpoint: Endpoint;
  /** Data messages, or sessions in programming mode, that are left in this slot. */
  readonly tries: Tries;
  /** Told, each time anew, of registers that the meter refuses while others are brought home, and of a speed that it does not take. */
  readonly onRefused: (reason: string) => void;
  /** Reads in mode E; absent where no meter has `dlms`. */
  readonly modeE?: typeof askDlms;
  /** From where each ciphered message has its number; wanted where a meter has `dlms`. */
  readonly counters?: InvocationCounters;
}

/**
 * The dialogue by which a meter of modes A, B, C and E is read. `take` has its telegram as soon as it is whole, and what it
 * makes of it comes home. @throws {RefusalError} its password cannot be sent
 */
export function asking(meter: MeterConfig, its: AskingOptions): Dialogue<Telegram>;
export function asking<T>(meter: MeterConfig, its: AskingOptions, take: (telegram: Telegram) => T): Dialogue<T>;
export function asking<T>(
  meter: MeterConfig,
  its: AskingOptions,
  take = (telegram: Telegram) => telegram as T,
): Dialogue<T> {
  const { onRefused, modeE } = its;
  if (meter.mode === "E") return taking(modeE!(meter, its), take);
  const options = optionsOf(meter, its);
  if (meter.registers) {
    const asked = askRegisters(meter, { session: options, enough: enoughOf }, onRefused);
    return leaving(meter, taking(asked, take));
  }
  const enough = meter.stopEarly && meter.obis && enoughOf([...meter.obis, ...Object.keys(meter.expect ?? {})]);
  const instead = meter.dlms &&
    ((identification: Identification) => offersModeE(identification) ? modeE!(meter, its, identification) : undefined);
  const seen = seenOf.get(meter) ?? { sums: 0, unchecked: 0, slow: 0 };
  seenOf.set(meter, seen);
  const asked = readout({ ...options, seen, ...enough && { enough }, ...instead && { instead } }, take);
  return leaving(meter, tellingSpeed(asked, seen, onRefused));
}

/** Says of a meter that does not come along to the agreed speed what spares the search for it. */
function* tellingSpeed<T>(session: Dialogue<T>, seen: Seen, tell: (what: string) => void): Dialogue<T> {
  const result = yield* session;
  if (isSlow(seen)) {
    tell(
      "it does not come along to the agreed speed, and is read at that of the sign-on for a while; " +
        "baud_policy=none in the url of its line says so for good",
    );
  }
  return result;
}

/** What their messages have shown of their check characters. */
const seenOf = new WeakMap<MeterConfig, Seen>();

/** Meters whose last session failed: whether they have heard its break is not known. */
const leftBadly = new WeakSet<MeterConfig>();

/** Remembers how a session was left. */
function* leaving<T>(meter: MeterConfig, session: Dialogue<T>): Dialogue<T> {
  try {
    const result = yield* session;
    leftBadly.delete(meter);
    return result;
  } catch (error) { // who is interrupted signs off
    leftBadly.add(meter);
    throw error;
  }
}

function optionsOf(meter: MeterConfig, { endpoint, tries }: Pick<AskingOptions, "endpoint" | "tries">) {
  return {
    mode: meter.mode as "A" | "B" | "C" | "auto",
    tries,
    ...approach({ ...meter, endpoint }, { uncertain: leftBadly.has(meter) }),
  };
}

/** What is wanted of a meter, as people write it. */
export type Wants = Pick<MeterConfig, "obis" | "registers" | "expect">;

/** The same as it stands in the telegram of such a mode: a DLMS meter writes no code as people do. */
export function asItWrites<T extends Wants>(wants: T, { mode }: Pick<Telegram, "mode">): T {
  if (mode !== "E") return wants;
  const { obis, registers, expect } = wants;
  const canonical = (code: string) => parseObis(code) || code;
  return {
    ...wants,
    ...obis && { obis: obis.map(canonical) },
    ...registers && { registers: registers.map(canonical) },
    ...expect && { expect: Object.fromEntries(Object.entries(expect).map(([code, text]) => [canonical(code), text])) },
  };
}

/** What is to be read of a DLMS meter; `undefined`: all that it describes. */
export function codesToRead(wants: Wants): readonly string[] | undefined {
  const { obis, registers = obis, expect = {} } = asItWrites(wants, { mode: "E" });
  return registers && [...new Set([...registers, ...Object.keys(expect)])];
}

/** Why a meter that could have been read in mode E was read in another one; `undefined`: it could not, or was. */
export function notInModeE({ mode, dlms }: MeterConfig, telegram: Telegram): string | undefined {
  if (mode !== "auto" || telegram.mode === "E" || !telegram.identification) return undefined;
  const offers = offersModeE(telegram.identification);
  if (offers === (dlms !== undefined)) return undefined;
  const why = offers ? "it offers mode E (DLMS), but has no dlms: in the configuration" : "it offers no mode E (DLMS)";
  return `${why}: it is read in mode ${telegram.mode}`;
}

/** Whether a reading was asked for, and not only to prove that it is the right meter. */
export function isWanted({ registers, expect }: MeterConfig, { address }: { readonly address: string }): boolean {
  return registers === undefined || registers.includes(address) || !Object.hasOwn(expect ?? {}, address);
}

/** Does `work` in programming mode with a meter that has proven to be the expected one. @throws {RefusalError} its password cannot be sent @throws {SilenceError} another meter answers */
export function askProgramming<T>(
  meter: MeterConfig,
  options: Pick<AskingOptions, "endpoint" | "tries">,
  work: (meter: Programming) => Dialogue<T>,
): Dialogue<T> {
  const way = { session: optionsOf(meter, options), enough: enoughOf };
  return leaving(meter, askInProgramming(meter, way, work));
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
