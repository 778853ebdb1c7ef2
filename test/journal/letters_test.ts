/** Dead letters are kept until somebody has looked at them, offered again when somebody wants that, and the books balance. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import influxdb from "../../sinks/influxdb/mod.ts";
import { deliver } from "../../src/delivery.ts";
import { type Batch, type Journal, openJournal, openLetters } from "../../src/journal.ts";
import { SinkError, type SinkPlugin } from "../../src/sink.ts";
import { Bounds } from "../../src/journal/bounds.ts";
import { Cursors } from "../../src/journal/cursors.ts";
import type { Memory } from "../../src/journal/memory.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { listeningLog } from "../support/listening_log.ts";
import { assertBalanced, drain } from "../support/journals.ts";
import { reading, readout, temporaryFolder } from "../support/readings.ts";
import { until } from "../support/running.ts";

const soon = () => AbortSignal.timeout(5000);

function open(folder: { path: string }): Promise<Journal> {
  return openJournal({ path: `${folder.path}/journal.db`, sinks: ["csv", "influx"], maxBytes: 1e8 });
}

/** Three readouts of three readings, two of which influx refuses; csv has taken none yet. */
async function withLetters(journal: Journal): Promise<void> {
  for (const number of [1, 2, 3]) await journal.append(readout(number));
  const dead = [{ index: 1, reason: "field type conflict" }, { index: 5, reason: "beyond retention" }];
  journal.acknowledge("influx", await journal.next("influx", soon()), { dead });
}

/** Of 62 KiB. */
const LONG = "x".repeat(62_000);

const influxOf = (journal: Journal) => {
  assertBalanced(journal);
  const { delivered, pending, dead } = journal.books().find(({ sink }) => sink === "influx")!;
  return [delivered, pending, dead];
};

Deno.test("Letters: why and what was refused is kept, also beyond a restart", async () => {
  using folder = temporaryFolder();
  {
    await using journal = await open(folder);
    await withLetters(journal);
    assert.deepEqual(influxOf(journal), [7, 0, 2]);
  }
  await using journal = await open(folder);
  const { letters, count } = await journal.letters.list({ sink: "influx" });
  assert.deepEqual(letters.map(({ id, seq, reason, reading }) => [id, seq, reason, reading]), [
    [1, 1, "field type conflict", readout(1)[1]],
    [2, 2, "beyond retention", readout(2)[2]],
  ]);
  assert.equal(count, 2);
  assert.deepEqual(await journal.letters.list({ sink: "csv" }), { letters: [], count: 0 });
  assert.deepEqual((await journal.letters.list({ ids: [2, 99] })).letters.map(({ id }) => id), [2]);
});

Deno.test("Letters.retry: they come first, once more; what arrives is delivered, what is refused again is dead again", async () => {
  using folder = temporaryFolder();
  {
    await using journal = await open(folder);
    await withLetters(journal);
    assert.deepEqual(await journal.letters.retry({}), { again: { influx: 2 }, damaged: 0, homeless: 0 });
    assert.deepEqual(influxOf(journal), [7, 2, 0]);
    assert.deepEqual((await journal.letters.retry({})).again, {}, "they wait already");
    assert.deepEqual(await journal.letters.purge({}), { purged: 0, waiting: 2 });
  }
  {
    await using journal = await open(folder); // nobody had asked for them before it closed
    assert.deepEqual(influxOf(journal), [7, 2, 0]);
    await journal.append(readout(4));
    const batch = await journal.next("influx", soon());
    assert.deepEqual([batch.readings, batch.letters], [[readout(1)[1], readout(2)[2]], [1, 2]]);
    const dead = [{ index: 1, reason: "still beyond retention" }];
    journal.acknowledge("influx", batch, { dead, mark: "after the letters" });
    assert.deepEqual(influxOf(journal), [8, 3, 1]);
    assert.deepEqual(await drain(journal, "influx"), [4]);
  }
  await using journal = await open(folder);
  assert.deepEqual(influxOf(journal), [11, 0, 1]);
  assert.equal(journal.mark("influx"), "after the letters");
  assert.deepEqual((await journal.letters.list({})).letters.map(({ id, reason }) => [id, reason]), [
    [2, "still beyond retention"],
  ]);
  assert.deepEqual(await journal.letters.purge({ ids: [2] }), { purged: 1, waiting: 0 });
  assert.deepEqual(influxOf(journal), [11, 0, 1], "a reading that nobody will get stays in the books");
});

Deno.test("Letters.retry: a crash before the cursors are written offers them again, and no other", async () => {
  using folder = temporaryFolder();
  await using journal = await open(folder);
  await withLetters(journal);
  await journal.letters.retry({ ids: [1] });
  await journal.next("influx", soon());
  Deno.mkdirSync(`${folder.path}/crashed`);
  for (const end of ["", "-wal"]) {
    Deno.copyFileSync(`${folder.path}/journal.db${end}`, `${folder.path}/crashed/journal.db${end}`);
  }
  await using crashed = await open({ path: `${folder.path}/crashed` });
  assert.deepEqual(influxOf(crashed), [7, 1, 1]);
  assert.deepEqual((await crashed.next("influx", soon())).letters, [1]);
});

