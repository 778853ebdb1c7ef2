/** A meter's half of a conversation behind a real socket or pseudo-terminal, for whole commands. @module */
import type { Dialogue } from "../../src/dialogue.ts";
import { LineError } from "../../src/errors.ts";
import { converse } from "../../src/session.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { openPty } from "./pty.ts";

/** A meter that is there until it is disposed of. */
export interface Served extends AsyncDisposable {
  /** What a reader is given. */
  readonly endpoint: string;
}

/** One conversation for each connection. */
export function serveTcp(meter: () => Dialogue<unknown>): Served {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const stop = new AbortController();
  const talks: Promise<unknown>[] = [];
  const accepting = (async () => {
    for await (const connection of listener) {
      const transport = overTcp(connection);
      const talk = converse(transport, meter(), { signal: stop.signal }).catch(() => transport[Symbol.asyncDispose]());
      talks.push(talk);
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  return {
    endpoint: `tcp://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      stop.abort("over");
      listener.close();
      await accepting;
      await Promise.all(talks);
    },
  };
}

/** One conversation at the other end of a serial port. */
export function servePty(meter: () => Dialogue<unknown>): Served {
  const pty = openPty();
  const stop = new AbortController();
  const talk = converse(pty, meter(), { signal: stop.signal }).catch(() => {});
  return {
    endpoint: pty.path,
    async [Symbol.asyncDispose]() {
      stop.abort("over");
      await talk;
      await pty[Symbol.asyncDispose]();
    },
  };
}

function overTcp(connection: Deno.Conn): Transport {
  const buffer = new Uint8Array(4096);
  let open = true;
  const close = () => {
    if (open) connection.close();
    open = false;
  };
  return {
    async read(signal) {
      signal.addEventListener("abort", close, { once: true }); // only when the meter is taken away
      const count = await connection.read(buffer).finally(() => signal.removeEventListener("abort", close));
      if (count === null) throw new LineError("lost", "The client has hung up");
      return buffer.slice(0, count);
    },
    async write(bytes) {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await connection.write(rest));
    },
    setLine: () => Promise.resolve(),
    flush() {},
    [Symbol.asyncDispose]: () => Promise.resolve(close()),
  };
}
