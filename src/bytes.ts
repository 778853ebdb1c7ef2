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

/** How many bytes two byte strings have in common at their beginning. */
export function commonLength(bytes: Uint8Array, other: Uint8Array): number {
  let length = 0;
  while (length < bytes.length && length < other.length && bytes[length] === other[length]) length++;
  return length;
}
