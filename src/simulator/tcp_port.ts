/** A client on TCP: a converter, and a wire behind it that nobody can see. @module */
import { LineError } from "../errors.ts";
import type { Port } from "./wire.ts";

/** Bytes that are taken at once: what a client says is short. */
const READ_BYTES = 256;

/** The connection as the client's end of a wire. */
export function tcpPort(connection: Deno.TcpConn): Port {
  const buffer = new Uint8Array(READ_BYTES);
  let closed = false;
  return {
    async read(signal) {
      signal.throwIfAborted();
      const count = await connection.read(buffer).catch(lost);
      if (count === null) throw new LineError("lost", "The client hung up");
      return buffer.slice(0, count);
    },
    async write(bytes) {
      try {
        for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
      } catch {
        // Nobody hears it any more; what was said before the hang-up is still on the wire, and `read` tells the rest,
        // for which a meter that speaks without end and without pacing has to let it.
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    },
    baud: () => undefined,
    baudBefore: () => undefined,
    stopBits: () => undefined,
    async [Symbol.asyncDispose]() {
      if (!closed) connection.close();
      closed = true;
      await Promise.resolve();
    },
  };
}

function lost(error: Error): never {
  throw new LineError("lost", `The client is gone: ${error.message}`, { cause: error });
}
