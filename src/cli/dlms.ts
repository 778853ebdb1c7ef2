/** The options of a command that asks a DLMS meter (mode E): as whom, whom, how to sign on, how to get there. @module */
import { join } from "node:path";
import { modeEOptions } from "../dlms_access.ts";
import {
  type Authentication,
  authenticationOf,
  AUTHENTICATIONS,
  CIPHERS,
  type DlmsSettings,
  type KeyOption,
  MAX_ADDRESS,
  MAX_CLIENT,
  NAMES,
  neededKeys,
  OPENINGS,
  parseHex,
  PUSH,
  SECURITIES,
  takesPassword,
} from "../dlms_settings.ts";
import { UsageError } from "../errors.ts";
import { InvocationCounters } from "../invocation_counters.ts";
import type { ModeEOptions } from "../mode_e.ts";
import { parseObis } from "../obis/code.ts";
import { asItWrites } from "../asking.ts";
import type { Arguments, Context } from "./command.ts";
import { readSecret } from "./programming.ts";
import { parseUsage, type Target } from "./target.ts";
import { withoutAbsent } from "../without_absent.ts";

/** Options of mode E. */
export const DLMS_OPTIONS = {
  client: { type: "string" },
  server: { type: "string" },
  auth: { type: "string" },
  password: { type: "string" },
  opening: { type: "string" },
  "general-blocks": { type: "boolean" },
  names: { type: "string" },
  security: { type: "string" },
  suite: { type: "string" },
  cipher: { type: "string" },
  "client-title": { type: "string" },
  "meter-title": { type: "string" },
  "encryption-key": { type: "string" },
  "authentication-key": { type: "string" },
  "signing-key": { type: "string" },
  "meter-key": { type: "string" },
  "read-counter": { type: "string" },
  counters: { type: "string" },
} as const;

/** Their part of the help. */
export const DLMS_HELP =
  `Mode E (DLMS), for meters that offer it or speak nothing else; of a METER, what its dlms: says where nothing else is
said here:

  --client NUMBER      as whom (default 16, the public client)
  --server NUMBER      whom: the logical device, and behind a "/" the meter on a shared line (default 1): 1/17
  --auth HOW           ${AUTHENTICATIONS.join(", ")} (default: low with --password, else none)
  --password WHERE     env:NAME, file:PATH, or ask: never the password itself
  --opening HOW        sign-on (default): /?! at 300 Bd, then HDLC; hdlc: at once, at 9600 8N1 if the endpoint says no
                       other; wrapper: TCP without HDLC
  --names HOW          logical (default), or short: of older meters, whose objects have numbers
  --general-blocks     proposes general block transfer, for messages that are longer than one side takes
  --security WHAT      ${SECURITIES.join(", ")} (default none): what is done to messages
  --suite N            security suite 0 (default), 1 or 2
  --cipher HOW         ${CIPHERS.join(", ")} (default global)
  --client-title HEX   system title of this client, 16 hex digits; --meter-title HEX of a meter that does not say it
  --encryption-key WHERE, --authentication-key WHERE
                       the two keys in hex digits, each from env:NAME, file:PATH or ask
  --signing-key WHERE  for ecdsa; --meter-key HEX is the meter's public key
  --read-counter OBIS  where the meter tells which invocation counter it has heard last, mostly 0-0:43.1.0
  --counters FILE      where the numbers of ciphered messages are kept, none of which may be used twice with a key
                       (default: of a METER the daemon's, else in $XDG_STATE_HOME/obisd); one file for each key`;

/** What holds where neither the command line nor the configuration says anything. */
export const DLMS_DEFAULTS: DlmsSettings = {
  ...{ opening: "sign-on", client: 16, server: 1, frameOctets: 1024, names: "logical" },
  ...{ security: "none", suite: 0, cipher: "global" },
  ...{ signOff: true, generalBlocks: false, acceptUnproven: false, acceptUnauthenticated: false },
};

/** What the command line says about a session of mode E, and the configuration beneath it. @throws {UsageError} */
export async function parseDlms(args: Arguments, target: Target, { signal, log }: Context): Promise<ModeEOptions> {
  const { values } = args;
  const { endpoint, address } = target;
  const settings = { ...dlmsSettings(values, target), ...await givenKeys(values, signal) };
  if (settings.opening === PUSH) {
    throw new UsageError("It speaks by itself (dlms.opening: push) and is not asked: obisd listen METER --mode E");
  }
  if (settings.opening === "wrapper" && endpoint.kind !== "tcp") {
    throw new UsageError("--opening wrapper: the wrapper is for tcp:// alone; a serial line takes sign-on or hdlc");
  }
  const where = values.password as string | undefined;
  const auth = authenticationOf(settings, where !== undefined || target.password !== undefined);
  if (!takesPassword(auth) && where !== undefined) throw new UsageError(`--auth ${auth} takes no --password`);
  if (takesPassword(auth) && where === undefined && !target.password) {
    throw new UsageError(`--auth ${auth} takes a --password`);
  }
  checkKeys(settings, auth);
  const password = !takesPassword(auth)
    ? undefined
    : where === undefined
    ? target.password!()
    : await readSecret(where, signal);
  const path = values.counters as string | undefined ?? target.counters ?? ownCounters();
  const heard = { keepMs: 0, onTrouble: (reason: string) => log.warning(reason) };
  const options = modeEOptions(settings, {
    ...{ endpoint, counters: new InvocationCounters(path, heard) },
    ...address !== undefined && { address },
    ...password !== undefined && { password },
    expect: asItWrites(target, { mode: "E" }).expect,
  });
  return { ...options, signsOnAgain: true };
}

