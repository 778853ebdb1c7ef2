/** What carries messages to a meter and brings its answers home, whatever lies below: HDLC, or the wrapper on TCP. @module */
import type { Cut, Dialogue } from "../dialogue.ts";

/** How long to wait for what. */
export interface LinkTimes {
  /** For the first octet of an answer. */
  readonly answerMs: number;
  /** Between two octets of one answer. */
  readonly octetMs: number;
}

/** How a message is sent, and its answer waited for. */
export interface ExchangeOptions {
  /** For the first octet of the answer. */
  readonly withinMs?: number;
  /** Whether the message holds a password: then no trace shows any of it, also not its check sequence. */
  readonly secret?: boolean;
}

/** A connection to one logical device of a meter. */
export interface Link {
  /** @throws {SilenceError} nobody answers @throws {RefusalError} the meter takes no connection */
  open(): Dialogue<void>;
  /** Sends a message and waits for the answer. @throws {SilenceError} {ProtocolError} */
  exchange(apdu: Uint8Array, options?: ExchangeOptions): Dialogue<Cut<Uint8Array>>;
  /** Waits for a further message of the meter, to a question that several answer. @throws {SilenceError} {ProtocolError} */
  next(options?: ExchangeOptions): Dialogue<Cut<Uint8Array>>;
  /** Disconnects; whether the meter confirms it or not. */
  close(): Dialogue<void>;
}

/** More octets than this are no message: the largest that was ever negotiated has 64 KiB, long lists come in blocks. */
export const MAX_MESSAGE_OCTETS = 1 << 20;
