/** From settings and secrets to what a session of mode E needs; a challenge is drawn for each. @module */
import { authenticationOf, type DlmsSettings } from "./dlms_settings.ts";
import type { AssociationOptions, Credentials } from "./dlms/mod.ts";
import type { ModeEOptions } from "./mode_e.ts";
import { type Endpoint, hdlcLine, signOnLine } from "./transport/endpoint.ts";

/** What the settings themselves do not hold. */
export interface DlmsAccess {
  readonly endpoint: Endpoint;
  /** Of the sign-on, where several share a line. */
  readonly address?: string;
  /** Password, or the secret that answers challenges. */
  readonly password?: string;
}

/** Octets of a challenge: the number that every meter takes. */
const CHALLENGE_OCTETS = 16;

/** The options of one session. */
export function modeEOptions(settings: DlmsSettings, { endpoint, address, password }: DlmsAccess): ModeEOptions {
  const { opening, server, physical, addressOctets, frameOctets } = settings;
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
    association: associationOf(settings, password),
  };
}

function associationOf(settings: DlmsSettings, password: string | undefined): AssociationOptions {
  const { client, names, signOff, acceptUnproven } = settings;
  return {
    ...{ client, names },
    credentials: credentialsOf(settings, password),
    releases: signOff,
    trustsUnproven: acceptUnproven,
  };
}

function credentialsOf(settings: DlmsSettings, password: string | undefined): Credentials {
  const mechanism = authenticationOf(settings, password !== undefined);
  if (mechanism === "none") return { mechanism };
  const secret = new TextEncoder().encode(password ?? "");
  if (mechanism === "low") return { mechanism, password: secret };
  return { mechanism, secret, challenge: crypto.getRandomValues(new Uint8Array(CHALLENGE_OCTETS)) };
}
