/** How a client signs on, and what it asks for with that (Green Book, 9.4). @module */
import type { ApplicationContext, AssociationRequest } from "./acse.ts";
import type { Secret } from "./authentication.ts";
import type { CipheringOptions, InvocationCounter } from "./ciphering.ts";
import { CONFORMANCE, encodeInitiateRequest } from "./initiate.ts";

/** How a client proves who it is. A challenge is drawn anew for each association, 16 octets or more. */
export type Credentials =
  | { readonly mechanism: "none" }
  | { readonly mechanism: "low"; readonly password: Uint8Array }
  | Secret & { readonly challenge: Uint8Array };

/** What an association needs. */
export interface AssociationOptions {
  /** The client's number, for messages: 16 is the public one. */
  readonly client: number;
  readonly names?: ApplicationContext["names"];
  readonly credentials: Credentials;
  /** Absent: everything goes in plain. */
  readonly ciphering?: CipheringOptions;
  /** Own system title without ciphering: SHA-256, GMAC and ECDSA need one. */
  readonly title?: Uint8Array;
  /** The meter's title, where it does not say it. */
  readonly serverTitle?: Uint8Array;
  /** For GMAC without ciphering. */
  readonly counter?: InvocationCounter;
  /** Octets of the longest message that we take. Default 65535. */
  readonly maxPduOctets?: number;
  /** Default: what the client can do with names of this kind. */
  readonly conformance?: number;
  /** Whether to propose general block transfer, for messages that are longer than one side takes. Default no. */
  readonly generalBlocks?: boolean;
  /** Whether to sign off by RLRQ before the link is closed; some meters take it badly. Default yes. */
  readonly releases?: boolean;
  /** Whether to go on when the meter does not prove that it knows the secret too. Default no. */
  readonly trustsUnproven?: boolean;
}

const { priority, attribute0WithGet, blockTransferWithGet, blockTransferWithSet, blockTransferWithAction } =
  CONFORMANCE;
const { multipleReferences, get, set, selectiveAccess, eventNotification, action } = CONFORMANCE;

/** What this client proposes. */
const PROPOSED = {
  logical: priority | attribute0WithGet | blockTransferWithGet | blockTransferWithSet | blockTransferWithAction |
    multipleReferences | get | set | selectiveAccess | eventNotification | action,
  short: CONFORMANCE.read | CONFORMANCE.write | CONFORMANCE.unconfirmedWrite | multipleReferences |
    CONFORMANCE.informationReport | CONFORMANCE.parameterizedAccess,
};

function proposed({ names = "logical", ciphering, generalBlocks = false }: AssociationOptions): number {
  return PROPOSED[names] | (generalBlocks ? CONFORMANCE.generalBlockTransfer : 0) |
    (ciphering?.kind?.startsWith("general-") ? CONFORMANCE.generalProtection : 0);
}

/** What is asked for; `wrap` ciphers what is settled with it, where the association is ciphered. */
export function associationRequest(
  options: AssociationOptions,
  wrap: (initiate: Uint8Array) => Uint8Array,
): AssociationRequest {
  const { names = "logical", credentials, ciphering, maxPduOctets = 0xffff } = options;
  const { conformance = proposed(options) } = options;
  const title = ciphering?.title ?? options.title;
  const dedicated = ciphering?.dedicatedKey ? { dedicatedKey: ciphering.dedicatedKey } : {};
  const { mechanism } = credentials;
  return {
    context: { names, ciphered: ciphering !== undefined },
    mechanism,
    ...mechanism === "low" && { authentication: credentials.password },
    ..."challenge" in credentials && { authentication: credentials.challenge },
    ...title && { title },
    initiate: wrap(encodeInitiateRequest({ ...dedicated, conformance, maxPduOctets })),
  };
}
