/** A process of its own, for a C library that drains like a wire: prints, for each of three times, when the speed changed after a message. @module */
import { send, setLine } from "../../src/dialogue.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";
import { converse } from "../../src/session.ts";
import { openTransport, parseEndpoint } from "../../src/transport/mod.ts";
import { openPty } from "./pty.ts";

const ACKNOWLEDGEMENT = Uint8Array.of(0x06, 0x30, 0x35, 0x30, 0x0d, 0x0a);

const changes: { afterMs: number; baud: number }[] = [];
const { signal } = new AbortController();
for (let round = 0; round < 3; round++) {
  await using pty = openPty();
  await using transport = await openTransport(parseEndpoint(pty.path), { signal });
  let sentAt = 0;
  const acknowledge = function* () {
    yield* setLine(SIGN_ON_LINE);
    sentAt = performance.now();
    yield* send(ACKNOWLEDGEMENT);
    yield* setLine({ ...SIGN_ON_LINE, baud: 9600 });
  };
  const session = converse(transport, acknowledge(), { signal });
  while (pty.readerLine().baud === 300) await new Promise((resolve) => setTimeout(resolve, 1));
  changes.push({ afterMs: performance.now() - sentAt, baud: pty.readerLine().baud });
  await session;
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(changes)));
