/** How a DLMS meter (mode E) is reached and signed on to, as the configuration or the command line says it. @module */

/** `sign-on`: `/?!` at 300 Bd, then HDLC · `hdlc`: HDLC at once · `wrapper`: TCP without HDLC. */
export const OPENINGS = ["sign-on", "hdlc", "wrapper"] as const;

/** One of {@link OPENINGS}. */
export type Opening = typeof OPENINGS[number];

/** `push`: nobody asks, the meter speaks by itself. */
export const PUSH = "push";

/** How a client proves who it is: not at all, by a password, by the answer to a challenge. */
export const AUTHENTICATIONS = ["none", "low", "manufacturer", "md5", "sha1", "sha256", "gmac", "ecdsa"] as const;

/** One of {@link AUTHENTICATIONS}. */
export type Authentication = typeof AUTHENTICATIONS[number];

/** What is done to messages. */
export const SECURITIES = ["none", "authentication", "encryption", "both"] as const;

/** Of whose key a message is ciphered, and whether the sender's title stands in front of it. */
export const CIPHERS = ["global", "dedicated", "general-global", "general-dedicated"] as const;

/** How the meter's objects are called. */
export const NAMES = ["logical", "short"] as const;

/** Largest numbers of a client, and of a part of an HDLC address. */
export const [MAX_CLIENT, MAX_ADDRESS] = [127, 0x3fff];

/** All that an association with a meter needs but its password. */
export interface DlmsSettings {
  readonly opening: Opening | typeof PUSH;
  /** As whom: 16 is the public client. */
  readonly client: number;
  /** The logical device. */
  readonly server: number;
  /** The meter on an HDLC line that several share. */
  readonly physical?: number;
  /** Octets of the meter's HDLC address; absent: as few as it needs. */
  readonly addressOctets?: 1 | 2 | 4;
  /** Octets of information in a frame, as proposed. */
  readonly frameOctets: number;
  readonly names: typeof NAMES[number];
  /** Absent: by password where there is one, else not at all. */
  readonly auth?: Authentication;
  /** What is done to messages; `none`: they go in plain. */
  readonly security: typeof SECURITIES[number];
  /** 0 and 1 cipher with AES-128, 2 with AES-256; 1 signs on P-256, 2 on P-384. */
  readonly suite: 0 | 1 | 2;
  readonly cipher: typeof CIPHERS[number];
  /** The client's system title, and the meter's where it does not say it: 16 hex digits. */
  readonly clientTitle?: string;
  readonly meterTitle?: string;
  /** Keys, as hex digits; each read afresh at each call. @throws {Error} it is not there */
  readonly encryptionKey?: () => string;
  readonly authenticationKey?: () => string;
  readonly signingKey?: () => string;
  /** The meter's public key, x and y, as hex digits. */
  readonly meterKey?: string;
  /** The object in which the public client finds the counter that the meter has heard last. */
  readonly readCounter?: string;
  /** Whether to sign off by a message of its own before the link is closed. */
  readonly signOff: boolean;
  /** Whether messages that are longer than one side takes may go in blocks of any service, not those of GET and SET alone. */
  readonly generalBlocks: boolean;
  /** Whether to go on when the meter does not prove that it knows the secret too. */
  readonly acceptUnproven: boolean;
  /** Whether pushed messages are believed that are encrypted and not authenticated. */
  readonly acceptUnauthenticated: boolean;
}

/** How a client of these settings signs on, with a password at hand or without. */
export function authenticationOf({ auth }: DlmsSettings, hasPassword: boolean): Authentication {
  return auth ?? (hasPassword ? "low" : "none");
}

/** Whether this way to sign on goes by a password, or a secret like it. */
export function takesPassword(auth: Authentication): boolean {
  return auth !== "none" && auth !== "gmac" && auth !== "ecdsa";
}

/** Octets of the keys of a suite: to cipher, to sign, and the public one of whoever signs. */
export function keyOctets(suite: DlmsSettings["suite"]): Readonly<Record<"cipher" | "signing" | "public", number>> {
  return { cipher: suite === 2 ? 32 : 16, signing: suite === 2 ? 48 : 32, public: suite === 2 ? 96 : 64 };
}

/** The octets of a key or title. @throws {Error} that does not show it */
export function parseHex(text: string, octets: number): Uint8Array {
  const digits = text.replace(/[\s:]/g, "");
  if (/^([0-9A-Fa-f]{2})*$/.test(digits) && digits.length === 2 * octets) return Uint8Array.fromHex(digits);
  const found = /^[0-9A-Fa-f]*$/.test(digits) ? `${digits.length} hex digits` : "other characters than hex digits";
  throw new Error(`it has ${2 * octets} hex digits (${octets} octets), found ${found}`);
}

/** An option that says what a way to sign on or to cipher needs. */
export type KeyOption =
  | "clientTitle"
  | "meterTitle"
  | "encryptionKey"
  | "authenticationKey"
  | "signingKey"
  | "meterKey";

/** What these settings need of keys and titles, each with its octets. */
export function neededKeys(
  settings: Pick<DlmsSettings, "security" | "suite">,
  auth: Authentication,
): Map<KeyOption, number> {
  const { cipher, signing, public: point } = keyOctets(settings.suite);
  const needed = new Map<KeyOption, number>();
  const ciphers = settings.security !== "none" || auth === "gmac";
  if (ciphers || auth === "sha256" || auth === "ecdsa") needed.set("clientTitle", 8);
  if (ciphers) needed.set("encryptionKey", cipher).set("authenticationKey", cipher);
  if (auth === "ecdsa") needed.set("signingKey", signing).set("meterKey", point);
  return needed;
}
