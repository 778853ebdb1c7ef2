/** A client on a pseudo-terminal, whose speed can be seen; to the client it is a serial port. @module */
import type { Clock } from "../clock.ts";
import * as libc from "../libc.ts";
import * as terminals from "../libc_terminals.ts";
import { SIGN_ON_LINE } from "../line.ts";
import { poller } from "../transport/poller.ts";
import { decodeTermios, encodeTermios, lineOf, terminalFlags } from "../transport/termios.ts";
import type { Port } from "./wire.ts";

/** How often to look whether a client has opened the port: no event tells. */
const LOOK_MS = 40;
/** How often to note the speed of a client that says nothing. */
const NOTE_MS = 100;
/** How often to offer bytes to a client that has no room for them. */
const OFFER_MS = 4;
/** A client that takes nothing for so long loses what is said, as on a real port. */
const STUCK_MS = 2000;

/** A pseudo-terminal and the link at which a client finds it. */
export interface PseudoTerminal extends Port {
  /** Where it really is: `/dev/pts/3`. */
  readonly path: string;
}

/** What a pseudo-terminal needs. */
export interface PtyOptions {
  readonly clock: Clock;
  /** Whether the client's speed is looked at; where nothing takes its time, none is right. */
  readonly watched: boolean;
  /** Is called when a client has opened it. */
  readonly onClient: () => void;
}

/** Makes a pseudo-terminal, raw from the start. */
export async function openPtyPort({ clock, watched, onClient }: PtyOptions): Promise<PseudoTerminal> {
  const { fd, path } = terminals.openPseudoTerminal();
  await makeRaw(path);
  poller().add(fd);
  const buffer = new Uint8Array(4096);
  let present = false;
  let open = true;

  const settings = () => watched && present && open ? lineOf(decodeTermios(terminals.getTermios(fd))) : undefined;
  const speed = () => settings()?.baud;
  /** Noted before a look that found nothing: whatever comes later was written at it, or after a change since. */
  let before: number | undefined;

  /** What is there; notices when clients come and go. */
  function look(): Uint8Array | undefined {
    try {
      const bytes = libc.readNow(fd, buffer);
      if (!present) onClient();
      present = true;
      return bytes;
    } catch (error) {
      if (!(error instanceof libc.LibcError) || error.errno !== libc.Errno.EIO) throw error;
      present = false;
      return undefined;
    }
  }

  return {
    path,
    async read(signal) {
      while (true) {
        signal.throwIfAborted();
        const noted = speed();
        const bytes = look();
        if (bytes !== undefined && bytes.length > 0) return bytes;
        before = noted;
        if (!present) await clock.sleep(LOOK_MS, signal);
        else if (watched) await forAWhile(poller().ready(fd, AbortSignal.timeout(NOTE_MS)));
        else await poller().ready(fd, signal);
      }
    },
    async write(bytes) {
      const untilMs = clock.monotonic() + STUCK_MS;
      for (let at = 0; present && open && at < bytes.length && clock.monotonic() < untilMs;) {
        const count = libc.writeNow(fd, bytes.subarray(at));
        if (count === 0) await clock.sleep(OFFER_MS);
        at += count;
      }
    },
    baud: speed,
    baudBefore: () => before,
    stopBits: () => settings()?.stopBits,
    async [Symbol.asyncDispose]() {
      if (!open) return;
      open = false;
      await poller().remove(fd);
      await libc.closePort(fd);
    },
  };
}

/** Nothing is echoed or changed on the way; and once it was open, the near end sees whether anybody has it open. */
async function makeRaw(path: string): Promise<void> {
  const fd = libc.openTerminal(path);
  try {
    terminals.setTermios(fd, encodeTermios(terminalFlags({ ...SIGN_ON_LINE, dataBits: 8, parity: "none" })));
  } finally {
    await libc.closePort(fd);
  }
}

/** Waits for what may end because its time is up, too. */
async function forAWhile(waiting: Promise<void>): Promise<void> {
  try {
    await waiting;
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
  }
}
