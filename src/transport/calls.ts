/** Meters that call in: a port on which connections are taken, so many at a time, each for so long. @module */
import { withLimit } from "../abort.ts";
import { LineError } from "../errors.ts";
import { acceptedTcp } from "./tcp.ts";
import type { Transport } from "./transport.ts";

/** Where to listen, and what is too much. */
export interface CallOptions {
  readonly host: string;
  readonly port: number;
  /** Connections at a time; one more is closed at once. */
  readonly atOnce: number;
  /** A connection lasts no longer, whatever the peer does. */
  readonly withinMs: number;
  readonly signal: AbortSignal;
  /** Told where the port is, once it is open. */
  readonly onOpen: (address: string) => void;
  readonly onNotice: (message: string) => void;
}

/**
 * Takes calls until aborted; `serve` has each connection until it returns. What goes wrong in one is told, and the others
 * go on. @throws {LineError} the port cannot be had @throws the signal's reason
 */
export async function takeCalls(
  options: CallOptions,
  serve: (transport: Transport, from: string, signal: AbortSignal) => Promise<void>,
): Promise<never> {
  const { atOnce, withinMs, signal, onNotice } = options;
  using listener = listen(options);
  const close = () => listener.close();
  signal.addEventListener("abort", close, { once: true });
  const calls = new Set<Promise<void>>();
  try {
    for await (const connection of listener) {
      const { hostname, port } = connection.remoteAddr;
      const from = `${hostname}:${port}`;
      if (calls.size >= atOnce) {
        onNotice(`A call from ${from} was not taken: ${atOnce} are open`);
        connection.close();
        continue;
      }
      const call = (async () => {
        await using transport = acceptedTcp(from, connection, onNotice);
        await withLimit(signal, { withinMs, what: `The call from ${from}` }, (its) => serve(transport, from, its));
      })().catch((error) => {
        if (!signal.aborted) onNotice(`The call from ${from} ended: ${error.message}`);
      }).finally(() => calls.delete(call));
      calls.add(call);
    }
  } finally {
    signal.removeEventListener("abort", close);
    await Promise.all(calls);
  }
  throw signal.reason;
}

function listen({ host, port, onOpen }: CallOptions): Deno.TcpListener {
  try {
    const listener = Deno.listen({ hostname: host, port });
    const at = listener.addr;
    onOpen(`tcp-listen://${host.includes(":") ? `[${host}]` : host}:${at.port}`);
    return listener;
  } catch (cause) {
    const { AddrInUse, PermissionDenied, NotCapable } = Deno.errors;
    const where = `Cannot listen on ${host}:${port}`;
    if (cause instanceof AddrInUse) throw new LineError("busy", `${where}: another process does`, { cause });
    if (cause instanceof PermissionDenied || cause instanceof NotCapable) {
      throw new LineError("denied", `${where}: ${cause.message}`, { cause });
    }
    throw new LineError("missing", `${where}: ${(cause as Error).message}`, { cause });
  }
}
