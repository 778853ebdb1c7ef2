/** Carries out the steps of a dialogue over a transport: time, abort, trace. @module */
import { alarm, type Clock, systemClock } from "./clock.ts";
import type { Arrival, Dialogue, Step } from "./dialogue.ts";
import { LineError, SilenceError } from "./errors.ts";
import type { LineSettings } from "./line.ts";
import type { Transport } from "./transport/transport.ts";

/** What passed on the wire, and when: milliseconds since 1970. */
export type TraceEvent =
  /** The last bit had left at `atMs`. `secret`: a piece of it, a password, which is neither shown nor kept. */
  | { readonly kind: "sent"; readonly bytes: Uint8Array; readonly secret?: string; readonly atMs: number }
  | { readonly kind: "received"; readonly bytes: Uint8Array; readonly atMs: number }
  | { readonly kind: "line"; readonly settings: LineSettings; readonly atMs: number }
  | { readonly kind: "silence"; readonly withinMs: number; readonly atMs: number }
  /** The wire or the connection is gone. */
  | { readonly kind: "lost"; readonly message: string; readonly atMs: number };

/** Is told everything that passes. */
export type Trace = (event: TraceEvent) => void;

/** What a session needs besides the two that talk. */
export interface SessionOptions {
  /** Ends the session; the meter is signed off first. */
  readonly signal: AbortSignal;
  /** Default: the host's clock. */
  readonly clock?: Clock;
  readonly trace?: Trace;
}

/** How long an aborted session may take to sign the meter off: a break at 300 Bd takes 170 ms, a message before it more. */
const SIGN_OFF_MS = 2000;

/** A timer that ends so much later than it should shows a host that was busy; and the most that is made up for it. */
const LATE_MS = 50;
const LATE_MAX_MS = 2000;

/** Why a waiting that nobody needs any more is aborted. */
const OVER = "over";

/** Why a reading is aborted when its time is up. */
const SILENCE = "silence";

/** What steps other than `receive` bring home. */
const DONE: Outcome = { arrival: { bytes: new Uint8Array(), atMs: 0 } };

/**
 * Runs `dialogue` over `transport` to its end and returns what it brings home. After an abort or a lost wire the
 * dialogue still gets to its `finally` steps (the sign-off), within two seconds.
 * @throws {LineError} the wire is gone
 * @throws the signal's reason, once the meter is signed off
 * @throws what the dialogue throws: {SilenceError}, {ProtocolError}, {RefusalError}
 */
export async function converse<T>(
  transport: Transport,
  dialogue: Dialogue<T>,
  { signal, clock = systemClock, trace = () => {} }: SessionOptions,
): Promise<T> {
  signal.throwIfAborted();
  const world: World = { transport, clock, trace, writing: Promise.resolve() };
  const last = await carryOut(dialogue, dialogue.next(), world, signal);
  if (last.done) return last.value;
  await signOff(dialogue, world);
  throw signal.reason;
}

interface World {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly trace: Trace;
  /** The last message handed to the transport; an abort leaves it on its way, and the sign-off follows it. */
  writing: Promise<void>;
}

/** What came of a step. */
type Outcome = { readonly arrival: Arrival } | { readonly error: unknown };

/** Carries out step after step until the dialogue is done or the signal aborts. */
async function carryOut<T>(
  dialogue: Dialogue<T>,
  next: IteratorResult<Step, T>,
  world: World,
  signal: AbortSignal,
): Promise<IteratorResult<Step, T>> {
  using patience = new Patience(world.clock, signal);
  let lost: LineError | undefined;
  while (!next.done) {
    const step = next.value;
    const outcome = lost
      ? withoutWire(step, lost)
      : await (step.kind === "receive" ? receive(step.withinMs, world, patience) : attempt(step, world, patience));
    if (signal.aborted) return next;
    if (!lost && "error" in outcome && outcome.error instanceof LineError) {
      lost = outcome.error;
      world.trace({ kind: "lost", message: lost.message, atMs: world.clock.now() });
    }
    next = "error" in outcome ? dialogue.throw(outcome.error) : dialogue.next(outcome.arrival);
  }
  return next;
}

/** On a lost wire a dialogue runs through its `finally` steps at once; only what it waits for fails again. */
function withoutWire(step: Step, error: LineError): Outcome {
  return step.kind === "receive" ? { error } : DONE;
}

/** Ends a dialogue that was aborted: its `finally` steps send the break, within `SIGN_OFF_MS`. */
async function signOff<T>(dialogue: Dialogue<T>, world: World): Promise<void> {
  const bound = new AbortController();
  const inTime = alarm(world.clock, SIGN_OFF_MS, () => bound.abort(OVER));
  try {
    await carryOut(dialogue, dialogue.return(undefined as T), world, bound.signal);
  } catch {
    // Whatever a dialogue says while it is ended: the abort is the reason, and its caller hears that.
  } finally {
    inTime();
  }
}

