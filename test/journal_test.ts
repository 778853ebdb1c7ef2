/** Nothing that was acknowledged is lost, and the books balance. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { ConfigError, LineError } from "../src/errors.ts";
import { type JournalOptions, openJournal } from "../src/journal.ts";
import { assertBalanced, drain } from "./support/journals.ts";
import { listeningLog } from "./support/listening_log.ts";
import { numbers, readout, T0, temporaryFolder } from "./support/readings.ts";
import { jumpingClock } from "./support/sink_clock.ts";

const MIB = 1024 * 1024;

const open = (folder: { path: string }, options: Partial<JournalOptions> = {}) =>
  openJournal({ path: `${folder.path}/journal.db`, sinks: ["csv", "influx"], maxBytes: 64 * MIB, ...options });

const soon = () => AbortSignal.timeout(5000);

Deno.test("openJournal: each sink gets each readout, in order, from memory and from disk", async () => {
  using folder = temporaryFolder();
  {
    await using journal = await open(folder);
    for (let number = 1; number <= 3; number++) {
      assert.deepEqual(await journal.append(readout(number)), { seq: number, durable: true });
    }
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
  Deno.mkdirSync(`${folder.path}/folder.db`);
  for (
    const [path, message] of [
      ["folder.db", /cannot be opened: name another/],
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

/** What stands in the file of a closed journal. */
function look<T>(folder: { path: string }, sql: string): T[] {
  const db = new DatabaseSync(`${folder.path}/journal.db`);
  try {
    return db.prepare(sql).all() as T[];
  } finally {
    db.close();
  }
}

Deno.test("Journal: a batch is bounded, and never cuts a readout", async () => {
  using folder = temporaryFolder();
  {
    await using journal = await open(folder);
    await Promise.all(Array.from({ length: 250 }, (_, at) => journal.append(readout(at + 1, 2))));
    await journal.append(readout(251, 6000));
    await journal.append(readout(252));
    assert.equal((await journal.next("csv", soon())).upTo, 200);
  }
  await using journal = await open(folder);
  const ends: number[] = [];
  for (let batch = await journal.next("csv", soon());; batch = await journal.next("csv", soon())) {
    journal.acknowledge("csv", batch);
    ends.push(batch.upTo);
    if (batch.upTo === 252) break;
  }
  assert.deepEqual(ends, [200, 250, 251, 252]);
});

Deno.test("Journal: readings that share no form come back as they were", async () => {
  using folder = temporaryFolder();
  const odd = [
    { ...readout(1)[0]!, value: 1.5 },
    { ...readout(2)[0]!, meter: "flat-2", labels: {}, time: "2026-01-15T12:00:00Z" },
    { ...readout(3)[0]!, address: "tab\t", text: 'a\0"\n', value: null, flags: ["bcc-unchecked" as const] },
  ];
  {
    await using journal = await open(folder);
    await journal.append(odd);
    await journal.append(odd.slice(2));
    await journal.append([{ ...odd[2]!, address: "plain", time: readout(3)[0]!.time }]);
  }
  await using journal = await open(folder);
  const { readings } = await journal.next("csv", soon());
  assert.deepEqual(readings, [...odd, odd[2], { ...odd[2], address: "plain" }]);
});

Deno.test("Journal: a new sink gets what comes from now on; one that returns gets what it missed", async () => {
  using folder = temporaryFolder();
  {
    await using journal = await open(folder, { sinks: ["csv"] });
    await journal.append(readout(1));
  }
  {
    await using journal = await open(folder, { sinks: ["influx"] });
    await journal.append(readout(2));
    assert.deepEqual(await drain(journal, "influx"), [2]);
  }
  {
    await using journal = await open(folder);
    assert.deepEqual(await drain(journal, "csv"), [1, 2]);
    assertBalanced(journal);
  }
  {
    await using _without = await open(folder, { sinks: ["influx"] });
  }
  const clock = { ...jumpingClock(), now: () => Date.now() + 8 * 86_400_000 };
  const log = listeningLog();
  await using journal = await open(folder, { sinks: ["influx"], clock, log });
  await journal.append(readout(3));
  await drain(journal, "influx");
  await journal[Symbol.asyncDispose]();
  assert.deepEqual(log.lines, ["info Sink csv has been gone for 7 days: what was kept for it is given up"]);
  assert.deepEqual(look(folder, "SELECT id FROM sink").map((row) => ({ ...row as object })), [{ id: "influx" }]);
});

Deno.test("Journal.attach, detach: sinks come and go while it is open, and keep their places", async () => {
  using folder = temporaryFolder();
  {
    await using journal = await open(folder, { sinks: ["csv"] });
    await journal.append(readout(1));
    journal.attach("influx");
    assert.deepEqual(journal.books().map(({ sink, pending }) => [sink, pending]), [["csv", 3], ["influx", 0]]);
    await journal.append(readout(2));
    const late = await journal.next("csv", soon());
    journal.detach("csv");
    journal.acknowledge("csv", late, { mark: "2" }); // what it was doing still counts
    await journal.append(readout(3));
    assert.deepEqual(journal.books().map(({ sink, pending }) => [sink, pending]), [["influx", 6]]);
    journal.attach("csv", { maxBytes: 1e6 });
    assert.equal(journal.mark("csv"), "2");
    assert.deepEqual(await drain(journal, "csv"), [3]);
    assert.deepEqual(await drain(journal, "influx"), [2, 3]);
    assertBalanced(journal);
    journal.detach("influx");
  }
  await using journal = await open(folder, { sinks: ["csv", "influx"] });
  assert.deepEqual(journal.books().map(({ delivered, pending }) => [delivered, pending]), [[9, 0], [6, 0]]);
});

