/** Nothing that was acknowledged is lost, and the books balance. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { ConfigError, LineError } from "../src/errors.ts";
import { type Journal, type JournalOptions, openJournal } from "../src/journal.ts";
import type { Reading } from "../src/reading.ts";

const T0 = Date.UTC(2026, 0, 15, 12);
const MIB = 1024 * 1024;

/** One readout of `count` registers, each with the same number. */
function readout(number: number, count = 3): Reading[] {
  return Array.from({ length: count }, (_, at) => ({
    time: new Date(T0 + number * 1000).toISOString(),
    meter: "flat-1",
    obis: `1-0:${at + 1}.8.0*255`,
    address: `${at + 1}.8.0`,
    index: 0,
    value: number,
    text: `${number}`.padStart(6, "0"),
    unit: "kWh",
    name: "",
    labels: { site: "north" },
    flags: [],
  }));
}

/** A folder that is gone after the test. */
function temporaryFolder(): Disposable & { readonly path: string } {
  const path = Deno.makeTempDirSync();
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

const open = (folder: { path: string }, options: Partial<JournalOptions> = {}) =>
  openJournal({ path: `${folder.path}/journal.db`, sinks: ["csv", "influx"], maxBytes: 64 * MIB, ...options });

const soon = () => AbortSignal.timeout(5000);

/** All numbers that a sink still gets, acknowledged on the way. */
async function drain(journal: Journal, sink: string): Promise<number[]> {
  const numbers: number[] = [];
  while (journal.books().find((book) => book.sink === sink)!.pending > 0) {
    const batch = await journal.next(sink, soon());
    numbers.push(...batch.readings.filter(({ address }) => address === "1.8.0").map(({ value }) => value!));
    journal.acknowledge(sink, batch);
  }
  return numbers;
}

function assertBalanced(journal: Journal): void {
  for (const { sink, ingested, delivered, pending, evicted, dead } of journal.books()) {
    assert.equal(ingested, delivered + pending + evicted + dead, `the books of ${sink}`);
  }
}

Deno.test("openJournal: each sink gets each readout, in order, from memory and from disk", async () => {
  using folder = temporaryFolder();
  {
    await using journal = await open(folder);
    for (let number = 1; number <= 3; number++) assert.equal(await journal.append(readout(number)), number);
    const batch = await journal.next("csv", soon());
    assert.deepEqual(batch.readings, [1, 2, 3].flatMap((number) => readout(number)));
    assert.deepEqual(batch.seqs, [1, 1, 1, 2, 2, 2, 3, 3, 3]);
    journal.acknowledge("csv", batch, { mark: "9 lines" });
    assertBalanced(journal);
  }
  await using journal = await open(folder);
  assert.equal(journal.mark("csv"), "9 lines");
  assert.deepEqual((await journal.next("influx", soon())).readings, [1, 2, 3].flatMap((number) => readout(number)));
  assert.deepEqual(await drain(journal, "influx"), [1, 2, 3]);
  assert.deepEqual(journal.books().map(({ delivered, pending }) => [delivered, pending]), [[9, 0], [9, 0]]);
});

Deno.test("openJournal: a folder that is missing, a foreign file and a newer file are for a person to mend", async () => {
  using folder = temporaryFolder();
  const foreign = new DatabaseSync(`${folder.path}/foreign.db`);
  foreign.exec("CREATE TABLE photo (id)");
  foreign.close();
  const newer = new DatabaseSync(`${folder.path}/newer.db`);
  newer.exec("CREATE TABLE t (id); PRAGMA application_id = 0x4F424953; PRAGMA user_version = 99");
  newer.close();
  Deno.writeTextFileSync(`${folder.path}/text.db`, "no database at all, but a text that is long enough".repeat(9));
  for (
    const [path, message] of [
      ["missing/journal.db", /missing does not exist: create it/],
      ["foreign.db", /database of another program/],
      ["newer.db", /newer obisd \(format 99/],
      ["text.db", /no SQLite database/],
    ] as const
  ) {
    await assert.rejects(open(folder, { path: `${folder.path}/${path}` }), (error) => {
      assert(error instanceof ConfigError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("openJournal: a second one is told who has the first", async () => {
  using folder = temporaryFolder();
  await using _first = await open(folder);
  await assert.rejects(open(folder), (error) => {
    assert(error instanceof LineError && error.trouble === "busy");
    assert.match(error.message, new RegExp(`process ${Deno.pid}$`));
    return true;
  });
});
