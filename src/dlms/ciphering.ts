/** One side's end of a ciphered association: wraps what it sends, unwraps what it hears, refuses what it heard before. @module */
import { ProtocolError } from "../errors.ts";
import { type CipherKind, decodeCiphered, encodeCiphered } from "./ciphered_apdu.ts";
import { toHex } from "./octets.ts";
import { FULL_PROTECTION, type Keys, protect, type Protection, unprotect, type UnprotectOptions } from "./security.ts";

/** Gives each message its number. Whoever keeps it sees to it that none is given twice, after a crash neither. */
export interface InvocationCounter {
  /** The next number, and that it is used. */
  next(): number;
  /** The other side takes none below this one. */
  raise(atLeast: number): void;
}

/** Keeps the last invocation counter of each sender, by its title in hex. */
export interface CounterMemory {
  get(title: string): number | undefined;
  set(title: string, counter: number): void;
  /** Nothing more comes for now. */
  settle?(): void;
}

/** What both sides must have in common, and what is one's own. */
export interface CipheringOptions extends UnprotectOptions {
  readonly keys: Keys;
  /** Own system title: eight octets. */
  readonly title: Uint8Array;
  readonly counter: InvocationCounter;
  /** How to wrap. Default: with the global key, each service by its own. */
  readonly kind?: CipherKind;
  /** Default: authenticated and encrypted. What comes must be authenticated if what goes is. */
  readonly protection?: Protection;
  /** A key for this association alone, drawn for it. */
  readonly dedicatedKey?: Uint8Array;
  /** The other side's title, where it does not say it. */
  readonly otherTitle?: Uint8Array;
  /** The last number that was heard from the other side under the global key, of earlier associations. */
  readonly heard?: number;
  /** Keeps it from association to association, by the other side's title. */
  readonly memory?: CounterMemory;
}

/** Messages that may come in plain: associations have their own protection, and refusals hold nothing. */
const PLAIN = new Set([0x60, 0x61, 0x62, 0x63, 0xd8, 0x0e]);

/** The end of a ciphered association. */
export class Ciphering {
  readonly #options: CipheringOptions;
  #otherTitle: Uint8Array | undefined;
  #dedicatedKey: Uint8Array | undefined;
  #heard: number;
  #sent: number | undefined;
  /** Of the dedicated key, which counts for itself: it lives as long as this. */
  #heardDedicated = -1;

  constructor(options: CipheringOptions) {
    this.#options = options;
    [this.#otherTitle, this.#dedicatedKey] = [options.otherTitle, options.dedicatedKey];
    this.#heard = options.heard ?? -1;
  }

  /** The last number that was heard from the other side; −1: none. */
  get heard(): number {
    return this.#heard;
  }

  /** The number of the last message that was ciphered here. */
  get sent(): number | undefined {
    return this.#sent;
  }

  /** The association is over: what was heard is kept. */
  settle(): void {
    this.#options.memory?.settle?.();
  }

  /** Own system title. */
  get title(): Uint8Array {
    return this.#options.title;
  }

  /** What is known of the other side, from its AARQ or AARE. */
  get otherTitle(): Uint8Array | undefined {
    return this.#otherTitle;
  }

  set otherTitle(title: Uint8Array | undefined) {
    this.#otherTitle = title;
  }

  /** The key for this association alone, as the client sent it. */
  set dedicatedKey(key: Uint8Array | undefined) {
    this.#dedicatedKey = key;
  }

  /** Ciphers a message. `kind` where it is not the association's: InitiateRequest always goes by the global key. */
  wrap(apdu: Uint8Array, kind = this.#options.kind ?? "global"): Uint8Array {
    const { title, counter, protection = FULL_PROTECTION } = this.#options;
    this.#sent = counter.next();
    const ciphered = protect(apdu, this.#keys(kind), { title, counter: this.#sent }, protection);
    return encodeCiphered({ kind, title, ciphered }, apdu[0]!);
  }

  /**
   * What a message says. Refusals may come in plain.
   * @throws {ProtocolError} `damaged`: wrong key, changed, heard before, or in plain where it may not be
   */
  unwrap(apdu: Uint8Array): Uint8Array {
    const outer = decodeCiphered(apdu);
    if (!outer && PLAIN.has(apdu[0]!)) return apdu;
    if (!outer) throw this.#untrusted("it came in plain where everything is ciphered", apdu);
    const title = this.#otherTitle ?? outer.title;
    if (!title) throw this.#untrusted("the sender's system title is unknown: configure it", apdu);
    const { kind, ciphered, covers } = outer;
    const { plain, counter, protection } = unprotect(ciphered, this.#keys(kind), title, this.#options, covers);
    if ((this.#options.protection ?? FULL_PROTECTION).authenticated && !protection.authenticated) {
      throw this.#untrusted("it is not authenticated: anybody may have changed it", apdu);
    }
    const heard = this.#heardUnder(kind, title);
    if (counter <= heard) throw this.#untrusted(explainReplay(counter, heard, title), apdu);
    this.#hear(kind, title, counter);
    return plain;
  }

  #heardUnder(kind: CipherKind, title: Uint8Array): number {
    if (isDedicated(kind)) return this.#heardDedicated;
    return Math.max(this.#heard, this.#options.memory?.get(toHex(title)) ?? -1);
  }

  #hear(kind: CipherKind, title: Uint8Array, counter: number): void {
    if (isDedicated(kind)) this.#heardDedicated = counter;
    else {
      this.#heard = counter;
      this.#options.memory?.set(toHex(title), counter);
    }
  }

  #untrusted(reason: string, apdu: Uint8Array): ProtocolError {
    const who = this.#otherTitle ? ` from ${toHex(this.#otherTitle)}` : "";
    return new ProtocolError("damaged", `Cannot trust a message${who}: ${reason}`, apdu);
  }

  #keys(kind: CipherKind): Keys {
    const { keys } = this.#options;
    if (!isDedicated(kind)) return keys;
    if (!this.#dedicatedKey) {
      throw this.#untrusted("it goes by a dedicated key, but none was agreed on", new Uint8Array());
    }
    return { ...keys, encryption: this.#dedicatedKey };
  }
}

function isDedicated(kind: CipherKind): boolean {
  return kind === "dedicated" || kind === "general-dedicated";
}

/** Why a message of this sender with this counter is not believed. */
export function explainReplay(counter: number, heard: number, title: Uint8Array): string {
  const anew = `the meter counts anew (then: obisd forget ${toHex(title)})`;
  return `invocation counter ${counter} after ${heard}: it was heard before, or ${anew}`;
}

/** A counter in memory alone: for keys that live as short, and for tests. */
export function countFrom(first: number): InvocationCounter {
  let next = first;
  return { next: () => next++, raise: (atLeast) => next = Math.max(next, atLeast) };
}
