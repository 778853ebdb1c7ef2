/** The characters on the wire: control bytes, text to bytes and back, and a form in which a person can read them. @module */

export const SOH = 0x01;
export const STX = 0x02;
export const ETX = 0x03;
export const EOT = 0x04;
export const ACK = 0x06;
export const LF = 0x0a;
export const CR = 0x0d;
export const NAK = 0x15;
export const DEL = 0x7f;

/** Characters handed to `String.fromCharCode` at once; more would overflow the stack. */
const CHUNK = 8192;

/** Five times as fast, but right for ASCII alone: what the web calls Latin-1 is not. */
const ASCII = new TextDecoder("latin1");

/** Whether a byte has bit 7 set: parity, or a character beyond ASCII. */
export function hasEighthBit(bytes: Uint8Array): boolean {
  let all = 0;
  for (let at = 0; at < bytes.length; at++) all |= bytes[at]!;
  return all > 0x7f;
}

/** Bytes → text, one character a byte (Latin-1): nothing is lost, and offsets stay what they were. */
export function toText(bytes: Uint8Array): string {
  if (!hasEighthBit(bytes)) return ASCII.decode(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + CHUNK) as unknown as number[]);
  }
  return text;
}

/** Text → bytes, the other way round. @throws {RangeError} for a character that is no byte */
export function toBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0xff) throw new RangeError(`Cannot send "${text[at]}": not a character of Latin-1`);
    bytes[at] = code;
  }
  return bytes;
}

/** Names of the control characters that the standard uses; others are shown as two hex digits. */
const NAMES = new Map([
  [0, "NUL"],
  [SOH, "SOH"],
  [STX, "STX"],
  [ETX, "ETX"],
  [EOT, "EOT"],
  [ACK, "ACK"],
  [LF, "LF"],
  [CR, "CR"],
  [NAK, "NAK"],
  [DEL, "DEL"],
]);

/** `<ACK>050<CR><LF>`: control characters and everything beyond ASCII made visible. */
export function visible(message: Uint8Array | string): string {
  const text = typeof message === "string" ? message : toText(message);
  return text.replace(/[^\x20-\x7e]/g, (character) => {
    const code = character.charCodeAt(0);
    return `<${NAMES.get(code) ?? code.toString(16).toUpperCase().padStart(2, "0")}>`;
  });
}

/** `2F 3F 21`: for errors about bytes that are no text; at most `limit` of them. */
export function hex(bytes: Uint8Array, limit = 32): string {
  const shown = Array.from(bytes.subarray(0, limit), (byte) => byte.toString(16).toUpperCase().padStart(2, "0"));
  return shown.join(" ") + (bytes.length > limit ? ` … (${bytes.length} bytes)` : "");
}
