/** How a DLMS meter (mode E) is reached and signed on to, as the configuration or the command line says it. @module */

/** `sign-on`: `/?!` at 300 Bd, then HDLC · `hdlc`: HDLC at once · `wrapper`: TCP without HDLC. */
export const OPENINGS = ["sign-on", "hdlc", "wrapper"] as const;

/** One of {@link OPENINGS}. */
export type Opening = typeof OPENINGS[number];

/** How a client proves who it is: not at all, by a password, by the answer to a challenge. */
export const AUTHENTICATIONS = ["none", "low", "manufacturer", "md5", "sha1"] as const;

/** One of {@link AUTHENTICATIONS}. */
export type Authentication = typeof AUTHENTICATIONS[number];

/** How the meter's objects are called. */
export const NAMES = ["logical", "short"] as const;

/** Largest numbers of a client, and of a part of an HDLC address. */
export const [MAX_CLIENT, MAX_ADDRESS] = [127, 0x3fff];

/** All that an association with a meter needs but its password. */
export interface DlmsSettings {
  readonly opening: Opening;
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
  /** Whether to sign off by a message of its own before the link is closed. */
  readonly signOff: boolean;
  /** Whether to go on when the meter does not prove that it knows the secret too. */
  readonly acceptUnproven: boolean;
}

/** How a client of these settings signs on, with a password at hand or without. */
export function authenticationOf({ auth }: DlmsSettings, hasPassword: boolean): Authentication {
  return auth ?? (hasPassword ? "low" : "none");
}
