/** A line in memory with simulated meters at its end, in the time of a test's clock: characters take their time, nobody waits. @module */
import type { Clock } from "../../src/clock.ts";
import { LineError } from "../../src/errors.ts";
import { type Port, serveMeters, type SimulatorOptions } from "../../src/simulator/mod.ts";
import type { openTransport, Transport } from "../../src/transport/mod.ts";

/** Bytes on their way; `null`: the other side is gone. */
class Pipe {
  readonly #pieces: Uint8Array[] = [];
  #wake = () => {};
  #closed = false;

  put(bytes: Uint8Array): void {
    this.#pieces.push(bytes.slice());
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  clear(): void {
    this.#pieces.length = 0;
  }

  async take(signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted();
    if (this.#pieces.length === 0 && !this.#closed) {
      await new Promise<void>((resolve, reject) => {
        const stop = () => reject(signal.reason);
        signal.addEventListener("abort", stop, { once: true });
        this.#wake = () => (signal.removeEventListener("abort", stop), resolve());
      });
    }
    const bytes = this.#pieces.shift();
    if (!bytes) throw new LineError("lost", "The other end of the line in memory is gone");
    return bytes;
  }
}

/** What a collector opens: each time a wire of its own. */
export function memoryLine(
  clock: Clock,
  options: () => Omit<SimulatorOptions, "listen" | "clock">,
): typeof openTransport {
  return () => {
    const [toMeter, toClient] = [new Pipe(), new Pipe()];
    const port: Port = {
      read: (signal) => toMeter.take(signal),
      write: (bytes) => Promise.resolve(toClient.put(bytes)),
      baud: () => undefined,
      baudBefore: () => undefined,
      stopBits: () => undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(toClient.close()),
    };
    void serveMeters({ ...options(), clock }, port); // it hears on for a while when its client is gone: nobody waits for that
    const transport: Transport = {
      read: (signal) => toClient.take(signal),
      write: (bytes) => Promise.resolve(toMeter.put(bytes)),
      setLine: () => Promise.resolve(),
      flush: () => toClient.clear(),
      [Symbol.asyncDispose]: () => Promise.resolve(toMeter.close()),
    };
    return Promise.resolve(transport);
  };
}