Deno.test("Journal: what does not fit is dropped from the oldest on, counted, written down and said", async () => {
  using folder = temporaryFolder();
  const said: string[] = [];
  const log = { debug() {}, info() {}, error() {}, warning: (message: string) => said.push(message) };
  await using journal = await open(folder, { maxBytes: 256 * 1024, log });
  for (let at = 0; at < 20; at++) {
    await Promise.all(Array.from({ length: 50 }, (_, of) => journal.append(readout(at * 50 + of + 1, 60))));
    const batch = await journal.next("influx", soon());
    journal.acknowledge("influx", batch);
    assertBalanced(journal);
  }
  const [csv] = journal.books();
  assert(csv!.evicted > 0 && csv!.pending > 0);
  const kept = await drain(journal, "csv");
  assert.equal(kept.at(-1), 1000);
  const [after] = journal.books();
  assert.equal(after!.delivered + after!.evicted, 60_000);
  assert.match(said[0]!, /readings were dropped .* journal.max_bytes/);
  assert.equal(said.length, 1);
  await journal[Symbol.asyncDispose]();
  const gaps = look<{ n: number }>(folder, "SELECT sum(count) AS n FROM gap WHERE sink = 'csv'");
  assert.equal(gaps[0]!.n, after!.evicted);
  assert(Deno.statSync(`${folder.path}/journal.db`).size < 600 * 1024);
});

Deno.test("Journal: what is older than max_age is dropped likewise", async () => {
  using folder = temporaryFolder();
  let now = T0;
  const clock = { ...jumpingClock(), now: () => now };
  await using journal = await open(folder, { maxAgeMs: 60_000, clock });
  await journal.append(readout(0));
  now = T0 + 50_000;
  await journal.append(readout(50));
  now = T0 + 61_000;
  await journal.append(readout(61));
  await journal.append(readout(62));
  assert.deepEqual(journal.books().map(({ evicted, pending }) => [evicted, pending]), [[3, 9], [3, 9]]);
  assert.deepEqual(await drain(journal, "csv"), [50, 61, 62]);
});

Deno.test("Journal: an append that the disk refuses is told so, and the next one works", async () => {
  using folder = temporaryFolder();
  await using journal = await open(folder);
  await journal.append(readout(1));
  const endless = { ...readout(2)[0]!, text: "x", value: null, obis: { toString: () => "" } as unknown as string };
  await assert.rejects(
    journal.append([{ ...endless, text: "\0".repeat(10), index: 1n as unknown as number, time: "" }]),
  );
  await journal.append(readout(3));
  assert.deepEqual(await drain(journal, "csv"), [1, 3]);
  assertBalanced(journal);
});

Deno.test("Journal: a readout whose bits turned on the disk becomes a dead letter, the others arrive", async () => {
  using folder = temporaryFolder();
  {
    await using journal = await open(folder);
    for (const number of [1, 2, 3]) await journal.append(readout(number));
  }
  look(folder, "UPDATE readout SET body = CAST(replace(CAST(body AS TEXT), '000002', '000003') AS BLOB) WHERE seq = 2");
  await using journal = await open(folder);
  assert.deepEqual(await drain(journal, "csv"), [1, 3]);
  assertBalanced(journal);
  assert.equal(journal.books()[0]!.dead, 3);
});

Deno.test("Journal: the books balance and nothing is lost after whatever is done in whatever order", async () => {
  using folder = temporaryFolder();
  let seed = 20260115;
  const random = (below: number) => (seed = (seed * 48271) % 0x7FFFFFFF) % below;
  let journal = await open(folder, { maxBytes: 64 * 1024 });
  const seen = { csv: 0, influx: 0 };
  let next = 1;
  for (let step = 0; step < 600; step++) {
    const sink = random(2) ? "csv" : "influx";
    const pending = journal.books().find((book) => book.sink === sink)!.pending;
    const action = random(20);
    switch (action === 0 ? "reopen" : action < 12 ? "append" : "deliver") {
      case "append":
        await Promise.all(Array.from({ length: 1 + random(9) }, () => journal.append(readout(next++, 1 + random(40)))));
        break;
      case "deliver": {
        if (pending === 0) break;
        const batch = await journal.next(sink, soon());
        if (random(2)) break; // failed: it comes again
        const first = numbers(batch.readings)[0]!;
        assert(first > seen[sink], `${sink} gets ${first} after ${seen[sink]}`);
        seen[sink] = numbers(batch.readings).at(-1)!;
        const dead = random(3) ? [] : [{ index: random(batch.readings.length), reason: "bad" }];
        journal.acknowledge(sink, batch, { mark: `${batch.upTo}`, dead });
        break;
      }
      case "reopen":
        await journal[Symbol.asyncDispose]();
        journal = await open(folder, { maxBytes: 64 * 1024 });
    }
    assertBalanced(journal);
  }
  await journal[Symbol.asyncDispose]();
  const books = journal.books();
  assert(books.some(({ evicted }) => evicted > 0) && books.every(({ dead }) => dead > 0), "the test did too little");
  for (const { sink, pending, dead, evicted } of books) {
    const of = (sql: string) => look<{ n: number | null }>(folder, sql)[0]!.n ?? 0;
    const acked = of(`SELECT acked AS n FROM sink WHERE id = '${sink}'`);
    assert.equal(of(`SELECT sum(count) AS n FROM readout WHERE seq > ${acked}`), pending);
    assert.equal(of(`SELECT count(*) AS n FROM dead WHERE sink = '${sink}'`), dead);
    assert.equal(of(`SELECT sum(count) AS n FROM gap WHERE sink = '${sink}'`), evicted);
  }
});
