/** What carries messages to a meter and brings its answers home, whatever lies below: HDLC, or the wrapper on TCP. @module */
import type { Cut, Dialogue } from "../dialogue.ts";

/** How long to wait for what. */
export interface LinkTimes {
  /** For the first octet of an answer. */
  readonly answerMs: number;
  /** Between two octets of one answer. */
  readonly octetMs: number;
}

/** A connection to one logical device of a meter. */
export interface Link {
  /** @throws {SilenceError} nobody answers @throws {RefusalError} the meter takes no connection */
  open(): Dialogue<void>;
  /** Sends a message and waits for the answer, at most `withinMs` for its first octet. @throws {SilenceError} {ProtocolError} */
  exchange(apdu: Uint8Array, withinMs?: number): Dialogue<Cut<Uint8Array>>;
  /** Disconnects; whether the meter confirms it or not. */
  close(): Dialogue<void>;
}

/** More octets than this are no message: the largest that was ever negotiated has 64 KiB, long lists come in blocks. */
export const MAX_MESSAGE_OCTETS = 1 << 20;
