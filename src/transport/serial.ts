/** A serial port: optical head, RS-485 or current loop adapter, or a pseudo-terminal that plays one. @module */
import { systemClock } from "../clock.ts";
import { LineError, type LineTrouble } from "../errors.ts";
import * as libc from "../libc.ts";
import * as terminals from "../libc_terminals.ts";
import { characterMs, formatLine, type LineSettings } from "../line.ts";
import { lockHolder, serialPorts, steadyPath } from "./holder.ts";
import { poller } from "./poller.ts";
import { decodeTermios, encodeTermios, lineOf, terminalFlags } from "./termios.ts";
import type { Transport } from "./transport.ts";

/** How the port begins, how the head wants its modem lines, and whom to tell. */
export interface SerialOptions {
  readonly line: LineSettings;
  readonly dtr?: boolean | undefined;
  readonly rts?: boolean | undefined;
  readonly onNotice: (message: string) => void;
}

/** Pseudo-terminals have these device numbers. */
const isPseudoTerminal = (major: number) => major >= 136 && major <= 143;

/**
 * Opens a port for us alone.
 * @throws {LineError} `missing`, `denied` or `busy`, and what to do
 */
export function openSerial(path: string, options: SerialOptions): Transport {
  let fd: number;
  try {
    fd = libc.openTerminal(path);
  } catch (error) {
    throw openError(path, error);
  }
  try {
    if (!libc.lockNow(fd)) throw busy(path);
    return new SerialTransport(path, fd, options);
  } catch (error) {
    libc.closePort(fd);
    throw error instanceof LineError ? error : openError(path, error);
  }
}

/** What calls on an open port say after it was unplugged. */
const GONE: readonly number[] = [libc.Errno.EIO, libc.Errno.ENXIO, libc.Errno.ENODEV];

/** Why a port cannot be opened, and what to do. */
export function openError(path: string, cause: unknown): LineError {
  const fail = (trouble: LineTrouble, reason: string) =>
    new LineError(trouble, `Cannot open ${path}: ${reason}`, { cause });
  if (cause instanceof Deno.errors.NotCapable) {
    return fail(
      "denied",
      `serial ports need --allow-ffi=${libc.libcPath()}; \`obisd permissions\` prints what is needed`,
    );
  }
  if (!(cause instanceof libc.LibcError)) throw cause;
  switch (cause.errno) {
    case libc.Errno.ENOENT:
    case libc.Errno.ENOTDIR:
    case libc.Errno.ENXIO:
    case libc.Errno.ENODEV:
      return fail("missing", `no such port; ${portsToChoose()}`);
    case libc.Errno.EACCES:
      return fail(
        "denied",
        "no permission; put the user into its group: sudo usermod -aG dialout USER, then log in again",
      );
    case libc.Errno.EBUSY:
      return busy(path, cause);
    default:
      return fail("missing", `this is no serial port that works (${cause.message}); ${portsToChoose()}`);
  }
}

function portsToChoose(): string {
  const ports = serialPorts();
  return ports.length > 0 ? `plugged in: ${ports.join(", ")}` : "nothing is plugged in below /dev/serial/by-id";
}

function busy(path: string, cause?: unknown): LineError {
  const pid = lockHolder(path);
  const holder = pid === undefined ? "another process" : `process ${pid}`;
  return new LineError("busy", `Cannot open ${path}: ${holder} holds it`, { cause });
}

class SerialTransport implements Transport {
  readonly #path: string;
  /** `undefined` once closed. */
  #fd: number | undefined;
  readonly #pseudo: boolean;
  readonly #onNotice: (message: string) => void;
  readonly #buffer = new Uint8Array(4096);
  #line: LineSettings;
  #writing: Promise<void> = Promise.resolve();
  #sending = false;
  #noticed = false;

