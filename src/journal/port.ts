/** The way to the journal's worker: questions go there, answers come back in order. @module */
import { ConfigError, JournalError, LineError } from "../errors.ts";
import type { Answer, Question, Trouble } from "./messages.ts";

/** A question without its number, which the port gives it. */
type Asked<Q = Question> = Q extends unknown ? Omit<Q, "id"> : never;

/** Starts the worker and talks to it. */
export class JournalPort {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "journal" });
  readonly #open = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  #end: Error | undefined;

  /** `path` is for messages. */
  constructor(readonly path: string) {
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#settle(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new JournalError("failing", `the journal's worker died: ${event.message}`));
    };
  }

  /** @throws {ConfigError | LineError | JournalError} by who must act */
  ask<T>(question: Asked): Promise<T> {
    if (this.#end) return Promise.reject(this.#end);
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<unknown>();
    this.#open.set(id, answer);
    this.#worker.postMessage({ ...question, id });
    return answer.promise as Promise<T>;
  }

  /** Ends the worker; what it has not answered fails. */
  terminate(): void {
    this.#worker.terminate();
    this.#fail(new Error(`The journal ${this.path} is closed`));
  }

  #settle({ id, value, trouble }: Answer): void {
    const answer = this.#open.get(id)!;
    this.#open.delete(id);
    if (trouble) answer.reject(toError(this.path, trouble));
    else answer.resolve(value);
  }

  #fail(error: Error): void {
    this.#end ??= error;
    for (const answer of this.#open.values()) answer.reject(error);
    this.#open.clear();
  }
}

/** What went wrong with the journal at `path`, by who must act. */
export function toError(path: string, { kind, message }: Trouble): Error {
  switch (kind) {
    case "config":
      return new ConfigError([{ path, message }]);
    case "busy":
      return new LineError("busy", message);
    case "full":
    case "failing":
    case "damaged":
      return new JournalError(kind, message);
    case "fault":
      return new Error(`The journal failed: ${message}`);
  }
}
