/** What a delivery says and counts: its state for whoever asks, and a line in the log when that changes. @module */
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import type { SinkBlock, SinkError } from "./sink.ts";

/** How a delivery is doing, for the status and the logs. Counts are readings, since the start. */
export interface DeliveryState {
  readonly sink: string;
  readonly activity: "opening" | "idle" | "writing" | "waiting" | "hanging" | "stopped";
  readonly delivered: number;
  readonly dead: number;
  /** Writes and openings that failed and were or will be tried again. */
  readonly retries: number;
  /** What fails now, and since when, ms since 1970; absent while it works. */
  readonly lastError?: string;
  readonly failingSinceMs?: number;
  /** When it is tried again, ms since 1970; absent while it works. */
  readonly nextTryMs?: number;
  /** It waits for a person, and why; its readings are kept. */
  readonly blocked?: SinkBlock;
  /** Time of the oldest reading that is being offered. */
  readonly oldest?: string;
  /** When the loop last made a step, ms since 1970: a watchdog sees here that it lives. */
  readonly stepMs: number;
}

/** After the first, a failure that lasts is logged this often. */
const LOG_AGAIN_MS = 900_000;

/** Tells the log and keeps the state, for one sink. */
export class DeliveryReport {
  #state: { -readonly [K in keyof DeliveryState]: DeliveryState[K] };
  #failing: { readonly sinceMs: number; loggedMs: number } | undefined;

  constructor(readonly sink: string, readonly log: Log, readonly clock: Clock) {
    const counts = { delivered: 0, dead: 0, retries: 0 };
    this.#state = { sink, activity: "opening", ...counts, stepMs: clock.now() };
  }

  get state(): DeliveryState {
    return { ...this.#state };
  }

  /** The loop has moved on. */
  step(activity: DeliveryState["activity"]): void {
    this.#state.activity = activity;
    this.#state.stepMs = this.clock.now();
  }

  /** A batch is offered, whose first reading has this time. */
  offering(oldest: string): void {
    this.#state.oldest = oldest;
  }

  /** A batch of `count` is done with; `dead` of it were put aside. */
  done(count: number, dead: number, reason = ""): void {
    this.#state.delivered += count - dead;
    this.#state.dead += dead;
    delete this.#state.oldest;
    if (dead === 0) return;
    const message = `Sink ${this.sink} can never take ${dead} of ${count} readings: ${reason}`;
    this.log.warning(message, { sink: this.sink, dead });
  }

  /** It failed and is tried again after `waitMs`. What only a person can mend is an error, and told at once. */
  failed(error: unknown, waitMs: number): void {
    this.#state.retries++;
    this.#state.nextTryMs = this.clock.now() + waitMs;
    this.trouble(error);
  }

  /** It does something wrong that stops nothing. */
  trouble(error: unknown): void {
    const now = this.clock.monotonic();
    const blocked = blockOf(error);
    const news = blocked !== undefined && blocked !== this.#state.blocked;
    this.#state.lastError = messageOf(error);
    if (blocked) this.#state.blocked = blocked;
    else delete this.#state.blocked;
    this.#failing ??= { sinceMs: now, loggedMs: -Infinity };
    this.#state.failingSinceMs ??= this.clock.now();
    if (!news && now - this.#failing.loggedMs < LOG_AGAIN_MS) return;
    this.#failing.loggedMs = now;
    this.log[blocked ? "error" : "warning"](`Sink ${this.sink}: ${messageOf(error)}; its readings are kept`, {
      sink: this.sink,
      blocked,
    });
  }

  /** It works, and if it did not, that is news. */
  recovered(): void {
    if (!this.#failing) return;
    const seconds = Math.round((this.clock.monotonic() - this.#failing.sinceMs) / 1000);
    this.#failing = undefined;
    delete this.#state.lastError;
    delete this.#state.failingSinceMs;
    delete this.#state.nextTryMs;
    delete this.#state.blocked;
    this.log.info(`Sink ${this.sink} works again after ${seconds} s`, { sink: this.sink });
  }

  /** `action` has not heeded its abort. */
  hanging(action: string): void {
    this.step("hanging");
    const message = `Sink ${this.sink} hangs: ${action} neither ends nor heeds its abort; its readings are kept`;
    this.log.error(message, { sink: this.sink });
  }

  /** It ended by a fault of ours. */
  died(error: unknown): void {
    this.log.error(`Sink ${this.sink} stopped: ${messageOf(error)}`, { sink: this.sink });
  }
}

/** Whether it says what follows. Known by its name, for a plug-in from elsewhere has a class of its own. */
export function isSinkError(error: unknown, readings = Infinity): error is SinkError {
  if (!(error instanceof Error) || error.name !== "SinkError") return false;
  const { kind, indices, afterMs } = Object((error as SinkError).remedy);
  if (kind === "retry") return afterMs === undefined || typeof afterMs === "number";
  return kind === "split" || kind === "reject" && Array.isArray(indices) && indices.length > 0 &&
      indices.every((index) => Number.isInteger(index) && index >= 0 && index < readings);
}

/** For whom a failure waits, if only a person can mend it. */
export function blockOf(error: unknown): SinkBlock | undefined {
  return isSinkError(error) && error.remedy.kind === "retry" ? error.remedy.blocked : undefined;
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);