Deno.test("Letters: a turned bit makes no other reading of one", async () => {
  using folder = temporaryFolder();
  {
    await using journal = await open(folder);
    await withLetters(journal);
  }
  const db = new DatabaseSync(`${folder.path}/journal.db`);
  db.exec("UPDATE dead SET body = replace(body, '000001', '000009')");
  db.close();
  await using journal = await open(folder);
  assert.deepEqual(await journal.letters.retry({}), { again: { influx: 1 }, damaged: 1, homeless: 0 });
  const { letters: [damaged] } = await journal.letters.list({ ids: [1] });
  assert.equal(damaged!.reading, undefined);
  assert.match(damaged!.text, /000009/);
});

Deno.test("Letters: those of a journal that is damaged elsewhere are fetched with it, numbers and all", async () => {
  using folder = temporaryFolder();
  {
    await using journal = await open(folder);
    await withLetters(journal);
    await journal.letters.purge({ ids: [1] });
    await journal.letters.retry({ ids: [2] });
  }
  const file = Deno.openSync(`${folder.path}/journal.db`, { write: true, read: true });
  const page = pageOf(`${folder.path}/journal.db`, "form");
  file.seekSync((page - 1) * 1024, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(8).fill(0xFF));
  file.close();
  await using journal = await open(folder);
  assert([...Deno.readDirSync(folder.path)].some(({ name }) => name === "journal.db.corrupt-1"));
  assert.deepEqual((await journal.letters.list({})).letters.map(({ id, again }) => [id, again]), [[2, true]]);
});

/** Where a table begins in the file. */
function pageOf(path: string, table: string): number {
  const db = new DatabaseSync(path);
  try {
    return db.prepare("SELECT rootpage AS n FROM sqlite_schema WHERE name = ?").get(table)!.n as number;
  } finally {
    db.close();
  }
}

