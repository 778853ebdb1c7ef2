/**
 * Two dialogues that talk to each other in no time: what one sends the other receives, and when neither has anything to
 * say the first one hears silence.
 * @module
 */
import type { Arrival, Dialogue, Step } from "../../src/dialogue.ts";
import { SilenceError } from "../../src/errors.ts";

/** How the octets pass. */
export interface TalkOptions {
  /** Pieces of this many octets; absent: each message at once. */
  readonly chunkBytes?: number;
  /** Is told what is sent. */
  readonly trace?: (who: "client" | "meter", octets: Uint8Array, secret?: string) => void;
  /** Steps of the client before it counts as hanging. Default 100 000. */
  readonly limit?: number;
}

/** What the client brings home. @throws what it throws */
export function talk<T>(client: Dialogue<T>, meter: Dialogue<unknown>, options: TalkOptions = {}): T {
  const { chunkBytes = Infinity, trace = () => {}, limit = 100_000 } = options;
  const [toMeter, toClient]: [Uint8Array[], Uint8Array[]] = [[], []];
  const other = new Side(meter, toMeter, (octets) => {
    trace("meter", octets);
    for (let at = 0; at < octets.length; at += chunkBytes) toClient.push(octets.slice(at, at + chunkBytes));
  });
  let nowMs = 0;
  let next = client.next(NOTHING);
  for (let steps = 0; !next.done; steps++) {
    if (steps > limit) throw new Error(`The client is not done after ${limit} steps`);
    const step: Step = next.value;
    if (step.kind === "send") {
      trace("client", step.bytes, step.secret);
      toMeter.push(step.bytes.slice());
    } else if (step.kind === "flush") toClient.length = 0;
    else if (step.kind === "pause") nowMs += step.ms;
    if (step.kind !== "receive") {
      next = client.next(NOTHING);
      continue;
    }
    if (toClient.length === 0) other.listen();
    const bytes = toClient.shift();
    nowMs += bytes ? 1 : step.withinMs;
    next = bytes
      ? client.next({ bytes, atMs: nowMs })
      : client.throw(new SilenceError(`Nothing within ${step.withinMs} ms`));
  }
  return next.value;
}

const NOTHING: Arrival = { bytes: new Uint8Array(), atMs: 0 };

/** The one that waits to be asked. */
class Side {
  readonly #dialogue: Dialogue<unknown>;
  readonly #incoming: Uint8Array[];
  readonly #send: (octets: Uint8Array) => void;
  #next: IteratorResult<Step, unknown>;

  constructor(dialogue: Dialogue<unknown>, incoming: Uint8Array[], send: (octets: Uint8Array) => void) {
    [this.#dialogue, this.#incoming, this.#send] = [dialogue, incoming, send];
    this.#next = dialogue.next(NOTHING);
  }

  /** Lets it go on until it waits and nothing has come. */
  listen(): void {
    while (!this.#next.done) {
      const step: Step = this.#next.value;
      if (step.kind === "send" && step.bytes.length > 0) this.#send(step.bytes);
      const bytes = step.kind === "receive" ? this.#incoming.shift() : undefined;
      if (step.kind === "receive" && !bytes) return;
      this.#next = this.#dialogue.next(bytes ? { bytes, atMs: 0 } : NOTHING);
    }
  }
}
