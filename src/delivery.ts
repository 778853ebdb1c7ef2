/**
 * Carries readings from the journal into one sink: in order, one write at a time, for ever. What a sink cannot take is
 * offered again later, in halves, or put aside as a dead letter; a sink that throws or hangs hurts only itself.
 * @module
 */
import { alarm, type Clock, systemClock } from "./clock.ts";
import type { Batch, DeadLetter, Journal } from "./journal.ts";
import { BackOff } from "./delivery_back_off.ts";
import { Guard } from "./delivery_guard.ts";
import { DeliveryReport, type DeliveryState, isSinkError } from "./delivery_report.ts";
import type { Log } from "./log.ts";
import { type Reading, type Sink, SinkError, type SinkPlugin } from "./sink.ts";

export type { DeliveryState } from "./delivery_report.ts";

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
  /** Ends it: the write in flight may take its time. */
  readonly signal: AbortSignal;
  /** The program stops: the write in flight may end for 3 s, is aborted for 1 s, then left alone. Default: `signal`. */
  readonly stop?: AbortSignal;
  readonly log: Log;
  /** The loop begins when this has settled: the same sink's last one, whose file or cursor it takes over. */
  readonly after?: Promise<void>;
  readonly clock?: Clock;
  /** From 0 to below 1, for the jitter. */
  readonly random?: () => number;
}

/** One running loop. */
export interface Delivery {
  readonly state: DeliveryState;
  /** Resolves when the loop has stopped, at most 5 s after the program's stop, a good minute after its own. Never rejects. */
  readonly done: Promise<void>;
}

/**
 * From the start of a batch to the next. What comes meanwhile goes together, so that a fast meter costs few writes, and
 * many meters that are due at once are read before what they said is carried on. While so much comes in one batch, or dead
 * letters do, there is something to catch up with.
 */
const PACE_MS = { keepingUp: 1000, catchingUp: 8 } as const;
const CATCHING_UP = { readings: 500, readouts: 100 } as const;
/** A write or an opening that takes longer is aborted and tried again. */
const ATTEMPT_MS = 30_000;
/** A write of a sink that leaves or changes may take so long: whoever takes its place would write the same again. */
const LEAVE_MS = 60_000;
/** On stop: for the write to end by itself, then for it to heed its abort. */
const STOP_MS = { finish: 3000, heed: 1000 } as const;

/** Starts the loop of one sink. */
export function deliver(journal: Journal, target: DeliveryTarget, options: DeliveryOptions): Delivery {
  const loop = new Loop(journal, target, options);
  return {
    done: loop.run(),
    get state() {
      return loop.report.state;
    },
  };
}

/** The stop bound was reached with a plug-in that does not settle: leave it. */
class Abandoned extends Error {}

class Loop {
  readonly report: DeliveryReport;
  readonly #clock: Clock;
  readonly #guard = new Guard();
  readonly #backOff: BackOff;
  #sink: Sink | undefined;
  #mark: string | undefined;
  /** When the next batch begins at the earliest, by the monotonic clock. */
  #nextMs = -Infinity;

  constructor(readonly journal: Journal, readonly target: DeliveryTarget, readonly options: DeliveryOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#backOff = new BackOff(options.random ?? Math.random);
    this.report = new DeliveryReport(target.name, options.log, this.#clock);
  }

  async run(): Promise<void> {
    const { signal, after } = this.options;
    try {
      await after;
      while (true) {
        signal.throwIfAborted();
        await this.#turn();
      }
    } catch (error) {
      if (!signal.aborted) this.report.died(error);
    } finally {
      await this.#close().catch(() => {});
      this.report.step("stopped");
    }
  }

  /** One batch, from the journal to its acknowledgement. */
  async #turn(): Promise<void> {
    const { journal, target: { name } } = this;
    if (!this.#sink) {
      await this.#persist(() => this.#open());
      this.#recovered();
    }
    this.report.step("idle");
    await this.#pace();
    const { batch, dead } = await this.#persist(() => this.#take());
    const mark = this.#mark;
    journal.acknowledge(name, batch, { dead, ...(mark !== undefined && { mark }) });
    this.#recovered();
    if (!batch.letters) this.#guard.count(dead.length, this.#clock.monotonic());
    this.report.done(batch.readings.length, dead.length, dead[0]?.reason);
  }

