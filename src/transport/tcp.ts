/** A meter behind a converter or gateway that is reached over the network. @module */
import { withLimit } from "../abort.ts";
import { join } from "../bytes.ts";
import { LineError } from "../errors.ts";
import { formatLine, type LineSettings } from "../line.ts";
import type { Transport } from "./transport.ts";

/** Where to connect, how long to try, and whom to tell. */
export interface TcpOptions {
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly onNotice: (message: string) => void;
}

/**
 * Connects. `name` is how messages call the place.
 * @throws {LineError} `refused`: nobody accepts, or not in time; `denied`: Deno may not connect there
 * @throws the signal's reason
 */
export async function openTcp(name: string, options: TcpOptions): Promise<Transport> {
  const { host, port, connectTimeoutMs, signal, onNotice } = options;
  signal.throwIfAborted();
  try {
    const limit = { withinMs: connectTimeoutMs, what: "Connecting" };
    const connection = await withLimit(signal, limit, (signal) => Deno.connect({ hostname: host, port, signal }));
    connection.setNoDelay(true);
    connection.setKeepAlive(true);
    return new TcpTransport(name, connection, onNotice);
  } catch (error) {
    signal.throwIfAborted();
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw connectError(name, error, late ? connectTimeoutMs : undefined);
  }
}

/** A connection that somebody else has opened. `name` is how messages call it. */
export function acceptedTcp(name: string, connection: Deno.TcpConn, onNotice: TcpOptions["onNotice"]): Transport {
  return new TcpTransport(name, connection, onNotice);
}

function connectError(name: string, cause: unknown, lateMs: number | undefined): LineError {
  if (cause instanceof Deno.errors.NotCapable) {
    const hint = "`obisd permissions` prints the permissions that a configuration needs";
    return new LineError("denied", `Cannot connect to ${name}: Deno may not; ${hint}`, { cause });
  }
  const reason = lateMs === undefined ? (cause as Error).message : `no answer within ${lateMs / 1000} s`;
  const hint = "is the converter switched on, and does another program hold its only connection?";
  return new LineError("refused", `Cannot connect to ${name}: ${reason}; ${hint}`, { cause });
}

/** Room for what comes: most telegrams whole, so that few are allocated. Pieces are handed out of it, and it is never overwritten. */
const ROOM_BYTES = 2048;
/** With less room left than this, the next piece comes into a new one. */
const PIECE_BYTES = 256;
/** So many bytes that nobody read are kept; then the peer has to wait. */
const QUEUE_BYTES = 65_536;

interface Reader {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (reason: unknown) => void;
}

class TcpTransport implements Transport {
  readonly #name: string;
  readonly #connection: Deno.TcpConn;
  readonly #onNotice: (message: string) => void;
  /** What has come and nobody has read yet. */
  #queue: Uint8Array[] = [];
  /** Why nothing comes or goes any more: made where somebody hears it, for most connections end when nobody listens. */
  #lost: (() => LineError) | undefined;
  /** Who waits for what comes. */
  #reader: Reader | undefined;
  /** The signal of the last reads. */
  #heeded: AbortSignal | undefined;
  readonly #interrupt = () => this.#takeReader()?.reject(this.#heeded!.reason);
  /** Wakes the pump when the queue has room again. */
  #taken: () => void = () => {};
  readonly #pumping: Promise<void>;
  #line: string | undefined;
  #noticed = false;
  #closed = false;

  constructor(name: string, connection: Deno.TcpConn, onNotice: (message: string) => void) {
    this.#name = name;
    this.#connection = connection;
    this.#onNotice = onNotice;
    this.#pumping = this.#pump();
  }

  /** A telegram comes in dozens of pieces, to a thousand readers at once: a promise for each, and nothing else. */
  read(signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      this.#heed(signal);
      this.#reader = { resolve, reject };
      this.#serve();
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#lost) throw this.#lost();
    try {
      for (let sent = 0; sent < bytes.length;) sent += await this.#connection.write(bytes.subarray(sent));
    } catch (cause) {
      throw this.#hungUp(cause);
    }
  }

  setLine(settings: LineSettings): Promise<void> {
    const line = formatLine(settings);
    if (this.#line !== undefined && this.#line !== line && !this.#noticed) {
      this.#noticed = true;
      this.#onNotice(
        `the change to ${line} is up to the converter, for TCP cannot ask for it; ` +
          `a converter that stays at 300 Bd needs ?max_baud=300`,
      );
    }
    this.#line = line;
    return Promise.resolve();
  }

  flush(): void {
    this.#takeAll();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#lost ??= () => new LineError("lost", `${this.#name} was closed`);
    this.#heeded?.removeEventListener("abort", this.#interrupt);
    this.#connection.close();
    this.#takeAll();
    this.#serve();
    await this.#pumping;
  }

  /** Reads all the time, so that an abort loses no byte and a flush finds what came. */
  async #pump(): Promise<void> {
    let room = new Uint8Array(ROOM_BYTES);
    while (!this.#lost) {
      try {
        const count = await this.#connection.read(room);
        if (count === null) this.#lost ??= () => this.#hungUp();
        else this.#queue.push(room.subarray(0, count));
        room = room.length - (count ?? 0) < PIECE_BYTES ? new Uint8Array(ROOM_BYTES) : room.subarray(count ?? 0);
      } catch (cause) {
        this.#lost ??= () => this.#hungUp(cause);
      }
      this.#serve();
      while (!this.#lost && this.#queuedBytes() >= QUEUE_BYTES) {
        await new Promise<void>((resolve) => this.#taken = resolve);
      }
    }
  }

  #queuedBytes(): number {
    return this.#queue.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  #takeAll(): Uint8Array {
    const bytes = this.#queue.length === 1 ? this.#queue[0]! : join(...this.#queue);
    this.#queue = [];
    this.#taken();
    return bytes;
  }

  /** Gives the reader what has come, or says that nothing will. */
  #serve(): void {
    if (this.#queue.length > 0) this.#takeReader()?.resolve(this.#takeAll());
    else if (this.#lost) this.#takeReader()?.reject(this.#lost());
  }

  #takeReader(): Reader | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    return reader;
  }

  /** Most reads of a session share one signal: it is listened to once. */
  #heed(signal: AbortSignal): void {
    if (this.#heeded === signal) return;
    this.#heeded?.removeEventListener("abort", this.#interrupt);
    this.#heeded = signal;
    signal.addEventListener("abort", this.#interrupt, { once: true });
  }

  #hungUp(cause?: unknown): LineError {
    const reason = cause instanceof Error ? `: ${cause.message}` : "";
    return new LineError("lost", `${this.#name} closed the connection${reason}`, { cause });
  }
}
