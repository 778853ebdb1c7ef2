/** Readings reach a sink in order and each once, whatever the sink does. */
import assert from "node:assert/strict";
import { z } from "zod";
import { deliver, type DeliveryOptions } from "../src/delivery.ts";
import { type Book, type Journal, openJournal } from "../src/journal.ts";
import { type Reading, type Sink, SinkError, type SinkPlugin, type SinkRemedy } from "../src/sink.ts";
import { numbers, readout, temporaryFolder } from "./support/readings.ts";
import { type JumpingClock, jumpingClock } from "./support/sink_clock.ts";

type Write = Sink["write"];

/** A sink that does what it is told. */
function plugin(write: Write, open?: (mark: string | undefined) => void): SinkPlugin<unknown> {
  return {
    type: "test",
    options: z.unknown(),
    open(_options, mark) {
      open?.(mark);
      return Promise.resolve({ write, [Symbol.asyncDispose]: () => Promise.resolve() });
    },
  };
}

interface Scene {
  readonly journal: Journal;
  readonly clock: JumpingClock;
  readonly said: string[];
  /** Starts the delivery. */
  start(plugin: SinkPlugin<unknown>, options?: Partial<DeliveryOptions>): ReturnType<typeof deliver>;
  /** Resolves when the sink has nothing pending. */
  done(): Promise<Book>;
}

