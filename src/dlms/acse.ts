/** Associations: a client asks for one, the meter grants it or says why not, and either ends it (ACSE, Green Book 9.4). @module */
import { Reader, Writer } from "./octets.ts";

/** How objects are named, and whether messages are ciphered. */
export interface ApplicationContext {
  readonly names: "logical" | "short";
  readonly ciphered: boolean;
}

/** How a client proves who it is, in the order of their numbers. */
export const MECHANISMS = ["none", "low", "manufacturer", "md5", "sha1", "gmac", "sha256", "ecdsa"] as const;

/** `low` is a password; those behind it answer a challenge and never send the secret. */
export type Mechanism = typeof MECHANISMS[number];

/** AARQ: a client wants an association. */
export interface AssociationRequest {
  readonly context: ApplicationContext;
  readonly mechanism: Mechanism;
  /** The password, or the client's challenge. */
  readonly authentication?: Uint8Array;
  /** System title of the client: eight octets. */
  readonly title?: Uint8Array;
  /** The client's certificate for signatures. */
  readonly certificate?: Uint8Array;
  readonly userId?: number;
  /** InitiateRequest, plain or ciphered. */
  readonly initiate: Uint8Array;
  /** Whether the protocol version is said, which is 1 in any case. */
  readonly saysVersion?: boolean;
}

/** AARE: what the meter says to it. */
export interface AssociationResponse {
  readonly context: ApplicationContext;
  readonly result: "accepted" | "rejected-permanent" | "rejected-transient";
  readonly diagnostic: { readonly source: "user" | "provider"; readonly code: number };
  /** System title of the meter. */
  readonly title?: Uint8Array;
  readonly certificate?: Uint8Array;
  readonly mechanism?: Mechanism;
  /** The meter's challenge. */
  readonly authentication?: Uint8Array;
  /** InitiateResponse, plain or ciphered, or why there is none. */
  readonly initiate?: Uint8Array;
}

/** RLRQ, RLRE: the association ends. */
export interface Release {
  readonly reason?: number;
  readonly initiate?: Uint8Array;
}

/** The diagnostics for a wrong password or key, and for an association that is granted once the challenge is answered. */
export const [AUTHENTICATION_FAILURE, AUTHENTICATION_REQUIRED] = [13, 14];

const [AARQ, AARE, RLRQ, RLRE] = [0x60, 0x61, 0x62, 0x63];
const RESULTS = ["accepted", "rejected-permanent", "rejected-transient"] as const;

/** 2.16.756.5.8, and 1 for contexts, 2 for mechanisms. */
const OBJECT_IDENTIFIER = [0x60, 0x85, 0x74, 0x05, 0x08];
const VERSION_BITS = Uint8Array.of(0x07, 0x80);
const [OCTET_STRING, INTEGER, IDENTIFIER, AUTHENTICATION_VALUE] = [0x04, 0x02, 0x06, 0x80];

/** A field: tag, length, contents. */
function field(tag: number, contents: Uint8Array): Uint8Array {
  return new Writer().put(tag).octets(contents).bytes;
}

function within(outer: number, inner: number, contents: Uint8Array | undefined): Uint8Array {
  return contents === undefined ? new Uint8Array() : field(outer, field(inner, contents));
}

function contextField({ names, ciphered }: ApplicationContext): Uint8Array {
  const number = (names === "logical" ? 1 : 2) + (ciphered ? 2 : 0);
  return within(0xa1, IDENTIFIER, Uint8Array.of(...OBJECT_IDENTIFIER, 1, number));
}

/** The octets of AARQ, in the order that the standard gives. */
export function encodeAssociationRequest(request: AssociationRequest): Uint8Array {
  const { context, mechanism, authentication, title, certificate, userId, initiate } = request;
  const writer = new Writer();
  if (request.saysVersion) writer.put(field(0x80, VERSION_BITS));
  writer.put(contextField(context), within(0xa6, OCTET_STRING, title), within(0xa7, OCTET_STRING, certificate));
  writer.put(within(0xa9, INTEGER, userId === undefined ? undefined : Uint8Array.of(userId)));
  if (mechanism !== "none") {
    writer.put(field(0x8a, VERSION_BITS), field(0x8b, mechanismOctets(mechanism)));
    writer.put(within(0xac, AUTHENTICATION_VALUE, authentication ?? new Uint8Array()));
  }
  return field(AARQ, writer.put(within(0xbe, OCTET_STRING, initiate)).bytes);
}

function mechanismOctets(mechanism: Mechanism): Uint8Array {
  return Uint8Array.of(...OBJECT_IDENTIFIER, 2, MECHANISMS.indexOf(mechanism));
}

/** The octets of AARE. */
export function encodeAssociationResponse(response: AssociationResponse): Uint8Array {
  const { context, result, diagnostic, title, certificate, mechanism, authentication, initiate } = response;
  const source = diagnostic.source === "user" ? 0xa1 : 0xa2;
  const writer = new Writer().put(contextField(context));
  writer.put(within(0xa2, INTEGER, Uint8Array.of(RESULTS.indexOf(result))));
  writer.put(field(0xa3, within(source, INTEGER, Uint8Array.of(diagnostic.code))));
  writer.put(within(0xa4, OCTET_STRING, title), within(0xa5, OCTET_STRING, certificate));
  if (mechanism !== undefined) writer.put(field(0x88, VERSION_BITS), field(0x89, mechanismOctets(mechanism)));
  writer.put(within(0xaa, AUTHENTICATION_VALUE, authentication), within(0xbe, OCTET_STRING, initiate));
  return field(AARE, writer.bytes);
}

