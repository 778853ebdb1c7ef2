/** Answers to challenges: who knows the secret proves it without saying it (HLS, Green Book 9.2.7.4). @module */
import { createCipheriv, createHash, timingSafeEqual } from "node:crypto";
import { ProtocolError } from "../errors.ts";
import { join } from "../bytes.ts";
import { plainOctets, Writer } from "./octets.ts";
import { type Keys, type Origin, protect, unprotect } from "./security.ts";
import { sign, type SigningKey, verify, type VerifyingKey } from "./signatures.ts";

/** What one side of an association knows of both. `own` answers, `other` has set the challenge. */
export interface Proof {
  readonly ownTitle: Uint8Array;
  readonly otherTitle: Uint8Array;
  /** The challenge that is answered. */
  readonly challenge: Uint8Array;
  /** The challenge that was sent the other way. */
  readonly counterChallenge: Uint8Array;
}

/** What is needed to answer: a secret, or keys and a counter, or a key to sign with. */
export type Secret =
  | { readonly mechanism: "manufacturer" | "md5" | "sha1" | "sha256"; readonly secret: Uint8Array }
  | { readonly mechanism: "gmac"; readonly keys: Keys }
  | { readonly mechanism: "ecdsa"; readonly signing: SigningKey; readonly verifying: VerifyingKey };

const AUTHENTICATED = { authenticated: true, encrypted: false };

/** The answer to the other side's challenge. `counter` is used by GMAC alone. */
export function answerChallenge(secret: Secret, proof: Proof, counter: number): Uint8Array {
  switch (secret.mechanism) {
    case "gmac":
      return gmac(secret.keys, { title: proof.ownTitle, counter }, proof.challenge);
    case "ecdsa":
      return sign(signedWords(proof), secret.signing);
    default:
      return digest(secret.mechanism, secret.secret, proof);
  }
}

/** Whether the other side's answer to our challenge is right; `proof` as the other side sees it. */
export function isRightAnswer(answer: Uint8Array, secret: Secret, proof: Proof): boolean {
  if (secret.mechanism === "ecdsa") return verify(signedWords(proof), answer, secret.verifying);
  if (secret.mechanism !== "gmac") return isSame(answer, digest(secret.mechanism, secret.secret, proof));
  if (answer.length !== 17 || (answer[0]! & 0xf0) !== 0x10) return false;
  try {
    const message = join(answer.subarray(0, 5), proof.challenge, answer.subarray(5));
    unprotect(message, secret.keys, proof.ownTitle);
    return true;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return false;
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Security control, counter, and the tag over the challenge, which itself is left out. */
function gmac(keys: Keys, origin: Origin, challenge: Uint8Array): Uint8Array {
  const whole = protect(challenge, keys, origin, AUTHENTICATED);
  return join(whole.subarray(0, 5), whole.subarray(5 + challenge.length));
}

function digest(mechanism: "manufacturer" | "md5" | "sha1" | "sha256", secret: Uint8Array, proof: Proof): Uint8Array {
  const { ownTitle, otherTitle, challenge, counterChallenge } = proof;
  if (mechanism === "manufacturer") return encryptedChallenge(secret, challenge);
  const words = mechanism === "sha256"
    ? join(secret, ownTitle, otherTitle, challenge, counterChallenge)
    : join(challenge, secret);
  return plainOctets(createHash(mechanism).update(words).digest());
}

/** What many makers take for "their own" mechanism: each block of the challenge under the secret, both filled with zeros. */
function encryptedChallenge(secret: Uint8Array, challenge: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-128-ecb", filled(secret, 16), null).setAutoPadding(false);
  return plainOctets(cipher.update(filled(challenge, Math.max(16, Math.ceil(challenge.length / 16) * 16))));
}

function filled(octets: Uint8Array, length: number): Uint8Array {
  return new Writer().put(octets.subarray(0, length), new Uint8Array(Math.max(0, length - octets.length))).bytes;
}

function signedWords({ ownTitle, otherTitle, challenge, counterChallenge }: Proof): Uint8Array {
  return join(ownTitle, otherTitle, challenge, counterChallenge);
}