/** A journal with one sink, "it", and what is around it. */
async function scene(play: (scene: Scene) => Promise<void>, endlessMs = 20_000): Promise<void> {
  using folder = temporaryFolder();
  await using journal = await openJournal({ path: `${folder.path}/journal.db`, sinks: ["it"], maxBytes: 1e8 });
  const clock = jumpingClock(endlessMs);
  const stop = new AbortController();
  const said: string[] = [];
  const say = (message: string) => said.push(message);
  const log = { debug: say, info: say, warning: say, error: say };
  const running: ReturnType<typeof deliver>[] = [];
  await play({
    journal,
    clock,
    said,
    start(plugin, options = {}) {
      const delivery = deliver(journal, { name: "it", plugin, options: {} }, {
        ...{ signal: stop.signal, log, clock, random: () => 0.999 },
        ...options,
      });
      running.push(delivery);
      return delivery;
    },
    async done() {
      for (let tries = 0; journal.books()[0]!.pending > 0; tries++) {
        if (tries > 500) assert.fail(`still pending; said: ${said.join("; ")}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      return journal.books()[0]!;
    },
  });
  stop.abort();
  await Promise.all(running.map(({ done }) => done));
}

const no = (remedy: SinkRemedy, message = "no") => Promise.reject(new SinkError(message, remedy));

Deno.test("deliver: in order, at once, with the mark of the last write", async () => {
  await scene(async ({ journal, start, done }) => {
    const got: Reading[] = [];
    const write: Write = (readings) => Promise.resolve(`${got.push(...readings)} readings`);
    start(plugin(write));
    const began = performance.now();
    for (let number = 1; number <= 20; number++) await journal.append(readout(number));
    const book = await done();
    assert(performance.now() - began < 1000);
    assert.deepEqual(got, Array.from({ length: 20 }, (_, at) => readout(at + 1)).flat());
    assert.deepEqual([book.delivered, book.dead], [60, 0]);
    assert.equal(journal.mark("it"), "60 readings");
  });
});

Deno.test("deliver: what a sink has missed comes in quick succession, however few registers a readout has", async () => {
  await scene(async ({ journal, clock, start, done }) => {
    for (let number = 1; number <= 450; number++) await journal.append(readout(number, 1), undefined, 1);
    const sleptBefore: number[][] = [];
    start(plugin(() => Promise.resolve(void sleptBefore.push([...clock.slept]))));
    await done();
    assert(sleptBefore.length >= 3, `${sleptBefore.length} writes`);
    assert(sleptBefore.at(-1)!.every((ms) => ms <= 40), `${sleptBefore.at(-1)}`);
  });
});

Deno.test("deliver: tries for ever, with growing pauses, at least as long as the destination wishes", async () => {
  await scene(async ({ journal, clock, said, start, done }) => {
    let tries = 0;
    const delivery = start(plugin(() => {
      if (++tries <= 12) {
        return no({ kind: "retry", ...(tries === 11 && { afterMs: 600_000 }), ...(tries === 12 && { afterMs: 1e9 }) });
      }
      return Promise.resolve();
    }));
    await journal.append(readout(1));
    await done();
    assert.equal(delivery.state.retries, 12);
    assert.deepEqual(
      clock.slept.map((ms) => Math.round(ms / 1000)),
      [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 720, 900], // 600 s and a fifth more; never more than a quarter of an hour
    );
    assert.deepEqual(said.map((line) => line.replace(/\d+ s/, "N s")), [
      "Sink it: no; its readings are kept",
      "Sink it: no; its readings are kept", // after a quarter of an hour
      "Sink it works again after N s",
    ]);
  }, Infinity);
});

Deno.test("deliver: halves until the bad reading is alone, in 2k⌈log₂ n⌉+1 writes at most", async () => {
  for (const bad of [[], [0], [63], [5, 40], [10, 11, 12]]) {
    await scene(async ({ journal, start, done }) => {
      const got: Reading[] = [];
      let writes = 0;
      start(plugin((readings) => {
        writes++;
        if (readings.some(({ index }) => bad.includes(index))) return no({ kind: "split" }, "type conflict");
        got.push(...readings);
        return Promise.resolve();
      }));
      const readings = readout(1, 64).map((reading, index) => ({ ...reading, index }));
      await journal.append(readings);
      const book = await done();
      assert.deepEqual(got, readings.filter(({ index }) => !bad.includes(index)));
      assert.deepEqual([book.delivered, book.dead], [64 - bad.length, bad.length]);
      assert(writes <= 2 * bad.length * 6 + 1, `${writes} writes for ${bad.length} bad ones`);
    });
  }
});

Deno.test("deliver: what the destination names goes into dead letters, and not more", async () => {
  await scene(async ({ journal, said, start, done }) => {
    let batches = 0;
    start(plugin(() => ++batches === 1 ? no({ kind: "reject", indices: [1, 3] }, "out of range") : Promise.resolve()));
    await journal.append(readout(1, 8));
    await done();
    await journal.append(readout(2, 8));
    const book = await done();
    assert.deepEqual([book.delivered, book.dead, batches], [14, 2, 2]);
    assert.deepEqual(said, ["Sink it can never take 2 of 8 readings: out of range"]);
  });
});

Deno.test("deliver: when all of a small readout is rejected, all is kept, tried again ever more slowly", async () => {
  await scene(async ({ journal, clock, said, start, done }) => {
    let tries = 0;
    const delivery = start(plugin(() => ++tries <= 8 ? no({ kind: "split" }, "unknown bucket") : Promise.resolve()));
    await journal.append(readout(1, 2)); // three writes a try: both, and each alone
    const book = await done();
    assert.deepEqual([book.delivered, book.dead, delivery.state.blocked], [2, 0, undefined]);
    const waited = clock.slept.filter((ms) => ms >= 1000); // and not the pace of a batch, which may come behind
    assert.deepEqual(waited.map((ms) => Math.round(ms / 1000)), [72, 144, 288, 576]);
    assert.equal(
      said[0],
      "Sink it: 1 of 2 readings are rejected, so all are kept: unknown bucket; its readings are kept",
    );
  }, Infinity);
});

Deno.test("deliver: a bad readout that came alone is put aside once there are good ones beside it", async () => {
  await scene(async ({ journal, start, done }) => {
    const got: Reading[] = [];
    const delivery = start(plugin((readings) => {
      if (readings.some(({ text }) => text === "000001")) return no({ kind: "split" }, "out of range");
      got.push(...readings);
      return Promise.resolve();
    }));
    await journal.append(readout(1, 1));
    while (delivery.state.blocked !== "reject") await new Promise((resolve) => setTimeout(resolve, 1));
    for (let number = 2; number < 6; number++) await journal.append(readout(number, 1));
    const book = await done();
    assert.deepEqual([book.delivered, book.dead], [4, 1]);
    assert.deepEqual(numbers(got), [2, 3, 4, 5]);
  }, Infinity);
});

Deno.test("deliver: more than 100 dead letters an hour are too many, however large the batches", async () => {
  await scene(async ({ journal, clock, start, done }) => {
    const hour = clock.now() + 3_600_000;
    const seen: number[] = [];
    const delivery = start(plugin((readings) => {
      const indices = [...readings.keys()].filter((at) => readings[at]!.address === "1.8.0");
      if (indices.length === 0) return Promise.resolve();
      if (clock.now() < hour) seen.push(delivery.state.dead);
      return no({ kind: "reject", indices });
    }));
    for (let number = 0; number < 150; number++) await journal.append(readout(number, 3));
    await done();
    assert(Math.max(...seen) <= 100 && delivery.state.dead === 150, `${seen} ${delivery.state.dead}`);
  }, Infinity);
});

Deno.test("deliver: what only a person can mend is an error, told at once, tried after 1 to 15 min", async () => {
  await scene(async ({ journal, clock, said, start, done }) => {
    let tries = 0;
    const delivery = start(plugin(() => {
      if (++tries > 7) return Promise.resolve();
      return tries === 1 ? no({ kind: "retry" }, "away") : no({ kind: "retry", blocked: "auth" }, "who are you?");
    }));
    await journal.append(readout(1));
    while (delivery.state.blocked !== "auth") await new Promise((resolve) => setTimeout(resolve, 1));
    await done();
    assert.deepEqual(clock.slept.map((ms) => Math.round(ms / 1000)), [1, 72, 144, 288, 576, 900, 900]);
    assert.deepEqual(said.slice(0, 2).map((line) => line.split(";")[0]), ["Sink it: away", "Sink it: who are you?"]);
    assert.equal(delivery.state.blocked, undefined);
  }, Infinity);
});

Deno.test("deliver: what is left of a batch is offered again when its destination has not taken it", async () => {
  await scene(async ({ journal, start, done }) => {
    const got: string[] = [];
    let writes = 0;
    start(plugin((readings) => {
      writes++;
      const bad = readings.findIndex(({ address }) => ["2.8.0", "5.8.0"].includes(address));
      if (bad >= 0) return no({ kind: "reject", indices: [bad], others: "again" });
      got.push(...readings.map(({ address }) => address));
      return Promise.resolve();
    }));
    await journal.append(readout(1, 6));
    const book = await done();
    assert.deepEqual(got, ["1.8.0", "3.8.0", "4.8.0", "6.8.0"]);
    assert.deepEqual([book.delivered, book.dead, writes], [4, 2, 3]);
  });
});

Deno.test("deliver: a sink that throws something else is closed and opened again at its mark", async () => {
  await scene(async ({ journal, start, done }) => {
    const marks: (string | undefined)[] = [];
    const got: Reading[] = [];
    let writes = 0;
    const write: Write = (readings) => {
      if (++writes === 2) throw new TypeError("a bug");
      got.push(...readings);
      return Promise.resolve(`mark ${writes}`);
    };
    start(plugin(write, (mark) => marks.push(mark)));
    await journal.append(readout(1));
    await done();
    await journal.append(readout(2));
    await done();
    assert.deepEqual(marks, [undefined, "mark 1"]);
    assert.deepEqual(numbers(got), [1, 2]);
  });
});

Deno.test("deliver: a plug-in from elsewhere has a SinkError of its own", async () => {
  class SinkError extends Error {
    override readonly name = "SinkError";
    constructor(readonly remedy: unknown) {
      super("mine");
    }
  }
  await scene(async ({ journal, start, done }) => {
    let [writes, opens] = [0, 0];
    const remedies = [{ kind: "reject", indices: [7] }, { kind: "nonsense" }, { kind: "reject", indices: [2] }];
    const write = () => writes < 3 ? Promise.reject(new SinkError(remedies[writes++])) : Promise.resolve();
    start(plugin(write, () => opens++));
    await journal.append(readout(1));
    const book = await done();
    assert.deepEqual([book.delivered, book.dead, opens], [2, 1, 3]); // the first two remedies make no sense
  });
});

Deno.test("deliver: a sink that cannot be opened is tried again", async () => {
  await scene(async ({ journal, start, done }) => {
    let tries = 0;
    const opens = () => {
      if (++tries < 4) throw new SinkError("not there yet", { kind: "retry" });
    };
    const delivery = start(plugin(() => Promise.resolve(), opens));
    await journal.append(readout(1));
    await done();
    assert.equal(delivery.state.retries, 3);
  });
});

Deno.test("deliver: a write that takes longer than 30 s is aborted and tried again", async () => {
  await scene(async ({ journal, clock, start, done }) => {
    let writes = 0;
    start(plugin((_, signal) => {
      if (++writes > 1) return Promise.resolve();
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    }));
    await journal.append(readout(1));
    await done();
    assert.equal(clock.slept[0], 30_000);
    assert.equal(writes, 2);
  }, Infinity);
});

Deno.test("deliver: a write that never ends is never doubled, is told, and does not delay the stop", async () => {
  await scene(async ({ journal, clock, said, start }) => {
    let writes = 0;
    const stop = new AbortController();
    const delivery = start(plugin(() => new Promise(() => writes++)), { signal: stop.signal });
    await journal.append(readout(1));
    while (delivery.state.activity !== "hanging") await new Promise((resolve) => setTimeout(resolve, 2));
    assert.match(said.at(-1)!, /Sink it hangs: write neither ends nor heeds its abort/);
    const before = clock.now();
    stop.abort();
    await delivery.done;
    assert(clock.now() - before <= 5000, `${clock.now() - before} ms`);
    assert.deepEqual([writes, delivery.state.activity, journal.books()[0]!.pending], [1, "stopped", 3]);
  }, Infinity);
});

Deno.test("deliver: a sink that changes may end a slow write, for its successor would write the same again", async () => {
  await scene(async ({ journal, start, clock }) => {
    await journal.append(readout(1));
    const [change, stop] = [new AbortController(), new AbortController()];
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const delivery = start(plugin(() => (begin(), ended)), { signal: change.signal, stop: stop.signal });
    await begun;
    change.abort();
    const before = clock.slept.length;
    await clock.sleep(5000); // longer than a stop waits
    assert.deepEqual(clock.slept.slice(before), [5000]);
    end();
    await delivery.done;
    assert.equal(journal.books()[0]!.delivered, 3);
  });
});

Deno.test("deliver: on stop the write in flight may end, and is acknowledged", async () => {
  await scene(async ({ journal, start }) => {
    const stop = new AbortController();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const delivery = start(plugin(() => (begin(), ended)), { signal: stop.signal });
    await journal.append(readout(1));
    await begun;
    stop.abort();
    end();
    await delivery.done;
    assert.equal(journal.books()[0]!.pending, 0);
  });
});
