import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import { toBytes, toText } from "../../src/iec62056/characters.ts";
import * as libc from "../../src/libc.ts";
import * as terminals from "../../src/libc_terminals.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";
import { openPtyPort } from "../../src/simulator/pty_port.ts";
import { encodeTermios, terminalFlags } from "../../src/transport/termios.ts";

const { signal } = new AbortController();

Deno.test("openPtyPort: the speed before a message and the one now, however late the program looks", async () => {
  let clients = 0;
  await using port = await openPtyPort({ clock: systemClock, watched: true, onClient: () => clients++ });
  const reading = port.read(signal);
  const client = libc.openTerminal(port.path);
  const setBaud = (baud: number) =>
    terminals.setTermios(client, encodeTermios(terminalFlags({ ...SIGN_ON_LINE, baud })));
  try {
    setBaud(4800);
    while (port.baudBefore() !== 4800) await systemClock.sleep(1); // it notes the speed of a client that says nothing
    libc.writeNow(client, toBytes("\x06050\r\n"));
    setBaud(9600); // at once, as a client may whose port has drained
    const untilMs = performance.now() + 100;
    while (performance.now() < untilMs); // a busy machine: nobody looks
    assert.equal(toText(await reading), "\x06050\r\n");
    assert.deepEqual([port.baudBefore(), port.baud(), clients], [4800, 9600, 1]);
  } finally {
    await libc.closePort(client);
  }
});

Deno.test("openPtyPort: a client that has left has no speed, and another one is a client of its own", async () => {
  let clients = 0;
  await using port = await openPtyPort({ clock: systemClock, watched: true, onClient: () => clients++ });
  for (const word of ["one", "two"]) {
    const client = libc.openTerminal(port.path);
    libc.writeNow(client, toBytes(word));
    assert.equal(toText(await port.read(signal)), word);
    await libc.closePort(client);
    port.read(signal).catch(() => {});
    while (port.baud() !== undefined) await systemClock.sleep(1);
  }
  assert.equal(clients, 2);
});
