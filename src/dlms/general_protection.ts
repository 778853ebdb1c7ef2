/**
 * Messages that tell in front who protects them for whom, and with which key: general-ciphering (DD). What is ciphered
 * with the global key is read; what comes with a key of its own, or signed (general-signing, DF), is refused by name
 * (Green Book, 9.2.7.2.4).
 * @module
 */
import { join } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import { Reader, toHex, Writer } from "./octets.ts";

const [GENERAL_CIPHERING, GENERAL_SIGNING] = [0xdd, 0xdf];

/** What stands in front; empty: it is not said. */
export interface GeneralHeader {
  readonly transaction: Uint8Array;
  /** System titles: who sends it, and for whom. */
  readonly originator: Uint8Array;
  readonly recipient: Uint8Array;
  readonly dateTime: Uint8Array;
  readonly other: Uint8Array;
}

/** How the receiver is told the key: by its number, wrapped by a master key, or as what both sides make one of. */
export type KeyInfo =
  | { readonly kind: "identified"; readonly key: number }
  | { readonly kind: "wrapped"; readonly master: number; readonly wrapped: Uint8Array }
  | { readonly kind: "agreed"; readonly parameters: Uint8Array; readonly data: Uint8Array };

const KINDS = ["identified", "wrapped", "agreed"] as const;

/** A message of general-ciphering before its protection is taken off. */
export interface GeneralCiphering {
  readonly header: GeneralHeader;
  /** Absent: both sides know. */
  readonly key?: KeyInfo;
  /** Security control, counter, text, tag. */
  readonly ciphered: Uint8Array;
}

/** The number of the global unicast key. */
const UNICAST = 0;

const fieldsOf = ({ transaction, originator, recipient, dateTime, other }: GeneralHeader) => [
  ...[transaction, originator, recipient, dateTime, other],
];

/** The header as it stands in a message, each field behind its length. */
export function encodeGeneralHeader(header: GeneralHeader): Uint8Array {
  return fieldsOf(header).reduce((writer, field) => writer.octets(field), new Writer()).bytes;
}

/** The octets. */
export function encodeGeneralCiphering({ header, key, ciphered }: GeneralCiphering): Uint8Array {
  const writer = new Writer().put(GENERAL_CIPHERING).put(encodeGeneralHeader(header)).put(key ? 1 : 0);
  if (key) writer.put(KINDS.indexOf(key.kind));
  if (key?.kind === "identified") writer.put(key.key);
  else if (key?.kind === "wrapped") writer.put(key.master).octets(key.wrapped);
  else if (key) writer.octets(key.parameters).octets(key.data);
  return writer.octets(ciphered).bytes;
}

/** `undefined`: it is no such message. @throws {ProtocolError} `unreadable` lengths that lie, a key of an unknown kind */
export function decodeGeneralCiphering(apdu: Uint8Array): GeneralCiphering | undefined {
  if (apdu[0] !== GENERAL_CIPHERING) return undefined;
  const reader = new Reader(apdu.subarray(1), "the general-ciphering message");
  const header = readHeader(reader);
  const key = reader.unsigned(1) === 0 ? undefined : readKey(reader);
  return { header, ...key && { key }, ciphered: reader.octets() };
}

function readHeader(reader: Reader): GeneralHeader {
  const [transaction, originator] = [reader.octets(), reader.octets()];
  return { transaction, originator, recipient: reader.octets(), dateTime: reader.octets(), other: reader.octets() };
}

function readKey(reader: Reader): KeyInfo {
  switch (reader.unsigned(1)) {
    case 0:
      return { kind: "identified", key: reader.unsigned(1) };
    case 1:
      return { kind: "wrapped", master: reader.unsigned(1), wrapped: reader.octets() };
    case 2:
      return { kind: "agreed", parameters: reader.octets(), data: reader.octets() };
    default:
      throw reader.error("its key is told in an unknown way");
  }
}

/**
 * What the tag may cover besides control octet and authentication key. No published example shows it, and programs
 * differ: the header as it stands, its fields without their lengths, or nothing. Only the right one makes the tag right.
 */
export function coversOf(header: GeneralHeader): Uint8Array[] {
  return [encodeGeneralHeader(header), join(...fieldsOf(header)), new Uint8Array()];
}

const UNUSABLE: Readonly<Record<KeyInfo["kind"], string>> = {
  identified: "a key that is not the global unicast one",
  wrapped: "a key that comes along, wrapped by another",
  agreed: "a key that both sides agree on for it",
};

/** Refuses what cannot be read with the global key. @throws {ProtocolError} `damaged` */
export function refuseOtherKeys({ header: { originator }, key }: GeneralCiphering, apdu: Uint8Array): void {
  if (!key || key.kind === "identified" && key.key === UNICAST) return;
  const how = `it is ciphered with ${UNUSABLE[key.kind]} (general-ciphering, DD), which this program cannot undo`;
  throw untrusted(originator, `${how}: have the meter use its global key`, apdu);
}

/** Refuses what is signed. @throws {ProtocolError} `damaged`: it is · `unreadable` lengths that lie */
export function refuseSigned(apdu: Uint8Array): void {
  if (apdu[0] !== GENERAL_SIGNING) return;
  const { originator } = readHeader(new Reader(apdu.subarray(1), "the signed message"));
  const why = "it is signed (general-signing, DF), and this program cannot verify that: have the meter leave it out";
  throw untrusted(originator, why, apdu);
}

function untrusted(originator: Uint8Array, why: string, apdu: Uint8Array): ProtocolError {
  const who = originator.length > 0 ? ` of ${toHex(originator)}` : "";
  return new ProtocolError("damaged", `Cannot trust a message${who}: ${why}`, apdu);
}
