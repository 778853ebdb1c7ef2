/**
 * Waits for all ports at once, on one thread. Deno has 32 threads for calls that take long; a port that kept one for
 * itself would leave none to the rest of the program.
 * @module
 */
import * as terminals from "../libc_terminals.ts";

class Poller {
  readonly #epoll = terminals.openEpoll();
  /** Rung when nobody waits any more, so that the thread comes home. */
  readonly #bell = terminals.openBell();
  readonly #waiters = new Map<number, () => void>();
  #running = false;
  /** Settles when the thread comes home. */
  #turn: Promise<readonly number[]> = Promise.resolve([]);

  constructor() {
    terminals.controlEpoll(this.#epoll, "add", this.#bell);
  }

  add(fd: number): void {
    terminals.controlEpoll(this.#epoll, "add", fd);
  }

  /** Forgets a port before it is closed; whoever waits for it is woken. Resolves when no thread waits for it. */
  async remove(fd: number): Promise<void> {
    terminals.controlEpoll(this.#epoll, "remove", fd);
    this.#waiters.get(fd)?.();
    this.#leave(fd);
    if (this.#waiters.size === 0) await this.#turn;
  }

  /** Resolves when there is something to read, or nothing ever will be. @throws the signal's reason */
  ready(fd: number, signal: AbortSignal): Promise<void> {
    terminals.controlEpoll(this.#epoll, "arm", fd);
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#leave(fd);
        reject(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
      this.#waiters.set(fd, () => {
        signal.removeEventListener("abort", stop);
        resolve();
      });
      if (!this.#running) this.#run();
    });
  }

  #leave(fd: number): void {
    this.#waiters.delete(fd);
    if (this.#waiters.size === 0 && this.#running) terminals.ring(this.#bell);
  }

  async #run(): Promise<void> {
    this.#running = true;
    terminals.controlEpoll(this.#epoll, "arm", this.#bell);
    while (this.#waiters.size > 0) {
      this.#turn = terminals.waitEpoll(this.#epoll);
      for (const fd of await this.#turn) {
        if (fd === this.#bell) this.#answerBell();
        const waiter = this.#waiters.get(fd);
        this.#waiters.delete(fd);
        waiter?.();
      }
    }
    this.#running = false;
  }

  #answerBell(): void {
    terminals.silence(this.#bell);
    terminals.controlEpoll(this.#epoll, "arm", this.#bell);
  }
}

let shared: Poller | undefined;

/** The poller of this process, made when the first port is opened. */
export function poller(): Poller {
  return shared ??= new Poller();
}
