/** Decodes the telegram in a file again and again and prints how often in a second. @module */
import { decodeTelegrams } from "../src/iec62056/mod.ts";
import { normalise } from "../src/normalise.ts";

const [WARM_UP_MS, MEASURED_MS] = [1000, 2000];

const bytes = await Deno.readFile(Deno.args[0]!);

/** Readings of one decoding. */
function once(): number {
  return decodeTelegrams(bytes).reduce((count, telegram) => count + normalise(telegram).length, 0);
}

function timesIn(ms: number): number {
  const startMs = performance.now();
  let times = 0;
  let readings = 0;
  while (performance.now() - startMs < ms) {
    readings += once();
    times++;
  }
  if (readings === 0) throw new Error("Nothing was decoded");
  return times / (performance.now() - startMs) * 1000;
}

timesIn(WARM_UP_MS);
await Deno.stdout.write(new TextEncoder().encode(`${timesIn(MEASURED_MS)}\n`));
