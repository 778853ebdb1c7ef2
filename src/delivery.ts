/**
 * Carries readings from the journal into one sink: in order, one write at a time, for ever. What a sink cannot take is
 * offered again later, in halves, or put aside as a dead letter; a sink that throws or hangs hurts only itself.
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import type { Batch, DeadLetter, Journal } from "./journal.ts";
import type { Log } from "./log.ts";
import { type Reading, type Sink, SinkError, type SinkPlugin } from "./sink.ts";

/** A sink of the configuration: its plug-in and its checked options. */
export interface DeliveryTarget {
  /** Its id and its cursor's in the journal. */
  readonly name: string;
  // deno-lint-ignore no-explicit-any -- the options were checked by the plug-in's own schema
  readonly plugin: SinkPlugin<any>;
  readonly options: unknown;
}

/** What a delivery needs from the world. */
export interface DeliveryOptions {
  /** Stops it: the write in flight may end for 3 s, is aborted for 1 s, then left alone. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** The loop begins when this has settled: the same sink's last one, whose file or cursor it takes over. */
  readonly after?: Promise<void>;
  readonly clock?: Clock;
  /** From 0 to below 1, for the jitter. */
  readonly random?: () => number;
}

/** How a delivery is doing, for the status and the logs. Counts are readings, since the start. */
export interface DeliveryState {
  readonly sink: string;
  readonly activity: "opening" | "idle" | "writing" | "waiting" | "hanging" | "stopped";
  readonly delivered: number;
  readonly dead: number;
  /** Writes and openings that failed and were or will be tried again. */
  readonly retries: number;
  readonly lastError?: string;
  /** Time of the oldest reading that is being offered. */
  readonly oldest?: string;
  /** When the loop last made a step, ms since 1970: a watchdog sees here that it lives. */
  readonly stepMs: number;
}

/** One running loop. */
export interface Delivery {
  readonly state: DeliveryState;
  /** Resolves when the loop has stopped, at most 5 s after the signal. Never rejects. */
  readonly done: Promise<void>;
}

/** From the start of a batch to the next: what comes meanwhile goes together, and a fast meter costs few writes. */
const PACE_MS = 40;
/** A write or an opening that takes longer is aborted and tried again. */
const ATTEMPT_MS = 30_000;
const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 300_000;
/** More patience than this no destination gets, whatever it asks for. */
const LONGEST_WISH_MS = 900_000;
/** When a destination rejects half of a batch, something else is wrong than the readings. */
const GUARD = { share: 0.5, few: 5, perHour: 100, retryMs: 60_000 } as const;
const HOUR_MS = 3_600_000;
/** After the first, a failure that lasts is logged this often. */
const LOG_AGAIN_MS = 900_000;
/** On stop: for the write to end by itself, then for it to heed its abort. */
const STOP_MS = { finish: 3000, heed: 1000 } as const;

/** Starts the loop of one sink. */
export function deliver(journal: Journal, target: DeliveryTarget, options: DeliveryOptions): Delivery {
  const loop = new Loop(journal, target, options);
  return {
    done: loop.run(),
    get state() {
      return loop.state;
    },
  };
}

/** The stop bound was reached with a plug-in that does not settle: leave it. */
class Abandoned extends Error {}

class Loop {
  readonly #clock: Clock;
  readonly #random: () => number;
  #state: { -readonly [K in keyof DeliveryState]: DeliveryState[K] };
  #sink: Sink | undefined;
  #mark: string | undefined;
  #failures = 0;
  #failing: { readonly since: number; loggedMs: number } | undefined;
  #deadTimes: number[] = [];
  /** When the last batch began, by the monotonic clock. */
  #startedMs = -Infinity;
  /** How often in a row the guard has stopped the same batch. */
  #guarded = 0;

  constructor(readonly journal: Journal, readonly target: DeliveryTarget, readonly options: DeliveryOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    const counts = { delivered: 0, dead: 0, retries: 0 };
    this.#state = { sink: target.name, activity: "opening", ...counts, stepMs: this.#clock.now() };
  }