Deno.test("openLetters: without a daemon the journal itself is asked, and nobody else may have it", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/journal.db`;
  {
    await using journal = await open(folder);
    await withLetters(journal);
    await assert.rejects(openLetters(path, []), new RegExp(`in use by another obisd, process ${Deno.pid}`));
  }
  {
    using letters = await openLetters(path, ["csv"]);
    assert.deepEqual(await letters.retry({}), { again: {}, damaged: 0, homeless: 2 });
  }
  {
    using letters = await openLetters(path, ["influx"]);
    assert.deepEqual((await letters.retry({ ids: [2] })).again, { influx: 1 });
    assert.deepEqual(await letters.purge({ sink: "influx" }), { purged: 1, waiting: 1 });
  }
  await using journal = await open(folder);
  assert.deepEqual(influxOf(journal), [7, 1, 1]);
});

Deno.test("deliver: all letters refused again block no queue", async () => {
  using folder = temporaryFolder();
  await using journal = await open(folder);
  await withLetters(journal);
  await journal.letters.retry({});
  await journal.append(readout(4));
  const plugin: SinkPlugin = {
    ...influxdb as SinkPlugin,
    open: () =>
      Promise.resolve({
        write: (readings) =>
          readings.every(({ text }) => text === "000004")
            ? Promise.resolve()
            : Promise.reject(new SinkError("never", { kind: "reject", indices: [...readings.keys()] })),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  };
  const stop = new AbortController();
  const delivery = deliver(journal, { name: "influx", plugin, options: {} }, {
    ...{ signal: stop.signal, log: listeningLog() },
  });
  await until("the readout behind them", () => influxOf(journal)[1] === 0 || undefined);
  assert.deepEqual(influxOf(journal), [10, 0, 2]);
  stop.abort();
  await delivery.done;
});

Deno.test("influxdb: a letter that comes alone keeps its place among data sets of one address", async () => {
  using folder = temporaryFolder();
  const lines: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    lines.push(...(await request.text()).split("\n"));
    return new Response(null, { status: 204 });
  });
  await using journal = await open(folder);
  await journal.append([reading({ text: "1" }), reading({ text: "2" })]);
  const dead = [{ index: 1, reason: "no" }];
  journal.acknowledge("influx", await journal.next("influx", soon()), { dead });
  await journal.letters.retry({});
  const url = `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}`;
  const sink = await influxdb.open(
    { url, database: "d", measurement: "obis", gzip: false },
    undefined,
    soon(),
  );
  await sink.write((await journal.next("influx", soon())).readings, soon());
  await sink[Symbol.asyncDispose]();
  await server.shutdown();
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /occurrence=2.* value=2 /);
});

Deno.test("Letters: of too many the oldest fall out, count as evicted, and are told of; those that wait to be offered stay", async () => {
  const cases = [
    { what: "more than 10 000", readings: (number: number) => readout(number, 3000), each: 3000, kept: 9000 },
    {
      what: "more than 16 MiB",
      readings: (number: number) => Array.from({ length: 80 }, () => reading({ address: `${number}`, text: LONG })),
      ...{ each: 80, kept: 242 }, // 90 % of 16 MiB
    },
  ];
  for (const { what, readings, each, kept } of cases) {
    using folder = temporaryFolder();
    const said: string[] = [];
    const log = { debug() {}, info() {}, error: assert.fail, warning: (message: string) => void said.push(message) };
    const options = { path: `${folder.path}/journal.db`, sinks: ["csv", "influx"], maxBytes: 1e8, log };
    {
      await using journal = await openJournal(options);
      for (const number of [1, 2, 3, 4]) {
        await journal.append(readings(number));
        const batch = await journal.next("influx", soon());
        if (number === 4) await journal.letters.retry({ ids: [2] });
        journal.acknowledge("influx", batch, { dead: batch.readings.map((_, index) => ({ index, reason: "never" })) });
        await journal.check();
      }
      assertBalanced(journal);
      const { delivered, pending, dead, evicted } = journal.books()[1]!;
      assert.deepEqual([delivered, pending, dead, evicted], [0, 1, kept - 1, 4 * each - kept], what);
      assert.deepEqual(said.map((line) => line.replace(/^\d+/, "N")), [
        "N readings were dropped before every sink had them: its destination had refused them, and a sink keeps 10 000 " +
        "dead letters, or 16 MiB (obisd dead list)",
      ]);
      const { count } = await journal.letters.list({ sink: "influx" });
      assert.equal(count, kept);
      assert.equal((await journal.next("influx", soon())).letters![0], 2);
      await journal.check();
    }
    await using journal = await openJournal(options);
    const { pending, dead, evicted } = journal.books()[1]!;
    assert.deepEqual([pending, dead, evicted], [1, kept - 1, 4 * each - kept], "also after a restart");
    await journal[Symbol.asyncDispose]();
    const db = new DatabaseSync(options.path);
    assert.equal(db.prepare("SELECT sum(count) AS n FROM gap WHERE reason = 'letters'").get()!["n"], evicted);
    db.close();
  }
});

Deno.test("Letters: one that is refused again while others fall out stays, and the books have as many as there are", async () => {
  using folder = temporaryFolder();
  await using journal = await open(folder);
  const all = ({ readings }: Batch) => ({ dead: readings.map((_, index) => ({ index, reason: "never" })) });
  const refuse = async (number: number) => {
    await journal.append(Array.from({ length: 80 }, () => reading({ address: `${number}`, text: LONG })));
    const batch = await journal.next("influx", soon());
    return () => journal.acknowledge("influx", batch, all(batch));
  };
  for (const number of [1, 2, 3]) (await refuse(number))();
  const tooMany = await refuse(4);
  await journal.letters.retry({ ids: [1, 2] });
  const letters = await journal.next("influx", soon());
  assert.deepEqual(letters.letters, [1, 2]);
  tooMany();
  {
    using _ = whenAsked("excess letters", () => journal.acknowledge("influx", letters, all(letters)));
    await journal.check();
  }
  await journal.check();
  const { count, letters: [first, second, third] } = await journal.letters.list({ sink: "influx" });
  assert.deepEqual([first!.id, second!.id, third!.id], [1, 2, 81]);
  assert.deepEqual(influxOf(journal), [0, 0, count]);
});

Deno.test("Bounds: what was found to be too much is found out anew when somebody wants letters back meanwhile", async () => {
  const clock = new FakeClock();
  const start = { seq: 9, total: 9 };
  const letters = [{ sink: "influx", letters: 9, again: 0 }];
  const cursors = new Cursors([], { sinks: ["influx"], start, nowMs: 0, letters });
  const excess = { sink: "influx", fromSeq: 1, toSeq: 9 };
  const answers = [{ ...excess, upTo: 5, count: 5 }, { ...excess, upTo: 5, count: 3 }, undefined];
  const memory = { letterWishes: 0, cursors, sinks: new Map(), size: { bytes: 0, fileBytes: 0 }, saved: start };
  const port = {
    ask() {
      if (answers.length === 3) whole.letterWishes++;
      return Promise.resolve(answers.shift());
    },
  };
  const whole = { ...memory, port, options: { clock, maxBytes: 1 } } as unknown as Memory;
  const bounds = new Bounds(whole, () => Promise.resolve(void cursors.saved(cursors.take())));
  await bounds.enforce();
  assert.deepEqual(answers, []);
  assert.deepEqual([cursors.book("influx", 9).dead, cursors.book("influx", 9).evicted], [6, 3]);
});

/** Does something once, when the journal's worker has just been asked that and has not answered. */
function whenAsked(kind: string, work: () => void): Disposable {
  const { postMessage } = Worker.prototype;
  let done = false;
  Worker.prototype.postMessage = function (this: Worker, question: { readonly kind: string }) {
    postMessage.call(this, question);
    if (question.kind !== kind || done) return;
    done = true;
    work();
  };
  return { [Symbol.dispose]: () => void (Worker.prototype.postMessage = postMessage) };
}
