import assert from "node:assert/strict";
import type { Clock } from "../src/clock.ts";
import { type Dialogue, flush, pause, prolongedBreak, send, setLine } from "../src/dialogue.ts";
import { LineError, SilenceError } from "../src/errors.ts";
import { SIGN_ON_LINE } from "../src/line.ts";
import { converse, type TraceEvent } from "../src/session.ts";
import type { Transport } from "../src/transport/transport.ts";
import { FakeClock } from "./support/fake_clock.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (came: Uint8Array) => new TextDecoder().decode(came);
const { signal: never } = new AbortController();

/** A clock on which a sleep is over at the event loop's next turn, and the time has passed. */
function quickClock(): Clock {
  let now = 1000;
  return {
    now: () => now,
    monotonic: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const timer = setTimeout(() => resolve(void (now += ms)), 0);
        signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
      }),
  };
}

/** The same, on which nothing but the pause before the break ever ends. */
function onlyPauses(): Clock {
  const quick = quickClock();
  return { ...quick, sleep: (ms, signal) => ms === 200 ? quick.sleep(ms, signal) : new Promise(() => {}) };
}

/** A wire that writes down what it was asked for and answers from a list; a string arrives, an error fails, nothing left is silence. */
function scripted(...arriving: (string | Error)[]) {
  const log: string[] = [];
  let broken: Error | undefined;
  const transport: Transport = {
    read: (signal) => {
      const next = broken ?? arriving.shift();
      if (next instanceof Error) return Promise.reject(broken = next);
      if (next !== undefined) return Promise.resolve(bytes(next));
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
    },
    write: (sent) => broken ? Promise.reject(broken) : Promise.resolve(void log.push(`> ${text(sent)}`)),
    setLine: ({ baud }) => broken ? Promise.reject(broken) : Promise.resolve(void log.push(`= ${baud}`)),
    setBreak: (on) => Promise.resolve(void log.push(`space ${on}`)),
    flush: () => void log.push("flush"),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { transport, log };
}

function* receive(withinMs = 1500): Dialogue<string> {
  const { bytes } = yield { kind: "receive", withinMs };
  return text(bytes);
}

/** Reads one message and always sends the break. */
function* withBreak(): Dialogue<string> {
  try {
    yield* send(bytes("request"));
    return yield* receive();
  } finally {
    yield* pause(200);
    yield* send(bytes("break"));
    yield* setLine(SIGN_ON_LINE);
  }
}

Deno.test("converse: what is sent takes its time at least, though a socket takes it at once", async () => {
  const clock = quickClock();
  const { transport } = scripted();
  const waking: Dialogue<void> = (function* () {
    yield { kind: "send", bytes: bytes("\0\0"), leastMs: 2200 };
    yield* send(bytes("/?!"));
  })();
  await converse(transport, waking, { signal: never, clock });
  assert.equal(clock.now(), 1000 + 2200);
});

Deno.test("converse: carries out every step in order, and traces them", async () => {
  const { transport, log } = scripted("/LGZ5");
  const trace: TraceEvent[] = [];
  const clock = new FakeClock();
  const dialogue = (function* (): Dialogue<[string, boolean]> {
    yield* setLine(SIGN_ON_LINE);
    yield* flush();
    yield* send(bytes("/?!"));
    const came = yield* receive();
    yield* pause(200);
    try {
      yield* receive(1500);
    } catch (error) {
      return [came, error instanceof SilenceError];
    }
    return [came, false];
  })();
  const session = converse(transport, dialogue, { signal: never, clock, trace: (event) => trace.push(event) });
  assert.deepEqual(await clock.run(session), ["/LGZ5", true]);
  assert.deepEqual(log, ["= 300", "flush", "> /?!"]);
  assert.deepEqual(trace, [
    { kind: "line", settings: SIGN_ON_LINE, atMs: 0 },
    { kind: "sent", bytes: bytes("/?!"), atMs: 0 },
    { kind: "received", bytes: bytes("/LGZ5"), atMs: 0 },
    { kind: "silence", withinMs: 1500, atMs: 1700 },
  ]);
});

Deno.test("converse: each wait lasts its own time, whatever the one before was allowed", async () => {
  const clock = new FakeClock();
  const arrivesAt = [100, 1900, 4800];
  const read = async (signal: AbortSignal) => {
    await clock.sleep((arrivesAt.shift() ?? Infinity) - clock.now(), signal);
    return bytes(String(clock.now()));
  };
  const dialogue = (function* (): Dialogue<string[]> {
    const came: string[] = [];
    for (const withinMs of [3000, 2000, 3000, 1000, 50, 1500]) {
      try {
        came.push(yield* receive(withinMs));
      } catch (error) {
        came.push((error as Error).message);
      }
    }
    return came;
  })();
  assert.deepEqual(
    await clock.run(converse({ ...scripted().transport, read }, dialogue, { signal: never, clock })),
    ["100", "1900", "4800", "Nothing came within 1000 ms", "Nothing came within 50 ms", "Nothing came within 1500 ms"],
  );
  assert.equal(clock.now(), 4800 + 1000 + 50 + 1500);
});

Deno.test("converse: what the dialogue throws is what the caller gets", async () => {
  const { transport, log } = scripted();
  await assert.rejects(converse(transport, withBreak(), { signal: never, clock: quickClock() }), SilenceError);
  assert.deepEqual(log, ["> request", "> break", "= 300"]);
});

Deno.test("converse: a lost wire ends the dialogue with the first error, without waiting", async () => {
  const lost = new LineError("lost", "unplugged");
  const { transport, log } = scripted(lost);
  const clock = quickClock();
  await assert.rejects(converse(transport, withBreak(), { signal: never, clock }), (error) => error === lost);
  assert.deepEqual(log, ["> request"]);
  assert.equal(clock.now(), 1000, "no pause on a wire that is gone");
});

Deno.test("converse: an abort signs the meter off, then throws its reason", async () => {
  const { transport, log } = scripted();
  const abort = new AbortController();
  const clock = onlyPauses();
  const session = converse(transport, withBreak(), { signal: abort.signal, clock });
  setTimeout(() => abort.abort("stop"), 0);
  await assert.rejects(session, (reason) => reason === "stop");
  assert.deepEqual(log, ["> request", "> break", "= 300"]);
});

Deno.test("converse: a line that is held at space is let go, also by an abort, and before a sign-off", async () => {
  const whole = scripted();
  await converse(whole.transport, prolongedBreak(300), { signal: new AbortController().signal, clock: quickClock() });
  assert.deepEqual(whole.log, ["space true", "space false"]);
  const cut = scripted();
  const abort = new AbortController();
  const dialogue = function* () {
    try {
      yield* prolongedBreak(300);
    } finally {
      yield* send(bytes("break"));
    }
  };
  const session = converse(cut.transport, dialogue(), { signal: abort.signal, clock: onlyPauses() });
  setTimeout(() => abort.abort("stop"), 0);
  await assert.rejects(session, (reason) => reason === "stop");
  assert.deepEqual(cut.log, ["space true", "space false", "> break"]);
});

Deno.test("converse: a sign-off that takes too long is given up, and nobody is kept waiting", async () => {
  const { transport, log } = scripted();
  transport.write = () => new Promise(() => {});
  const abort = new AbortController();
  const session = converse(transport, withBreak(), { signal: abort.signal, clock: quickClock() });
  abort.abort("stop");
  await assert.rejects(session, (reason) => reason === "stop");
  assert.deepEqual(log, []);
});

Deno.test("converse: the break follows a message that an abort left on its way", async () => {
  const { transport, log } = scripted();
  const { promise: sent, resolve } = Promise.withResolvers<void>();
  const write = transport.write;
  transport.write = async (message) => {
    if (text(message) === "request") await sent;
    await write(message);
  };
  const abort = new AbortController();
  const clock = onlyPauses();
  const session = converse(transport, withBreak(), { signal: abort.signal, clock });
  abort.abort("stop");
  setTimeout(resolve, 5);
  await assert.rejects(session, (reason) => reason === "stop");
  assert.deepEqual(log, ["> request", "> break", "= 300"]);
});

Deno.test("converse: aborted before it begins, nothing is sent", async () => {
  const { transport, log } = scripted("x");
  const session = converse(transport, withBreak(), { signal: AbortSignal.abort("stop"), clock: quickClock() });
  await assert.rejects(session, (reason) => reason === "stop");
  assert.deepEqual(log, []);
});

Deno.test("converse: a host that was too busy to hear listens once more before it calls it silence", async () => {
  const quick = quickClock();
  let stallMs = 3000;
  const stalled: Clock = {
    ...quick,
    sleep: (ms, signal) => quick.sleep(ms + stallMs, signal).finally(() => stallMs = 0),
  };
  const { transport } = scripted();
  const late = {
    ...transport,
    read: () => new Promise<Uint8Array>((done) => setTimeout(() => done(bytes("late")), 2)),
  };
  assert.equal(await converse(late, receive(), { signal: never, clock: stalled }), "late");
  await assert.rejects(converse(transport, receive(), { signal: never, clock: quickClock() }), SilenceError);
});

Deno.test("converse: ten thousand steps leave no listener on the signal", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
  signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args));
  const { transport } = scripted(...Array.from({ length: 3000 }, () => "x"));
  const dialogue = (function* (): Dialogue<number> {
    let count = 0;
    for (let i = 0; i < 2500; i++) {
      yield* send(bytes("x"));
      yield* setLine(SIGN_ON_LINE);
      yield* flush();
      count += (yield* receive()).length;
    }
    yield* pause(0);
    return count;
  })();
  assert.equal(await converse(transport, dialogue, { signal }), 2500);
  assert.equal(listeners, 0);
});

Deno.test("converse: a pause and a deadline last no less than they say on the host's clock", async () => {
  const { transport } = scripted();
  const dialogue = (function* (): Dialogue<number[]> {
    const tookMs: number[] = [];
    for (let i = 0; i < 6; i++) {
      const start = performance.now();
      if (i % 2 === 0) yield* pause(30);
      else yield* silence(30);
      tookMs.push(performance.now() - start);
    }
    return tookMs;
  })();
  const tookMs = await converse(transport, dialogue, { signal: never });
  assert.ok(Math.min(...tookMs) >= 29.5, `30 ms took ${tookMs}`);
});

function* silence(withinMs: number): Dialogue<void> {
  try {
    yield* receive(withinMs);
  } catch (error) {
    assert.ok(error instanceof SilenceError);
  }
}