async function attempt(step: Exclude<Step, { kind: "receive" }>, world: World, patience: Patience): Promise<Outcome> {
  const { transport, clock, trace } = world;
  try {
    switch (step.kind) {
      case "send":
        await say(step, world, patience);
        trace({ ...step, kind: "sent", atMs: clock.now() });
        break;
      case "line":
        await patience.unlessAborted(transport.setLine(step.settings));
        trace({ kind: "line", settings: step.settings, atMs: clock.now() });
        break;
      case "pause":
        await (step.atSpace ? breakLine(step.ms, world, patience) : patience.pause(step.ms));
        break;
      case "flush":
        transport.flush();
    }
    return DONE;
  } catch (error) {
    return { error };
  }
}

/** A prolonged break; also one that is cut short ends. */
async function breakLine(ms: number, { transport }: World, patience: Patience): Promise<void> {
  await transport.setBreak?.(true);
  try {
    await patience.pause(ms);
  } finally {
    await transport.setBreak?.(false);
  }
}

/** Sends, and waits until all of it can have left: a socket takes in an instant what a converter sends for seconds. */
async function say(
  { bytes, leastMs }: Extract<Step, { readonly kind: "send" }>,
  world: World,
  patience: Patience,
): Promise<void> {
  const startMs = world.clock.monotonic();
  world.writing = world.writing.then(() => world.transport.write(bytes));
  await patience.unlessAborted(world.writing);
  if (leastMs === undefined) return;
  const leftMs = startMs + leastMs - world.clock.monotonic();
  if (leftMs > 0) await patience.pause(leftMs);
}

/** A message comes in dozens of pieces: what is done for each stands in one function. */
async function receive(withinMs: number, { transport, clock, trace }: World, patience: Patience): Promise<Outcome> {
  try {
    const bytes = await transport.read(patience.reading(withinMs));
    const atMs = clock.now();
    trace({ kind: "received", bytes, atMs });
    return { arrival: { bytes, atMs } };
  } catch (error) {
    if (error !== SILENCE) return { error };
    trace({ kind: "silence", withinMs, atMs: clock.now() });
    return { error: new SilenceError(`Nothing came within ${withinMs} ms`) };
  } finally {
    patience.over();
  }
}

/**
 * Ends a waiting whose time is up, or that is aborted. One goes through a whole dialogue: a message comes in a dozen
 * pieces, and a timer and two signals for each would cost more than all else that is done with it. So there is one
 * listener for all, and a timer that is set is left to run: when it ends too early, it is set again.
 */
class Patience implements Disposable {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #stop = () => this.#end(this.#signal.reason);
  /** Ends the one waiting that there is. */
  #end: (reason: unknown) => void = nobodyWaits;
  #reading = new AbortController();
  readonly #endReading = (reason: unknown) => this.#reading.abort(reason);
  /** Until when somebody waits; `Infinity`: nobody does. By the monotonic clock. */
  #untilMs = Infinity;
  /** Whether it gets more when the host was too busy to hear. */
  #lenient = false;
  readonly #wakeUp = () => this.#wake();
  #cancelTimer: () => void = nobodyWaits;
  /** When the timer ends; `Infinity`: none is set. */
  #timerMs = Infinity;

  /** `signal` ends every waiting. */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    signal.addEventListener("abort", this.#stop, { once: true });
  }

  /** A reading begins that shall wait no longer than `withinMs`: its signal aborts for SILENCE, or the other's reason. */
  reading(withinMs: number): AbortSignal {
    if (this.#reading.signal.aborted) this.#reading = new AbortController();
    this.#lenient = true;
    this.#wait(withinMs, this.#endReading);
    return this.#reading.signal;
  }

  /** Whoever waited does not wait any more. */
  over(): void {
    this.#end = nobodyWaits;
    this.#untilMs = Infinity;
    this.#lenient = false;
  }

  /** Waits for `ms`. @throws the signal's reason */
  async pause(ms: number): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#wait(ms, (reason) => reason === SILENCE ? resolve() : reject(reason));
      });
    } finally {
      this.over();
    }
  }

  /** Waits for `work`, which goes on after an abort. @throws the signal's reason */
  async unlessAborted(work: Promise<void>): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        work.then(resolve, reject);
        this.#wait(Infinity, reject);
      });
    } finally {
      this.over();
    }
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#stop);
    this.#cancelTimer();
  }

  #wait(withinMs: number, end: (reason: unknown) => void): void {
    this.#end = end;
    if (this.#signal.aborted) return this.#stop();
    this.#untilMs = this.#clock.monotonic() + withinMs;
    if (this.#untilMs < this.#timerMs) this.#setTimer(withinMs);
  }

  #setTimer(ms: number): void {
    this.#cancelTimer();
    this.#timerMs = this.#untilMs;
    this.#cancelTimer = alarm(this.#clock, ms, this.#wakeUp);
  }

  #wake(): void {
    this.#timerMs = Infinity;
    const lateMs = this.#clock.monotonic() - this.#untilMs;
    if (lateMs >= 0 && !(this.#lenient && lateMs > LATE_MS)) return this.#end(SILENCE);
    if (lateMs > LATE_MS) this.#makeUp(lateMs);
    if (this.#untilMs < Infinity) this.#setTimer(this.#untilMs - this.#clock.monotonic());
  }

  /** A host that was too busy to wake in time was too busy to hear: it listens as much longer, once. */
  #makeUp(lateMs: number): void {
    this.#lenient = false;
    this.#untilMs += lateMs + Math.min(lateMs, LATE_MAX_MS);
  }
}

function nobodyWaits(): void {}
