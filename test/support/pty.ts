/** A pseudo-terminal: a serial port with a program at its other end, for tests. @module */
import { systemClock } from "../../src/clock.ts";
import { LineError } from "../../src/errors.ts";
import * as libc from "../../src/libc.ts";
import * as terminals from "../../src/libc_terminals.ts";
import { type LineSettings, SIGN_ON_LINE } from "../../src/line.ts";
import { poller } from "../../src/transport/poller.ts";
import { decodeTermios, encodeTermios, lineOf, terminalFlags } from "../../src/transport/termios.ts";
import type { Transport } from "../../src/transport/transport.ts";

/** The meter's end of a pseudo-terminal. */
export interface Pty extends Transport {
  /** What a reader opens: `/dev/pts/7`. */
  readonly path: string;
  /** The settings that the reader's end has now. Data bits and parity are the kernel's: always 8N1. */
  readerLine(): LineSettings;
}

/** Makes a pseudo-terminal. It stays when a reader comes and goes; disposing of it is like unplugging the adapter. */
export function openPty(): Pty {
  const { fd, path } = terminals.openPseudoTerminal();
  const reader = libc.openTerminal(path); // held open, else the meter's end reports a hang-up while nobody reads
  terminals.setTermios(reader, encodeTermios(terminalFlags(SIGN_ON_LINE)));
  poller().add(fd);
  return new PseudoTerminal(fd, reader, path);
}

class PseudoTerminal implements Pty {
  readonly path: string;
  #fd: number | undefined;
  readonly #reader: number;
  readonly #buffer = new Uint8Array(4096);

  constructor(fd: number, reader: number, path: string) {
    this.#fd = fd;
    this.#reader = reader;
    this.path = path;
  }

  readerLine(): LineSettings {
    return lineOf(decodeTermios(terminals.getTermios(this.#open())));
  }

  async read(signal: AbortSignal): Promise<Uint8Array> {
    while (true) {
      signal.throwIfAborted();
      const bytes = libc.readNow(this.#open(), this.#buffer);
      if (bytes) return bytes;
      await poller().ready(this.#open(), signal);
    }
  }

  /** Resolves when the kernel has the bytes: there is no wire behind it. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      const count = libc.writeNow(this.#open(), bytes.subarray(sent));
      if (count === 0) await systemClock.sleep(2);
      sent += count;
    }
  }

  /** The speed of a pseudo-terminal is the reader's affair. */
  setLine(): Promise<void> {
    return Promise.resolve();
  }

  flush(): void {
    while (libc.readNow(this.#open(), this.#buffer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    await poller().remove(fd);
    await libc.closePort(this.#reader);
    await libc.closePort(fd);
  }

  #open(): number {
    if (this.#fd === undefined) throw new LineError("lost", `${this.path} was closed`);
    return this.#fd;
  }
}
