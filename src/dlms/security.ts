/**
 * Messages that nobody else can read or change: ciphered with keys that client and meter share (Green Book, 9.2).
 * Every number of a message is used once: the counter comes from whoever keeps it.
 * @module
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { ProtocolError } from "../errors.ts";
import { join } from "../bytes.ts";
import { plainOctets, Reader, Writer } from "./octets.ts";

/** 0 and 1 cipher with AES-128, 2 with AES-256; 1 and 2 sign as well. */
export type Suite = 0 | 1 | 2;

/** The keys of an association. */
export interface Keys {
  readonly suite: Suite;
  /** Global unicast encryption key: 16 octets, with suite 2 32. */
  readonly encryption: Uint8Array;
  /** Authentication key, as long. */
  readonly authentication: Uint8Array;
}

/** Who sends, and its message's number. */
export interface Origin {
  /** System title: eight octets. */
  readonly title: Uint8Array;
  /** Invocation counter, 32 bits; never the same twice with the same key. */
  readonly counter: number;
}

/** What is done to a message. */
export interface Protection {
  readonly authenticated: boolean;
  readonly encrypted: boolean;
}

const [AUTHENTICATED, ENCRYPTED, COMPRESSED] = [0x10, 0x20, 0x80];
const TAG_OCTETS = 12;
const TITLE_OCTETS = 8;

/** Authenticated and encrypted: what nearly every meter wants. */
export const FULL_PROTECTION: Protection = { authenticated: true, encrypted: true };

/** The octet that says what was done to a message. */
export function securityControl(suite: Suite, { authenticated, encrypted }: Protection): number {
  return suite | (authenticated ? AUTHENTICATED : 0) | (encrypted ? ENCRYPTED : 0);
}

function initialVector({ title, counter }: Origin): Uint8Array {
  if (title.length !== TITLE_OCTETS) throw new RangeError("Cannot cipher: a system title has 8 octets");
  return new Writer().put(title).integer(counter, 4).bytes;
}

function gcmName({ encryption }: Pick<Keys, "encryption">): "aes-128-gcm" | "aes-256-gcm" {
  return encryption.length === 32 ? "aes-256-gcm" : "aes-128-gcm";
}

function counterName({ encryption }: Pick<Keys, "encryption">): "aes-128-ctr" | "aes-256-ctr" {
  return encryption.length === 32 ? "aes-256-ctr" : "aes-128-ctr";
}

/** Security control, counter, what became of `plain`, and the tag where it is authenticated; `cover`: what that covers besides. */
export function protect(
  plain: Uint8Array,
  keys: Keys,
  origin: Origin,
  protection = FULL_PROTECTION,
  cover: Uint8Array = new Uint8Array(),
): Uint8Array {
  const control = securityControl(keys.suite, protection);
  const cipher = createCipheriv(gcmName(keys), keys.encryption, initialVector(origin), { authTagLength: TAG_OCTETS });
  const head = new Writer().put(control).integer(origin.counter, 4).bytes;
  cipher.setAAD(additional(control, keys, protection, plain, cover));
  const text = protection.encrypted ? cipher.update(plain) : plain;
  cipher.final();
  return join(head, text, protection.authenticated ? cipher.getAuthTag() : new Uint8Array());
}

function additional(
  control: number,
  keys: Keys,
  { authenticated, encrypted }: Protection,
  plain: Uint8Array,
  cover: Uint8Array,
): Uint8Array {
  if (!authenticated) return new Uint8Array();
  return join(Uint8Array.of(control), keys.authentication, cover, encrypted ? new Uint8Array() : plain);
}

/** A message whose protection was taken off. */
export interface Unprotected {
  readonly plain: Uint8Array;
  readonly counter: number;
  readonly protection: Protection;
}

/** How much to trust. */
export interface UnprotectOptions {
  /** Whether a message whose tag is wrong is read all the same: one country's meters send such tags. */
  readonly withoutCheck?: boolean;
}

/**
 * Takes the protection off. Nothing of a message whose tag is wrong is handed out; `covers`: what it may cover besides.
 * @throws {ProtocolError} `damaged`: wrong key or title, or changed on the way · `unreadable`
 */
export function unprotect(
  ciphered: Uint8Array,
  keys: Keys,
  title: Uint8Array,
  { withoutCheck = false }: UnprotectOptions = {},
  covers: readonly Uint8Array[] = [new Uint8Array()],
): Unprotected {
  const reader = new Reader(ciphered, "the ciphered message");
  const control = reader.unsigned(1);
  const counter = reader.unsigned(4);
  const protection = { authenticated: (control & AUTHENTICATED) !== 0, encrypted: (control & ENCRYPTED) !== 0 };
  if (title.length !== TITLE_OCTETS) throw reader.error(`its sender's system title has ${title.length} octets, not 8`);
  if (control & COMPRESSED) throw reader.error("it is compressed, which this program cannot undo");
  const text = reader.take(Math.max(0, reader.left - (protection.authenticated ? TAG_OCTETS : 0)));
  const tag = protection.authenticated ? reader.take(TAG_OCTETS) : undefined;
  const origin = { title, counter };
  if (!protection.encrypted && !tag) return { plain: text, counter, protection };
  if (!tag || withoutCheck) return { plain: decrypt(text, keys, origin, protection), counter, protection };
  for (const cover of covers) {
    const aad = additional(control, keys, protection, text, cover);
    const plain = authentic({ text: protection.encrypted ? text : new Uint8Array(), tag, aad }, keys, origin);
    if (plain) return { plain: protection.encrypted ? plain : text, counter, protection };
  }
  const reason = "its authentication tag is wrong: wrong key, wrong system title, or changed on the way";
  throw new ProtocolError("damaged", `Cannot decipher a message: ${reason}`, ciphered);
}

/** The text, deciphered; `undefined`: its tag is wrong. */
function authentic(
  { text, tag, aad }: { readonly text: Uint8Array; readonly tag: Uint8Array; readonly aad: Uint8Array },
  keys: Keys,
  origin: Origin,
): Uint8Array | undefined {
  const iv = initialVector(origin);
  const decipher = createDecipheriv(gcmName(keys), keys.encryption, iv, { authTagLength: TAG_OCTETS });
  decipher.setAAD(aad);
  decipher.setAuthTag(tag);
  try {
    const plain = plainOctets(decipher.update(text));
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}

/** Counter mode alone, for messages without a tag. */
function decrypt(text: Uint8Array, keys: Keys, origin: Origin, { encrypted }: Protection): Uint8Array {
  if (!encrypted) return text;
  const block = join(initialVector(origin), Uint8Array.of(0, 0, 0, 2));
  return plainOctets(createDecipheriv(counterName(keys), keys.encryption, block).update(text));
}
