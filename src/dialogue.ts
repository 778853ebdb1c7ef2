/**
 * What a protocol is written in. A dialogue is a generator that reads like the flow chart of the standard: it yields
 * the steps that it asks of the world and resumes with the bytes that came. A session runs it over a port, a test runs
 * it as a script, a simulated meter is one too.
 * @module
 */
import { adjoined } from "./bytes.ts";
import type { LineSettings } from "./line.ts";
import { ProtocolError } from "./errors.ts";

/** What a dialogue may ask of the world. */
export type Step =
  /**
   * Done when the last bit has left. `secret`: a piece of it that nobody but the meter may see, a password. `leastMs`: what
   * it takes on the wire at least, where a converter would call it sent before.
   */
  | { readonly kind: "send"; readonly bytes: Uint8Array; readonly secret?: string; readonly leastMs?: number }
  /** Resumes with at least one byte; `withinMs` counts from here. Silence is thrown into the dialogue as `SilenceError`. */
  | { readonly kind: "receive"; readonly withinMs: number }
  /** Speed and character format from here on. */
  | { readonly kind: "line"; readonly settings: LineSettings }
  /** `atSpace`: the line is held at space meanwhile, which no character does for so long: a prolonged break. */
  | { readonly kind: "pause"; readonly ms: number; readonly atSpace?: true }
  /** Forget what came unasked: noise, and a late answer to an earlier question. */
  | { readonly kind: "flush" };

/** What a step brings home. Only `receive` brings bytes. */
export interface Arrival {
  readonly bytes: Uint8Array;
  /** When they came: milliseconds since 1970, by the clock of whoever runs the dialogue. */
  readonly atMs: number;
}

/** A conversation that brings home a `T`. */
export type Dialogue<T> = Generator<Step, T, Arrival>;

/** Sends a whole message; `secret` is a piece of it that nobody but the meter may see. */
export function* send(bytes: Uint8Array, secret?: string): Dialogue<void> {
  yield { kind: "send", bytes, ...secret !== undefined && { secret } };
}

/** Changes speed and format, after all that was sent has left. */
export function* setLine(settings: LineSettings): Dialogue<void> {
  yield { kind: "line", settings };
}

/** Waits, for instance for the reaction time of the other side. */
export function* pause(ms: number): Dialogue<void> {
  yield { kind: "pause", ms };
}

/** Holds the line at space, longer than any character does; where nobody can, it waits as long. */
export function* prolongedBreak(ms: number): Dialogue<void> {
  yield { kind: "pause", ms, atSpace: true };
}

/** Forgets what came unasked. */
export function* flush(): Dialogue<void> {
  yield { kind: "flush" };
}

/** What `take` makes of what a dialogue brings home; of one that was interrupted, which nobody waits for, nothing. */
export function* taking<T, U>(dialogue: Dialogue<T>, take: (result: T) => U): Dialogue<U> {
  const result: T | undefined = yield* dialogue;
  return (result === undefined ? undefined : take(result)) as U;
}

/** How long to wait for a message, and how much of it to take. */
export interface Patience {
  /** For the first byte. */
  readonly firstMs: number;
  /** Between two bytes of one message. */
  readonly nextMs: number;
  /** More than this without an end is no message. */
  readonly limitBytes: number;
}

/** A message cut out of the stream, and when its first byte came. */
export interface Cut<T> {
  readonly value: T;
  readonly atMs: number;
}

/**
 * Finds a message at the front of what has come: where it starts, where it ends, and what it is.
 * `undefined`: more bytes are needed; it is asked again with the same bytes and more behind them, and a finder for long
 * messages remembers how far it has looked (so that one is made for each message).
 */
export type Finder<T> = (
  bytes: Uint8Array,
) => { readonly start: number; readonly end: number; readonly value: T } | undefined;

const NOTHING = new Uint8Array();

/** The bytes that have come and that nobody has consumed yet. */
export class Inbox {
  /** A piece of what a transport handed over, or of `#room`; neither is ever overwritten. */
  #bytes: Uint8Array = NOTHING;
  /** Where pieces are put together, with room for more, so that a message that comes byte by byte is not copied each time. */
  #room: Uint8Array = NOTHING;
  /** Position in the whole stream of `#bytes[0]`. */
  #position = 0;
  /** From which position in the whole stream bytes came when. */
  #arrivals: { readonly position: number; readonly atMs: number }[] = [];

  /** What has come and is not consumed. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Forgets everything. */
  clear(): void {
    this.#drop(this.#bytes.length);
  }

  /** Takes all that has come, message or not; `undefined`: nothing has. */
  takeAll(): Cut<Uint8Array> | undefined {
    if (this.#bytes.length === 0) return undefined;
    const all = { value: this.#bytes.slice(), atMs: this.#arrivalOf(0) };
    this.clear();
    return all;
  }

  /**
   * Waits until `find` sees a whole message and takes it, with all before it, out of the inbox.
   * @throws {SilenceError} by the runner, when nothing comes within the patience; what came stays in the inbox
   * @throws {ProtocolError} `endless`, at `limitBytes`
   */
  *take<T>(find: Finder<T>, patience: Patience): Dialogue<Cut<T>> {
    let withinMs = patience.firstMs;
    while (true) {
      const found = this.#bytes.length > 0 ? find(this.#bytes) : undefined;
      if (found) {
        const atMs = this.#arrivalOf(found.start);
        this.#drop(found.end);
        return { value: found.value, atMs };
      }
      if (this.#bytes.length > patience.limitBytes) {
        throw new ProtocolError("endless", `No end of message within ${patience.limitBytes} bytes`, this.#bytes);
      }
      this.#add(yield { kind: "receive", withinMs });
      withinMs = patience.nextMs;
    }
  }

  #add({ bytes, atMs }: Arrival): void {
    if (this.#arrivals.at(-1)?.atMs !== atMs) {
      this.#arrivals.push({ position: this.#position + this.#bytes.length, atMs });
    }
    this.#bytes = this.#bytes.length === 0 ? bytes : this.#with(bytes);
  }

  /** What is there and a piece more. Many a transport hands over pieces that lie behind each other already. */
  #with(bytes: Uint8Array): Uint8Array {
    const whole = adjoined(this.#bytes, bytes);
    if (whole) return whole;
    const { buffer, byteOffset: start } = this.#bytes;
    const [end, length] = [start + this.#bytes.length, this.#bytes.length + bytes.length];
    if (buffer === this.#room.buffer && end + bytes.length <= this.#room.length) {
      this.#room.set(bytes, end);
      return this.#room.subarray(start, start + length);
    }
    this.#room = new Uint8Array(Math.max(1024, 2 * length));
    this.#room.set(this.#bytes);
    this.#room.set(bytes, this.#bytes.length);
    return this.#room.subarray(0, length);
  }

  #arrivalOf(offset: number): number {
    return this.#arrivals.findLast((arrival) => arrival.position <= this.#position + offset)!.atMs;
  }

  #drop(count: number): void {
    this.#bytes = this.#bytes.subarray(count);
    this.#position += count;
    const first = this.#arrivals.findLastIndex((arrival) => arrival.position <= this.#position);
    this.#arrivals = this.#arrivals.slice(Math.max(0, first));
  }
}
