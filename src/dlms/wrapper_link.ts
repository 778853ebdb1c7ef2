/** A connection over the TCP wrapper: nothing is lost on the way, so nothing is repeated (IEC 62056-47). @module */
import { type Cut, type Dialogue, flush, type Inbox, type Patience, send } from "../dialogue.ts";
import { SilenceError } from "../errors.ts";
import { type ExchangeOptions, type Link, type LinkTimes, MAX_MESSAGE_OCTETS } from "./link.ts";
import { toCharacters } from "./octets.ts";
import { encodeWrapped, findWrapped, type Wrapped } from "./wrapper.ts";

/** Whom to ask, and as whom: both are numbers of the association, 16 and 1 for instance. */
export interface WrapperLinkOptions {
  readonly client: number;
  readonly server: number;
  readonly times?: LinkTimes;
}

const TIMES: LinkTimes = { answerMs: 15_000, octetMs: 5000 };

/** Messages between other ports of the same socket that are passed over before an answer counts as missing. */
const STRANGE_MESSAGES = 32;

/** A connection over the wrapper. The socket itself is opened and closed by the session. */
export function wrapperLink(inbox: Inbox, { client, server, times = TIMES }: WrapperLinkOptions): Link {
  let heard = false;
  return { *open() {}, *close() {}, exchange, next };

  function* exchange(apdu: Uint8Array, options: ExchangeOptions = {}): Dialogue<Cut<Uint8Array>> {
    const secret = options.secret ? toCharacters(apdu) : undefined;
    yield* flush();
    inbox.clear();
    yield* send(encodeWrapped({ source: client, destination: server, apdu }), secret);
    return yield* next(options);
  }

  function* next({ withinMs = times.answerMs }: ExchangeOptions = {}): Dialogue<Cut<Uint8Array>> {
    const patience = { firstMs: withinMs, nextMs: times.octetMs, limitBytes: MAX_MESSAGE_OCTETS };
    for (let strange = 0; strange < STRANGE_MESSAGES; strange++) {
      const { value, atMs } = yield* answer(patience);
      heard = true;
      if (value.source === server && value.destination === client) return { value: value.apdu, atMs };
    }
    throw new SilenceError(
      `No answer from logical device ${server} to client ${client} among ${STRANGE_MESSAGES} messages`,
    );
  }
  /** The next message. @throws {SilenceError} that says of whom it was expected */
  function* answer(patience: Patience): Dialogue<Cut<Wrapped>> {
    try {
      return yield* inbox.take(findWrapped(), patience);
    } catch (error) {
      if (!(error instanceof SilenceError)) throw error;
      const which = `logical device ${server} to client ${client} within ${patience.firstMs / 1000} s`;
      const hint = heard ? "" : "; does the meter speak the TCP wrapper, or HDLC at once?";
      throw new SilenceError(`No answer from ${which}${hint}`, { cause: error });
    }
  }
}
