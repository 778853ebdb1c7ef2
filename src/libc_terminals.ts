/** Terminals, serial or not, and how one thread waits for many of them: calls of the C library. @module */
import { checked, Errno, libc, LibcError, Open, view } from "./libc.ts";

/** The terminal's settings, as a struct termios2. @throws {LibcError} */
export function getTermios(fd: number): Uint8Array {
  const TCGETS2 = 0x802c542an;
  const TCGETS = 0x5401n;
  const buffer = new Uint8Array(44);
  withOrWithoutSpeed("GETS", (modern) => libc().ioctl(fd, modern ? TCGETS2 : TCGETS, buffer));
  return buffer;
}

/** Gives the terminal other settings, at once. @throws {LibcError} */
export function setTermios(fd: number, termios2: Uint8Array<ArrayBuffer>): void {
  const TCSETS2 = 0x402c542bn;
  const TCSETS = 0x5402n;
  withOrWithoutSpeed("SETS", (modern) => libc().ioctl(fd, modern ? TCSETS2 : TCSETS, termios2));
}

/** An emulated arm64 has only the older calls, whose struct is the same without the two words for odd speeds. */
function withOrWithoutSpeed(name: string, call: (modern: boolean) => number): void {
  try {
    checked(`ioctl(TC${name}2)`, call(true));
  } catch (error) {
    if (!(error instanceof LibcError) || error.errno !== Errno.ENOSYS) throw error;
    checked(`ioctl(TC${name})`, call(false));
  }
}

/** Resolves when the last bit has left; `false` if the port said no, with whatever reason. */
export async function drain(fd: number): Promise<boolean> {
  return await libc().tcdrain(fd) === 0;
}

/** Forgets what came and was not read, or what was written and has not left. */
export function discard(fd: number, what: "input" | "output" | "both"): void {
  libc().tcflush(fd, { input: 0, output: 1, both: 2 }[what]);
}

/** Lets nobody but root open the terminal as well, as long as it is open. @throws {LibcError} */
export function setExclusive(fd: number): void {
  const TIOCEXCL = 0x540cn;
  checked("ioctl(TIOCEXCL)", libc().ioctl(fd, TIOCEXCL, null));
}

/** Raises or drops a modem line. @throws {LibcError} where there is none, as on a pseudo-terminal */
export function setModemLine(fd: number, line: "dtr" | "rts", on: boolean): void {
  const TIOCMBIS = 0x5416n;
  const TIOCMBIC = 0x5417n;
  const bit = Uint32Array.of({ dtr: 2, rts: 4 }[line]);
  checked(`ioctl(${line})`, libc().ioctl(fd, on ? TIOCMBIS : TIOCMBIC, bit));
}

/** Holds the line at space, or lets go of it. @throws {LibcError} */
export function setBreak(fd: number, on: boolean): void {
  const TIOCSBRK = 0x5427n;
  const TIOCCBRK = 0x5428n;
  checked("ioctl(break)", libc().ioctl(fd, on ? TIOCSBRK : TIOCCBRK, null));
}

/** Asks the adapter to hand on bytes at once instead of every 16 ms. @throws {LibcError} where it cannot */
export function setLowLatency(fd: number): void {
  const TIOCGSERIAL = 0x541en;
  const TIOCSSERIAL = 0x541fn;
  const FLAGS = 16; // offset in struct serial_struct
  const ASYNC_LOW_LATENCY = 0x2000;
  const struct = new Uint8Array(72);
  checked("ioctl(TIOCGSERIAL)", libc().ioctl(fd, TIOCGSERIAL, struct));
  view(struct).setUint32(FLAGS, view(struct).getUint32(FLAGS, true) | ASYNC_LOW_LATENCY, true);
  checked("ioctl(TIOCSSERIAL)", libc().ioctl(fd, TIOCSSERIAL, struct));
}

/** A new pseudo-terminal: the near end's descriptor and the path of the far end. @throws {LibcError} */
export function openPseudoTerminal(): { readonly fd: number; readonly path: string } {
  const fd = checked("posix_openpt", libc().posix_openpt(Open.RDWR | Open.NOCTTY | Open.NONBLOCK | Open.CLOEXEC));
  checked("grantpt", libc().grantpt(fd));
  checked("unlockpt", libc().unlockpt(fd));
  const name = new Uint8Array(64);
  checked("ptsname_r", libc().ptsname_r(fd, name, BigInt(name.length)) === 0 ? 0 : -1);
  return { fd, path: new TextDecoder().decode(name.subarray(0, name.indexOf(0))) };
}

// Waiting for many descriptors on one thread

const EPOLLIN = 1;
const EPOLLONESHOT = 1 << 30;
/** struct epoll_event is packed on x86-64 alone. */
const EVENT = Deno.build.arch === "x86_64" ? { bytes: 12, fd: 4 } : { bytes: 16, fd: 8 };

/** A set of descriptors that one thread can wait for, however many they are. @throws {LibcError} */
export function openEpoll(): number {
  return checked("epoll_create1", libc().epoll_create1(Open.CLOEXEC));
}

/** Adds a descriptor, silent until armed; arms it for the next input or hang-up; removes it. @throws {LibcError} */
export function controlEpoll(epoll: number, action: "add" | "arm" | "remove", fd: number): void {
  const event = new Uint8Array(EVENT.bytes);
  view(event).setUint32(0, EPOLLONESHOT | (action === "arm" ? EPOLLIN : 0), true);
  view(event).setInt32(EVENT.fd, fd, true);
  checked("epoll_ctl", libc().epoll_ctl(epoll, { add: 1, remove: 2, arm: 3 }[action], fd, event));
}

/** Waits, off the event loop, until an armed descriptor has something; each that has is disarmed. */
export async function waitEpoll(epoll: number): Promise<number[]> {
  const buffer = new Uint8Array(64 * EVENT.bytes);
  const count = await libc().epoll_wait(epoll, buffer, 64, -1);
  return Array.from({ length: Math.max(0, count) }, (_, i) => view(buffer).getInt32(i * EVENT.bytes + EVENT.fd, true));
}

/** A descriptor on which somebody can knock, to end a wait. @throws {LibcError} */
export function openBell(): number {
  return checked("eventfd", libc().eventfd(0, Open.NONBLOCK | Open.CLOEXEC));
}

/** Makes the bell readable. */
export function ring(bell: number): void {
  libc().write(bell, new Uint8Array(BigUint64Array.of(1n).buffer), 8n);
}

/** Makes the bell unreadable again. */
export function silence(bell: number): void {
  libc().read(bell, new Uint8Array(8), 8n);
}
