/** A meter's half of the general block transfer: takes a question in blocks, sends a long answer in blocks that stream. @module */
import {
  Assembly,
  decodeTransferBlock,
  encodeTransferBlock,
  isTransferBlock,
  type TransferBlock,
  transferBlocks,
} from "./block_transfer.ts";

/** How it sends. */
export interface BlockServerOptions {
  /** Octets of a block; longer answers go in several. */
  readonly octets: number;
  /** Blocks that it sends before it waits for an acknowledgement. */
  readonly window: number;
}

const NOTHING = new Uint8Array();

/** Stands between a client and whatever answers whole messages. */
export class BlockServer {
  readonly #options: BlockServerOptions;
  #incoming = new Assembly();
  #outgoing: readonly TransferBlock[] = [];
  #own = 0;

  constructor(options: BlockServerOptions) {
    this.#options = options;
  }

  /** The messages that answer one. */
  answer(apdu: Uint8Array, whole: (apdu: Uint8Array) => Uint8Array): Uint8Array[] {
    if (!isTransferBlock(apdu)) {
      this.#incoming = new Assembly();
      return this.#begin(whole(apdu));
    }
    const block = decodeTransferBlock(apdu);
    if (block.data.length === 0) return this.#burst(block.acknowledged);
    if (block.block === 1) this.#incoming = new Assembly();
    const question = this.#incoming.add(block);
    if (question) return this.#begin(whole(question));
    const { acknowledged } = this.#incoming;
    const place = { last: true, streaming: false, window: this.#options.window, block: ++this.#own, acknowledged };
    return [encodeTransferBlock({ ...place, data: NOTHING })];
  }

  #begin(answer: Uint8Array): Uint8Array[] {
    const { octets, window } = this.#options;
    const { acknowledged } = this.#incoming;
    if (answer.length <= octets && acknowledged === 0) return [answer];
    const before = acknowledged === 0 ? 0 : this.#own;
    this.#outgoing = transferBlocks(answer, octets, window)
      .map((block) => ({ ...block, block: before + block.block, acknowledged }));
    this.#own = 0;
    return this.#burst(before);
  }

  /** The blocks behind this one, as many as stream. */
  #burst(acknowledged: number): Uint8Array[] {
    const from = this.#outgoing.findIndex(({ block }) => block === acknowledged + 1);
    if (from < 0) return [];
    const blocks = this.#outgoing.slice(from, from + this.#options.window);
    return blocks.map((block, at) => encodeTransferBlock({ ...block, streaming: at < blocks.length - 1 }));
  }
}
