/** A process that opens a journal and takes all that one sink lacks, for a while: how soon it has the first, how large it grows. @module */
import { openJournal } from "../src/journal.ts";

const [path, limitMs] = Deno.args as [string, string];

const startMs = performance.now();
await using journal = await openJournal({ path, sinks: ["drain"], maxBytes: 4e9 });
const { signal } = new AbortController();
const pending = () => journal.books()[0]!.pending;
const all = pending();
let firstMs = 0;
while (pending() > 0 && performance.now() - startMs < Number(limitMs)) {
  const batch = await journal.next("drain", signal);
  firstMs ||= performance.now() - startMs;
  journal.acknowledge("drain", batch);
}
const seconds = (performance.now() - startMs) / 1000;
const status = Deno.readTextFileSync("/proc/self/status");
const peakMb = Number(/VmHWM:\s*(\d+)/.exec(status)![1]) / 1024;
const said = JSON.stringify({ firstMs, peakMb, seconds, readings: all - pending(), all });
Deno.stdout.writeSync(new TextEncoder().encode(said + "\n"));
