/** Work that ends in time. @module */
import { type Clock, systemClock } from "./clock.ts";

/** Why a waiting that nobody needs any more is aborted. */
const OVER = "over";

/**
 * Runs `work` with a signal that aborts when `parent` does, or after `withinMs` with a `TimeoutError` that says what took so long.
 * Leaves no listener on `parent` behind (`AbortSignal.any` would).
 */
export async function withLimit<T>(
  parent: AbortSignal,
  { withinMs, what, clock = systemClock }: { withinMs: number; what: string; clock?: Pick<Clock, "sleep"> },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const follow = () => controller.abort(parent.reason);
  if (parent.aborted) follow();
  parent.addEventListener("abort", follow, { once: true });
  const expire = () =>
    controller.abort(new DOMException(`${what} took more than ${withinMs / 1000} s`, "TimeoutError"));
  const inTime = new AbortController();
  clock.sleep(withinMs, inTime.signal).then(expire, () => {});
  try {
    return await work(controller.signal);
  } finally {
    inTime.abort(OVER);
    parent.removeEventListener("abort", follow);
  }
}