  constructor(path: string, fd: number, { line, dtr, rts, onNotice }: SerialOptions) {
    this.#path = path;
    this.#fd = fd;
    this.#onNotice = onNotice;
    this.#pseudo = isPseudoTerminal(libc.fileFacts(path).major);
    this.#line = line;
    // A pseudo-terminal would keep this mark after a crash and shut everybody out; the lock has to do there.
    if (!this.#pseudo) terminals.setExclusive(fd);
    this.#applyLine(line);
    this.#setModemLine("dtr", dtr);
    this.#setModemLine("rts", rts);
    this.#hasten();
    terminals.discard(fd, "both"); // what came before the settings were ours
    poller().add(fd);
  }

  async read(signal: AbortSignal): Promise<Uint8Array> {
    while (true) {
      signal.throwIfAborted();
      const bytes = this.#attempt((fd) => libc.readNow(fd, this.#buffer));
      if (bytes?.length === 0) throw this.#lost();
      if (bytes) return bytes;
      await poller().ready(this.#open(), signal);
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#sending = true;
    return this.#writing = this.#send(bytes).finally(() => this.#sending = false);
  }

  async setLine(settings: LineSettings): Promise<void> {
    await this.#writing;
    this.#attempt(() => this.#applyLine(settings));
  }

  async setBreak(on: boolean): Promise<void> {
    await this.#writing;
    this.#attempt((fd) => terminals.setBreak(fd, on));
  }

  flush(): void {
    this.#attempt((fd) => terminals.discard(fd, "input"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    await poller().remove(fd);
    if (this.#sending) terminals.discard(fd, "output"); // ends a tcdrain, and a closing that waits for what nobody takes
    await this.#writing.catch(() => {}); // its sender hears of it; here it only must be over
    await libc.closePort(fd);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const startMs = systemClock.monotonic();
    const wireMs = bytes.length * characterMs(this.#line);
    // Twice the time that the wire needs and ten seconds: a port that takes longer takes nothing at all.
    const deadline = startMs + 10_000 + 2 * wireMs;
    for (let sent = 0; sent < bytes.length;) {
      const count = this.#attempt((fd) => libc.writeNow(fd, bytes.subarray(sent)));
      if (count === 0) await this.#waitForRoom(deadline);
      sent += count;
    }
    await this.#drain(deadline);
    // Drivers of some adapters (PL2303, CH340) call drained what the chip still sends: no bit leaves before its time.
    const leftMs = startMs + wireMs - systemClock.monotonic();
    if (!this.#pseudo && leftMs > 0) await systemClock.sleep(leftMs);
  }

  async #waitForRoom(deadline: number): Promise<void> {
    if (systemClock.monotonic() > deadline) throw this.#stuck();
    await systemClock.sleep(2);
  }

  async #drain(deadline: number): Promise<void> {
    const fd = this.#open();
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      terminals.discard(fd, "output"); // ends a tcdrain that waits for ever
    }, deadline - systemClock.monotonic());
    const drained = await terminals.drain(fd);
    clearTimeout(timer);
    if (late) throw this.#stuck();
    if (!drained) this.#attempt((fd) => terminals.getTermios(fd)); // says what is wrong; else it was a signal that came between
  }

  #applyLine(settings: LineSettings): void {
    const fd = this.#open();
    this.#line = settings;
    terminals.setTermios(fd, encodeTermios(terminalFlags(settings)));
    if (this.#pseudo) return; // it takes the speed and stays 8N1
    const got = lineOf(decodeTermios(terminals.getTermios(fd)));
    const same = formatLine({ ...got, baud: settings.baud }) === formatLine(settings);
    if (same && Math.abs(got.baud - settings.baud) <= settings.baud * 0.03 || this.#noticed) return;
    this.#noticed = true;
    const hint = same ? "" : "; if it can 8N1, add parity_in_software=true";
    this.#onNotice(`${this.#path}: this adapter makes ${formatLine(got)} of ${formatLine(settings)}${hint}`);
  }

  #setModemLine(line: "dtr" | "rts", on: boolean | undefined): void {
    if (on === undefined) return;
    try {
      terminals.setModemLine(this.#open(), line, on);
    } catch (error) {
      if (!(error instanceof libc.LibcError)) throw error;
      this.#onNotice(`${this.#path}: ${line.toUpperCase()} cannot be set here (${error.message})`);
    }
  }

  /** Low latency where the adapter has it; elsewhere bytes come a few milliseconds later, and nothing else changes. */
  #hasten(): void {
    try {
      terminals.setLowLatency(this.#open());
    } catch (error) {
      if (!(error instanceof libc.LibcError)) throw error;
    }
  }

  #open(): number {
    if (this.#fd === undefined) throw new LineError("lost", `${this.#path} was closed`);
    return this.#fd;
  }

  /** Runs a call on the open port; one that fails means that the port is gone. */
  #attempt<T>(call: (fd: number) => T): T {
    const fd = this.#open();
    try {
      return call(fd);
    } catch (error) {
      throw error instanceof libc.LibcError ? this.#lost(error) : error;
    }
  }

  #lost(cause?: libc.LibcError): LineError {
    if (cause && !GONE.includes(cause.errno)) {
      return new LineError("lost", `${this.#path} does not work (${cause.message})`, { cause });
    }
    const hint = this.#pseudo ? "its other end was closed" : "the adapter was unplugged";
    return new LineError("lost", `${this.#path} is gone: ${hint}`, { cause });
  }

  #stuck(): LineError {
    return new LineError("lost", `${this.#path} takes no bytes any more`);
  }
}

/** Under which name a port should stand in the configuration; nothing to say if it has it, or is no USB adapter. */
export function nameNotice(path: string, bare: boolean): string | undefined {
  const steady = bare || /^\/dev\/tty(USB|ACM)\d+$/.test(path) ? steadyPath(path) : undefined;
  if (steady) return `${path} may be another adapter after the next start; write serial://${steady}`;
  if (bare) return `write serial://${path}, or better its name below /dev/serial/by-id, where it has none now`;
  return undefined;
}
