/** A line with meters at its end, in the memory of a test and in the time of a test's clock. @module */
import type { Clock } from "../../src/clock.ts";
import { LineError } from "../../src/errors.ts";
import { encodeDataMessage, encodePush } from "../../src/iec62056/messages.ts";
import type { openTransport, Transport } from "../../src/transport/mod.ts";
import { toBytes, toText } from "../../src/iec62056/characters.ts";

/** How a meter behaves; asked before each answer, so that a test may change it. */
export interface FakeMeter {
  /** Says nothing to a request. */
  silent?: boolean;
  /** Answers by a message whose check character is wrong. */
  damaged?: boolean;
  /** Hangs up instead of sending its data, or behind them. */
  hangsUp?: boolean | "behind";
  /** How long its data message takes on the wire, ms. */
  takesMs?: number;
  /** Its data sets. */
  block?: string;
}

/** What happened: `request 1`, `data 1`, `nak`, `break`, `open`, `close`. */
export interface Event {
  readonly what: string;
  readonly atMs: number;
}

/** The line: open it where a `Wire` would, and see what happened on it. */
export interface FakeLine {
  readonly open: typeof openTransport;
  readonly events: Event[];
  /** A meter that speaks by itself: these bytes come now. */
  push(text: string): void;
  /** Nobody accepts a connection. */
  refused: boolean;
}

/** Mode C meters by their address; mode D needs none. */
export function fakeLine(clock: Clock, meters: Readonly<Record<string, FakeMeter>> = {}): FakeLine {
  let transport: FakeTransport | undefined;
  const line: FakeLine = {
    events: [],
    refused: false,
    open() {
      if (line.refused) return Promise.reject(new LineError("refused", "Cannot connect to fake: refused"));
      line.events.push({ what: "open", atMs: clock.now() });
      return Promise.resolve(transport = new FakeTransport(line, clock, meters));
    },
    push: (text) => transport?.arrive(toBytes(text)),
  };
  return line;
}

/** A pushed telegram: mode D without a check. */
export function pushOf(block: string): string {
  return toText(encodePush("/OBI5FAKE", `${block}\r\n!\r\n`));
}

class FakeTransport implements Transport {
  #queue: Uint8Array[] = [];
  #wake = () => {};
  #lost: LineError | undefined;
  /** Who is in a session. */
  #address: string | undefined;

  constructor(
    readonly line: FakeLine,
    readonly clock: Clock,
    readonly meters: Readonly<Record<string, FakeMeter>>,
  ) {}

  arrive(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#wake();
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
    return bytes;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) return Promise.reject(this.#lost);
    const text = toText(bytes);
    const [, address] = text.match(/^\/\?(.*)!/) ?? [];
    if (address !== undefined) this.#request(address);
    else if (text.startsWith("\x06") || text === "\x15") this.#data(text === "\x15" ? "nak" : "data");
    else if (text.startsWith("\x01B0")) this.#note("break");
    return Promise.resolve();
  }

  setLine(): Promise<void> {
    return Promise.resolve();
  }

  flush(): void {
    this.#queue = [];
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#lost) this.#note("close");
    this.#lost ??= new LineError("lost", "closed");
    return Promise.resolve();
  }

  #request(address: string): void {
    this.#note(`request ${address}`);
    this.#address = address;
    const meter = this.meters[address];
    if (meter && !meter.silent) this.arrive(toBytes("/OBI5FAKE\r\n"));
  }

  #data(what: string): void {
    const { damaged, hangsUp, takesMs = 0, block = "1.8.0(0001.5*kWh)" } = this.meters[this.#address!]!;
    this.#note(`${what} ${this.#address}`);
    if (hangsUp === true) return this.#hangUp();
    const message = encodeDataMessage(`${block}\r\n!\r\n`);
    if (damaged) message[message.length - 1]! ^= 1;
    this.#speak(message, takesMs);
    if (hangsUp === "behind") this.#hangUp();
  }

  #hangUp(): void {
    this.#lost = new LineError("lost", "fake closed the connection");
    this.#wake();
  }

  /** A piece each second: a longer gap would be silence. */
  async #speak(message: Uint8Array, takesMs: number): Promise<void> {
    const pieces = 1 + Math.ceil(takesMs / 1000);
    for (let piece = 0; piece < pieces; piece++) {
      if (piece > 0) await this.clock.sleep(takesMs / (pieces - 1));
      const at = (index: number) => Math.floor(message.length * index / pieces);
      this.arrive(message.subarray(at(piece), at(piece + 1)));
    }
  }

  #note(what: string): void {
    this.line.events.push({ what, atMs: this.clock.now() });
  }
}
