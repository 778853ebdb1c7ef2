/**
 * The journal beside a model of it: what is appended, claimed, settled, dropped, lost in a crash, and what the clock does
 * meanwhile, in any order. After each step the books balance, and each sink has been given what the model says.
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Clock } from "../src/clock.ts";
import type { Batch, Journal } from "../src/journal.ts";
import { readout, T0 } from "../test/support/readings.ts";
import { openAgain } from "./open_again.ts";
import { type WorkerHere, workerHere } from "./worker_here.ts";
import type { Row, Trial } from "./trial.ts";
import { type Tries, tryOut } from "./tries.ts";

const SINKS = ["csv", "influx", "mqtt"] as const;
type SinkName = typeof SINKS[number];

const HOUR_MS = 3_600_000;
/** A sink that left keeps its cursor so long. */
const DETACHED_MS = 7 * 24 * HOUR_MS;
/** Less than this an empty journal does not have; a few dozen readouts more, and the oldest are dropped. */
const SMALL_BYTES = 48 * 1024;

/** What happens to a journal. */
type Step =
  /** So many readouts of so many readings, at once. */
  | { readonly kind: "append"; readonly readouts: number; readonly readings: number }
  /** A sink takes a batch and has done with it up to there; some of it it can never take. */
  | { readonly kind: "deliver"; readonly sink: SinkName; readonly share: number; readonly dead: readonly number[] }
  /** A sink takes a batch and fails. */
  | { readonly kind: "fail"; readonly sink: SinkName }
  | { readonly kind: "reopen"; readonly sinks: readonly SinkName[] }
  /** Sinks come and go while it is open. */
  | { readonly kind: "attach"; readonly sinks: readonly SinkName[] }
  /** Killed, with what was on disk, and started again. */
  | { readonly kind: "crash" }
  /** Time passes. */
  | { readonly kind: "wait"; readonly ms: number }
  /** Somebody sets the clock. */
  | { readonly kind: "step"; readonly ms: number };

