/**
 * Runs a dialogue as a script, in no time. A line of the script is a step or what the other side does:
 * `= 300 7E1` the line is set · `> text` we send · `~ 200` we pause, ms · `< text` these bytes come · `silence` nothing
 * comes · `lost` the wire is gone, and the step fails · `abort` the session is given up here. Text is one character a
 * byte. Flushes need no line.
 * @module
 */
import type { Arrival, Dialogue, Step } from "../../src/dialogue.ts";
import { LineError, SilenceError } from "../../src/errors.ts";
import { toBytes, toText, visible } from "../../src/iec62056/characters.ts";
import { formatLine, type LineSettings, SIGN_ON_LINE } from "../../src/line.ts";

/** How the bytes of a `<` line come. */
export interface FollowOptions {
  /** Pieces of this many bytes; absent: each line at once. */
  readonly chunkBytes?: number;
  /** The clock at the beginning, ms since 1970. It goes on by what bytes take on the line, pauses and silence. */
  readonly startMs?: number;
}

/** What the dialogue brings home. @throws {Error} it does not follow the script; or whatever the dialogue throws */
export function follow<T>(dialogue: Dialogue<T>, script: readonly string[], options: FollowOptions = {}): T {
  const run = new Run(dialogue, script, options);
  const result = run.toEnd();
  if (result === ABORTED) throw new Error(`The script aborts: use followAborted`);
  return result;
}

/** The same for a script with `abort` in it: what stands behind that line is what must still be done. */
export function followAborted<T>(dialogue: Dialogue<T>, script: readonly string[], options: FollowOptions = {}): void {
  const run = new Run(dialogue, script, options);
  if (run.toEnd() !== ABORTED) throw new Error("The dialogue ended before it could be aborted");
}

const ABORTED = Symbol("aborted");

class Run<T> {
  readonly #dialogue: Dialogue<T>;
  readonly #script: readonly string[];
  readonly #chunkBytes: number;
  #at = 0;
  #nowMs: number;
  #line: LineSettings = SIGN_ON_LINE;
  /** Bytes of a `<` line that have not been handed over. */
  #coming: Uint8Array = new Uint8Array();
  #aborted = false;

  constructor(dialogue: Dialogue<T>, script: readonly string[], { chunkBytes = Infinity, startMs = 0 }: FollowOptions) {
    [this.#dialogue, this.#script, this.#chunkBytes, this.#nowMs] = [dialogue, script, chunkBytes, startMs];
  }

  toEnd(): T | typeof ABORTED {
    let result = this.#abortIfAsked() ?? this.#dialogue.next(undefined as unknown as Arrival);
    try {
      while (!result.done) result = this.#abortIfAsked() ?? this.#carryOut(result.value);
    } catch (error) {
      if (!this.#aborted || !(error instanceof DOMException)) throw error; // it says that it was interrupted
      result = { done: true, value: undefined as T };
    }
    const rest = this.#script.slice(this.#at);
    if (this.#coming.length > 0) throw new Error(`The dialogue ended before it had read ${visible(this.#coming)}`);
    if (rest.length > 0) throw new Error(`The dialogue ended before: ${visible(rest.join(" | "))}`);
    return this.#aborted ? ABORTED : result.value;
  }

  #carryOut(step: Step): IteratorResult<Step, T> {
    if (this.#script[this.#at] === "lost") {
      this.#at++;
      return this.#dialogue.throw(new LineError("lost", "The wire is gone"));
    }
    switch (step.kind) {
      case "flush":
        break;
      case "send":
        this.#expect(`> ${toText(step.bytes)}`);
        break;
      case "pause":
        this.#expect(`~ ${step.ms}${step.atSpace ? " at space" : ""}`);
        this.#nowMs += step.ms;
        break;
      case "line":
        this.#expect(`= ${formatLine(step.settings)}`);
        this.#line = step.settings;
        break;
      case "receive":
        return this.#receive(step.withinMs);
    }
    return this.#dialogue.next(undefined as unknown as Arrival);
  }

  #receive(withinMs: number): IteratorResult<Step, T> {
    if (this.#coming.length === 0) {
      const line = this.#script[this.#at];
      if (line === "silence") {
        this.#at++;
        this.#nowMs += withinMs;
        return this.#dialogue.throw(new SilenceError(`Nothing within ${withinMs} ms`));
      }
      if (line === undefined || !line.startsWith("< ")) throw this.#differs(`waits for bytes (${withinMs} ms)`);
      this.#at++;
      this.#coming = toBytes(line.slice(2));
    }
    const bytes = this.#coming.subarray(0, this.#chunkBytes);
    this.#coming = this.#coming.subarray(bytes.length);
    this.#nowMs += bytes.length * 10_000 / this.#line.baud;
    return this.#dialogue.next({ bytes, atMs: this.#nowMs });
  }

  #abortIfAsked(): IteratorResult<Step, T> | undefined {
    if (this.#script[this.#at] !== "abort" || this.#coming.length > 0) return undefined;
    this.#at++;
    this.#aborted = true;
    return this.#dialogue.return(undefined as T);
  }

  #expect(done: string): void {
    if (this.#script[this.#at] !== done) throw this.#differs(visible(done));
    this.#at++;
  }

  #differs(done: string): Error {
    const line = this.#script[this.#at];
    const wanted = line === undefined ? "the end" : visible(line);
    return new Error(`Line ${this.#at + 1} of the script: expected ${wanted}\nbut the dialogue: ${done}`);
  }
}
