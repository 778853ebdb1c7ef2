/**
 * Waits for all ports at once, on one thread. Deno has 32 threads for calls that take long; a port that kept one for
 * itself would leave none to the rest of the program.
 * @module
 */
import * as libc from "../libc.ts";

class Poller {
  readonly #epoll = libc.openEpoll();
  /** Rung when nobody waits any more, so that the thread comes home. */
  readonly #bell = libc.openBell();
  readonly #waiters = new Map<number, () => void>();
  #running = false;
  /** Settles when the thread comes home. */
  #turn: Promise<readonly number[]> = Promise.resolve([]);

  constructor() {
    libc.controlEpoll(this.#epoll, "add", this.#bell);
  }

  add(fd: number): void {
    libc.controlEpoll(this.#epoll, "add", fd);
  }

  /** Forgets a port before it is closed; whoever waits for it is woken. Resolves when no thread waits for it. */
  async remove(fd: number): Promise<void> {
    libc.controlEpoll(this.#epoll, "remove", fd);
    this.#waiters.get(fd)?.();
    this.#leave(fd);
    if (this.#waiters.size === 0) await this.#turn;
  }

  /** Resolves when there is something to read, or nothing ever will be. @throws the signal's reason */
  ready(fd: number, signal: AbortSignal): Promise<void> {
    libc.controlEpoll(this.#epoll, "arm", fd);
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
    if (this.#waiters.size === 0 && this.#running) libc.ring(this.#bell);
  }

  async #run(): Promise<void> {
    this.#running = true;
    libc.controlEpoll(this.#epoll, "arm", this.#bell);
    while (this.#waiters.size > 0) {
      this.#turn = libc.waitEpoll(this.#epoll);
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
    libc.silence(this.#bell);
    libc.controlEpoll(this.#epoll, "arm", this.#bell);
  }
}

let shared: Poller | undefined;

/** The poller of this process, made when the first port is opened. */
export function poller(): Poller {
  return shared ??= new Poller();
}
