/** Work that ends in time. @module */

/**
 * Runs `work` with a signal that aborts when `parent` does, or after `withinMs` with a `TimeoutError` that says what took so long.
 * Leaves no listener on `parent` behind (`AbortSignal.any` would).
 */
export async function withLimit<T>(
  parent: AbortSignal,
  { withinMs, what }: { withinMs: number; what: string },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const follow = () => controller.abort(parent.reason);
  if (parent.aborted) follow();
  parent.addEventListener("abort", follow, { once: true });
  const expire = () =>
    controller.abort(new DOMException(`${what} took more than ${withinMs / 1000} s`, "TimeoutError"));
  const timer = setTimeout(expire, withinMs);
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    parent.removeEventListener("abort", follow);
  }
}