function checkKeys(settings: DlmsSettings, auth: Authentication): void {
  if (auth === "ecdsa" && settings.suite === 0) throw new UsageError("--auth ecdsa signs in --suite 1 or 2");
  for (const [key, octets] of neededKeys(settings, auth)) {
    const [option, given] = [OPTION_OF[key], settings[key]];
    const why = settings.security === "none" ? `--auth ${auth}` : `--security ${settings.security}`;
    if (given === undefined) throw new UsageError(`${why} needs --${option}`);
    parseUsage(() => parseHex(typeof given === "string" ? given : given(), octets), `--${option}: `);
  }
}

const OPTION_OF: Readonly<Record<KeyOption, keyof typeof DLMS_OPTIONS>> = {
  clientTitle: "client-title",
  meterTitle: "meter-title",
  encryptionKey: "encryption-key",
  authenticationKey: "authentication-key",
  signingKey: "signing-key",
  meterKey: "meter-key",
};

/** Where a person's own counters are kept (XDG Base Directory Specification). */
export function ownCounters(): string {
  const state = Deno.env.get("XDG_STATE_HOME") || join(Deno.env.get("HOME") ?? ".", ".local", "state");
  return join(state, "obisd", "dlms-counters.json");
}

/** Settings without the secrets of the command line. @throws {UsageError} */
export function dlmsSettings(values: Arguments["values"], { dlms }: Pick<Target, "dlms">): DlmsSettings {
  const text = (option: keyof typeof DLMS_OPTIONS) => values[option] as string | undefined;
  const among = <T extends string>(option: keyof typeof DLMS_OPTIONS, allowed: readonly T[]) => {
    const given = text(option);
    return given === undefined ? undefined : oneOf(`--${option}`, given, allowed);
  };
  const title = (option: "client-title" | "meter-title") => {
    const given = text(option);
    if (given !== undefined) parseUsage(() => parseHex(given, 8), `--${option}: `);
    return given;
  };
  const [client, server, counter] = [text("client"), text("server"), text("read-counter")];
  const name = counter === undefined ? undefined : parseObis(counter);
  if (name === "") throw new UsageError(`--read-counter ${counter}: an OBIS code is needed, mostly 0-0:43.1.0`);
  const suite = among("suite", ["0", "1", "2"]);
  const given = {
    opening: among("opening", OPENINGS),
    client: client === undefined ? undefined : parseNumber("--client", client, MAX_CLIENT),
    auth: among("auth", AUTHENTICATIONS),
    names: among("names", NAMES),
    security: among("security", SECURITIES),
    suite: suite === undefined ? undefined : Number(suite) as 0 | 1 | 2,
    cipher: among("cipher", CIPHERS),
    clientTitle: title("client-title"),
    meterTitle: title("meter-title"),
    meterKey: text("meter-key"),
    readCounter: name,
    generalBlocks: values["general-blocks"] as boolean | undefined,
    ...server !== undefined && parseServer(server),
  };
  return { ...DLMS_DEFAULTS, ...dlms, ...withoutAbsent(given) };
}

const SECRET_KEYS = {
  encryptionKey: "encryption-key",
  authenticationKey: "authentication-key",
  signingKey: "signing-key",
} as const;

/** The keys that the command line names. */
export async function givenKeys(values: Arguments["values"], signal: AbortSignal): Promise<Partial<DlmsSettings>> {
  const keys: Record<string, () => string> = {};
  for (const [key, option] of Object.entries(SECRET_KEYS)) {
    const where = values[option] as string | undefined;
    if (where === undefined) continue;
    const read = await readSecret(where, signal, option);
    keys[key] = () => read;
  }
  return keys;
}

/** A logical device, and behind a "/" the meter on its line. @throws {UsageError} */
export function parseServer(text: string): Pick<DlmsSettings, "server" | "physical"> {
  const [upper = "", lower, ...more] = text.split("/");
  if (more.length > 0) throw new UsageError(`--server ${text}: it is a number, or two with a "/" between them: 1/17`);
  return {
    server: parseNumber("--server", upper, MAX_ADDRESS),
    ...lower !== undefined && { physical: parseNumber("--server", lower, MAX_ADDRESS) },
  };
}

/** A whole number from 0 to `most`. @throws {UsageError} */
export function parseNumber(option: string, text: string, most: number): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= most) return Number(text);
  throw new UsageError(`${option} ${text}: allowed are 0 to ${most}`);
}

/** One of a few words. @throws {UsageError} */
export function oneOf<T extends string>(option: string, text: unknown, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === text);
  if (found === undefined) throw new UsageError(`${option} ${text}: allowed are ${allowed.join(", ")}`);
  return found;
}
