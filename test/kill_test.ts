/** Killed at any moment, the journal has lost nothing that it acknowledged, and the CSV files have each reading once. */
import assert from "node:assert/strict";
import csv from "../sinks/csv/mod.ts";
import { deliver } from "../src/delivery.ts";
import { openJournal } from "../src/journal.ts";
import { CSV_HEADER, toCsv } from "../src/sink.ts";
import { readout, temporaryFolder } from "./support/readings.ts";

const KILLS = 20;
/** Readout numbers are seconds after noon; each child begins somewhere else, near a full hour, so that files change. */
const firstOf = (round: number) => 3600 * (round % 5) + 3500 + 20_000 * Math.floor(round / 5);

/** Appends from `first` on, until it is killed after some more acknowledgements. Resolves with those it gave. */
async function appendAndDie(folder: string, first: number, more: number): Promise<number[]> {
  const config = new URL("../deno.json", import.meta.url).pathname;
  const script = new URL("support/appender.ts", import.meta.url).href;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", "--config", config, script, folder, String(first)],
    stdout: "piped",
  }).spawn();
  const acknowledged: number[] = [];
  let [rest, killed] = ["", false];
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    assert(!lines.some((line) => line.startsWith("!")), lines.join());
    acknowledged.push(...lines.map(Number));
    if (acknowledged.length < more || killed) continue;
    child.kill("SIGKILL");
    killed = true;
  }
  await child.status;
  return acknowledged;
}

Deno.test(`kill -9: ${KILLS} times, nothing acknowledged is lost, no double, no half line`, async () => {
  using folder = temporaryFolder();
  const acknowledged = new Set<number>();
  for (let round = 0; round < KILLS; round++) {
    const more = 1 + (round * 37) % 150;
    for (const number of await appendAndDie(folder.path, firstOf(round), more)) acknowledged.add(number);
  }
  const stop = new AbortController();
  const log = { debug() {}, info() {}, warning: assert.fail, error: assert.fail };
  await using journal = await openJournal({ path: `${folder.path}/journal.db`, sinks: ["csv"], maxBytes: 1e8 });
  const delivery = deliver(journal, { name: "csv", plugin: csv, options: { path: `${folder.path}/%H.csv` } }, {
    signal: stop.signal,
    log,
  });
  while (journal.books()[0]!.pending > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort();
  await delivery.done;

  const found = new Set<number>();
  for (const { name } of [...Deno.readDirSync(folder.path)].filter(({ name }) => name.endsWith(".csv"))) {
    const [header, ...lines] = Deno.readTextFileSync(`${folder.path}/${name}`).split("\r\n");
    assert.equal(header, CSV_HEADER);
    assert.equal(lines.pop(), "");
    assert.equal(new Set(lines).size, lines.length, `${name} has doubles`);
    for (let at = 0; at < lines.length; at += 5) {
      const number = Number(lines[at]!.split(",")[5]);
      assert.deepEqual(lines.slice(at, at + 5), readout(number, 5).map(toCsv));
      found.add(number);
    }
  }
  assert.deepEqual([...acknowledged].filter((number) => !found.has(number)), []);
  assert(acknowledged.size >= KILLS * 10);
});