/** Fields by tag. A meter that repeats one means the first. */
function readFields(apdu: Uint8Array, tag: number, what: string): Map<number, Uint8Array> {
  const outer = new Reader(apdu, what);
  if (outer.unsigned(1) !== tag) throw outer.error(`it begins with ${apdu[0]?.toString(16).toUpperCase()}`);
  const reader = new Reader(outer.octets(), what);
  const fields = new Map<number, Uint8Array>();
  while (reader.left > 0) {
    const tag = reader.unsigned(1);
    const contents = reader.octets();
    if (!fields.has(tag)) fields.set(tag, contents);
  }
  return fields;
}

/** What a field holds behind its inner tag and length; `undefined`: the field is absent or has nothing of the kind. */
function inner(contents: Uint8Array | undefined, what: string): Uint8Array | undefined {
  if (contents === undefined || contents.length < 2) return undefined;
  const reader = new Reader(contents, what);
  reader.unsigned(1);
  return reader.octets();
}

function readContext(contents: Uint8Array | undefined, what: string): ApplicationContext {
  const number = inner(contents, what)?.at(-1) ?? 1;
  return { names: number % 2 === 1 ? "logical" : "short", ciphered: number > 2 };
}

/** An AARQ that a client sent. @throws {ProtocolError} */
export function decodeAssociationRequest(apdu: Uint8Array): AssociationRequest {
  const what = "the association request (AARQ)";
  const fields = readFields(apdu, AARQ, what);
  const mechanism = MECHANISMS[fields.get(0x8b)?.at(-1) ?? 0] ?? "none";
  const userId = inner(fields.get(0xa9), what)?.[0];
  return {
    context: readContext(fields.get(0xa1), what),
    mechanism,
    ...optional("authentication", inner(fields.get(0xac), what)),
    ...optional("title", inner(fields.get(0xa6), what)),
    ...optional("certificate", inner(fields.get(0xa7), what)),
    ...(userId === undefined ? {} : { userId }),
    initiate: inner(fields.get(0xbe), what) ?? new Uint8Array(),
    ...(fields.has(0x80) ? { saysVersion: true } : {}),
  };
}

/** An AARE that a meter sent; on a rejection much may be missing. @throws {ProtocolError} */
export function decodeAssociationResponse(apdu: Uint8Array): AssociationResponse {
  const what = "the meter's answer to the association request (AARE)";
  const fields = readFields(apdu, AARE, what);
  const diagnostic = fields.get(0xa3);
  const mechanism = MECHANISMS[fields.get(0x89)?.at(-1) ?? 0];
  return {
    context: readContext(fields.get(0xa1), what),
    result: RESULTS[inner(fields.get(0xa2), what)?.at(-1) ?? 1] ?? "rejected-permanent",
    diagnostic: { source: diagnostic?.[0] === 0xa2 ? "provider" : "user", code: diagnostic?.at(-1) ?? 1 },
    ...optional("title", inner(fields.get(0xa4), what)),
    ...optional("certificate", inner(fields.get(0xa5), what)),
    ...(mechanism && fields.has(0x89) ? { mechanism } : {}),
    ...optional("authentication", inner(fields.get(0xaa), what)),
    ...optional("initiate", inner(fields.get(0xbe), what)),
  };
}

function optional<Name extends string>(name: Name, octets: Uint8Array | undefined): { [name in Name]?: Uint8Array } {
  return (octets === undefined ? {} : { [name]: octets }) as { [name in Name]?: Uint8Array };
}

/** RLRQ, or RLRE as its answer. */
export function encodeRelease(kind: "request" | "response", { reason, initiate }: Release): Uint8Array {
  const writer = new Writer();
  if (reason !== undefined) writer.put(field(0x80, Uint8Array.of(reason)));
  writer.put(within(0xbe, OCTET_STRING, initiate));
  return field(kind === "request" ? RLRQ : RLRE, writer.bytes);
}

/** RLRQ or RLRE; both may be empty. @throws {ProtocolError} */
export function decodeRelease(kind: "request" | "response", apdu: Uint8Array): Release {
  const what = kind === "request" ? "the release (RLRQ)" : "the answer to the release (RLRE)";
  const fields = readFields(apdu, kind === "request" ? RLRQ : RLRE, what);
  const reason = fields.get(0x80)?.[0];
  return { ...(reason === undefined ? {} : { reason }), ...optional("initiate", inner(fields.get(0xbe), what)) };
}

const USER_DIAGNOSTICS: Readonly<Record<number, string>> = {
  0: "it gave no diagnostic",
  1: "it gave no reason: client {client} may have no association there, or the password or key is wrong",
  2: "it wants another kind of association: short names instead of logical ones or the other way round, ciphered or not",
  3: "it does not know the client's system title",
  4: "it does not know the client's invocation id (of its title)",
  5: "it does not take the client's certificate",
  6: "it does not know the user id",
  7: "it does not go by the system title it was called by",
  8: "it does not go by the invocation id it was called by (of its title)",
  9: "it does not go by the certificate it was called by",
  10: "it does not go by the invocation id it was called by",
  11: "client {client} cannot sign on by this kind of authentication",
  12: "client {client} has to sign on with a password or key",
  13: "wrong password or key for client {client}",
  14: "client {client} has to sign on with a password or key",
};

const PROVIDER_DIAGNOSTICS: Readonly<Record<number, string>> = {
  0: "it gave no diagnostic",
  1: "it gave no reason",
  2: "it speaks another version of ACSE",
};

/** Why a meter refused an association, in words an administrator understands. */
export function explainRejection({ diagnostic }: AssociationResponse, client: number): string {
  const table = diagnostic.source === "user" ? USER_DIAGNOSTICS : PROVIDER_DIAGNOSTICS;
  const words = table[diagnostic.code] ?? `diagnostic ${diagnostic.code} of the ${diagnostic.source}`;
  return words.replace("{client}", String(client));
}
