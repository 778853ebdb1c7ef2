/**
 * What a DLMS meter is asked before it hears a secret, by the public client, in a session of its own (mode E): whether it
 * is the expected one, and which counter it has heard last.
 * @module
 */
import type { Dialogue } from "./dialogue.ts";
import { CLASS, type Client, dlmsReadout, integerOf, octetsOf, textOf } from "./dlms/mod.ts";
import { RefusalError, SilenceError } from "./errors.ts";
import { verifyIdentity } from "./normalise.ts";
import type { Telegram } from "./telegram.ts";

/** What is wanted. */
export interface Ahead {
  /** What its objects must say, by their canonical codes. */
  readonly expect?: Readonly<Record<string, string>>;
  /** The object in which it says which counter of ours it has heard last: it takes none that is not above it. */
  readonly readCounter?: string;
}

/** What came of it. */
export interface Seen {
  /** What the public client sees of `expect`, with nothing else; and what is wrong with it. */
  readonly stranger?: { readonly telegram: Telegram; readonly why: string };
  /** Whether it sees none of it, or was not let in. */
  readonly isHidden: boolean;
  /** Why it was not let in; the next time it may be. */
  readonly error?: RefusalError | SilenceError;
  readonly heardCounter?: number;
}

/**
 * Asks, in whatever session the public client is given. A meter that does not let it in can be asked for no more than
 * that. @throws {RefusalError} {SilenceError} of the counter alone @throws {ProtocolError}
 */
export function* askAhead(
  { expect, readCounter }: Ahead,
  session: (work: (client: Client) => Dialogue<Seen>) => Dialogue<Seen>,
): Dialogue<Seen> {
  try {
    return yield* session(function* (client) {
      const identity = expect ? yield* identify(client, expect) : { isHidden: false };
      if (identity.stranger || readCounter === undefined) return identity;
      return { ...identity, heardCounter: yield* readHeard(client, readCounter) };
    });
  } catch (error) {
    const isShut = error instanceof RefusalError || error instanceof SilenceError;
    if (readCounter !== undefined || !isShut) throw error;
    return { isHidden: true, error };
  }
}

function* identify(client: Client, expect: Readonly<Record<string, string>>): Dialogue<Seen> {
  const telegram = yield* dlmsReadout(client, { names: Object.keys(expect) });
  const shown = new Set(telegram.block.sets.map(({ address }) => address));
  const visible = Object.entries(expect).filter(([code]) => shown.has(code));
  const why = verifyIdentity(telegram, Object.fromEntries(visible));
  return { isHidden: visible.length === 0, ...why !== undefined && { stranger: { telegram, why } } };
}

function* readHeard(client: Client, name: string): Dialogue<number> {
  const data = yield* client.demand({ classId: CLASS.data, name, id: 2 });
  const octets = octetsOf(data);
  const heard = octets?.length === 4 ? new DataView(octets.buffer, octets.byteOffset).getUint32(0) : integerOf(data);
  if (heard === undefined || heard < 0) {
    throw new RefusalError(`The meter's ${name} is no invocation counter: ${textOf(data)}`);
  }
  return heard;
}
