/** Signatures, key agreement and wrapped keys of suites 0, 1 and 2 (Green Book, 9.2.3). @module */
import {
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  sign as signWords,
  verify as verifyWords,
} from "node:crypto";
import { ProtocolError } from "../errors.ts";
import { join } from "../bytes.ts";

/** Suite 1 signs on P-256 with SHA-256, suite 2 on P-384 with SHA-384. */
export type Curve = "P-256" | "P-384";

/** A private key: 32 or 48 octets. */
export interface SigningKey {
  readonly curve: Curve;
  readonly secret: Uint8Array;
}

/** A public key: x and y, 64 or 96 octets. */
export interface VerifyingKey {
  readonly curve: Curve;
  readonly point: Uint8Array;
}

const CURVES = {
  "P-256": { name: "prime256v1", hash: "sha256" },
  "P-384": { name: "secp384r1", hash: "sha384" },
} as const;

/** The public key of a private one. */
export function publicKeyOf({ curve, secret }: SigningKey): VerifyingKey {
  const pair = createECDH(CURVES[curve].name);
  pair.setPrivateKey(secret);
  return { curve, point: new Uint8Array(pair.getPublicKey().subarray(1)) };
}

function jwk({ curve, point }: VerifyingKey): { kty: string; crv: Curve; x: string; y: string } {
  const half = point.length / 2;
  return { kty: "EC", crv: curve, x: base64url(point.subarray(0, half)), y: base64url(point.subarray(half)) };
}

function base64url(octets: Uint8Array): string {
  return octets.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** r and s, 64 or 96 octets. */
export function sign(words: Uint8Array, key: SigningKey): Uint8Array {
  const half = { ...jwk(publicKeyOf(key)), d: base64url(key.secret) };
  const signing = createPrivateKey({ key: half, format: "jwk" });
  return new Uint8Array(signWords(CURVES[key.curve].hash, words, { key: signing, dsaEncoding: "ieee-p1363" }));
}

/** Whether the owner of a key has signed these words. */
export function verify(words: Uint8Array, signature: Uint8Array, key: VerifyingKey): boolean {
  if (signature.length !== key.point.length) return false;
  const verifying = createPublicKey({ key: jwk(key), format: "jwk" });
  return verifyWords(CURVES[key.curve].hash, words, { key: verifying, dsaEncoding: "ieee-p1363" }, signature);
}

/** Z: what two sides share when each knows its own private and the other's public key. */
export function sharedSecret({ curve, secret }: SigningKey, { point }: VerifyingKey): Uint8Array {
  const pair = createECDH(CURVES[curve].name);
  pair.setPrivateKey(secret);
  return new Uint8Array(pair.computeSecret(join(Uint8Array.of(4), point)));
}

/** What a derived key is for; the last octet of the standard's algorithm ids. */
export const ALGORITHMS = { "AES-GCM-128": 0, "AES-GCM-256": 1, "AES-WRAP-128": 2, "AES-WRAP-256": 3 } as const;

/** Who agreed on a key: the one who began, and the other. */
export interface Parties {
  readonly initiator: Uint8Array;
  readonly responder: Uint8Array;
}

/** The key that follows from Z (NIST SP 800-56A, concatenation). */
export function deriveKey(z: Uint8Array, algorithm: keyof typeof ALGORITHMS, parties: Parties): Uint8Array {
  const id = Uint8Array.of(0x60, 0x85, 0x74, 0x05, 0x08, 0x03, ALGORITHMS[algorithm]);
  const long = algorithm.endsWith("256");
  const words = join(Uint8Array.of(0, 0, 0, 1), z, id, parties.initiator, parties.responder);
  const digest = createHash(long ? "sha384" : "sha256").update(words).digest();
  return new Uint8Array(digest.subarray(0, long ? 32 : 16));
}

const [WRAP_BLOCK, WRAP_ROUNDS, WRAP_OCTET] = [8, 6, 0xa6];

/** One block of AES; the wrapping is built from it, as the runtime has none of its own. */
function block(direction: "encrypt" | "decrypt", octets: Uint8Array, key: Uint8Array): Uint8Array {
  const name = key.length === 32 ? "aes-256-ecb" : "aes-128-ecb";
  const cipher = direction === "encrypt" ? createCipheriv(name, key, null) : createDecipheriv(name, key, null);
  return cipher.setAutoPadding(false).update(octets);
}

/** The step's number goes into the last octets of the check. */
function stepped(check: Uint8Array, step: number): Uint8Array {
  const changed = check.slice();
  new DataView(changed.buffer).setUint32(4, new DataView(changed.buffer).getUint32(4) ^ step);
  return changed;
}

/** A key under the master key, to be sent to a meter (RFC 3394). */
export function wrapKey(key: Uint8Array, masterKey: Uint8Array): Uint8Array {
  const count = key.length / WRAP_BLOCK;
  const wrapped = join(new Uint8Array(WRAP_BLOCK).fill(WRAP_OCTET), key);
  for (let step = 1; step <= WRAP_ROUNDS * count; step++) {
    const at = WRAP_BLOCK * (1 + (step - 1) % count);
    const mixed = block("encrypt", join(wrapped.subarray(0, 8), wrapped.subarray(at, at + 8)), masterKey);
    wrapped.set(stepped(mixed.subarray(0, 8), step), 0);
    wrapped.set(mixed.subarray(8, 16), at);
  }
  return wrapped;
}

/** The key inside. @throws {ProtocolError} it was wrapped under another master key, or changed */
export function unwrapKey(wrapped: Uint8Array, masterKey: Uint8Array): Uint8Array {
  const count = wrapped.length / WRAP_BLOCK - 1;
  const key = wrapped.slice();
  if (!Number.isInteger(count) || count < 2) throw wrongWrapping(wrapped);
  for (let step = WRAP_ROUNDS * count; step > 0; step--) {
    const at = WRAP_BLOCK * (1 + (step - 1) % count);
    const mixed = block("decrypt", join(stepped(key.subarray(0, 8), step), key.subarray(at, at + 8)), masterKey);
    key.set(mixed.subarray(0, 8), 0);
    key.set(mixed.subarray(8, 16), at);
  }
  if (!key.subarray(0, WRAP_BLOCK).every((octet) => octet === WRAP_OCTET)) throw wrongWrapping(wrapped);
  return key.subarray(WRAP_BLOCK);
}

function wrongWrapping(wrapped: Uint8Array): ProtocolError {
  return new ProtocolError("damaged", "Cannot unwrap a key: wrong master key, or changed", wrapped);
}
