/**
 * Messages that are wrapped in ways which this program does not undo: with keys agreed on for them (general-ciphering), or
 * signed (general-signing; Green Book, 9.2.7.2.4). They are told apart and refused by name.
 * @module
 */
import { ProtocolError } from "../errors.ts";
import { Reader, toHex } from "./octets.ts";

const [GENERAL_CIPHERING, GENERAL_SIGNING] = [0xdd, 0xdf];

/** How the receiver is told the key. */
const KEYS: readonly string[] = [
  "a key that it names by a number",
  "a key that comes along, wrapped by another",
  "a key that both sides agree on for it",
];

/** @throws {ProtocolError} `damaged`: it is such a message · `unreadable` lengths that lie */
export function refuseGeneral(apdu: Uint8Array): void {
  const tag = apdu[0];
  if (tag !== GENERAL_CIPHERING && tag !== GENERAL_SIGNING) return;
  const reader = new Reader(apdu.subarray(1), "the general protection");
  const [, originator] = [reader.octets(), reader.octets()]; // transaction, who sends it
  for (let left = 3; left > 0; left--) reader.octets(); // for whom, when, other things
  const who = originator.length > 0 ? ` of ${toHex(originator)}` : "";
  const how = tag === GENERAL_SIGNING
    ? "it is signed (general-signing, DF), and this program cannot verify that: have the meter leave it out"
    : `it is ciphered with ${keyOf(reader)} (general-ciphering, DD), which this program cannot undo: ` +
      "have the meter use its global key (general-glo, DB)";
  throw new ProtocolError("damaged", `Cannot trust a message${who}: ${how}`, apdu);
}

function keyOf(reader: Reader): string {
  const isTold = reader.unsigned(1) !== 0;
  return isTold ? KEYS[reader.unsigned(1)] ?? "a key of an unknown kind" : "a key of which it says nothing";
}
