/** Which messages a cipher wraps, and how the outside tells the inside (Green Book, 9.2.7.2.4, 9.5). @module */
import { coversOf, decodeGeneralCiphering, refuseOtherKeys, refuseSigned } from "./general_protection.ts";
import { Reader, Writer } from "./octets.ts";

/** With which key, and whether the sender's title stands in front. */
export type CipherKind = "global" | "dedicated" | "general-global" | "general-dedicated";

/** A ciphered message before its protection is taken off. */
export interface CipheredApdu {
  readonly kind: CipherKind;
  /** Title of the sender, of general ciphering; absent or empty where it must be known already. */
  readonly title?: Uint8Array;
  /** Security control, counter, text, tag. */
  readonly ciphered: Uint8Array;
  /** What its tag may cover besides, of general-ciphering; absent: nothing. */
  readonly covers?: readonly Uint8Array[];
}

/** Plain tag → tag ciphered with the global key, with the dedicated key. */
const SPECIFIC: readonly (readonly [plain: number, global: number, dedicated: number])[] = [
  [0x01, 0x21, 0x41],
  [0x05, 0x25, 0x45],
  [0x06, 0x26, 0x46],
  [0x08, 0x28, 0x48],
  [0x0c, 0x2c, 0x4c],
  [0x0d, 0x2d, 0x4d],
  [0x0e, 0x2e, 0x4e],
  [0x16, 0x36, 0x56],
  [0x18, 0x38, 0x58],
  [0xc0, 0xc8, 0xd0],
  [0xc1, 0xc9, 0xd1],
  [0xc2, 0xca, 0xd2],
  [0xc3, 0xcb, 0xd3],
  [0xc4, 0xcc, 0xd4],
  [0xc5, 0xcd, 0xd5],
  [0xc7, 0xcf, 0xd7],
];

const [GENERAL_GLOBAL, GENERAL_DEDICATED] = [0xdb, 0xdc];

/** The tag of a message that is ciphered by its own service; `undefined`: it can only be by general ciphering. */
export function cipheredTag(plainTag: number, kind: "global" | "dedicated"): number | undefined {
  const row = SPECIFIC.find(([plain]) => plain === plainTag);
  return row?.[kind === "global" ? 1 : 2];
}

/** The octets. `plainTag`: first octet of the message inside. @throws {RangeError} a message that has no ciphered form */
export function encodeCiphered({ kind, title, ciphered }: CipheredApdu, plainTag: number): Uint8Array {
  const general = kind === "general-global" ? GENERAL_GLOBAL : kind === "general-dedicated" ? GENERAL_DEDICATED : 0;
  if (general) return new Writer().put(general).octets(title ?? new Uint8Array()).octets(ciphered).bytes;
  const tag = cipheredTag(plainTag, kind as "global" | "dedicated");
  if (tag === undefined) throw new RangeError(`Cannot cipher message ${plainTag.toString(16)} by its own service`);
  return new Writer().put(tag).octets(ciphered).bytes;
}

/**
 * What a message is that is ciphered; `undefined`: it is plain. @throws {ProtocolError} lengths that lie, or a protection
 * that cannot be undone
 */
export function decodeCiphered(apdu: Uint8Array): CipheredApdu | undefined {
  refuseSigned(apdu);
  const general = decodeGeneralCiphering(apdu);
  if (general) {
    refuseOtherKeys(general, apdu);
    const { header, ciphered } = general;
    const { originator: title } = header;
    return { kind: "general-global", ...title.length > 0 && { title }, ciphered, covers: coversOf(header) };
  }
  const tag = apdu[0];
  const reader = new Reader(apdu.subarray(1), "the ciphered message");
  if (tag === GENERAL_GLOBAL || tag === GENERAL_DEDICATED) {
    const title = reader.octets();
    const kind = tag === GENERAL_GLOBAL ? "general-global" : "general-dedicated";
    return { kind, ...(title.length > 0 ? { title } : {}), ciphered: reader.octets() };
  }
  const row = SPECIFIC.find(([, global, dedicated]) => tag === global || tag === dedicated);
  return row && { kind: tag === row[1] ? "global" : "dedicated", ciphered: reader.octets() };
}
