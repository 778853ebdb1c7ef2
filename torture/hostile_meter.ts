/** A meter that does what no meter should, at the other end of a wire that exists in memory alone. @module */
import type { Clock } from "../src/clock.ts";
import { LineError } from "../src/errors.ts";
import type { Transport } from "../src/transport/transport.ts";

/** What it says when asked, and how that ends. */
export interface Reply {
  readonly bytes: Uint8Array;
  /** Silence, or it hangs up, or it says the same again and again without end. */
  readonly then: "silence" | "hang up" | "for ever";
}

/** How what it says arrives. */
export interface Pace {
  /** Bytes that come at once, and the time between two such pieces. */
  readonly piece: number;
  readonly gapMs: number;
}

/** What it says to a message: one thing after the other, until one that does not end in silence. */
export type Answering = (asked: Uint8Array) => readonly Reply[];

/** How a meter of IEC 62056-21 behaves in a session. */
export interface Behaviour extends Pace {
  /** To the first, second … request; the last one to all that follow. */
  readonly identifications: readonly Reply[];
  /** To an option select or a NAK, likewise. */
  readonly data: readonly Reply[];
  /** It sends its data behind the identification without being asked (modes A and B). */
  readonly hasty: boolean;
}

/** A meter that talks without end says so much at once, so that a try is over soon. */
const BABBLE = { bytes: 16 * 1024, gapMs: 100 } as const;

const [ACK, NAK, SLASH] = [0x06, 0x15, 0x2f];

/** The meter of such a behaviour. */
export function textMeter({ identifications, data, hasty }: Behaviour): Answering {
  const next = (replies: readonly Reply[]) => {
    let asked = 0;
    return () => replies[Math.min(asked++, replies.length - 1)]!;
  };
  const [identification, message] = [next(identifications), next(data)];
  return ([first]) => {
    if (first === SLASH) return hasty ? [identification(), message()] : [identification()];
    return first === ACK || first === NAK ? [message()] : [];
  };
}

/** The wire to it: what a session is given as transport. */
export class HostileMeter implements Transport {
  /** What was sent to it, message by message. */
  readonly sent: Uint8Array[] = [];
  /** Bytes that were read from it. */
  taken = 0;
  #queue: Uint8Array[] = [];
  #lost: LineError | undefined;
  #wake = () => {};
  /** Which of its speeches is the last one; the others have been cut off. */
  #speech = 0;

  constructor(readonly clock: Clock, readonly pace: Pace, readonly answering: Answering) {}

  /** Whether it has hung up. */
  get lost(): boolean {
    return this.#lost !== undefined;
  }

  async read(signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted();
    if (this.#queue.length === 0 && !this.#lost) {
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    }
    const bytes = this.#queue.shift();
    if (!bytes) throw this.#lost!;
    this.taken += bytes.length;
    return bytes;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) return Promise.reject(this.#lost);
    this.sent.push(bytes);
    const replies = this.answering(bytes);
    if (replies.length > 0) void this.#speak(replies, ++this.#speech);
    return Promise.resolve();
  }

  setLine(): Promise<void> {
    return Promise.resolve();
  }

  flush(): void {
    this.#queue = [];
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#speech++;
    return Promise.resolve();
  }

  async #speak(replies: readonly Reply[], speech: number): Promise<void> {
    for (const { bytes, then } of replies) {
      await this.#say(bytes, speech);
      if (this.#speech !== speech) return;
      if (then === "for ever" && bytes.length > 0) return this.#babble(repeated(bytes, BABBLE.bytes), speech);
      if (then !== "hang up") continue;
      this.#lost = new LineError("lost", "the hostile meter hung up");
      return this.#wake();
    }
  }

  async #say(bytes: Uint8Array, speech: number): Promise<void> {
    const { piece, gapMs } = this.pace;
    for (let at = 0; at < bytes.length; at += piece) {
      await this.clock.sleep(gapMs);
      if (this.#speech !== speech) return;
      this.#arrive(bytes.subarray(at, at + piece));
    }
  }

  async #babble(bytes: Uint8Array, speech: number): Promise<void> {
    for (; this.#speech === speech; await this.clock.sleep(BABBLE.gapMs)) this.#arrive(bytes);
  }

  #arrive(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#wake();
  }
}

function repeated(bytes: Uint8Array, length: number): Uint8Array {
  const all = new Uint8Array(length);
  for (let at = 0; at < length; at += bytes.length) all.set(bytes.subarray(0, length - at), at);
  return all;
}
