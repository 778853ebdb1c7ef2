/** A file that an older version wrote is carried on with, whole, however often the change is broken off. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { openJournal } from "../../src/journal.ts";
import { Encoder } from "../../src/journal/record.ts";
import { readout, temporaryFolder } from "../support/readings.ts";

/** As version 0.1.0 created it. */
const FORMAT_1 = `
  PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE form (id INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT;
  CREATE TABLE readout (seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, form INTEGER,
    count INTEGER NOT NULL, total INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
  CREATE TABLE sink (id TEXT PRIMARY KEY, base INTEGER NOT NULL, acked INTEGER NOT NULL, acked_total INTEGER NOT NULL,
    delivered INTEGER NOT NULL, evicted INTEGER NOT NULL, dead INTEGER NOT NULL, mark TEXT, detached_ms INTEGER) STRICT;
  CREATE TABLE dead (id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, seq INTEGER NOT NULL,
    position INTEGER NOT NULL, at_ms INTEGER NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL,
    UNIQUE (sink, seq, position)) STRICT;
  CREATE TABLE gap (id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, from_seq INTEGER NOT NULL,
    to_seq INTEGER NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
  PRAGMA application_id = 0x4F424953;
  PRAGMA user_version = 1;`;

const ADDED = `
  CREATE TABLE boot (id INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE) STRICT;
  ALTER TABLE readout ADD COLUMN boot INTEGER;`;

/** A file of format 1 with ten readouts of three readings; "csv" has had six of them, "influx" all but one. */
function writeFormat1(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  db.exec(FORMAT_1);
  const insert = db.prepare("INSERT INTO readout VALUES (?, ?, 1, 3, ?, ?, ?)");
  for (let seq = 1; seq <= 10; seq++) {
    const { form, atMs, body } = new Encoder().encode(readout(seq));
    db.prepare("INSERT OR IGNORE INTO form VALUES (1, ?)").run(form!);
    insert.run(seq, atMs, 3 * seq, crc32(body, crc32(`${seq} ${atMs} 1 3 ${3 * seq}`)), new TextEncoder().encode(body));
  }
  db.exec(
    `INSERT INTO sink VALUES ('csv', 0, 6, 18, 17, 0, 1, '400 bytes', NULL), ('influx', 3, 9, 27, 24, 0, 0, NULL, NULL);
    INSERT INTO dead (sink, seq, position, at_ms, reason, body) VALUES ('csv', 2, 1, 0, 'too long', '{}')`,
  );
  return db;
}

async function assertCarriedOn(path: string): Promise<void> {
  const log = { debug() {}, info() {}, warning: assert.fail, error: assert.fail };
  await using journal = await openJournal({ path, sinks: ["csv", "influx"], maxBytes: 1e8, log });
  assert.deepEqual(journal.books().map((book) => Object.values(book)), [
    ["csv", 30, 17, 12, 0, 1],
    ["influx", 27, 24, 3, 0, 0],
  ]);
  assert.equal(journal.mark("csv"), "400 bytes");
  const moment = { bootId: "b0", monotonicMs: 1234.5, trusted: true };
  assert.deepEqual(await journal.append(readout(11), moment), { seq: 11, durable: true });
  const { readings } = await journal.next("csv", AbortSignal.timeout(5000));
  assert.deepEqual(readings, [7, 8, 9, 10, 11].flatMap((number) => readout(number)));
}

Deno.test("openJournal: a file of format 1 loses nothing, and its check sums hold", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/journal.db`;
  writeFormat1(path).close();
  await assertCarriedOn(path);
  const db = new DatabaseSync(path);
  const clocks = db.prepare("SELECT seq, boot_id, mono_ms, quality FROM readout LEFT JOIN boot ON boot = id").all();
  db.close();
  assert.deepEqual(clocks.slice(-2).map((row) => Object.values(row)), [[10, null, null, 0], [11, "b0", 1235, 0]]);
});

Deno.test("openJournal: a change of format that was broken off begins again", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/journal.db`;
  const db = writeFormat1(path);
  db.exec(`PRAGMA cache_size = 1; BEGIN IMMEDIATE; ${ADDED} UPDATE sqlite_sequence SET seq = seq;`);
  Deno.mkdirSync(`${folder.path}/cut`);
  for (const end of ["", "-wal"]) Deno.copyFileSync(path + end, `${folder.path}/cut/journal.db${end}`);
  db.close();
  await assertCarriedOn(`${folder.path}/cut/journal.db`);
  await assertCarriedOnAgain(`${folder.path}/cut/journal.db`);
});

async function assertCarriedOnAgain(path: string): Promise<void> {
  await using journal = await openJournal({ path, sinks: ["csv", "influx"], maxBytes: 1e8 });
  assert.deepEqual(journal.books().map(({ ingested, pending }) => [ingested, pending]), [[33, 15], [30, 6]]);
}

Deno.test("openJournal: a file of a newer version is left as it is", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/journal.db`;
  const db = writeFormat1(path);
  db.exec("PRAGMA journal_mode = DELETE; PRAGMA user_version = 99");
  db.close();
  const before = Deno.readFileSync(path);
  await assert.rejects(openJournal({ path, sinks: ["csv"], maxBytes: 1e8 }), /newer obisd \(format 99/);
  assert.deepEqual(Deno.readFileSync(path), before);
});

Deno.test("Journal: a turned bit in what format 2 added is found", async () => {
  const turns = ["mono_ms = mono_ms + 1", "quality = 0", "boot = NULL", "at_ms = at_ms + 1"];
  for (const turn of turns) {
    using folder = temporaryFolder();
    const path = `${folder.path}/journal.db`;
    const options = { path, sinks: ["csv"], maxBytes: 1e8 };
    {
      await using journal = await openJournal(options);
      await journal.append(readout(1), { bootId: "b0", monotonicMs: 7, trusted: false });
    }
    const db = new DatabaseSync(path);
    db.exec(`UPDATE readout SET ${turn}`);
    db.close();
    await using journal = await openJournal(options);
    await journal.append(readout(2));
    const { seqs } = await journal.next("csv", AbortSignal.timeout(5000));
    assert.deepEqual([seqs[0], journal.books()[0]!.dead], [2, 3], turn);
  }
});
