/** A damaged file is set aside, never deleted; what can be read of it still arrives, in order; nobody waits for that. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type Journal, type JournalOptions, openJournal } from "../../src/journal.ts";
import { assertBalanced, drain } from "../support/journals.ts";
import { readout, temporaryFolder } from "../support/readings.ts";

const soon = () => AbortSignal.timeout(20_000);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

interface Scene {
  readonly path: string;
  readonly said: string[];
  readonly names: () => string[];
  open(options?: Partial<JournalOptions>): Promise<Journal>;
}

async function scene(play: (scene: Scene) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  const path = `${folder.path}/journal.db`;
  const said: string[] = [];
  const say = (message: string) => void said.push(message.replaceAll(folder.path, ""));
  const log = { debug() {}, info: say, warning: say, error: say };
  await play({
    path,
    said,
    names: () => [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(),
    open: (options = {}) =>
      openJournal({ path, sinks: ["csv", "influx"], maxBytes: 1e9, log, retryMs: 20, ...options }),
  });
}

/** Overwrites pages of a file, counted from 0, page by page of 1 KiB. */
function spoil(path: string, from: number, pages: number): void {
  using file = Deno.openSync(path, { write: true });
  file.seekSync(from * 1024, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(pages * 1024).fill(0x5A));
}

/** Changes a closed file behind the journal's back. */
function turn(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  assert(Number(db.prepare(sql).run().changes) > 0, "nothing was there to turn");
  db.close();
}

/** A closed journal of so many readouts; "csv" has had the first 125. */
async function fill({ open }: Scene, readouts: number): Promise<void> {
  await using journal = await open();
  await Promise.all(range(0, readouts).map((number) => journal.append(readout(number, 40))));
  for (let upTo = 0; upTo < 125;) {
    const batch = await journal.next("csv", soon());
    upTo = batch.upTo;
    journal.acknowledge("csv", batch, { mark: `${upTo} readouts` });
  }
  assert.equal(journal.mark("csv"), "125 readouts");
}

Deno.test("openJournal: of a damaged file whatever is whole arrives, in order", async () => {
  await scene(async (scene) => {
    await fill(scene, 1000);
    const pages = Deno.statSync(scene.path).size / 1024;
    spoil(scene.path, Math.floor(pages / 2), 3);
    {
      await using journal = await scene.open();
      const kept = await drain(journal, "influx"); // the damage is found on the way
      assert((await journal.append(readout(1000, 40))).seq === 1001);
      assert.deepEqual(await drain(journal, "influx"), [1000]);
      assert(kept.length > 900 && kept.length < 1000, `${kept.length}`);
      assert.deepEqual(kept, kept.toSorted((a, b) => a - b));
      assert.equal(new Set(kept).size, kept.length);
      await journal.check();
      assertBalanced(journal);
      const [csv, influx] = journal.books();
      assert.equal(influx!.evicted, (1000 - kept.length) * 40);
      assert.equal(csv!.pending, (kept.filter((number) => number >= 125).length + 1) * 40);
      assert.equal(journal.state().salvaging, undefined);
    }
    assert.deepEqual(scene.names().filter((name) => /corrupt/.test(name)).slice(0, 1), ["journal.db.corrupt-1"]);
    const told = scene.said.join("\n");
    assert.match(told, /The journal was damaged: it is set aside as \/journal\.db\.corrupt-1/);
    assert.match(told, /^8\d\d readouts were fetched from the damaged journal/m);
  });
});

Deno.test("openJournal: a bit that turns in a register's name makes no other register", async () => {
  await scene(async ({ path, open, said }) => {
    {
      await using journal = await open();
      for (let number = 0; number < 3; number++) await journal.append(readout(number, 4));
    }
    turn(path, "UPDATE form SET content = replace(content, '1.8.', '1.0.')");
    await using journal = await open();
    await journal.append(readout(3, 4)); // of the same form, which is written anew
    assert.deepEqual(await drain(journal, "influx"), [3]);
    assertBalanced(journal);
    assert.equal(journal.books()[1]!.dead, 12);
    assert.match(said.join("\n"), /Readout 1 is damaged on disk and put aside/);
  });
});

