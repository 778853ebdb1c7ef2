/** What DLMS meters push: whose it is, whether it can be trusted, what it says. Loaded where one does alone. @module */
import type { MeterConfig } from "./config.ts";
import { type Cut, type Dialogue, type Inbox, setLine } from "./dialogue.ts";
import { decodeCiphered, type PushingMeter, pushTelegram, readPush, receivePush, toHex } from "./dlms/mod.ts";
import { keyOctets, parseHex } from "./dlms_settings.ts";
import { ProtocolError, SilenceError } from "./errors.ts";
import type { HeardCounters } from "./heard_counters.ts";
import { formatLine, type LineSettings } from "./line.ts";
import type { Telegram } from "./telegram.ts";

/** Whoever waits for a meter that speaks more seldom asks again: well before its line is taken for one that stands still. */
const IDLE_MS = 30_000;

/** Whose message it is: by the system title, else that of the only one that needs none. @throws {ProtocolError} nobody's */
export function callerOf(meters: readonly MeterConfig[], apdu: Uint8Array): MeterConfig {
  const outer = decodeCiphered(apdu);
  const title = outer?.title && toHex(outer.title);
  const named = meters.find(({ dlms }) => title !== undefined && dlms!.meterTitle?.toUpperCase() === title);
  const [only, ...others] = meters;
  const meter = named ?? (others.length === 0 && (title === undefined || !only!.dlms!.meterTitle) ? only : undefined);
  if (!meter) {
    throw refused(`it comes from ${title ?? "nobody who says its name"}, and no meter of this line is that`, apdu);
  }
  if (!outer && meter.dlms!.encryptionKey) throw refused("it came in plain, and the meter has keys", apdu);
  return meter;
}

function refused(reason: string, apdu: Uint8Array): ProtocolError {
  return new ProtocolError("damaged", `Cannot trust a pushed message: ${reason}`, apdu);
}

/** What it says. @throws {ProtocolError} it cannot be trusted, or read */
export function readPushed(cut: Cut<Uint8Array>, meter: MeterConfig, heard: HeardCounters): Telegram {
  return pushTelegram(readPush(cut.value, pushingMeter(meter, heard)), cut);
}

/** A line on which one meter speaks by itself, and what was heard from it. */
export interface PushLine {
  readonly line: LineSettings;
  readonly meter: MeterConfig;
  readonly heard: HeardCounters;
}

/**
 * Brings home the next message of a meter at the end of a line.
 * @param inbox kept by the caller from message to message: the next one may have begun
 * @throws {SilenceError} nothing came for half a minute @throws {ProtocolError} it cannot be trusted, or read
 */
export function* hearPushed(inbox: Inbox, { line, meter, heard }: PushLine): Dialogue<Telegram> {
  yield* setLine(line);
  const cut = yield* heardWithin(inbox, line);
  return readPushed(cut, callerOf([meter], cut.value), heard);
}

function* heardWithin(inbox: Inbox, line: LineSettings): Dialogue<Cut<Uint8Array>> {
  try {
    return yield* receivePush(inbox, "line", { withinMs: IDLE_MS });
  } catch (error) {
    if (!(error instanceof SilenceError)) throw error;
    inbox.clear();
    const message = `Nothing whole was pushed at ${formatLine(line)} for ${IDLE_MS / 1000} s`;
    throw new SilenceError(message, { cause: error });
  }
}

/** Its keys, read afresh; `undefined`: it pushes in plain. @throws {ProtocolError} they cannot be had */
function pushingMeter({ dlms }: MeterConfig, heard: HeardCounters): PushingMeter | undefined {
  const { suite, encryptionKey, authenticationKey, meterTitle, acceptUnauthenticated } = dlms!;
  if (!encryptionKey || !authenticationKey && !acceptUnauthenticated) return undefined;
  const { cipher } = keyOctets(suite);
  try {
    const encryption = parseHex(encryptionKey(), cipher);
    const authentication = authenticationKey ? parseHex(authenticationKey(), cipher) : encryption;
    return {
      ...{ keys: { suite, encryption, authentication }, heard: heard.of(encryption) },
      ...meterTitle !== undefined && { title: parseHex(meterTitle, 8) },
      ...acceptUnauthenticated && { acceptsUnauthenticated: true, withoutCheck: !authenticationKey },
    };
  } catch (cause) {
    throw new ProtocolError("damaged", `The meter's keys are not at hand: ${(cause as Error).message}`, undefined, {
      cause,
    });
  }
}
