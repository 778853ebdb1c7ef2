/** What is asked of a DLMS meter that is due (mode E). Loaded where such a meter is configured alone: it is a lot of code. @module */
import { asItWrites, type AskingOptions, codesToRead } from "./asking.ts";
import type { MeterConfig } from "./config.ts";
import { type Dialogue, pause } from "./dialogue.ts";
import { modeEOptions } from "./dlms_access.ts";
import { readDlmsClock, setDlmsClock } from "./clock_dlms.ts";
import { type Client, dlmsReadout, type DlmsReadoutOptions } from "./dlms/mod.ts";
import { authenticationOf, type DlmsSettings, takesPassword } from "./dlms_settings.ts";
import { ProtocolError, RefusalError, SilenceError } from "./errors.ts";
import type { ClockDialogues, FetchedDay } from "./iec62056/mod.ts";
import { REPEAT_MS } from "./iec62056/modes.ts";
import { modeE, type ModeEOptions, readModeE } from "./mode_e.ts";
import { verifyIdentity } from "./normalise.ts";
import { parseObis } from "./obis/code.ts";
import { passwordOf, remembered } from "./password.ts";
import { type DlmsRange, fetchProfile } from "./profile_dlms.ts";
import type { Identification, Telegram } from "./telegram.ts";

/** The clock of a DLMS meter. */
const CLOCK = "0-0:1.0.0*255";

/**
 * Classes of the objects of each meter, as they answered: the meter's description is read once, for it may take minutes.
 * And whether it takes questions for several at once: after a session that ended in one, it is asked one by one.
 */
const known = new WeakMap<MeterConfig, Required<Pick<DlmsReadoutOptions, "known" | "lists">>>();

/** Meters of which the public client does not see who they are: it is asked no more. */
const hidden = new WeakSet<MeterConfig>();

/** How often in a row the public client was not let in where another one was; so often, and it is asked no more. */
const shut = new WeakMap<MeterConfig, number>();
const SHUT_TIMES = 3;

/** Meters that need not be asked for their invocation counter: they have been, and all went well since. */
const inStep = new WeakSet<MeterConfig>();

/**
 * Reads a meter in mode E, in a new session if need be. What it refuses is told, the rest comes home.
 * @param identification of the sign-on, where that has been answered already
 * @throws {RefusalError} the association, or everything that was asked for
 */
export function* askDlms(
  meter: MeterConfig,
  options: AskingOptions,
  identification?: Identification,
): Dialogue<Telegram> {
  const { tries, onRefused } = options;
  for (let signedOn = identification;; signedOn = undefined) {
    tries.left--;
    try {
      const { block, ...telegram } = yield* session(meter, options, signedOn);
      for (const { text, reason } of block.damaged) onRefused(`it does not say ${text}: ${reason}`);
      if (meter.expect && verifyIdentity({ ...telegram, block }, expectOf(meter)!)) inStep.delete(meter);
      if (block.sets.length === 0) throw nothingRead(meter, block.damaged[0]?.reason);
      return { ...telegram, block: { ...block, damaged: [] } };
    } catch (error) {
      if (error instanceof SilenceError && error.what === "password") tries.left = 0;
      const again = error instanceof SilenceError || error instanceof ProtocolError;
      if (!again || tries.left <= 0) throw error;
    }
    yield* pause(REPEAT_MS);
  }
}

function session(meter: MeterConfig, its: AskingOptions, identification?: Identification): Dialogue<Telegram> {
  const codes = codesToRead(meter);
  const all = codes && meter.timestamp === "meter" ? [...new Set([...codes, CLOCK])] : codes;
  if (!known.has(meter)) known.set(meter, { known: new Map(), lists: {} });
  return signedOn(meter, { ...its, identification }, (options) => readModeE(options, all, known.get(meter)!));
}

/** Fetches rows of its load profile from a meter that has proven to be the expected one. @throws {RefusalError} {SilenceError} */
export function askDlmsProfile(
  meter: MeterConfig,
  its: Pick<AskingOptions, "endpoint" | "counters">,
  range: DlmsRange,
): Dialogue<FetchedDay> {
  return proven(meter, its, (client) => fetchProfile(client, parseObis(meter.backfill!.profile), range));
}

/** Reads and sets the clock of such a meter. @throws {RefusalError} {SilenceError} */
export function askDlmsClock(
  meter: MeterConfig,
  its: Pick<AskingOptions, "endpoint" | "counters">,
  work: (clock: ClockDialogues) => Dialogue<void>,
): Dialogue<void> {
  const clockOf = (client: Client): ClockDialogues => ({
    read: () => readDlmsClock(client),
    set: (zone) => setDlmsClock(client, zone),
  });
  return proven(meter, its, (client) => work(clockOf(client)));
}

/** Nothing more is asked of a stranger, let alone written to one. */
function proven<T>(
  meter: MeterConfig,
  its: Pick<AskingOptions, "endpoint" | "counters">,
  work: (client: Client) => Dialogue<T>,
): Dialogue<T> {
  return signedOn(meter, its, (options) =>
    modeE(options, function* (client) {
      if (meter.expect) {
        const telegram = yield* dlmsReadout(client, { names: codesToRead({ registers: [], expect: meter.expect })! });
        const stranger = verifyIdentity(telegram, expectOf(meter)!);
        if (stranger) throw new SilenceError(`The meter of the configuration is not there: ${stranger}`);
      }
      return yield* work(client);
    }));
}

/** A session by the meter's own settings, and what is remembered of how it went. */
function* signedOn<T>(
  meter: MeterConfig,
  { endpoint, counters, identification }: Pick<AskingOptions, "endpoint" | "counters"> & {
    readonly identification?: Identification | undefined;
  },
  ask: (options: ModeEOptions) => Dialogue<T>,
): Dialogue<T> {
  const { address, dlms } = meter;
  const auth = authenticationOf(dlms!, meter.password !== undefined);
  const password = takesPassword(auth) ? passwordOf(meter) : undefined;
  const proof = password ?? (auth === "none" ? undefined : passwordOf(meter, () => keysOf(dlms!)));
  const access = {
    ...{ endpoint, counters: counters! },
    ...address !== undefined && { address },
    ...password !== undefined && { password },
    expect: expectOf(meter),
  };
  const { readCounter, expect, ...rest } = modeEOptions(dlms!, access);
  let isHidden = false;
  let refusals = 0;
  const onHidden = (error?: Error) => {
    refusals = error ? (shut.get(meter) ?? 0) + 1 : 0;
    isHidden = !error || refusals >= SHUT_TIMES;
  };
  const options = {
    ...rest,
    ...identification && { identification },
    ...readCounter !== undefined && !inStep.has(meter) && { readCounter },
    ...expect && !hidden.has(meter) && { expect, onHidden },
  };
  inStep.delete(meter);
  const answer = yield* remembered(meter, proof, ask(options));
  shut.set(meter, refusals);
  if (isHidden) hidden.add(meter);
  inStep.add(meter);
  return answer;
}

function expectOf(meter: MeterConfig): MeterConfig["expect"] {
  return asItWrites(meter, { mode: "E" }).expect;
}

/** What is remembered when the meter refuses it. */
function keysOf({ encryptionKey, authenticationKey, signingKey }: DlmsSettings): string {
  return [encryptionKey, authenticationKey, signingKey].map((key) => key?.()).join(" ");
}

function nothingRead({ dlms }: MeterConfig, reason?: string): RefusalError {
  const { client } = dlms!;
  return new RefusalError(
    reason === undefined
      ? `The meter shows client ${client} no object that has a value`
      : `The meter says nothing of what client ${client} asks for: ${reason}`,
  );
}
