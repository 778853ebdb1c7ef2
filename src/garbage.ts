/**
 * Garbage, where V8 leaves it to us (`--expose-gc`, as `systemd/many_meters.conf` starts the program). Marked in small
 * steps, beside cores that are busy with a thousand meters, it is found so late that what came meanwhile takes as much
 * memory again, and each readout costs a third more; all at once it takes 50 ms.
 * @module
 */

/** So much more than what was left the last time is worth it. */
const GROWN = 1.45;

const { gc } = globalThis as { gc?: () => void };
let leftBytes = 0;

/** Whether it is left to us. */
export const isOurGarbage = gc !== undefined;

/** Collects it when there is much of it, in the thread that asks. */
export function collectGarbage(): void {
  if (!gc || Deno.memoryUsage().heapUsed < GROWN * leftBytes) return;
  gc();
  leftBytes = Deno.memoryUsage().heapUsed;
}
