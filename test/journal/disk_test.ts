/** A disk that is full, read-only or broken ends nothing and loses nothing, and all is well again by itself. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type Journal, type JournalOptions, openJournal } from "../../src/journal.ts";
import { roomOn } from "../../src/libc.ts";
import { assertBalanced, drain } from "../support/journals.ts";
import { numbers, reading, readout, temporaryFolder } from "../support/readings.ts";
import { canMount, type SmallDisk, smallDisk } from "../support/small_disk.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const soon = () => AbortSignal.timeout(20_000);

interface Scene {
  readonly disk: SmallDisk;
  readonly said: string[];
  open(options?: Partial<JournalOptions>): Promise<Journal>;
}

async function scene(play: (scene: Scene) => Promise<void>): Promise<void> {
  using disk = smallDisk();
  const said: string[] = [];
  const say = (message: string) => void said.push(message);
  const log = { debug() {}, info: say, warning: say, error: say };
  const opened: Journal[] = [];
  try {
    await play({
      disk,
      said,
      async open(options = {}) {
        const journal = await openJournal({
          ...{ path: `${disk.path}/journal.db`, sinks: ["csv", "influx"], maxBytes: 1e9, minFreeBytes: 0, log },
          ...{ retryMs: 20, ballastBytes: 4 * MIB, freeSpace: () => roomOn(disk.path), ...options },
        });
        opened.push(journal);
        return journal;
      },
    });
  } finally {
    for (const journal of opened) await journal[Symbol.asyncDispose]();
  }
}

/** A readout of 20 kB, so that a small disk is full soon. */
const large = (number: number) => [
  ...readout(number, 1),
  ...Array.from({ length: 40 }, (_, at) => reading({ address: `${at}`, text: "x".repeat(500), value: null })),
];

/** The small readouts among all that a sink still gets. */
const drainSmall = (journal: Journal, sink: string) =>
  drain(journal, sink, (all) => numbers(all.filter(({ meter, labels }) => meter === "flat-1" && labels["site"])));

