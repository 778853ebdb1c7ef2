/** The three octets that begin each message on an HDLC line, and how a message is cut into frames (IEC 62056-46, 5). @module */
import { join } from "../bytes.ts";

const REQUEST = Uint8Array.of(0xe6, 0xe6, 0x00);
const RESPONSE = Uint8Array.of(0xe6, 0xe7, 0x00);

/** Pieces of at most `size` octets, the first with the LLC octets in front. */
export function segment(apdu: Uint8Array, size: number, direction: "request" | "response"): Uint8Array[] {
  const whole = join(direction === "request" ? REQUEST : RESPONSE, apdu);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
  return pieces;
}

/** The message without its LLC octets, of either direction; some meters send none. */
export function stripLlc(information: Uint8Array): Uint8Array {
  const [first, second] = information;
  const llc = information.length >= 3 && first === 0xe6 && (second === 0xe6 || second === 0xe7);
  return llc ? information.subarray(3) : information;
}
