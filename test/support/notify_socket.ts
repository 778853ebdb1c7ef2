/** The other end of `$NOTIFY_SOCKET`, as systemd holds it. @module */
import assert from "node:assert/strict";
import { libcPath } from "../../src/libc.ts";

/** A bound socket, and what has come to it since it was last asked. */
export interface NotifySocket extends Disposable {
  heard(): string[];
}

/** Binds a datagram socket: a path, or `@name` in the abstract namespace. */
export function notifySocket(address: string): NotifySocket {
  const library = Deno.dlopen(libcPath(), {
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const c = library.symbols;
  const [AF_UNIX, SOCK_DGRAM, SOCK_CLOEXEC, MSG_DONTWAIT] = [1, 2, 0o2000000, 0x40];
  const fd = c.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); // a child that holds it too would keep it alive, unread
  const name = new TextEncoder().encode(address.replace(/^@/, "\0"));
  const bound = c.bind(fd, new Uint8Array([AF_UNIX, 0, ...name]), 2 + name.length);
  assert.equal(bound, 0, `cannot bind ${address}`);
  return {
    heard(): string[] {
      const buffer = new Uint8Array(1024);
      const next = () => Number(c.recv(fd, buffer, 1024n, MSG_DONTWAIT));
      const all: string[] = [];
      for (let length = next(); length > 0; length = next()) {
        all.push(new TextDecoder().decode(buffer.subarray(0, length)));
      }
      return all;
    },
    [Symbol.dispose]() {
      c.close(fd);
      library.close();
    },
  };
}
