/**
 * One line of the configuration as the daemon holds it: opened when somebody wants to talk, closed at once when it is gone,
 * tried again until it is back.
 * @module
 */
import { follow } from "./abort.ts";
import type { Clock } from "./clock.ts";
import { isOfMeterOrWire, LineError, SilenceError } from "./errors.ts";
import type { Endpoint } from "./transport/endpoint.ts";
import { openTransport } from "./transport/mod.ts";
import type { Transport } from "./transport/transport.ts";

/** A line that is away is tried again after this, doubled each time. */
const RETRY_FIRST_MS = 500;
/** To look whether a port is there costs next to nothing; a connection that nobody accepts costs the network something. */
const RETRY_MAX_MS = { serial: 5_000, network: 30_000 };
/** A connection is made so long before it is needed at most: each at its own moment, that a thousand do not come at once. */
const AHEAD_MS = 500;
/** One that is needed again so soon is kept: a meter that is read each second would have a new one each second. */
const KEPT_MS = 2000;
/** Why a waiting that nobody needs any more is aborted. */
const OVER = "over";

/** How a line is doing. Times in ms since 1970. */
export interface WireState {
  /** `resting`: not open, for nobody wants to talk · `open` · `away`: it cannot be opened, or was lost. */
  readonly state: "resting" | "open" | "away";
  /** While it is away: since when, and when it is tried again at the latest. */
  readonly away?: { readonly sinceMs: number; readonly nextMs: number };
  /** What went wrong last. */
  readonly trouble?: { readonly atMs: number; readonly reason: string };
  /** How often it has gone away. */
  readonly losses: number;
}

/** What a test replaces, and who hears what is worth knowing about the wire. */
export interface WireOptions {
  readonly open?: typeof openTransport;
  readonly clock: Clock;
  readonly onNotice: (message: string) => void;
  /** It has gone away; that it still is, its state tells. */
  readonly onAway: (reason: string) => void;
  /** It is open again, after `awayMs`. */
  readonly onBack: (awayMs: number) => void;
}

/** Owns the transport of one line. */
export class Wire implements AsyncDisposable {
  #transport: Transport | undefined;
  /** While it is away, by the monotonic clock: since when. */
  #awaySince: number | undefined;
  /** When it was last tried or lost, by both clocks. */
  #tried = { atMs: -Infinity, monotonicMs: -Infinity };
  /** Troubles in a row since somebody talked over it. */
  #inVain = 0;
  #trouble: WireState["trouble"];
  #losses = 0;
  /** The connection was made ahead of time, and nobody has talked over it. */
  #unused = false;
  /** How long before it is needed a connection is made. */
  readonly #aheadMs: number;

  constructor(readonly endpoint: Endpoint, readonly options: WireOptions) {
    this.#aheadMs = endpoint.kind === "serial" ? 0 : Math.floor(AHEAD_MS * Math.random());
  }

