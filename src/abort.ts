/** Work that ends in time. @module */
import { alarm, type Clock, systemClock } from "./clock.ts";

/** A signal of one's own, which aborts when another one does. */
export interface Follower extends Disposable {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
}

/**
 * Follows `parent` until disposed, and leaves no listener on it behind (`AbortSignal.any` would). Who listens and stops
 * listening often has a signal of its own: on one of all, each of a thousand would pay for the others.
 */
export function follow(parent: AbortSignal): Follower {
  const controller = new AbortController();
  const { signal } = controller;
  const abort = () => controller.abort(parent.reason);
  if (parent.aborted) abort();
  parent.addEventListener("abort", abort, { once: true });
  return {
    signal,
    abort: (reason) => controller.abort(reason),
    [Symbol.dispose]: () => parent.removeEventListener("abort", abort),
  };
}

/** How long something may take, and what it is, for the error. */
export interface Limit {
  readonly withinMs: number;
  readonly what: string;
  readonly clock?: Pick<Clock, "sleep" | "alarm">;
}

/** A signal that aborts when `parent` does, or after `withinMs` with a `TimeoutError` that says what took so long; until disposed. */
export function limited(parent: AbortSignal, { withinMs, what, clock = systemClock }: Limit): Follower {
  const limit = follow(parent);
  const expire = () => limit.abort(new DOMException(`${what} took more than ${withinMs / 1000} s`, "TimeoutError"));
  const inTime = alarm(clock, withinMs, expire);
  return {
    ...limit,
    [Symbol.dispose]: () => {
      inTime();
      limit[Symbol.dispose]();
    },
  };
}

/** Runs `work` with such a signal. */
export async function withLimit<T>(
  parent: AbortSignal,
  limit: Limit,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  using its = limited(parent, limit);
  return await work(its.signal);
}
