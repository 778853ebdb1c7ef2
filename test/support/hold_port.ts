/** A process of its own that holds the port named by its argument until its standard input ends. @module */
import { openTransport, parseEndpoint } from "../../src/transport/mod.ts";

await using _transport = await openTransport(parseEndpoint(Deno.args[0]!), { signal: new AbortController().signal });
await Deno.stdout.write(new TextEncoder().encode("open"));
await Deno.stdin.read(new Uint8Array(1));
