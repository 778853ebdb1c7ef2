/**
 * What we send comes back: from a two-wire line, or from an optical window that reflects. Once a request has come back as
 * it was sent, each message is expected to, and what is exactly it is taken out of what comes.
 * @module
 */
import { adjoined, commonLength, join } from "../bytes.ts";
import type { Transport } from "./transport.ts";

/** A request begins so. Nothing else shows an echo for certain: meters repeat an option select to confirm it (mode E). */
const SLASH = 0x2f;
const NOTHING = new Uint8Array();

/** A transport without its echo. */
export class EchoRemoval implements Transport {
  readonly #inner: Transport;
  readonly #onNotice: (message: string) => void;
  /** What was sent and may come back. */
  #sent: Uint8Array = NOTHING;
  /** What came of it so far: the begin of the echo, or of something else that begins alike. */
  #held: Uint8Array = NOTHING;
  #echoes = 0;

  constructor(inner: Transport, onNotice: (message: string) => void) {
    this.#inner = inner;
    this.#onNotice = onNotice;
  }

  /** Messages of ours that have come back since it was opened. */
  get echoes(): number {
    return this.#echoes;
  }

  read(signal: AbortSignal): Promise<Uint8Array> {
    const isPlain = this.#sent.length === 0 && this.#held.length === 0; // nearly always
    return isPlain ? this.#inner.read(signal) : this.#readBehindEcho(signal);
  }

  async #readBehindEcho(signal: AbortSignal): Promise<Uint8Array> {
    while (true) {
      if (this.#sent.length === 0 && this.#held.length > 0) return this.#release();
      const came = await this.#next(signal);
      if (this.#sent.length === 0) return came;
      this.#held = this.#held.length === 0 ? came : adjoined(this.#held, came) ?? join(this.#held, came);
      const same = commonLength(this.#held, this.#sent);
      if (same === this.#held.length && same < this.#sent.length) continue; // it may become the echo
      if (same === this.#sent.length) {
        this.#held = this.#held.subarray(same);
        this.#isEcho();
      }
      this.#sent = NOTHING;
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#held = NOTHING; // of a message before: nobody has waited for it
    this.#sent = this.#echoes > 0 || bytes[0] === SLASH ? bytes.slice() : NOTHING;
    return this.#inner.write(bytes);
  }

  setLine(settings: Parameters<Transport["setLine"]>[0]): Promise<void> {
    return this.#inner.setLine(settings);
  }

  async setBreak(on: boolean): Promise<void> {
    await this.#inner.setBreak?.(on);
  }

  flush(): void {
    this.#sent = this.#held = NOTHING;
    this.#inner.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  #release(): Uint8Array {
    const held = this.#held;
    this.#held = NOTHING;
    return held;
  }

  /** What comes next. When nothing does, what was held was no echo: the next read brings it. */
  async #next(signal: AbortSignal): Promise<Uint8Array> {
    try {
      return await this.#inner.read(signal);
    } catch (error) {
      this.#sent = NOTHING;
      throw error;
    }
  }

  #isEcho(): void {
    if (this.#echoes++ > 0) return;
    this.#onNotice(
      "what is sent comes back (a two-wire line, or an optical head that reflects): its echo is taken out",
    );
  }
}
