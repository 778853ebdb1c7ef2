/** A process to be killed: appends readouts without end and says on stdout which are acknowledged. */
import csv from "../../sinks/csv/mod.ts";
import { deliver } from "../../src/delivery.ts";
import { openJournal } from "../../src/journal.ts";
import { readout } from "./readings.ts";

const [folder, from] = Deno.args as [string, string];
const log = {
  debug() {},
  info() {},
  warning: (message: string) => say(`! ${message}`),
  error: (message: string) => say(`! ${message}`),
};
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));

const journal = await openJournal({ path: `${folder}/journal.db`, sinks: ["csv"], maxBytes: 1e8, log });
const target = { name: "csv", plugin: csv, options: { path: `${folder}/%H.csv` } };
deliver(journal, target, { signal: new AbortController().signal, log });
for (let number = Number(from);; number++) {
  await journal.append(readout(number, 5));
  say(String(number));
}
