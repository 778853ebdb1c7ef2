/** A recording becomes a test in one line: its meter answers a dialogue, at its own pace, in no time. @module */
import assert from "node:assert/strict";
import type { Dialogue } from "../../src/dialogue.ts";
import { LineError } from "../../src/errors.ts";
import { characterMs, formatLine, type LineSettings, SIGN_ON_LINE } from "../../src/line.ts";
import { parseRecording } from "../../src/recording.ts";
import { converse } from "../../src/session.ts";
import { Replay } from "../../src/simulator/replay.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { FakeClock } from "./fake_clock.ts";

/**
 * What `dialogue` brings home from the meter of a recording (or of an exchange in hex digits).
 * @throws {AssertionError} it says otherwise than was recorded, or at another speed
 * @throws what the dialogue throws
 */
export async function replay<T>(recording: string, dialogue: Dialogue<T>): Promise<T> {
  const clock = new FakeClock();
  const differences: string[] = [];
  const meter = new Replay({
    name: "recording",
    events: parseRecording(recording),
    paced: true,
    onDifference: (message) => differences.push(message),
  });
  const [near, far] = wire(clock, (message) => differences.push(message));
  const over = new AbortController();
  const life = converse(far, meter.session(), { signal: over.signal, clock }).catch(() => near.hangUp());
  const client = converse(near, dialogue, { signal: new AbortController().signal, clock });
  try {
    return await clock.run(client);
  } finally {
    over.abort("over");
    await clock.run(life);
    assert.deepEqual(differences, []);
  }
}

/** Two ends of a wire on which every character takes its time. */
function wire(clock: FakeClock, complain: (message: string) => void): [End, End] {
  const ends: [End, End] = [new End(clock, complain), new End(clock, complain)];
  [ends[0].other, ends[1].other] = [ends[1], ends[0]];
  return ends;
}

class End implements Transport {
  other!: End;
  line: LineSettings = SIGN_ON_LINE;
  #queue: Uint8Array[] = [];
  #wake = () => {};
  #gone = false;

  constructor(readonly clock: FakeClock, readonly complain: (message: string) => void) {}

  async read(signal: AbortSignal): Promise<Uint8Array> {
    while (true) {
      signal.throwIfAborted();
      const bytes = this.#queue.shift();
      if (bytes) return bytes;
      if (this.#gone) throw new LineError("lost", "The meter has hung up");
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (const byte of bytes) {
      await this.clock.sleep(characterMs(this.line));
      this.other.#arrive(Uint8Array.of(byte), this.line);
    }
  }

  setLine(settings: LineSettings): Promise<void> {
    this.line = settings;
    return Promise.resolve();
  }

  flush(): void {
    this.#queue = [];
  }

  hangUp(): void {
    this.#gone = true;
    this.#wake();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #arrive(bytes: Uint8Array, line: LineSettings): void {
    if (formatLine(line) !== formatLine(this.line)) {
      this.complain(`One end is at ${formatLine(line)}, the other at ${formatLine(this.line)}`);
    }
    this.#queue.push(bytes);
    this.#wake();
  }
}
