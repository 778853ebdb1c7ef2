/**
 * A client's half of the general block transfer (Green Book, 9.4.9): a long question goes out block by block, the blocks
 * of an answer come one by one or, where the meter streams, many at a time.
 * @module
 */
import type { Cut, Dialogue } from "../dialogue.ts";
import { ProtocolError, SilenceError } from "../errors.ts";
import {
  Assembly,
  decodeTransferBlock,
  encodeTransferBlock,
  isTransferBlock,
  type TransferBlock,
  transferBlocks,
} from "./block_transfer.ts";
import type { ExchangeOptions, Link } from "./link.ts";

/** Blocks that may come before we say which we have. */
const WINDOW = 8;

/** Blocks in a row that are none we lack, before the meter counts as confused; and how often one of ours is sent. */
const [STRANGE_BLOCKS, TRIES] = [8, 3];

const NOTHING = new Uint8Array();

/** One message each way. */
export class Transfer {
  readonly #link: Link;
  readonly #options: ExchangeOptions;
  readonly #assembly = new Assembly();
  /** The number of our next block. */
  #own = 1;

  constructor(link: Link, options: ExchangeOptions = {}) {
    [this.#link, this.#options] = [link, options];
  }

  /** Sends a message in blocks of at most `octets`, and brings home the answer. @throws {SilenceError} {ProtocolError} */
  *send(message: Uint8Array, octets: number): Dialogue<Cut<Uint8Array>> {
    for (const block of transferBlocks(message, octets, WINDOW)) {
      const received = yield* this.#deliver(block);
      if (!isTransferBlock(received.value)) return received; // the answer, or a refusal before the end
      const { block: number, data } = decodeTransferBlock(received.value);
      if (data.length > 0) return yield* this.receive(received);
      this.#assembly.passOver(number);
    }
    const thought = yield* this.#link.next(this.#options); // all it said so far was that it has the question
    return isTransferBlock(thought.value) ? yield* this.receive(thought) : thought;
  }

  *#deliver(block: TransferBlock): Dialogue<Cut<Uint8Array>> {
    for (let sent = 1;; sent++) {
      const apdu = encodeTransferBlock({ ...block, acknowledged: this.#assembly.acknowledged });
      const received = yield* this.#link.exchange(apdu, this.#options);
      this.#own = block.block + 1;
      const { value } = received;
      if (!isTransferBlock(value) || decodeTransferBlock(value).acknowledged >= block.block) return received;
      if (sent === TRIES) throw new ProtocolError("unreadable", `The meter does not take block ${block.block}`, value);
    }
  }

  /** Puts an answer together whose first block has come. @throws {SilenceError} {ProtocolError} */
  *receive({ value: first, atMs }: Cut<Uint8Array>): Dialogue<Cut<Uint8Array>> {
    let received = first;
    for (let strange = 0; strange < STRANGE_BLOCKS;) {
      if (!isTransferBlock(received)) return { value: received, atMs }; // a refusal
      const block = decodeTransferBlock(received);
      const before = this.#assembly.acknowledged;
      const whole = this.#assembly.add(block);
      if (whole) return { value: whole, atMs };
      strange = this.#assembly.acknowledged === before ? strange + 1 : 0;
      received = block.streaming && !block.last ? yield* this.#more() : yield* this.#acknowledge();
    }
    throw new ProtocolError("unreadable", "The meter's blocks come out of turn, or without end", received);
  }

  /** The next block of those that stream. One that stays out is asked for. */
  *#more(): Dialogue<Uint8Array> {
    try {
      return (yield* this.#link.next()).value;
    } catch (error) {
      if (!(error instanceof SilenceError)) throw error;
      return yield* this.#acknowledge();
    }
  }

  /** Says which blocks are there; those behind them are sent again. */
  *#acknowledge(): Dialogue<Uint8Array> {
    const { acknowledged } = this.#assembly;
    const place = { last: true, streaming: false, window: WINDOW, block: this.#own++ & 0xffff, acknowledged };
    return (yield* this.#link.exchange(encodeTransferBlock({ ...place, data: NOTHING }))).value;
  }
}
