/**
 * A process to be killed: it appends readouts to some journals without end, each with a CSV sink that is delivered to and
 * one that takes everything at once, so that cursors move and readouts are trimmed; and says what is acknowledged.
 * @module
 */
import csv from "../sinks/csv/mod.ts";
import { deliver } from "../src/delivery.ts";
import { type Journal, openJournal } from "../src/journal.ts";
import { readout } from "../test/support/readings.ts";
import { QUICK, READINGS } from "./kill.ts";

const [from, ...folders] = Deno.args as [string, ...string[]];
const encoder = new TextEncoder();
const say = (text: string) => void Deno.stdout.writeSync(encoder.encode(text + "\n"));
const complain = (message: string) => say(`! ${message}`);
const log = { debug() {}, info() {}, warning: complain, error: complain };
const { signal } = new AbortController();

/** Takes all there is, as fast as it comes. */
async function takeAll(journal: Journal): Promise<void> {
  while (true) journal.acknowledge(QUICK, await journal.next(QUICK, signal));
}

async function append(folder: string, at: number): Promise<void> {
  const journal = await openJournal({ path: `${folder}/journal.db`, sinks: ["csv", QUICK], maxBytes: 1e8, log });
  deliver(journal, { name: "csv", plugin: csv, options: { path: `${folder}/%H.csv` } }, { signal, log });
  takeAll(journal);
  for (let number = Number(from);; number++) {
    await journal.append(readout(number, READINGS));
    say(`${at} ${number}`);
  }
}

await Promise.all(folders.map(append));
