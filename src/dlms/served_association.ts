/** How a meter that is none grants an association, or refuses it (Green Book, 9.4). @module */
import { type AssociationRequest, AUTHENTICATION_REQUIRED, encodeAssociationResponse } from "./acse.ts";
import type { Secret } from "./authentication.ts";
import type { BlockServerOptions } from "./block_server.ts";
import type { CipheringOptions } from "./ciphering.ts";
import { CONFORMANCE, encodeInitiateResponse } from "./initiate.ts";
import { equal } from "./octets.ts";

/** What a client must bring, and what it gets. */
export interface ServedAssociation {
  /** The client's number. */
  readonly client: number;
  readonly names?: "logical" | "short";
  readonly credentials:
    | { readonly mechanism: "none" }
    | { readonly mechanism: "low"; readonly password: Uint8Array }
    /** `challenge`: what the meter sends. */
    | Secret & { readonly challenge: Uint8Array };
  readonly ciphering?: CipheringOptions;
  /** Octets of the longest message that the meter takes. Default 1200. */
  readonly maxPduOctets?: number;
  /** Octets of a value in one block; default: as many as the client takes. */
  readonly blockOctets?: number;
  /** Long messages go by general block transfer, both ways, where the client proposes it. */
  readonly generalBlocks?: BlockServerOptions;
}

/** Octets of the longest message where nothing else is said. */
export const DEFAULT_PDU_OCTETS = 1200;
/** The short name of an association. */
export const SHORT_BASE = 0xfa00;
/** Diagnostics of a refusal. */
export const NO_REASON = 1;
const [CONTEXT, MECHANISM, PASSWORD] = [2, 11, 13];

/** Why a client gets no association; `undefined`: it does, once it has answered a challenge. */
export function refusalOf(
  { context, mechanism, authentication }: AssociationRequest,
  served: ServedAssociation | undefined,
): number | undefined {
  if (!served) return NO_REASON;
  const { names = "logical", ciphering, credentials } = served;
  if (context.names !== names || context.ciphered !== (ciphering !== undefined)) return CONTEXT;
  if (mechanism !== credentials.mechanism) return mechanism === "none" ? AUTHENTICATION_REQUIRED : MECHANISM;
  const isWrong = credentials.mechanism === "low" &&
    !equal(authentication ?? new Uint8Array(), credentials.password);
  return isWrong ? PASSWORD : undefined;
}

/** AARE that refuses. */
export function encodeRefusal({ context }: AssociationRequest, code: number): Uint8Array {
  return encodeAssociationResponse({ context, result: "rejected-permanent", diagnostic: { source: "user", code } });
}

/** What is settled: of what the client proposes, what the meter does too. */
export function encodeSettled(
  { conformance }: { readonly conformance: number },
  served: ServedAssociation,
): Uint8Array {
  const { maxPduOctets = DEFAULT_PDU_OCTETS, names, generalBlocks } = served;
  const supported = (names === "short" ? 0x1c0320 : 0x407e1f | CONFORMANCE.selectiveAccess) |
    (generalBlocks ? CONFORMANCE.generalBlockTransfer : 0);
  const vaaName = names === "short" ? SHORT_BASE : 7;
  return encodeInitiateResponse({ conformance: conformance & supported, maxPduOctets, vaaName });
}

/** AARE that grants; the meter's challenge with it, where there is one. */
export function encodeGrant(
  { context, mechanism }: AssociationRequest,
  { credentials }: ServedAssociation,
  own: { readonly title: Uint8Array; readonly initiate: Uint8Array },
): Uint8Array {
  const isPending = "challenge" in credentials;
  return encodeAssociationResponse({
    ...{ context, result: "accepted" },
    diagnostic: { source: "user", code: isPending ? AUTHENTICATION_REQUIRED : 0 },
    title: own.title,
    ...isPending && { mechanism, authentication: credentials.challenge },
    initiate: own.initiate,
  });
}