async function until(condition: () => boolean): Promise<void> {
  for (const began = performance.now(); !condition();) {
    if (performance.now() - began > 20_000) assert.fail(`never: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

Deno.test(
  "Journal: a disk that fills up costs the ballast, then memory, and no readout",
  { ignore: !canMount },
  async () => {
    await scene(async ({ disk, open, said }) => {
      const journal = await open();
      await journal.append(large(0));
      assert.equal(journal.state().ballast, true);
      disk.fill();
      let number = 1;
      for (; !journal.state().trouble; number++) {
        await journal.append(large(number));
        assertBalanced(journal);
      }
      assert(number > 50, `the ballast held ${number} readouts`);
      assert.equal(journal.state().ballast, false);
      const { inMemory } = journal.state();
      assert(inMemory.readouts >= 1);
      assert.deepEqual(await journal.append(large(number)), { seq: number + 1, durable: false });
      number++;
      assert.deepEqual(await drainSmall(journal, "csv"), range(0, number), "served from disk and memory");
      await assert.rejects(journal.letters.retry({}), /The journal cannot be written: database or disk is full/);
      assert.deepEqual((await journal.letters.list({})).letters, []);
      disk.free();
      await until(() => !journal.state().trouble);
      assert.deepEqual(await journal.append(large(number)), { seq: number + 1, durable: true });
      await until(() => journal.state().ballast || (void journal.check(), false));
      assertBalanced(journal);
      await journal[Symbol.asyncDispose]();
      await using again = await open();
      assert.deepEqual(await drainSmall(again, "csv"), [number]);
      assert.deepEqual(await drainSmall(again, "influx"), range(0, number + 1));
      assert.deepEqual(again.books().map(({ evicted, dead }) => [evicted, dead]), [[0, 0], [0, 0]]);
      const told = said.map((line) => line.replace(/:.*/, "").replace(/\d+/, "N"));
      assert.deepEqual([...new Set(told)], [
        "The disk is full",
        "The journal cannot be written",
        "The journal is written again after N s",
      ]);
    });
  },
);

Deno.test(
  "Journal: what memory has no room for is dropped from the oldest on, and counted",
  { ignore: !canMount },
  async () => {
    await scene(async ({ disk, open, said }) => {
      const journal = await open({ ballastBytes: 0, memoryBytes: 200 * KIB, retryMs: 3_600_000 });
      disk.fill();
      const receipts = [];
      for (const number of range(0, 300)) receipts.push(await journal.append(large(number)));
      assertBalanced(journal);
      const onDisk = receipts.filter(({ durable }) => durable).length;
      const kept = await drainSmall(journal, "csv");
      assert.deepEqual(kept.slice(0, onDisk), range(0, onDisk));
      assert.deepEqual(kept.slice(onDisk), range(300 - (kept.length - onDisk), 300));
      assert(kept.length < onDisk + 12, "200 KiB hold ten readouts of 20 kB");
      const { evicted } = journal.books()[0]!;
      assert.equal(evicted, 41 * (300 - kept.length));
      assert.match(said.join("\n"), /readings were dropped before every sink had them: the disk takes nothing/);
      disk.free();
      await journal[Symbol.asyncDispose]();
      const again = await open({ ballastBytes: 0 });
      assert.deepEqual(await drainSmall(again, "influx"), kept);
      assertBalanced(again);
      await again.check();
      await again[Symbol.asyncDispose]();
      const db = new DatabaseSync(`${disk.path}/journal.db`);
      const gap = db.prepare("SELECT sum(count) AS n FROM gap WHERE reason = 'memory' AND sink = 'influx'").get()!["n"];
      db.close();
      assert.equal(gap, evicted);
    });
  },
);

Deno.test("Journal: on a disk that has room again nothing gives way, however much is in memory", {
  ignore: !canMount,
}, async () => {
  await scene(async ({ disk, open }) => {
    const journal = await open({ ballastBytes: 0, memoryBytes: 200 * KIB, retryMs: 3_600_000 });
    let number = 0;
    while (number < 60) await journal.append(large(number++));
    disk.fill();
    while (journal.state().inMemory.bytes < 150 * KIB) await journal.append(large(number++));
    disk.free();
    await journal[Symbol.asyncDispose]();
    await using again = await open();
    assert.deepEqual(await drainSmall(again, "csv"), range(0, number));
  });
});

Deno.test("Journal: an open file that takes no more is opened again when it does", { ignore: !canMount }, async () => {
  await scene(async ({ disk, open, said }) => {
    const journal = await open();
    for (const number of range(0, 10)) await journal.append(readout(number));
    const files = ["journal.db", "journal.db-wal"].map((name) => `${disk.path}/${name}`);
    for (const file of files) disk.protect(file, true);
    assert.deepEqual(await journal.append(readout(10)), { seq: 11, durable: false });
    assert.deepEqual(await drainSmall(journal, "csv"), range(0, 11));
    assert.equal(journal.state().trouble !== undefined, true);
    for (const file of files) disk.protect(file, false);
    await until(() => !journal.state().trouble);
    assert.deepEqual(await journal.append(readout(11)), { seq: 12, durable: true });
    await journal[Symbol.asyncDispose]();
    const again = await open();
    assert.deepEqual(await drainSmall(again, "csv"), [11]);
    assert.deepEqual(await drainSmall(again, "influx"), range(0, 12));
    assertBalanced(again);
    assert(said.some((line) => /written again/.test(line)));
  });
});

Deno.test("openJournal: on a read-only disk sinks are served from memory until it can be written", {
  ignore: !canMount,
}, async () => {
  await scene(async ({ disk, open }) => {
    const first = await open();
    for (const number of range(0, 5)) await first.append(readout(number));
    assert.deepEqual(await drainSmall(first, "csv"), range(0, 5));
    await first[Symbol.asyncDispose]();
    disk.remount("ro");
    const journal = await open();
    assert.match(journal.state().trouble!.message, /[Rr]ead-only/);
    for (const number of range(5, 8)) assert.equal((await journal.append(readout(number))).durable, false);
    const early = await journal.next("csv", soon());
    assert.deepEqual(numbers(early.readings), [5, 6, 7]);
    const lost = await journal.next("influx", soon());
    assert.deepEqual(numbers(lost.readings), [5, 6, 7], "it cannot know that there are older ones");
    assertBalanced(journal);
    disk.remount("rw");
    await until(() => !journal.state().trouble);
    journal.acknowledge("csv", early, { mark: "eight" });
    journal.acknowledge("influx", lost);
    assert.deepEqual(await journal.append(readout(8)), { seq: 9, durable: true });
    assertBalanced(journal);
    assert.deepEqual(await drainSmall(journal, "csv"), [8]);
    assert.deepEqual(await drainSmall(journal, "influx"), range(0, 9), "in order, some of it once more");
    assert.equal(journal.mark("csv"), "eight");
    await journal.check();
    assert.deepEqual(journal.books().map(({ ingested, delivered }) => [ingested, delivered]), [[27, 27], [27, 27]]);
  });
});

Deno.test(
  "Journal: a disk that the kernel sets read-only under it is let go of, and gone on with when it is mounted anew",
  {
    ignore: !canMount,
  },
  async () => {
    await scene(async ({ disk, open, said }) => {
      const journal = await open({ ballastBytes: 0 });
      for (const number of range(0, 20)) await journal.append(readout(number));
      disk.err();
      for (const number of range(20, 23)) assert.equal((await journal.append(readout(number))).durable, false);
      assert.deepEqual(await drain(journal, "csv"), range(0, 23), "what is on disk can be read, the rest is in memory");
      assertBalanced(journal);
      assert.match(said.join("\n"), /The journal cannot be written: .*; a power cut loses those/);
      await until(() => {
        try {
          disk.mountAnew(); // busy while a file is open
          return true;
        } catch {
          return false;
        }
      });
      await until(() => !journal.state().trouble);
      assert.deepEqual(await journal.append(readout(23)), { seq: 24, durable: true });
      await journal[Symbol.asyncDispose]();
      const again = await open({ ballastBytes: 0 });
      assert.deepEqual(await drain(again, "csv"), [23]);
      assert.deepEqual(await drain(again, "influx"), range(0, 24), "none lost, none doubled");
      assertBalanced(again);
      await again.check();
      assert(!said.some((line) => /books are wrong|damaged/.test(line)), said.join("\n"));
    });
  },
);

Deno.test("openJournal: on a full disk it begins all the same", { ignore: !canMount }, async () => {
  await scene(async ({ disk, open }) => {
    disk.fill();
    const journal = await open();
    for (const number of range(0, 3)) assert.equal((await journal.append(readout(number))).durable, false);
    assert.deepEqual(await drainSmall(journal, "csv"), [0, 1, 2]);
    disk.free();
    await until(() => !journal.state().trouble);
    assert.equal((await journal.append(readout(3))).durable, true);
    assert.deepEqual(await drainSmall(journal, "csv"), [3]);
    assert.deepEqual(await drainSmall(journal, "influx"), range(0, 4));
    assertBalanced(journal);
  });
});

Deno.test("openJournal: a damaged file whose dead letters find no room beside it is set aside when there is some", {
  ignore: !canMount,
}, async () => {
  await scene(async ({ disk, open }) => {
    const first = await open({ ballastBytes: 0 });
    for (const number of range(0, 30)) await first.append(large(number));
    while (first.books()[0]!.pending > 0) {
      const batch = await first.next("csv", soon());
      const dead = batch.readings.map((_, index) => ({ index, reason: "no such field" }));
      first.acknowledge("csv", batch, { dead });
    }
    const { dead } = first.books()[0]!;
    await first[Symbol.asyncDispose]();
    const path = `${disk.path}/journal.db`;
    const bytes = Deno.readFileSync(path);
    for (const { index } of new TextDecoder("latin1").decode(bytes).matchAll(/TABLE held/g)) {
      bytes.set(new TextEncoder().encode("TABLE hell"), index);
    }
    Deno.writeFileSync(path, bytes);
    disk.fill(400 * KIB);
    const journal = await open({ ballastBytes: 0 });
    assert.match(journal.state().trouble!.message, /full/);
    assert.equal((await journal.append(readout(30))).durable, false);
    disk.free();
    await until(() => !journal.state().trouble);
    assert.equal((await journal.append(readout(31))).durable, true);
    assert.equal((await journal.letters.list({})).count, dead);
    assert.deepEqual((await drainSmall(journal, "influx")).slice(-2), [30, 31]);
    assertBalanced(journal);
  });
});

Deno.test("Journal: closed in memory alone, it says what is lost", { ignore: !canMount }, async () => {
  await scene(async ({ disk, open, said }) => {
    disk.fill();
    const journal = await open();
    await journal.append(readout(0));
    await journal[Symbol.asyncDispose]();
    assert.match(said.at(-1)!, /Cannot close the journal cleanly: 1 readouts that were in memory alone are lost/);
  });
});

Deno.test("Journal: readouts that can wait share a commit, and closing waits for none", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/journal.db`;
  const options = { path, sinks: ["csv"], maxBytes: 1e9 };
  {
    await using journal = await openJournal(options);
    const patient = range(0, 3).map((number) => journal.append(readout(number), undefined, 3_600_000));
    assert.equal(journal.books()[0]!.ingested, 0);
    await journal.append(readout(3));
    assert.deepEqual(
      (await Promise.all(patient)).map(({ seq }) => seq),
      [1, 2, 3],
      "they go along with one that cannot",
    );
    const many = range(4, 400).map((number) => journal.append(large(number), undefined, 3_600_000));
    await many[0];
    assert(journal.books()[0]!.ingested > 0, "64 KiB wait no more");
    void journal.append(readout(400), undefined, 3_600_000);
  }
  await using journal = await openJournal(options);
  assert.deepEqual(await drainSmall(journal, "csv"), range(0, 401));
});

Deno.test("Journal: a disk that breaks while it is open (EIO) loses nothing, and is gone on with when it is back", {
  ignore: !canMount,
}, async () => {
  await scene(async ({ disk, said, open }) => {
    const journal = await open({ ballastBytes: 0 });
    for (let number = 0; number < 20; number++) await journal.append(readout(number));
    disk.break();
    assert.equal((await journal.append(readout(20))).durable, false);
    assert.match(said.join("\n"), /The journal cannot be written: .*readouts are kept in memory until it can/);
    for (let number = 21; number < 40; number++) await journal.append(readout(number));
    disk.replace();
    await until(() => journal.state().trouble === undefined);
    assert.equal((await journal.append(readout(40))).durable, true);
    assert.deepEqual(await drain(journal, "csv"), Array.from({ length: 41 }, (_, number) => number));
    assertBalanced(journal);
    await journal.check();
    assert(!said.some((line) => /books are wrong/.test(line)), said.join("\n"));
  });
});
