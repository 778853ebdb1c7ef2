/** Work that ends in time. @module */
import { alarm, type Clock, systemClock } from "./clock.ts";

/**
 * Runs `work` with a signal that aborts when `parent` does, or after `withinMs` with a `TimeoutError` that says what took so long.
 * Leaves no listener on `parent` behind (`AbortSignal.any` would).
 */
export async function withLimit<T>(
  parent: AbortSignal,
  { withinMs, what, clock = systemClock }: { withinMs: number; what: string; clock?: Pick<Clock, "sleep" | "alarm"> },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const follow = () => controller.abort(parent.reason);
  if (parent.aborted) follow();
  parent.addEventListener("abort", follow, { once: true });
  const expire = () =>
    controller.abort(new DOMException(`${what} took more than ${withinMs / 1000} s`, "TimeoutError"));
  const inTime = alarm(clock, withinMs, expire);
  try {
    return await work(controller.signal);
  } finally {
    inTime();
    parent.removeEventListener("abort", follow);
  }
}