  get state(): DeliveryState {
    return { ...this.#state };
  }

  async run(): Promise<void> {
    const { signal, log, after } = this.options;
    try {
      await after;
      while (true) {
        signal.throwIfAborted();
        await this.#turn();
      }
    } catch (error) {
      if (!signal.aborted) {
        log.error(`Sink ${this.target.name} stopped: ${messageOf(error)}`, { sink: this.target.name });
      }
    } finally {
      await this.#close().catch(() => {});
      this.#step("stopped");
    }
  }

  /** One batch, from the journal to its acknowledgement. */
  async #turn(): Promise<void> {
    const { journal, target: { name }, options: { signal } } = this;
    if (!this.#sink) {
      await this.#persist(() => this.#open());
      this.#recovered();
    }
    this.#step("idle");
    await this.#pace();
    const batch = await this.#persist(() => journal.next(name, signal));
    this.#startedMs = this.#clock.monotonic();
    this.#state.oldest = batch.readings[0]!.time;
    const dead = await this.#persist(() => this.#offerAll(batch));
    const mark = this.#mark;
    journal.acknowledge(name, batch, { dead, ...(mark !== undefined && { mark }) });
    this.#recovered();
    this.#account(batch, dead);
  }

  async #pace(): Promise<void> {
    const restMs = this.#startedMs + PACE_MS - this.#clock.monotonic();
    if (restMs > 0) await this.#clock.sleep(restMs, this.options.signal);
  }

  /** Tries until it succeeds, with growing pauses. @throws only when stopped */
  async #persist<T>(attempt: () => Promise<T>): Promise<T> {
    while (true) {
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof Abandoned) throw error;
        this.options.signal.throwIfAborted();
        await this.#backOff(error);
      }
    }
  }

  /** Offers a batch until each reading has arrived or is rejected. Halves what the sink wants halved. */
  async #offerAll({ readings }: Batch): Promise<DeadLetter[]> {
    if (!this.#sink) await this.#open();
    this.#mark = undefined;
    const dead: DeadLetter[] = [];
    const parts: [from: number, to: number][] = [[0, readings.length]];
    while (parts.length > 0) {
      const [from, to] = parts.pop()!;
      const error = await this.#offer(readings.slice(from, to));
      if (error?.remedy.kind === "split" && to - from > 1) {
        const middle = (from + to) >> 1;
        parts.push([middle, to], [from, middle]);
      } else if (error?.remedy.kind === "reject") {
        dead.push(...error.remedy.indices.map((index) => ({ index: from + index, reason: error.message })));
      } else if (error) dead.push({ index: from, reason: error.message });
      this.#guard(dead, readings);
    }
    return dead;
  }

  /**
   * One part, as often as it takes. Resolves with what the sink has against it, or nothing: it has arrived.
   * @throws what is no `SinkError`: the sink is closed, and the batch begins again at its mark
   */
  async #offer(part: readonly Reading[]): Promise<SinkError | undefined> {
    while (true) {
      this.options.signal.throwIfAborted();
      try {
        this.#step("writing");
        const mark = await this.#bounded("write", (signal) => this.#sink!.write(part, signal));
        if (typeof mark === "string") this.#mark = mark;
        this.#failures = 0;
        return undefined;
      } catch (error) {
        if (!isSinkError(error, part.length)) {
          await this.#close(); // nobody knows in which state it is
          throw error;
        }
        if (error.remedy.kind !== "retry") return error;
        await this.#backOff(error);
      }
    }
  }

  /** @throws {SinkError} when so many readings are rejected that something else must be wrong */
  #guard(dead: readonly DeadLetter[], readings: readonly Reading[]): void {
    const now = this.#clock.monotonic();
    this.#deadTimes = this.#deadTimes.filter((time) => now - time < HOUR_MS);
    const share = dead.length > GUARD.few && dead.length >= readings.length * GUARD.share;
    if (!share && this.#deadTimes.length + dead.length <= GUARD.perHour) return;
    throw new SinkError(
      `${dead.length} of ${readings.length} readings were rejected, so all are kept: ${dead.at(-1)!.reason}`,
      { kind: "retry", afterMs: GUARD.retryMs * 2 ** this.#guarded++ },
    );
  }

  async #open(): Promise<void> {
    const { plugin, options, name } = this.target;
    this.#step("opening");
    this.#sink = await this.#bounded("open", (signal) => plugin.open(options, this.journal.mark(name), signal));
  }

  async #close(): Promise<void> {
    const sink = this.#sink;
    this.#sink = undefined;
    if (!sink) return;
    const closing = Promise.try(() => sink[Symbol.asyncDispose]()).catch((error) => this.#logFailure(error));
    await this.#within(STOP_MS.heed, closing);
  }

  /**
   * Lets the plug-in work for 30 s, then aborts it; waits until it has settled all the same, for it must not be called
   * again before. On stop the waiting is bounded.
   * @throws {Abandoned} when stopped and it does not settle
   */
  async #bounded<T>(action: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    const settled = Promise.try(() => work(abort.signal));
    settled.catch(() => {});
    const { signal } = this.options;
    if (await this.#within(ATTEMPT_MS, settled, signal)) return settled;
    if (signal.aborted && await this.#within(STOP_MS.finish, settled)) return settled;
    abort.abort(new SinkError(`${action} took longer than ${ATTEMPT_MS / 1000} s`, { kind: "retry" }));
    if (await this.#within(STOP_MS.heed, settled)) return settled;
    if (!signal.aborted) {
      this.#step("hanging");
      this.#logHanging(action);
      if (await this.#within(Infinity, settled, signal)) return settled;
    }
    throw new Abandoned(`${action} does not end`);
  }

  /** Whether `work` settles in time, and before `signal` aborts. */
  async #within(ms: number, work: Promise<unknown>, signal?: AbortSignal): Promise<boolean> {
    const timer = new AbortController();
    const over = new Promise<false>((resolve) => {
      const end = () => resolve(false);
      if (signal?.aborted) end();
      signal?.addEventListener("abort", end, { signal: timer.signal });
      if (ms < Infinity) this.#clock.sleep(ms, timer.signal).then(end, () => {});
    });
    try {
      return await Promise.race([work.then(() => true, () => true), over]);
    } finally {
      timer.abort();
    }
  }

  /** Full jitter from 1 s to 5 min, or what the destination asked for. */
  async #backOff(error: unknown): Promise<void> {
    const longest = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failures++);
    const wish = isSinkError(error) && error.remedy.kind === "retry" ? error.remedy.afterMs ?? 0 : 0;
    const atLeast = Math.min(wish, LONGEST_WISH_MS) * (1 + this.#random() * 0.2);
    this.#state.retries++;
    this.#logFailure(error);
    this.#step("waiting");
    await this.#clock.sleep(Math.max(this.#random() * longest, atLeast), this.options.signal);
  }

  #step(activity: DeliveryState["activity"]): void {
    this.#state.activity = activity;
    this.#state.stepMs = this.#clock.now();
  }

  #account({ readings }: Batch, dead: readonly DeadLetter[]): void {
    const now = this.#clock.monotonic();
    this.#deadTimes.push(...dead.map(() => now));
    this.#state.delivered += readings.length - dead.length;
    this.#state.dead += dead.length;
    delete this.#state.oldest;
    if (dead.length === 0) return;
    const { name } = this.target;
    const message = `Sink ${name} can never take ${dead.length} of ${readings.length} readings: ${dead[0]!.reason}`;
    this.options.log.warning(message, { sink: name, dead: dead.length });
  }

  #recovered(): void {
    this.#failures = 0;
    this.#guarded = 0;
    if (!this.#failing) return;
    const seconds = Math.round((this.#clock.monotonic() - this.#failing.since) / 1000);
    this.#failing = undefined;
    delete this.#state.lastError;
    this.options.log.info(`Sink ${this.target.name} works again after ${seconds} s`, { sink: this.target.name });
  }

  #logFailure(error: unknown): void {
    const now = this.#clock.monotonic();
    this.#state.lastError = messageOf(error);
    this.#failing ??= { since: now, loggedMs: -Infinity };
    if (now - this.#failing.loggedMs < LOG_AGAIN_MS) return;
    this.#failing.loggedMs = now;
    const { name } = this.target;
    this.options.log.warning(`Sink ${name}: ${messageOf(error)}; its readings are kept`, { sink: name });
  }

  #logHanging(action: string): void {
    const { name } = this.target;
    const message = `Sink ${name} hangs: ${action} neither ends nor heeds its abort; its readings are kept`;
    this.options.log.error(message, { sink: name });
  }
}

/** Whether it says what follows. Known by its name, for a plug-in from elsewhere has a class of its own. */
function isSinkError(error: unknown, readings = Infinity): error is SinkError {
  if (!(error instanceof Error) || error.name !== "SinkError") return false;
  const { kind, indices, afterMs } = Object((error as SinkError).remedy);
  if (kind === "retry") return afterMs === undefined || typeof afterMs === "number";
  return kind === "split" || kind === "reject" && Array.isArray(indices) && indices.length > 0 &&
      indices.every((index) => Number.isInteger(index) && index >= 0 && index < readings);
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);
