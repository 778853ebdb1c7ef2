/**
 * The system's C library, for what Deno cannot reach: serial ports, pseudo-terminals, locks, systemd's sockets, the
 * kernel's clocks. What is done with terminals stands in `libc_terminals.ts`.
 * The only place that opens a library, on first use: a process with TCP meters alone needs no permission for it.
 * All constants and structs are those of 64-bit Linux, the same on x86-64 and arm64 except where said.
 * @module
 */

const SYMBOLS = {
  __errno_location: { parameters: [], result: "pointer" },
  strerror: { parameters: ["i32"], result: "pointer" },
  strlen: { parameters: ["pointer"], result: "usize" },
  memcpy: { parameters: ["buffer", "pointer", "usize"], result: "pointer" },
  open: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  closeSlowly: { name: "close", parameters: ["i32"], result: "i32", nonblocking: true },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  tcdrain: { parameters: ["i32"], result: "i32", nonblocking: true },
  tcflush: { parameters: ["i32", "i32"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  statvfs: { parameters: ["buffer", "buffer"], result: "i32" },
  realpath: { parameters: ["buffer", "buffer"], result: "pointer" },
  opendir: { parameters: ["buffer"], result: "pointer" },
  readdir: { parameters: ["pointer"], result: "pointer" },
  closedir: { parameters: ["pointer"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32", nonblocking: true },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  posix_openpt: { parameters: ["i32"], result: "i32" },
  grantpt: { parameters: ["i32"], result: "i32" },
  unlockpt: { parameters: ["i32"], result: "i32" },
  ptsname_r: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  adjtimex: { parameters: ["buffer"], result: "i32" },
} as const;

type Library = Deno.DynamicLibrary<typeof SYMBOLS>;
let library: Library | undefined;

/** Its functions. */
export function libc(): Library["symbols"] {
  library ??= Deno.dlopen(libcPath(), SYMBOLS);
  return library.symbols;
}

/** The library's absolute path, as `--allow-ffi` wants it; `OBISD_LIBC` names another one. */
export function libcPath(): string {
  const may = Deno.permissions.querySync({ name: "env", variable: "OBISD_LIBC" }).state === "granted";
  return (may ? Deno.env.get("OBISD_LIBC") : undefined) ?? `/lib/${Deno.build.arch}-linux-gnu/libc.so.6`;
}

/** The error numbers that somebody here tells apart. */
export const Errno = {
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  ENODEV: 19,
  ENOTDIR: 20,
  ENOSYS: 38,
} as const;

/** A call of the C library failed; the message is the system's own words. */
export class LibcError extends Error {
  override readonly name = "LibcError";
  constructor(readonly call: string, readonly errno: number) {
    super(`${call}: ${textAt(libc().strerror(errno))}`);
  }
}

/** Passes on the result of a synchronous call. `errno` is per thread, so it is read at once. @throws {LibcError} on -1 */
export function checked(call: string, result: number): number {
  if (result !== -1) return result;
  throw new LibcError(call, view(bytesAt(libc().__errno_location(), 4)).getInt32(0, true));
}

/** A copy of what a pointer points at. `Deno.UnsafePointerView` wants all of `--allow-ffi`, not one library. */
function bytesAt(pointer: Deno.PointerValue, length: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(length);
  libc().memcpy(copy, pointer, BigInt(length));
  return copy;
}

const text0 = (text: string) => new TextEncoder().encode(text + "\0");
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const textAt = (pointer: Deno.PointerValue) =>
  pointer === null ? "" : text(bytesAt(pointer, Number(libc().strlen(pointer))));
/** Its words, in this machine's order. */
export const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

// Files

/** How a file is opened. */
export const Open = { RDWR: 0o2, NOCTTY: 0o400, NONBLOCK: 0o4000, CLOEXEC: 0o2000000 } as const;

/** Opens a terminal for reading and writing; it neither blocks nor becomes the controlling terminal. @throws {LibcError} */
export function openTerminal(path: string): number {
  return checked("open", libc().open(text0(path), Open.RDWR | Open.NOCTTY | Open.NONBLOCK | Open.CLOEXEC, 0));
}

/** The bytes that are there, without waiting: `undefined` if none, empty after a hang-up. @throws {LibcError} */
export function readNow(fd: number, buffer: Uint8Array<ArrayBuffer>): Uint8Array | undefined {
  const count = orAgain("read", libc().read(fd, buffer, BigInt(buffer.length)));
  return count === undefined ? undefined : buffer.slice(0, count);
}

/** How many of the bytes the port took, without waiting. @throws {LibcError} */
export function writeNow(fd: number, bytes: Uint8Array): number {
  return orAgain("write", libc().write(fd, new Uint8Array(bytes), BigInt(bytes.length))) ?? 0;
}

function orAgain(call: string, result: number): number | undefined {
  try {
    return checked(call, result);
  } catch (error) {
    if (error instanceof LibcError && error.errno === Errno.EAGAIN) return undefined;
    throw error;
  }
}

/** Closes a port; off the event loop, because a serial driver may wait for what it has not sent. */
export async function closePort(fd: number): Promise<void> {
  await libc().closeSlowly(fd);
}

/** The whole text of a small file, such as one below `/proc`, which Deno itself would not let us read. @throws {LibcError} */
export function readText(path: string): string {
  const fd = checked("open", libc().open(text0(path), Open.CLOEXEC, 0));
  try {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(4096);
    let text = "";
    while (true) {
      const count = checked("read", libc().read(fd, buffer, BigInt(buffer.length)));
      if (count === 0) return text;
      text += decoder.decode(buffer.subarray(0, count), { stream: true });
    }
  } finally {
    libc().close(fd);
  }
}

/** What a path leads to: which file, and which device it stands for. */
export interface FileFacts {
  /** `00:05:123`: device and inode as `/proc/locks` writes them. */
  readonly lockId: string;
  /** The driver's number if it is a device. */
  readonly major: number;
}

/** @throws {LibcError} */
export function fileFacts(path: string): FileFacts {
  const AT_FDCWD = -100;
  const STATX_BASIC_STATS = 0x7ff;
  const buffer = new Uint8Array(256);
  checked("statx", libc().statx(AT_FDCWD, text0(path), 0, STATX_BASIC_STATS, buffer));
  const fields = view(buffer);
  const hex = (offset: number) => fields.getUint32(offset, true).toString(16).padStart(2, "0");
  return {
    lockId: `${hex(136)}:${hex(140)}:${fields.getBigUint64(32, true)}`,
    major: fields.getUint32(128, true),
  };
}

/** The room on the disk where a path lies, and how much of it we may use; `undefined` when nobody can tell. */
export function roomOn(path: string): { readonly freeBytes: number; readonly totalBytes: number } | undefined {
  const [FRAGMENT_BYTES, BLOCKS, AVAILABLE] = [8, 16, 32]; // offsets in struct statvfs
  const struct = new Uint8Array(128);
  if (libc().statvfs(text0(path), struct) !== 0) return undefined;
  const field = (offset: number) => Number(view(struct).getBigUint64(offset, true));
  const unit = field(FRAGMENT_BYTES);
  return { freeBytes: unit * field(AVAILABLE), totalBytes: unit * field(BLOCKS) };
}

/** The path without links; `undefined` if it leads nowhere. */
export function realPath(path: string): string | undefined {
  const PATH_MAX = 4096;
  const found = new Uint8Array(PATH_MAX);
  if (libc().realpath(text0(path), found) === null) return undefined;
  return new TextDecoder().decode(found.subarray(0, found.indexOf(0)));
}

/** The names in a folder, sorted; none if there is no such folder. */
export function listFolder(path: string): string[] {
  const [D_RECLEN, D_NAME] = [16, 19]; // offsets in struct dirent
  const folder = libc().opendir(text0(path));
  if (folder === null) return [];
  const names: string[] = [];
  for (let entry = libc().readdir(folder); entry !== null; entry = libc().readdir(folder)) {
    const length = view(bytesAt(entry, D_NAME)).getUint16(D_RECLEN, true);
    const name = bytesAt(entry, length).subarray(D_NAME);
    names.push(text(name.subarray(0, name.indexOf(0))));
  }
  libc().closedir(folder);
  return names.filter((name) => name !== "." && name !== "..").sort();
}

/** Locks an open file against everybody else, without waiting; the lock ends with the file. Whether it was had. */
export function lockNow(fd: number): boolean {
  const LOCK_EX = 2;
  const LOCK_NB = 4;
  return orAgain("flock", libc().flock(fd, LOCK_EX | LOCK_NB)) !== undefined;
}

// For systemd

/**
 * Sends one datagram to a Unix socket, given by path or, with `@`, by abstract name, without waiting for one who does not
 * listen. @throws {LibcError}
 */
export function sendDatagram(path: string, text: string): void {
  const AF_UNIX = 1;
  const SOCK_DGRAM = 2;
  const MSG_DONTWAIT = 0x40;
  const fd = checked("socket", libc().socket(AF_UNIX, SOCK_DGRAM | Open.CLOEXEC, 0));
  try {
    const name = new TextEncoder().encode(path.replace(/^@/, "\0"));
    const address = new Uint8Array(2 + name.length + (path.startsWith("@") ? 0 : 1));
    address.set([AF_UNIX, 0]);
    address.set(name, 2);
    const bytes = new TextEncoder().encode(text);
    checked("sendto", libc().sendto(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT, address, address.length));
  } finally {
    libc().close(fd);
  }
}

/** Microseconds since the machine started (CLOCK_MONOTONIC), as `RELOADING=1` wants them. */
export function monotonicUsec(): bigint {
  const CLOCK_MONOTONIC = 1;
  readTime(CLOCK_MONOTONIC);
  return timespec[0]! * 1_000_000n + timespec[1]! / 1000n;
}

// The time

/** The wall clock, ms since 1970 with a fraction: to be compared with {@link uptimeMs}, which the rounded one is too coarse for. */
export function wallMs(): number {
  const CLOCK_REALTIME = 0;
  return timeMs(CLOCK_REALTIME);
}

/** Milliseconds since the machine started, its sleep included (CLOCK_BOOTTIME): nobody sets that clock. */
export function uptimeMs(): number {
  const CLOCK_BOOTTIME = 7;
  return timeMs(CLOCK_BOOTTIME);
}

/** `struct timespec`: seconds, nanoseconds. One for all: the time is asked for a hundred times in a readout. */
const timespec = new BigInt64Array(2);
/** The same in halves, the lower first, for numbers. */
const timespecHalves = new Uint32Array(timespec.buffer);

function readTime(clock: number): void {
  checked("clock_gettime", libc().clock_gettime(clock, timespec));
}

function timeMs(clock: number): number {
  readTime(clock);
  const seconds = timespecHalves[1]! * 2 ** 32 + timespecHalves[0]!;
  return seconds * 1000 + timespecHalves[2]! / 1e6;
}

/** By how much the wall clock may be wrong, as the kernel reckons; 16 s or more: nothing keeps it right. @throws {LibcError} */
export function clockErrorUs(): number {
  const MAXERROR = 24; // offset in struct timex; `modes`, at 0, stays 0: to be read, not set
  const timex = new Uint8Array(208);
  checked("adjtimex", libc().adjtimex(timex));
  return Number(view(timex).getBigInt64(MAXERROR, true));
}