Deno.test("openJournal: a bit that turns in a sink's place costs nothing: it gets all that is there once more", async () => {
  for (const change of ["acked = acked + 64", "acked_total = acked_total + 4096", "delivered = -1", "id = 'influy'"]) {
    await scene(async ({ path, open, said }) => {
      {
        await using journal = await open();
        for (let number = 0; number < 6; number++) await journal.append(readout(number, 4));
        const batch = await journal.next("influx", soon());
        journal.acknowledge("influx", batch, { dead: [{ index: 0, reason: "never" }] });
        await journal.append(readout(6, 4));
      }
      turn(path, `UPDATE sink SET ${change} WHERE id = 'influx'`);
      await using journal = await open();
      assert.match(said.join("\n"), /the places of some sinks are lost/, change);
      assert.deepEqual(await drain(journal, "influx"), range(0, 7), change);
      await journal.append(readout(7, 4));
      assert.deepEqual(await drain(journal, "csv"), range(0, 8), change);
      await journal.check();
      assertBalanced(journal);
      assert.deepEqual(journal.books().map(({ dead, evicted }) => [dead, evicted]), [[0, 0], [1, 0]], change);
      assert(!said.some((line) => /books are wrong/.test(line)), said.join());
    });
  }
});

Deno.test("openJournal: a bit that turns in the schema is damage: the file is set aside and nothing is lost", async () => {
  const changes = [
    ["acked_total INTEGER", "acked_tptal INTEGER"],
    ["body BLOB", "bodx BLOB"],
    ["TABLE held", "TABLE hell"],
    ["TABLE boot", "TABLE bout"],
  ] as const;
  for (const [from, to] of changes) {
    await scene(async ({ path, open, names }) => {
      {
        await using journal = await open();
        for (let number = 0; number < 6; number++) await journal.append(readout(number, 4));
      }
      const bytes = Deno.readFileSync(path);
      const places = new TextDecoder("latin1").decode(bytes).matchAll(new RegExp(from, "g")); // old copies too
      for (const { index } of places) bytes.set(new TextEncoder().encode(to), index);
      Deno.writeFileSync(path, bytes);
      await using journal = await open();
      assert(names().includes("journal.db.corrupt-1"), to);
      await journal.append(readout(6, 4));
      const kept = await drain(journal, "csv");
      assert.deepEqual(kept.at(-1), 6, to);
      if (from !== "body BLOB") assert.deepEqual(kept, range(0, 7), to); // of a column nobody knows what it was
      assertBalanced(journal);
    });
  }
});

Deno.test("openJournal: a file that cannot even be opened is replaced, and numbers go on", async () => {
  await scene(async (scene) => {
    await fill(scene, 200);
    const file = Deno.readFileSync(scene.path);
    Deno.writeFileSync(scene.path, file.fill(0x5A, 0, 4096));
    await using journal = await scene.open();
    const { seq } = await journal.append(readout(200));
    assert(seq > 200, `${seq}`);
    assert.deepEqual(await drain(journal, "csv"), [200]);
    assertBalanced(journal);
    assert(scene.names().includes("journal.db.corrupt-1"));
  });
});

Deno.test("Journal: what is fetched from a damaged file goes on after a restart, and a second damage has a name of its own", async () => {
  await scene(async (scene) => {
    await fill(scene, 3000);
    const pages = Deno.statSync(scene.path).size / 1024;
    spoil(scene.path, Math.floor(pages / 2), 1);
    {
      const journal = await scene.open();
      while (!scene.names().includes("journal.db.corrupt-1")) {
        journal.acknowledge("influx", await journal.next("influx", soon()));
      }
      await journal.append(readout(3000, 40));
      await journal[Symbol.asyncDispose](); // in the midst of it, most likely
    }
    await using journal = await scene.open();
    const kept = await drain(journal, "influx");
    assert.equal(kept.at(-1), 3000);
    await journal.check();
    assertBalanced(journal);
    const { evicted, dead } = journal.books()[1]!;
    assert(evicted < 100 * 40 && dead === 0, `${evicted} ${dead}`);
    await journal[Symbol.asyncDispose]();
    Deno.writeFileSync(scene.path, new Uint8Array(8192).fill(0x5A));
    await using again = await scene.open();
    await again.append(readout(1));
    assert(scene.names().includes("journal.db.corrupt-2"));
  });
});

Deno.test("Journal: readings that somebody deleted from the file are an error, and the books say so", async () => {
  await scene(async ({ path, said, open }) => {
    {
      await using journal = await open();
      for (const number of range(0, 10)) await journal.append(readout(number));
    }
    const db = new DatabaseSync(path);
    db.exec("DELETE FROM readout WHERE seq IN (3, 4)");
    db.close();
    await using journal = await open();
    await journal.check();
    assert(said.some((line) => /books are wrong: csv: 6 readings are missing on disk/.test(line)), said.join("\n"));
    assert.deepEqual(journal.books().map(({ pending, evicted }) => [pending, evicted]), [[24, 6], [24, 6]]);
    assert.deepEqual(await drain(journal, "csv"), [0, 1, ...range(4, 10)]);
    const before = said.length;
    await journal.check();
    assert.equal(said.length, before, "it is said once");
  });
});
