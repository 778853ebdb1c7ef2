/** Byte strings. @module */

/** Puts byte strings behind one another. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Both as one view, when the second lies right behind the first in the same buffer; else `undefined`: they must be copied. */
export function adjoined(bytes: Uint8Array, next: Uint8Array): Uint8Array | undefined {
  const isBehind = next.buffer === bytes.buffer && next.byteOffset === bytes.byteOffset + bytes.length;
  return isBehind ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length + next.length) : undefined;
}

/** How many bytes two byte strings have in common at their beginning. */
export function commonLength(bytes: Uint8Array, other: Uint8Array): number {
  let length = 0;
  while (length < bytes.length && length < other.length && bytes[length] === other[length]) length++;
  return length;
}
