/** A message of any kind cut into numbered blocks, acknowledged or streamed (general block transfer, Green Book 9.4.9). @module */
import { ProtocolError } from "../errors.ts";
import { MAX_MESSAGE_OCTETS } from "./link.ts";
import { join } from "../bytes.ts";
import { Reader, Writer } from "./octets.ts";

/** One block; an acknowledgement has no data. */
export interface TransferBlock {
  readonly last: boolean;
  /** Whether more follow without being asked for. */
  readonly streaming: boolean;
  /** Blocks that may come before an acknowledgement. */
  readonly window: number;
  /** From 1. */
  readonly block: number;
  /** The last one that came in turn from the other side. */
  readonly acknowledged: number;
  readonly data: Uint8Array;
}

const TAG = 0xe0;

/** Whether a message is a block. */
export function isTransferBlock(apdu: Uint8Array): boolean {
  return apdu[0] === TAG;
}

/** The octets of a block. */
export function encodeTransferBlock(block: TransferBlock): Uint8Array {
  const control = (block.last ? 0x80 : 0) | (block.streaming ? 0x40 : 0) | block.window;
  const writer = new Writer().put(TAG, control).integer(block.block, 2).integer(block.acknowledged, 2);
  return writer.octets(block.data).bytes;
}

/** A block. @throws {ProtocolError} */
export function decodeTransferBlock(apdu: Uint8Array): TransferBlock {
  const reader = new Reader(apdu, "the general block transfer");
  if (reader.unsigned(1) !== TAG) throw reader.error("it does not begin with E0");
  const control = reader.unsigned(1);
  return {
    last: (control & 0x80) !== 0,
    streaming: (control & 0x40) !== 0,
    window: control & 0x3f,
    block: reader.unsigned(2),
    acknowledged: reader.unsigned(2),
    data: reader.octets(),
  };
}

/** Octets of a block around its data. */
const OVERHEAD = 9;

/** Cuts a message into blocks of at most `octets`, none acknowledged yet, each to be answered before the next. */
export function transferBlocks(message: Uint8Array, octets: number, window: number): TransferBlock[] {
  const room = Math.max(1, octets - OVERHEAD);
  const count = Math.ceil(message.length / room);
  return Array.from({ length: count }, (_, at) => ({
    ...{ last: at === count - 1, streaming: false, window, block: at + 1, acknowledged: 0 },
    data: message.subarray(at * room, (at + 1) * room),
  }));
}

/** Puts blocks together that come in turn; one that was there already is passed over. */
export class Assembly {
  readonly #parts: Uint8Array[] = [];
  #octets = 0;
  #inTurn = 0;

  /** The last block that came in turn; 0: none. */
  get acknowledged(): number {
    return this.#inTurn;
  }

  /** Blocks up to this one held nothing: whoever sends counts them too, or begins with 1 all the same. */
  passOver(block: number): void {
    if (this.#parts.length === 0) this.#inTurn = block;
  }

  /** The whole message with the last block in turn; `undefined`: more are to come. @throws {ProtocolError} without end */
  add({ block, data, last }: TransferBlock): Uint8Array | undefined {
    if (block !== this.#inTurn + 1 && !(block === 1 && this.#parts.length === 0)) return undefined;
    this.#inTurn = block;
    this.#octets += data.length;
    if (this.#octets > MAX_MESSAGE_OCTETS) {
      throw new ProtocolError("endless", `No end of the blocks within ${MAX_MESSAGE_OCTETS} octets`);
    }
    this.#parts.push(data);
    return last ? join(...this.#parts) : undefined;
  }
}
