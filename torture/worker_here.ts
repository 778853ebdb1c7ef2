/**
 * The journal's worker on this thread. A thread of its own costs 50 ms to start, and a trial opens thousands of journals,
 * one at a time: each of them gets the real worker's code, whose questions and answers pass through the event loop here.
 * @module
 */

/** What a worker's module sees as `self`. */
interface Realm {
  Worker: unknown;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  postMessage: ((answer: unknown) => void) | undefined;
}

/** In place until disposed. */
export interface WorkerHere extends Disposable {
  /** From now on the worker hears nothing more from whoever has it: its process was killed. */
  kill(): void;
}

/** Takes the place of `Worker` in this realm. */
export function workerHere(): WorkerHere {
  const realm = globalThis as unknown as Realm;
  const before = { Worker: realm.Worker, onmessage: realm.onmessage, postMessage: realm.postMessage };
  let tenant: Tenant | undefined;
  realm.Worker = class {
    constructor(url: URL) {
      return tenant = new Tenant(realm, url);
    }
  };
  return {
    kill: () => tenant?.kill(),
    [Symbol.dispose]: () => void Object.assign(realm, before),
  };
}

/** What looks like a worker to whoever made it. */
class Tenant {
  onmessage: ((event: { readonly data: unknown }) => void) | undefined;
  onerror: unknown;
  #dead = false;
  #last: Promise<void>;

  constructor(readonly realm: Realm, url: URL) {
    this.#last = import(url.href).then(() => {
      handler ??= realm.onmessage!;
    });
  }

  postMessage(message: unknown): void {
    const question = structuredClone(message);
    this.#last = this.#last.then(() => this.#ask(question));
  }

  /** A thread that ends lets go of its files. */
  terminate(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#last.then(() => {
      this.realm.postMessage = () => {};
      handler!({ data: { id: 0, kind: "close" } });
    });
  }

  kill(): void {
    this.#dead = true;
  }

  #ask(data: unknown): void {
    if (this.#dead) return;
    let answer: unknown;
    this.realm.postMessage = (said) => void (answer = structuredClone(said));
    handler!({ data });
    queueMicrotask(() => this.#dead || this.onmessage?.({ data: answer }));
  }
}

/** The worker's, once its module has run; it runs once. */
let handler: Realm["onmessage"];
