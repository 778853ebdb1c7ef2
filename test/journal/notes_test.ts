/** What parts of the program must know after a restart is on disk if and only if the readouts are that it tells of. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openJournal } from "../../src/journal.ts";
import { Notes } from "../../src/journal/notes.ts";
import { PAGE_BYTES } from "../../src/journal/schema.ts";
import { Queue } from "../../src/journal/waiting.ts";
import { drain } from "../support/journals.ts";
import { readout, temporaryFolder } from "../support/readings.ts";
import { canMount, smallDisk } from "../support/small_disk.ts";

const options = (path: string) => ({ path, sinks: ["csv"], maxBytes: 1e9 });
const numbersOf = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);
const note = (content: string, name = "flat-1") => ({ name, content });

Deno.test("Journal.note: what was said last is there after a restart, with a readout, with several, with none", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/journal.db`;
  {
    await using journal = await openJournal(options(path));
    assert.equal(journal.note("flat-1"), undefined);
    const waits = journal.append(readout(0), undefined, 60_000, note("0"));
    assert.equal(journal.note("flat-1"), "0", "known before it is on disk");
    await journal.appendAll(numbersOf(1, 701).map((number) => readout(number, 1)), note("1 to 700"));
    await waits;
    await journal.appendAll([], note("nothing", "flat-2"));
    assert.deepEqual([journal.note("flat-1"), journal.note("flat-2")], ["1 to 700", "nothing"]);
  }
  await using journal = await openJournal(options(path));
  assert.deepEqual([journal.note("flat-1"), journal.note("flat-2")], ["1 to 700", "nothing"]);
  assert.deepEqual(await drain(journal, "csv"), numbersOf(0, 701));
});

Deno.test("Queue.take: readouts that belong together are in one commit, whatever waits before them", () => {
  const queue = new Queue();
  for (let number = 0; number < 499; number++) void queue.add(readout(number), {});
  for (let number = 0; number < 300; number++) void queue.add(readout(number), { follows: number > 0 });
  void queue.add(readout(999), {});
  assert.deepEqual([queue.take().length, queue.take().length], [799, 1]);
});

Deno.test("Journal.note: one in which a bit has turned says nothing; of a damaged file the others are kept", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/journal.db`;
  {
    await using journal = await openJournal(options(path));
    await journal.append(readout(1), undefined, 0, note("slot 17"));
    await journal.appendAll([], note("slot 4", "flat-2"));
  }
  const db = new DatabaseSync(path);
  db.exec("UPDATE note SET content = 'slot 16' WHERE name = 'flat-1'");
  const { rootpage } = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'readout'").get()!;
  db.close();
  using file = Deno.openSync(path, { write: true });
  file.seekSync((Number(rootpage) - 1) * PAGE_BYTES, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(PAGE_BYTES).fill(0xEE));
  await using journal = await openJournal(options(path));
  assert([...Deno.readDirSync(folder.path)].some(({ name }) => name === "journal.db.corrupt-1"), "set aside");
  assert.deepEqual([journal.note("flat-1"), journal.note("flat-2")], [undefined, "slot 4"]);
});

Deno.test("Journal.note: from memory it goes to disk with its readout", { ignore: !canMount }, async () => {
  using disk = smallDisk();
  const path = `${disk.path}/journal.db`;
  {
    await using journal = await openJournal({ ...options(path), retryMs: 3_600_000 });
    await journal.append(readout(0), undefined, 0, note("0"));
    disk.fill();
    let number = 1;
    for (; !journal.state().trouble; number++) await journal.append(readout(number, 400), undefined, 0, note("full"));
    await journal.appendAll([readout(number), readout(number + 1)], note("in memory"));
    assert.equal(journal.state().inMemory.readouts, 3);
    assert.equal(journal.note("flat-1"), "in memory");
    disk.free();
  }
  await using journal = await openJournal(options(path));
  assert.equal(journal.note("flat-1"), "in memory");
  assert.equal(journal.state().inMemory.readouts, 0);
});

Deno.test("Notes: a file that opens late has the last word, for what it tells of came before", () => {
  const early = new Notes([]);
  for (const each of [note("begun anew"), note("new", "flat-2")]) {
    early.announce(each);
    early.put(each);
  }
  const notes = early.goOnBehind([note("before the power cut")]);
  assert.deepEqual([notes.of("flat-1"), notes.of("flat-2")], ["before the power cut", "new"]);
  assert.deepEqual(notes.unsaved(), [note("new", "flat-2")]);
});