  /** How it is doing. */
  get state(): WireState {
    const { clock } = this.options;
    const past = { ...this.#trouble && { trouble: this.#trouble }, losses: this.#losses };
    if (this.#awaySince === undefined) return { state: this.#transport ? "open" : "resting", ...past };
    const atMs = (monotonicMs: number) => Math.round(clock.now() - clock.monotonic() + monotonicMs);
    const nextMs = atMs(Math.max(this.#tried.monotonicMs + this.#backOffMs(), clock.monotonic()));
    return { state: "away", away: { sinceMs: atMs(this.#awaySince), nextMs }, ...past };
  }

  /** Why it is away; `undefined`: it is not. */
  get awayFor(): string | undefined {
    return this.#awaySince === undefined ? undefined : this.#trouble?.reason;
  }

  /** The open transport. @throws {LineError} */
  async open(signal: AbortSignal): Promise<Transport> {
    this.#unused = false;
    if (this.#transport) return this.#transport;
    const { open = openTransport, onNotice } = this.options;
    try {
      this.#transport = await open(this.endpoint, { signal, onNotice });
    } catch (error) {
      if (!signal.aborted) this.#goAway(error);
      throw error;
    }
    this.#comeBack();
    return this.#transport;
  }

  /** Closes it at once: a pulled adapter that is still held comes back under another name. */
  async close(): Promise<void> {
    const transport = this.#transport;
    this.#transport = undefined;
    await transport?.[Symbol.asyncDispose]();
  }

  /** How long to wait before it is tried again, in ms; a slot that has begun since the last time does not wait long. */
  waitMs(slotMs = -Infinity): number {
    if (this.#awaySince === undefined) return 0;
    const { atMs, monotonicMs } = this.#tried;
    const pauseMs = atMs < slotMs ? RETRY_FIRST_MS : this.#backOffMs();
    return Math.max(0, monotonicMs + pauseMs - this.options.clock.monotonic());
  }

  /**
   * Nobody wants to talk for so long; may come back earlier. A connection that is not needed soon, `dueMs` from now, is
   * given back, for a converter takes one at a time and a connection that idles may be dead without telling, and made anew
   * just before it is needed: then the meter is asked when it is due, and not when the network has answered. A serial port
   * is kept, for many a head takes its power from it, and watched; one that is away is tried again.
   * @throws the signal's reason
   */
  async rest(ms: number, signal: AbortSignal, dueMs = Infinity): Promise<void> {
    const { clock } = this.options;
    if (dueMs > KEPT_MS) await this.#giveBack();
    if (this.#transport && this.#unused) return await clock.sleep(ms, signal); // whoever is due hears that it is gone
    if (this.#transport) return await this.#watch(this.#transport, ms, signal);
    const aheadMs = Math.floor(dueMs - this.#aheadMs);
    const waitMs = this.endpoint.kind === "serial" ? this.waitMs() : Math.max(aheadMs, this.waitMs());
    if (waitMs > 0) return await clock.sleep(Math.min(ms, waitMs), signal);
    await this.open(signal).catch(() => signal.throwIfAborted()); // its state tells; who is due hears it as well
    this.#unused = this.endpoint.kind !== "serial";
  }

  /** Somebody has talked over it: the wire is well, whatever the meter is. */
  proved(): void {
    this.#inVain = 0;
  }

  /** It was lost when all was said, or nobody talked: of a port that is trouble, and a connection its other end did not keep. */
  async lose(error: unknown): Promise<void> {
    await (this.endpoint.kind === "serial" ? this.afterTrouble(error) : this.close());
  }

  /** After trouble. Who speaks is there; a silent connection may have lost its other end; anything else is gone. */
  async afterTrouble(error: unknown): Promise<void> {
    if (error instanceof LineError) {
      if (this.#transport) this.#goAway(error);
      return await this.close();
    }
    if (!isOfMeterOrWire(error) || error instanceof DOMException) return await this.close();
    this.proved();
    if (error instanceof SilenceError) await this.#giveBack();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #giveBack(): Promise<void> {
    if (this.endpoint.kind !== "serial") await this.close();
  }

  /**
   * Looks at a port over which nobody talks, and closes it when it is pulled, or a connection when its other end does not
   * keep it. What comes meanwhile is for nobody.
   */
  async #watch(transport: Transport, ms: number, signal: AbortSignal): Promise<void> {
    using over = follow(signal);
    const listen = async () => {
      while (!over.signal.aborted) await transport.read(over.signal);
    };
    const gone = listen().catch((error) => over.signal.aborted ? undefined : this.lose(error));
    try {
      signal.throwIfAborted();
      await Promise.race([this.options.clock.sleep(ms, over.signal), gone]);
    } finally {
      over.abort(OVER);
      await gone;
    }
  }

  #goAway(error: unknown): void {
    const { clock, onAway } = this.options;
    const reason = error instanceof Error ? error.message : String(error);
    this.#tried = { atMs: clock.now(), monotonicMs: clock.monotonic() };
    this.#trouble = { atMs: clock.now(), reason };
    this.#inVain++;
    if (this.#awaySince !== undefined) return;
    this.#awaySince = clock.monotonic();
    this.#losses++;
    onAway(reason);
  }

  #comeBack(): void {
    if (this.#awaySince === undefined) return;
    const awayMs = this.options.clock.monotonic() - this.#awaySince;
    this.#awaySince = undefined;
    this.options.onBack(awayMs);
  }

  #backOffMs(): number {
    const maxMs = RETRY_MAX_MS[this.endpoint.kind === "serial" ? "serial" : "network"];
    return Math.min(RETRY_FIRST_MS * 2 ** (this.#inVain - 1), maxMs);
  }
}
