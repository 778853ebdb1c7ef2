/** A converter that takes several clients: what one says goes to the meter, what the meter says to all of them. @module */

/** A bridge in front of a meter on TCP. */
export interface Bridge extends AsyncDisposable {
  readonly endpoint: string;
}

/** Opens a bridge to a meter at `tcp://HOST:PORT`, on a free port. */
export async function openBridge(meter: string): Promise<Bridge> {
  const { hostname, port } = new URL(meter.replace("tcp:", "http:"));
  const line = await Deno.connect({ hostname, port: Number(port) });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const clients = new Set<Deno.TcpConn>();
  const tasks = [(async () => {
    for await (const bytes of line.readable) for (const client of clients) await client.write(bytes).catch(() => {});
  })()];
  const serve = async (client: Deno.TcpConn) => {
    clients.add(client);
    const buffer = new Uint8Array(256);
    try {
      for (let count; (count = await client.read(buffer)) !== null;) await line.write(buffer.slice(0, count));
    } catch {
      // it hung up, or the bridge is closed
    } finally {
      clients.delete(client);
      client.close();
    }
  };
  tasks.push((async () => {
    for await (const client of listener) tasks.push(serve(client));
  })());
  return {
    endpoint: `tcp://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      line.close();
      await Promise.allSettled(tasks);
    },
  };
}
