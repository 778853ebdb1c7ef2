/** One line of the configuration as the daemon holds it: opened when somebody wants to talk, closed when it is gone. @module */
import type { Endpoint } from "./transport/endpoint.ts";
import { openTransport } from "./transport/mod.ts";
import type { Transport } from "./transport/transport.ts";

/** Owns the transport of one line. */
export class Wire implements AsyncDisposable {
  #transport: Transport | undefined;
  readonly #said = new Set<string>();

  /** `onNotice` hears each notice once, however often the line is opened. */
  constructor(readonly endpoint: Endpoint, readonly onNotice: (message: string) => void) {}

  /** The open transport. @throws {LineError} */
  async open(signal: AbortSignal): Promise<Transport> {
    return this.#transport ??= await openTransport(this.endpoint, {
      signal,
      onNotice: (message) => this.#notice(message),
    });
  }

  #notice(message: string): void {
    if (!this.#said.has(message)) this.onNotice(message);
    this.#said.add(message);
  }

  /** Closes it at once: a pulled adapter that is still held comes back under another name. */
  async close(): Promise<void> {
    const transport = this.#transport;
    this.#transport = undefined;
    await transport?.[Symbol.asyncDispose]();
  }

  /**
   * Nobody wants to talk now. A connection is given back, for a converter takes one at a time and a connection that idles
   * may be dead without telling; a serial port is kept, for many a head takes its power from it.
   */
  async rest(): Promise<void> {
    if (this.endpoint.kind === "tcp") await this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
