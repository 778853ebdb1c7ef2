/** From settings and secrets to what a session of mode E needs; a challenge is drawn for each. @module */
import type { AssociationOptions, CipheringOptions, Credentials, Keys, Protection } from "./dlms/mod.ts";
import {
  type Authentication,
  authenticationOf,
  type DlmsSettings,
  keyOctets,
  type KeyOption,
  neededKeys,
  parseHex,
  PUSH,
} from "./dlms_settings.ts";
import { RefusalError } from "./errors.ts";
import type { InvocationCounters } from "./invocation_counters.ts";
import type { ModeEOptions } from "./mode_e.ts";
import { type Endpoint, hdlcLine, signOnLine } from "./transport/endpoint.ts";

/** What the settings themselves do not hold. */
export interface DlmsAccess {
  readonly endpoint: Endpoint;
  /** Of the sign-on, where several share a line. */
  readonly address?: string;
  /** Password, or the secret that answers challenges. */
  readonly password?: string;
  /** From where each ciphered message has its number. */
  readonly counters: InvocationCounters;
  /** Who the meter must be before it hears a secret: what its objects say, by their canonical codes. */
  readonly expect?: Readonly<Record<string, string>> | undefined;
}

/** Octets of a challenge: the number that every meter takes; to be signed, the fewest that the standard allows. */
const [CHALLENGE_OCTETS, SIGNED_OCTETS] = [16, 32];

const PROTECTIONS: Readonly<Record<Exclude<DlmsSettings["security"], "none">, Protection>> = {
  authentication: { authenticated: true, encrypted: false },
  encryption: { authenticated: false, encrypted: true },
  both: { authenticated: true, encrypted: true },
};

/** The options of one session. @throws {RefusalError} a key is not there, or is none */
export function modeEOptions(settings: DlmsSettings, access: DlmsAccess): ModeEOptions {
  const { opening, server, physical, addressOctets, frameOctets, readCounter } = settings;
  const { endpoint, address, expect } = access;
  if (opening === PUSH) throw new RefusalError("The meter is not asked, for it speaks by itself (dlms.opening: push)");
  const { max_baud: maxBaud } = endpoint.options;
  return {
    opening,
    line: opening === "hdlc" ? hdlcLine(endpoint) : signOnLine(endpoint),
    ...address !== undefined && { address },
    ...maxBaud !== undefined && { maxBaud },
    server: {
      upper: server,
      ...physical !== undefined && { lower: physical },
      ...addressOctets !== undefined && { octets: addressOctets },
    },
    frameOctets,
    ...readCounter !== undefined && { readCounter },
    ...expect && authenticationOf(settings, access.password !== undefined) !== "none" && { expect },
    association: associationOf(settings, access),
  };
}

function associationOf(settings: DlmsSettings, { password, counters }: DlmsAccess): AssociationOptions {
  const { client, names, signOff, generalBlocks, acceptUnproven, meterTitle } = settings;
  const auth = authenticationOf(settings, password !== undefined);
  const its = readKeys(settings, auth);
  const title = its.get("clientTitle");
  const keys = keysOf(settings, its);
  const counter = keys && counters.of(keys.encryption, title!);
  const ciphering = settings.security !== "none" &&
    cipheringOf(settings, {
      ...{ keys: keys!, title: title!, counter: counter! },
      memory: counters.heard.of(keys!.encryption),
    });
  return {
    ...{ client, names },
    credentials: credentialsOf(settings, auth, { password, keys, its }),
    ...title && { title },
    ...counter && { counter },
    ...meterTitle !== undefined && { serverTitle: parseHex(meterTitle, 8) },
    ...ciphering && { ciphering },
    ...{ releases: signOff, generalBlocks },
    trustsUnproven: acceptUnproven,
  };
}

/** What the settings need, as octets. */
function readKeys(settings: DlmsSettings, auth: Authentication): Map<KeyOption, Uint8Array> {
  return new Map(
    Array.from(neededKeys(settings, auth), ([option, octets]) => [option, readKey(settings, option, octets)]),
  );
}

function readKey(settings: DlmsSettings, option: KeyOption, octets: number): Uint8Array {
  const given = settings[option];
  const name = option.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  try {
    if (given === undefined) throw new Error("it is missing");
    return parseHex(typeof given === "string" ? given : given(), octets);
  } catch (cause) {
    throw new RefusalError(`The meter is not asked, for the ${name} cannot be used: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function keysOf({ suite }: DlmsSettings, its: ReadonlyMap<KeyOption, Uint8Array>): Keys | undefined {
  const [encryption, authentication] = [its.get("encryptionKey"), its.get("authenticationKey")];
  return encryption && authentication && { suite, encryption, authentication };
}

function cipheringOf(
  { security, suite, cipher }: DlmsSettings,
  own: Pick<CipheringOptions, "keys" | "title" | "counter" | "memory">,
): CipheringOptions {
  const dedicated = cipher === "dedicated" || cipher === "general-dedicated";
  return {
    ...own,
    kind: cipher,
    protection: PROTECTIONS[security as keyof typeof PROTECTIONS],
    ...dedicated && { dedicatedKey: crypto.getRandomValues(new Uint8Array(keyOctets(suite).cipher)) },
  };
}

function credentialsOf(
  { suite }: DlmsSettings,
  mechanism: Authentication,
  { password = "", keys, its }: {
    readonly password: string | undefined;
    readonly keys: Keys | undefined;
    readonly its: ReadonlyMap<KeyOption, Uint8Array>;
  },
): Credentials {
  if (mechanism === "none") return { mechanism };
  const secret = new TextEncoder().encode(password);
  if (mechanism === "low") return { mechanism, password: secret };
  const octets = mechanism === "ecdsa" ? SIGNED_OCTETS : CHALLENGE_OCTETS;
  const challenge = crypto.getRandomValues(new Uint8Array(octets));
  if (mechanism === "gmac") return { mechanism, keys: keys!, challenge };
  if (mechanism !== "ecdsa") return { mechanism, secret, challenge };
  const curve = suite === 2 ? "P-384" : "P-256";
  const signing = { curve, secret: its.get("signingKey")! } as const;
  return { mechanism, signing, verifying: { curve, point: its.get("meterKey")! }, challenge };
}
