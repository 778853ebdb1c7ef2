/** One line of the configuration as the daemon holds it: opened when somebody wants to talk, closed when it is gone. @module */
import { ProtocolError, RefusalError, SilenceError } from "./errors.ts";
import type { Endpoint } from "./transport/endpoint.ts";
import { openTransport } from "./transport/mod.ts";
import type { Transport } from "./transport/transport.ts";

/** What a test replaces, and who hears what is worth knowing about the wire. */
export interface WireOptions {
  readonly open?: typeof openTransport;
  readonly onNotice: (message: string) => void;
}

/** Owns the transport of one line. */
export class Wire implements AsyncDisposable {
  #transport: Transport | undefined;

  constructor(readonly endpoint: Endpoint, readonly options: WireOptions) {}

  /** The open transport. @throws {LineError} */
  async open(signal: AbortSignal): Promise<Transport> {
    const { open = openTransport, onNotice } = this.options;
    return this.#transport ??= await open(this.endpoint, { signal, onNotice });
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
    if (this.endpoint.kind !== "serial") await this.close();
  }

  /** After trouble. Who speaks is there; a silent connection may have lost its other end; anything else is gone. */
  async afterTrouble(error: unknown): Promise<void> {
    if (error instanceof ProtocolError || error instanceof RefusalError) return;
    if (error instanceof SilenceError) await this.rest();
    else await this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
