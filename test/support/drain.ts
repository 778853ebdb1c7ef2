/** A process of its own, for a C library that drains like a wire: prints when the speed changed after a message was sent. @module */
import { send, setLine } from "../../src/dialogue.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";
import { converse } from "../../src/session.ts";
import { openTransport, parseEndpoint } from "../../src/transport/mod.ts";
import { openPty } from "./pty.ts";

const ACKNOWLEDGEMENT = Uint8Array.of(0x06, 0x30, 0x35, 0x30, 0x0d, 0x0a);

await using pty = openPty();
const { signal } = new AbortController();
await using transport = await openTransport(parseEndpoint(pty.path), { signal });
let sentAt = 0;
const session = converse(
  transport,
  (function* () {
    yield* setLine(SIGN_ON_LINE);
    sentAt = performance.now();
    yield* send(ACKNOWLEDGEMENT);
    yield* setLine({ ...SIGN_ON_LINE, baud: 9600 });
  })(),
  { signal },
);
while (pty.readerLine().baud === 300) await new Promise((resolve) => setTimeout(resolve, 1));
const found = { afterMs: performance.now() - sentAt, baud: pty.readerLine().baud };
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(found)));
await session;
