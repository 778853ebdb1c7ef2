/** The serial ports of a machine, found in its folders. @module */
import assert from "node:assert/strict";
import { describePorts, serialPortsOf } from "../../src/discovery/ports.ts";

/** A machine: two UARTs of which one is not there, a console, a USB adapter that a program holds. */
async function withMachine(use: (root: string) => void): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    const file = async (path: string, text = "") => {
      await Deno.mkdir(`${root}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
      await Deno.writeTextFile(`${root}/${path}`, text);
    };
    for (const name of ["ttyS0", "ttyS1", "ttyUSB0", "tty1"]) await file(`dev/${name}`);
    await file("devices/usb1/1-1/manufacturer", "FTDI\n");
    await file("devices/usb1/1-1/product", "FT232R USB UART\n");
    await file("devices/usb1/1-1/1-1:1.0/ttyUSB0/port_number", "0\n");
    await file("devices/uart0/driver", "");
    await file("sys/ttyS0/type", "4\n");
    await file("sys/ttyS1/type", "0\n");
    await file("sys/ttyUSB0/uevent");
    await file("sys/tty1/uevent");
    await Deno.symlink(`${root}/devices/uart0`, `${root}/sys/ttyS0/device`);
    await Deno.symlink(`${root}/devices/uart0`, `${root}/sys/ttyS1/device`);
    await Deno.symlink(`${root}/devices/usb1/1-1/1-1:1.0/ttyUSB0`, `${root}/sys/ttyUSB0/device`);
    await file("proc/4711/comm", "picocom\n");
    await Deno.mkdir(`${root}/proc/4711/fd`, { recursive: true });
    await Deno.symlink(`${root}/dev/ttyUSB0`, `${root}/proc/4711/fd/3`);
    use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("serialPortsOf, describePorts: adapters by their makers' words, who holds them, no console and no empty UART", async () => {
  await withMachine((root) => {
    const ports = serialPortsOf({ dev: `${root}/dev`, sys: `${root}/sys`, proc: `${root}/proc` });
    assert.deepEqual(ports.map(({ device, adapter, holder }) => [device.slice(root.length), adapter, holder]), [
      ["/dev/ttyS0", undefined, undefined],
      ["/dev/ttyUSB0", "FTDI FT232R USB UART", { pid: 4711, program: "picocom" }],
    ]);
    const text = describePorts(ports).replaceAll(root, "");
    assert.match(
      text,
      /^\/dev\/ttyS0\n {4}free\n\/dev\/ttyUSB0\n {4}FTDI FT232R USB UART, in use by picocom, process 4711\n/,
    );
    assert.match(text, /Who is there\? obisd discover \/dev\/ttyS0$/);
  });
  assert.match(describePorts([]), /no serial port on this machine/);
  const denied = describePorts([{ path: "/dev/serial/by-id/x", device: "/dev/ttyUSB0", denied: true }]);
  assert.match(denied, /\/dev\/ttyUSB0, free, no permission: sudo usermod -aG dialout USER/);
});
