/**
 * A process whose power is cut: it appends readouts without end and says the number of each that is on disk by the
 * journal's word. Every so-manieth flush fails, if that is wanted.
 * @module
 */
import { openJournal } from "../../src/journal.ts";
import { readout } from "./readings.ts";

const [folder, card, from, failing] = Deno.args as [string, string, string, string];
const encoder = new TextEncoder();
const say = (number: number) => void Deno.stdout.writeSync(encoder.encode(`${number}\n`));
const { signal } = new AbortController();
const fail = `${card}/fail`;

const journal = await openJournal({ path: `${folder}/journal.db`, sinks: ["all", "none"], maxBytes: 1e8, retryMs: 5 });
for (let number = Number(from);; number++) {
  const failed = Number(failing) > 0 && number % Number(failing) === 0;
  if (failed) Deno.writeTextFileSync(fail, "");
  const { durable } = await journal.append(readout(number, 40));
  if (durable === failed) throw new Error(`readout ${number}: durable is ${durable}`);
  if (failed) {
    Deno.removeSync(fail);
    while (journal.state().trouble) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  say(number);
  journal.acknowledge("all", await journal.next("all", signal));
}
