/** Readouts that wait for their commit: at once, or for a while for others to go along. @module */
import type { Moment, Note, Receipt } from "../journal.ts";
import type { Reading } from "../reading.ts";
import { Encoder, type ReadoutBody } from "./record.ts";

/** What goes along with a readout. */
export interface Companions {
  readonly moment?: Moment | undefined;
  readonly note?: Note | undefined;
  /** It belongs into one commit with the readout before it. */
  readonly follows?: boolean;
}

/** An append that waits for its commit. */
export interface Waiting extends Companions {
  /** How many readings it has. */
  readonly count: number;
  readonly encoded: ReadoutBody;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
}

/** Readouts that share one commit. */
const GROUP = 500;
/** Of readouts that can wait no more is kept waiting. */
const GROUP_BYTES = 64 * 1024;

/** The queue before the disk. */
export class Queue {
  readonly #waiting: Waiting[] = [];
  readonly #encoder = new Encoder();
  #bytes = 0;

  get length(): number {
    return this.#waiting.length;
  }

  /** Whether so much waits that it is worth a commit. */
  get isFull(): boolean {
    return this.#bytes >= GROUP_BYTES;
  }

  /** Resolves when it is committed. */
  add(readings: readonly Reading[], companions: Companions): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      const encoded = this.#encoder.encode(readings);
      this.#waiting.push({ count: readings.length, encoded, ...companions, resolve, reject });
      this.#bytes += encoded.body.length;
    });
  }

  /** The first, for one commit. */
  take(): Waiting[] {
    let count = GROUP;
    while (this.#waiting[count]?.follows) count++;
    const taken = this.#waiting.splice(0, count);
    for (const { encoded } of taken) this.#bytes -= encoded.body.length;
    return taken;
  }
}