  async #pace(): Promise<void> {
    const restMs = this.#nextMs - this.#clock.monotonic();
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
        await this.#wait(error);
      }
    }
  }

  /** The next batch, offered. After a failure it is taken anew, for more may have come: among those, bad ones are few. */
  async #take(): Promise<{ batch: Batch; dead: DeadLetter[] }> {
    const { journal, target: { name }, options: { signal } } = this;
    const batch = await journal.next(name, signal);
    this.#nextMs = this.#clock.monotonic() + PACE_MS[isLarge(batch) ? "catchingUp" : "keepingUp"];
    this.report.offering(batch.readings[0]!.time);
    if (!this.#sink) await this.#open();
    return { batch, dead: await this.#offerAll(batch) };
  }

  /**
   * Offers a batch until each reading has arrived or is rejected. Halves what the sink wants halved.
   * @throws {SinkError} when so many readings are rejected that something else must be wrong
   */
  async #offerAll({ readings, letters }: Batch): Promise<DeadLetter[]> {
    this.#mark = undefined;
    const dead: DeadLetter[] = [];
    const parts: (readonly number[])[] = [[...readings.keys()]];
    while (parts.length > 0) {
      const part = parts.pop()!;
      const error = await this.#offer(
        part.length === readings.length ? readings : part.map((index) => readings[index]!),
      );
      if (!error) continue;
      const { bad, rest } = follow(part, error);
      parts.push(...rest);
      dead.push(...bad.map((index) => ({ index, reason: error.message })));
      if (letters) continue; // what is refused again is no worse off than before
      if (this.#guard.allows(dead.length, readings.length, this.#clock.monotonic())) continue;
      const message = `${dead.length} of ${readings.length} readings are rejected, so all are kept`;
      throw new SinkError(`${message}: ${error.message}`, { kind: "retry", blocked: "reject" });
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
        this.report.step("writing");
        const mark = await this.#bounded("write", (signal) => this.#sink!.write(part, signal));
        if (typeof mark === "string") this.#mark = mark;
        this.#backOff.arrived();
        return undefined;
      } catch (error) {
        if (!isSinkError(error, part.length)) {
          await this.#close(); // nobody knows in which state it is
          throw error;
        }
        if (error.remedy.kind !== "retry") return error;
        await this.#wait(error);
      }
    }
  }

  async #open(): Promise<void> {
    const { plugin, options, name } = this.target;
    this.report.step("opening");
    this.#sink = await this.#bounded("open", (signal) => plugin.open(options, this.journal.mark(name), signal));
  }

  async #close(): Promise<void> {
    const sink = this.#sink;
    this.#sink = undefined;
    if (!sink) return;
    const closing = Promise.try(() => sink[Symbol.asyncDispose]()).catch((error) => this.report.trouble(error));
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
    const { signal, stop = signal } = this.options;
    if (await this.#within(ATTEMPT_MS, settled, signal)) return settled;
    if (signal.aborted && await this.#within(LEAVE_MS, settled, stop)) return settled;
    if (signal.aborted && await this.#within(STOP_MS.finish, settled)) return settled;
    abort.abort(new SinkError(`${action} took longer than ${ATTEMPT_MS / 1000} s`, { kind: "retry" }));
    if (await this.#within(STOP_MS.heed, settled)) return settled;
    if (!signal.aborted) {
      this.report.hanging(action);
      if (await this.#within(Infinity, settled, signal)) return settled;
    }
    throw new Abandoned(`${action} does not end`);
  }

  /** Whether `work` settles in time, and before `signal` aborts. */
  async #within(ms: number, work: Promise<unknown>, signal?: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const end = () => resolve(false);
    if (signal?.aborted) end();
    signal?.addEventListener("abort", end);
    const cancel = ms < Infinity ? alarm(this.#clock, ms, end) : undefined;
    work.then(() => resolve(true), () => resolve(true));
    try {
      return await promise;
    } finally {
      cancel?.();
      signal?.removeEventListener("abort", end);
    }
  }

  async #wait(error: unknown): Promise<void> {
    const waitMs = this.#backOff.failed(error);
    this.report.failed(error, waitMs);
    this.report.step("waiting");
    await this.#clock.sleep(waitMs, this.options.signal);
  }

  #recovered(): void {
    this.#backOff.recovered();
    this.report.recovered();
  }
}

/** What becomes of a part that a sink did not take: readings that are bad, and what is offered next, the last first. */
function follow(part: readonly number[], { remedy }: SinkError): { bad: readonly number[]; rest: readonly number[][] } {
  if (remedy.kind === "reject") {
    const bad = new Set(remedy.indices.map((at) => part[at]!));
    const others = remedy.others === "again" ? part.filter((index) => !bad.has(index)) : [];
    return { bad: [...bad], rest: others.length > 0 ? [others] : [] };
  }
  if (part.length === 1) return { bad: part, rest: [] };
  const middle = part.length >> 1;
  return { bad: [], rest: [part.slice(middle), part.slice(0, middle)] };
}

function isLarge({ readings, seqs, upTo, letters }: Batch): boolean {
  return letters !== undefined || readings.length >= CATCHING_UP.readings || upTo - seqs[0]! >= CATCHING_UP.readouts;
}