const sink = fc.constantFrom(...SINKS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      readouts: fc.integer({ min: 1, max: 12 }),
      readings: fc.constantFrom(1, 3, 40),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("deliver" as const),
      sink,
      share: fc.constantFrom(1, 1, 0.5, 0.1),
      dead: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.uniqueArray(fc.nat(30), { maxLength: 4 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("fail" as const), sink }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("reopen" as const), sinks: fc.subarray([...SINKS], { minLength: 1 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("attach" as const), sinks: fc.subarray([...SINKS], { minLength: 1 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "crash" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.constantFrom(1000, 31_000, HOUR_MS, 8 * 24 * HOUR_MS),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("step" as const),
      ms: fc.constantFrom(-HOUR_MS, HOUR_MS, -3 * 24 * HOUR_MS),
    }),
  },
);

/** Runs so many sequences of steps. */
export async function tryModel(tries: Tries, longest: number): Promise<void> {
  using worker = workerHere();
  const base = temporaryBase();
  try {
    const steps = fc.array(step, { minLength: 4, maxLength: longest, size: "max" });
    await tryOut(
      fc.asyncProperty(steps, fc.boolean(), async (steps, small) => {
        await using trial = new ModelTrial(
          Deno.makeTempDirSync({ dir: base }),
          worker,
          small ? SMALL_BYTES : 64 * 1024 * 1024,
        );
        await trial.open(SINKS);
        for (const step of steps) await trial.perform(step);
        await trial.drain();
      }),
      tries,
    );
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
}

/** In memory where there is such a place, for it is the program that is tried and no disk. */
export function temporaryBase(): string {
  try {
    return Deno.makeTempDirSync({ dir: "/dev/shm" });
  } catch {
    return Deno.makeTempDirSync();
  }
}

/** What the model knows of a sink. All counts are readings. */
interface ModelSink {
  /** Readouts up to here it has done with; the log's number of the last. */
  acked: number;
  /** Where it began. */
  base: number;
  delivered: number;
  dead: number;
  /** Readings that were passed over on the way here: the books must have them as evicted. */
  skipped: number;
  detachedMs: number | undefined;
  /** It was away for so long that its cursor need not be there any more. */
  maybeForgotten: boolean;
}

class ModelTrial implements AsyncDisposable {
  #journal: Journal | undefined;
  /** Readings of each readout; its number is its place, from 1. */
  readonly #log: number[] = [0];
  readonly #sinks = new Map<SinkName, ModelSink>();
  #attached: readonly SinkName[] = [];
  /** What may be on disk of each sink: as it was at the last commit, and after each step since. */
  #past: Map<SinkName, ModelSink>[] = [];
  readonly #clock = new HandClock();
  #crashes = 0;

  constructor(readonly folder: string, readonly worker: WorkerHere, readonly maxBytes: number) {}

  /** `past`: what may have been on disk when the process before was killed. */
  async open(sinks: readonly SinkName[], past: readonly Map<SinkName, ModelSink>[] = []): Promise<void> {
    const { maxBytes } = this;
    this.#attached = sinks;
    this.#journal = await openAgain({ path: this.#path, sinks, maxBytes, clock: this.#clock });
    if (past.length > 0) { for (const name of sinks) this.#recall(name, past); }
    for (const [name, sink] of this.#sinks) if (!sinks.includes(name)) sink.detachedMs ??= this.#clock.now();
    for (const name of sinks) this.#attach(name);
    await this.#check();
  }

  /** After a crash a sink is where it was at the last commit, or later. */
  #recall(name: SinkName, past: readonly Map<SinkName, ModelSink>[]): void {
    const { delivered, dead } = this.#book(name);
    const then = past.flatMap((sinks) => sinks.get(name) ?? []).find((sink) =>
      sink.delivered === delivered && sink.dead === dead
    );
    assert(then, `${name} comes back with books that it never had: ${JSON.stringify(this.#book(name))}`);
    this.#sinks.set(name, then);
  }

  /** A sink that is new, or was away for long, begins at the end; one that was away goes on where it was. */
  #attach(name: SinkName): void {
    const known = this.#sinks.get(name);
    if (known && !(known.maybeForgotten && this.#book(name).ingested === 0)) {
      known.detachedMs = undefined;
      known.maybeForgotten = false;
      return;
    }
    const head = this.#log.length - 1;
    const none = { delivered: 0, dead: 0, skipped: 0, detachedMs: undefined, maybeForgotten: false };
    this.#sinks.set(name, { acked: head, base: head, ...none });
  }

  async perform(step: Step): Promise<void> {
    switch (step.kind) {
      case "append":
        await this.#append(step);
        break;
      case "deliver":
        await this.#deliver(step);
        break;
      case "fail":
        if (this.#isPending(step.sink)) await this.#claim(step.sink);
        break;
      case "reopen":
        await this.#journal![Symbol.asyncDispose]();
        this.#past = [];
        await this.open(step.sinks);
        break;
      case "attach":
        this.#changeSinks(step.sinks);
        break;
      case "crash":
        await this.#crash();
        break;
      case "wait":
        this.#clock.wait(step.ms);
        break;
      case "step":
        this.#clock.step(step.ms);
    }
    await this.#check();
  }

  /** Each sink takes all that is left: then nothing may be missing. */
  async drain(): Promise<void> {
    for (const name of this.#attached) {
      for (let rounds = 0; this.#isPending(name); rounds++) {
        assert(rounds < 10_000, `${name} is never done`);
        await this.#deliver({ kind: "deliver", sink: name, share: 1, dead: [] });
      }
      const { evicted } = this.#book(name);
      const sink = this.#sinks.get(name)!;
      sink.skipped += this.#sum(sink.acked, this.#log.length - 1); // dropped at the very end
      assert.equal(evicted, sink.skipped, `${name}: what was passed over is what was evicted`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal?.[Symbol.asyncDispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }

  get #path(): string {
    return `${this.folder}/journal-${this.#crashes}.db`;
  }

  #changeSinks(sinks: readonly SinkName[]): void {
    for (const name of this.#attached.filter((name) => !sinks.includes(name))) {
      this.#journal!.detach(name);
      this.#sinks.get(name)!.detachedMs = this.#clock.now();
    }
    const come = sinks.filter((name) => !this.#attached.includes(name));
    for (const name of come) this.#journal!.attach(name);
    this.#attached = sinks;
    for (const name of come) this.#attach(name);
  }

  async #append({ readouts, readings }: { readonly readouts: number; readonly readings: number }): Promise<void> {
    const first = this.#log.length;
    const numbers = Array.from({ length: readouts }, (_, at) => first + at);
    const receipts = await Promise.all(numbers.map((number) => this.#journal!.append(readout(number, readings))));
    assert.deepEqual(receipts.map(({ seq }) => seq), numbers);
    assert(receipts.every(({ durable }) => durable));
    this.#log.push(...numbers.map(() => readings));
    this.#past = []; // the cursors went along
  }

  async #deliver({ sink: name, share, dead }: Extract<Step, { kind: "deliver" }>): Promise<void> {
    if (!this.#isPending(name)) return;
    const batch = await this.#claim(name);
    const last = Math.max(1, Math.ceil(new Set(batch.seqs).size * share));
    const upTo = [...new Set(batch.seqs)][last - 1]!;
    const end = batch.seqs.lastIndexOf(upTo) + 1;
    const part = upTo === batch.upTo ? batch : {
      upTo,
      total: this.#sum(0, upTo),
      readings: batch.readings.slice(0, end),
      seqs: batch.seqs.slice(0, end),
    };
    const letters = dead.filter((index) => index < end).map((index) => ({ index, reason: "never" }));
    this.#journal!.acknowledge(name, part, { mark: `${name} ${upTo}`, dead: letters });
    assert.equal(this.#journal!.mark(name), `${name} ${upTo}`);
    const sink = this.#sinks.get(name)!;
    sink.skipped += this.#sum(sink.acked, upTo) - end;
    sink.delivered += end - letters.length;
    sink.dead += letters.length;
    sink.acked = upTo;
  }

  /** The next batch, and that it is what the model says: the readouts after the cursor, whole, in order, as they were. */
  async #claim(name: SinkName): Promise<Batch> {
    const batch = await this.#journal!.next(name, AbortSignal.timeout(60_000));
    const { acked } = this.#sinks.get(name)!;
    const seqs = [...new Set(batch.seqs)];
    assert(seqs[0]! > acked, `${name} gets ${seqs[0]} again`);
    assert.deepEqual(seqs, seqs.toSorted((a, b) => a - b));
    assert.equal(seqs.at(-1), batch.upTo);
    assert.equal(batch.total, this.#sum(0, batch.upTo));
    assert.deepEqual(batch.readings, seqs.flatMap((seq) => readout(seq, this.#log[seq])));
    return batch;
  }

  #isPending(name: SinkName): boolean {
    return this.#attached.includes(name) && this.#book(name).pending > 0;
  }

  /** Another process finds the files as they are; what the killed one knew and had not written is gone. */
  async #crash(): Promise<void> {
    this.worker.kill();
    const from = this.#path;
    this.#crashes++;
    for (const end of ["", "-wal"]) if (exists(from + end)) Deno.copyFileSync(from + end, this.#path + end);
    const past = this.#past;
    this.#past = [];
    await this.open(this.#attached, past);
  }

  /** The books balance and say what the model says. */
  async #check(): Promise<void> {
    await this.#journal!.ping();
    await this.#journal!.ping(); // what that led to is done as well
    for (const name of this.#attached) {
      const { ingested, delivered, pending, evicted, dead } = this.#book(name);
      const sink = this.#sinks.get(name)!;
      assert.equal(ingested, delivered + pending + evicted + dead, `the books of ${name}`);
      assert.equal(ingested, this.#sum(sink.base, this.#log.length - 1), `ingested for ${name}`);
      assert.deepEqual([delivered, dead], [sink.delivered, sink.dead], `delivered to ${name}, and dead`);
      assert(pending >= 0 && evicted >= sink.skipped, `${name}: ${sink.skipped} passed over, ${evicted} evicted`);
    }
    for (const sink of this.#sinks.values()) {
      sink.maybeForgotten ||= this.#clock.now() - (sink.detachedMs ?? Infinity) >= DETACHED_MS;
    }
    this.#past.push(structuredClone(this.#sinks));
  }

  #book(name: SinkName) {
    return this.#journal!.books().find(({ sink }) => sink === name)!;
  }

  /** Readings of the readouts after one, up to another. */
  #sum(after: number, upTo: number): number {
    return this.#log.slice(after + 1, upTo + 1).reduce((sum, count) => sum + count, 0);
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A clock that goes on when told. */
class HandClock implements Clock {
  #wallMs = T0;
  #monotonicMs = 0;
  #sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      this.#sleepers.push({ untilMs: this.#monotonicMs + ms, wake: resolve });
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }

  /** Time passes. */
  wait(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
    const due = this.#sleepers.filter(({ untilMs }) => untilMs <= this.#monotonicMs);
    this.#sleepers = this.#sleepers.filter(({ untilMs }) => untilMs > this.#monotonicMs);
    for (const { wake } of due) wake();
  }

  /** Wall time jumps. */
  step(ms: number): void {
    this.#wallMs += ms;
  }
}

/** Steps of a sequence at most, and how many sequences are promised. */
const LONGEST = 64;
const SEQUENCES = 10_000;

/** The trial. */
export const model: Trial = {
  name: "model",
  summary: "the journal beside a model of it: 10 000 sequences of up to 64 steps (ten minutes)",
  async run({ count = SEQUENCES, seed, say }): Promise<readonly Row[]> {
    for (let done = 0; done < count; done += 500) {
      await tryModel({ count: Math.min(500, count - done), seed: seed + done }, LONGEST);
      say(`  ${Math.min(done + 500, count)} of ${count}, seed of these: ${seed + done}\n`);
    }
    const measure = "sequences in which books or deliveries left the model";
    return [{ measure, result: `0 of ${count}`, bound: "0", met: true }];
  },
};
