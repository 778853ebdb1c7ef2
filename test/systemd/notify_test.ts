/** What systemd hears from the daemon. @module */
import assert from "node:assert/strict";
import { serviceManager } from "../../src/systemd.ts";
import { notifySocket } from "../support/notify_socket.ts";

/** A service manager that writes down what it is told. */
function listening(variables: Record<string, string>, monotonicUs?: () => bigint) {
  const heard: string[] = [];
  const manager = serviceManager({
    send: (address, text) => void heard.push(`${address} ${text}`),
    environment: (name) => variables[name],
    ...monotonicUs && { monotonicUs },
  });
  return { heard, manager };
}

Deno.test("serviceManager: says each state in systemd's words", () => {
  const { heard, manager } = listening({ NOTIFY_SOCKET: "@s" }, () => 1234567n);
  manager.ready();
  manager.status("3 meters\n12 readouts");
  manager.reloading();
  manager.stopping();
  assert.deepEqual(heard, [
    "@s READY=1",
    "@s STATUS=3 meters 12 readouts",
    "@s RELOADING=1\nMONOTONIC_USEC=1234567",
    "@s STOPPING=1",
  ]);
});

Deno.test("serviceManager: without systemd every call does nothing", () => {
  const { heard, manager } = listening({ WATCHDOG_USEC: "30000000" });
  manager.ready();
  manager.watchdog(() => true)[Symbol.dispose]();
  assert.deepEqual(heard, []);
});

Deno.test("serviceManager: a message that cannot be sent ends nothing", () => {
  const troubles: unknown[] = [];
  const manager = serviceManager({
    send: () => {
      throw new Error("no such socket");
    },
    environment: () => "/nowhere",
    onTrouble: (error) => troubles.push(error),
  });
  manager.ready();
  assert.match(String(troubles[0]), /no such socket/);
});

Deno.test("watchdog: pings while the loops make progress, and calls for the end when they do not", async () => {
  let asked = 0;
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const { heard, manager } = listening({ NOTIFY_SOCKET: "/s", WATCHDOG_USEC: "2000", WATCHDOG_PID: String(Deno.pid) });
  const keepAlive = setInterval(() => {}, 1000);
  {
    using _pings = manager.watchdog(() => {
      asked++;
      if (asked === 4) resolve();
      return asked <= 2;
    });
    await enough;
  }
  clearInterval(keepAlive);
  assert.deepEqual(heard, ["1", "1", "trigger", "trigger"].map((word) => `/s WATCHDOG=${word}`));
});

Deno.test("watchdog: is another process's business when WATCHDOG_PID says so", () => {
  const { heard, manager } = listening({ NOTIFY_SOCKET: "/s", WATCHDOG_USEC: "2000", WATCHDOG_PID: "1" });
  manager.watchdog(() => true)[Symbol.dispose]();
  assert.deepEqual(heard, []);
});

for (const kind of ["path", "abstract"]) {
  Deno.test(`serviceManager: a real socket hears it (${kind})`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "obisd-notify-" });
    try {
      const address = kind === "path" ? `${folder}/notify` : `@${folder}/notify`;
      using socket = notifySocket(address);
      const troubles: unknown[] = [];
      const manager = serviceManager({
        environment: (name) => name === "NOTIFY_SOCKET" ? address : undefined,
        onTrouble: (error) => troubles.push(error),
      });
      manager.status("0 readouts");
      manager.ready();
      manager.reloading();
      const [status, ready, reloading] = socket.heard();
      assert.deepEqual([status, ready, troubles], ["STATUS=0 readouts", "READY=1", []]);
      assert.match(reloading!, /^RELOADING=1\nMONOTONIC_USEC=[1-9]\d+$/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("serviceManager: one that does not listen holds nobody up", () => {
  const address = `@obisd-deaf-${crypto.randomUUID()}`;
  using _deaf = notifySocket(address);
  const troubles: unknown[] = [];
  const environment = (name: string) => name === "NOTIFY_SOCKET" ? address : undefined;
  const manager = serviceManager({ environment, onTrouble: (error) => troubles.push(error) });
  for (let sent = 0; sent < 1000; sent++) manager.status(`${sent} readouts`); // its queue takes ten or a few hundred
  assert.match(String(troubles.at(-1)), /sendto: Resource temporarily unavailable/);
});
