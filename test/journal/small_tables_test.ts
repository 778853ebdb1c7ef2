/** A bit that turns in a small table of the journal is found, costs little, and makes no time or number wrong. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { HostTime } from "../../src/host_time.ts";
import { type Journal, openJournal } from "../../src/journal.ts";
import { FORMATS, openDatabase } from "../../src/journal/schema.ts";
import { Sql } from "../../src/journal/sql.ts";
import { putGap } from "../../src/journal/tables.ts";
import type { Reading } from "../../src/reading.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeHost } from "../support/fake_host.ts";
import { assertBalanced, drain } from "../support/journals.ts";
import { listeningLog } from "../support/listening_log.ts";
import { reading, readout, temporaryFolder } from "../support/readings.ts";

const MINUTE = 60_000;
const NOON = Date.UTC(2026, 5, 1, 12);

/** Changes a closed file behind the journal's back. */
function turn(path: string, ...sqls: string[]): void {
  const db = new DatabaseSync(path);
  for (const sql of sqls) assert(Number(db.prepare(sql).run().changes) > 0, `nothing was there to turn: ${sql}`);
  db.close();
}

function rows(path: string, sql: string): unknown[][] {
  const db = new DatabaseSync(path);
  const found = db.prepare(sql).all().map((row) => Object.values(row));
  db.close();
  return found;
}

interface Stay {
  readonly journal: Journal;
  readonly time: HostTime;
  readonly said: readonly string[];
  /** A readout that comes now, whose value is the true time. */
  append(): Promise<unknown>;
  /** The time is looked at again, and what waits is dated. */
  settle(): Promise<void>;
  /** What the sink gets next; `undefined`: it waits. */
  next(): Promise<readonly Reading[] | undefined>;
}

/** Opens and closes a journal on a machine without a clock, and opens it again, as often as wanted. */
async function onMachine(
  play: (machine: {
    readonly path: string;
    readonly host: FakeHost;
    open(stay: (stay: Stay) => Promise<void>): Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  using folder = temporaryFolder();
  const path = `${folder.path}/journal.db`;
  const clock = new FakeClock(0, NOON);
  const host = new FakeHost(clock, NOON - 3652 * 24 * 60 * MINUTE);
  const open = async (stay: (stay: Stay) => Promise<void>) => {
    const [time, log] = [new HostTime({ host }), listeningLog()];
    const journal = await clock.outside(openJournal({ path, sinks: ["csv"], maxBytes: 1e8, time, log }));
    await stay({
      ...{ journal, time, said: log.lines },
      append() {
        const moment = { bootId: time.bootId, monotonicMs: time.monotonic(), trusted: time.trusted };
        const its = { ...reading({ text: String(clock.now()) }), time: new Date(time.now()).toISOString() };
        return clock.outside(journal.append([its], moment));
      },
      async settle() {
        await clock.sleep(3000);
        for (let at = 0; at < 20; at++) await clock.outside(journal.ping());
      },
      async next() {
        const batch = await clock.outside(journal.next("csv", AbortSignal.timeout(300))).catch(() => undefined);
        if (batch) journal.acknowledge("csv", batch);
        return batch?.readings;
      },
    });
    assertBalanced(journal);
    await clock.outside(journal[Symbol.asyncDispose]());
  };
  await clock.run(play({ path, host, open }));
}

const isHonest = ({ time, value }: Reading) => Date.parse(time) === value;

Deno.test("openJournal: a bit that turns in what is known of a boot makes no time wrong, and stops no clock", async () => {
  const turns = [
    "start_ms = start_ms + 4096",
    "latest_ms = latest_ms + 1099511627776",
    "good_ms = 4398046511104",
    "boot_id = 'boot-2'",
    "id = id + 64",
    "crc = NULL",
  ];
  for (const what of turns) {
    await onMachine(async ({ path, host, open }) => {
      await open(async ({ append }) => {
        await append();
        await append();
      });
      turn(path, `UPDATE boot SET ${what}`);
      host.synchronise();
      await open(async ({ time, said, append, settle, next }) => {
        await append();
        await settle();
        const [first, second, third] = (await next())!;
        for (const old of [first!, second!]) assert(isHonest(old) || old.flags.includes("clock-unsynchronised"), what);
        assert(isHonest(third!) && third!.flags.length === 0, what);
        assert(time.trusted, what);
        assert.match(said.join("\n"), /error The journal was damaged: when 1 runs of the machine began is lost/, what);
      });
      const numbers = rows(path, "SELECT id FROM boot").flat();
      assert.equal(new Set(numbers).size, numbers.length);
      await open(({ said }) =>
        Promise.resolve(assert.deepEqual(said.filter((line) => /damaged/.test(line)), [], what))
      );
    });
  }
});

Deno.test("openJournal: the number of a boot that is lost is given to no other", async () => {
  await onMachine(async ({ path, host, open }) => {
    await open(async ({ append }) => void await append());
    turn(path, "UPDATE boot SET id = 0");
    host.restart("boot-2", NOON - MINUTE);
    await open(async ({ append }) => void await append());
    const [[old], [now]] = rows(path, "SELECT boot FROM readout ORDER BY seq") as [[number], [number]];
    assert.notEqual(old, now);
  });
});

Deno.test("openJournal: a bit that turns in the list of what waits lets nobody pass, and holds up nobody", async () => {
  for (const what of ["seq = 1000000 WHERE seq = 2", "seq = 0 WHERE seq = 3", "crc = crc + 1 WHERE seq = 1"]) {
    await onMachine(async ({ path, host, open }) => {
      await open(async ({ append }) => {
        for (let number = 0; number < 3; number++) await append();
      });
      turn(path, `UPDATE held SET ${what}`);
      await open(async ({ journal, said, append, settle, next }) => {
        assert.match(said.join("\n"), /error The journal was damaged: the list of readouts that wait/, what);
        assert.deepEqual([journal.state().held, await next()], [3, undefined], what);
        host.synchronise();
        await append();
        await settle();
        const readings = await next();
        assert.deepEqual(
          readings?.map((its) => isHonest(its) && its.flags.length === 0),
          [true, true, true, true],
          what,
        );
        assert.equal(journal.state().held, 0);
      });
    });
  }
});

Deno.test("openJournal: a bit that turns in what is still to be fetched costs nothing: it is fetched once more", async () => {
  for (const row of ["'%/journal.db.corrupt-3', 0, 40", "'%/journal.db.corrupt-1', 39, 40", "'', 0, 4000000"]) {
    using folder = temporaryFolder();
    const path = `${folder.path}/journal.db`;
    const log = listeningLog();
    const options = { path, sinks: ["csv"], maxBytes: 1e8, log };
    {
      await using journal = await openJournal(options);
      for (let number = 0; number < 40; number++) await journal.append(readout(number));
    }
    Deno.copyFileSync(path, `${path}.corrupt-1`);
    Deno.copyFileSync(path, `${path}.corrupt-2`);
    turn(`${path}.corrupt-1`, "DELETE FROM readout"); // of another year
    turn(path, "DELETE FROM readout WHERE seq < 20");
    turn(path, `INSERT INTO salvage VALUES (${row.replace("%", folder.path)}, 7)`);
    await using journal = await openJournal(options);
    assert.match(log.lines.join("\n"), /damaged: what was fetched from the file before is fetched once more/);
    await journal.append(readout(40));
    assert.deepEqual(await drain(journal, "csv"), Array.from({ length: 41 }, (_, number) => number), row);
    await journal.check();
    assertBalanced(journal);
    assert.equal(journal.state().salvaging, undefined);
  }
});

Deno.test("openJournal: in a file of format 6 the small tables get their check sums, and keep what they say", async () => {
  await onMachine(async ({ path, host, open }) => {
    const db = new DatabaseSync(path);
    db.exec(`PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; ${FORMATS.slice(0, 6).join("")}
      PRAGMA user_version = 6; INSERT INTO held VALUES (7), (8);
      INSERT INTO boot VALUES (3, 'boot-0', ${NOON - 9 * MINUTE}, ${NOON - MINUTE}, ${NOON - MINUTE})`);
    db.close();
    await open(async ({ journal, time, said }) => {
      assert.deepEqual(said.filter((line) => /damaged/.test(line)), []);
      assert.equal(journal.state().held, 2);
      assert.equal(time.trusted, false);
      host.synchronise();
      await Promise.resolve();
    });
    assert.deepEqual(rows(path, "SELECT id, boot_id, good_ms FROM boot WHERE crc IS NOT NULL")[0], [
      ...[3, "boot-0", NOON - MINUTE],
    ]);
    assert.deepEqual(rows(path, "PRAGMA user_version"), [[7]]);
  });
});

Deno.test("putGap: what a failed commit may have left is written down once", () => {
  using folder = temporaryFolder();
  const sql = new Sql(openDatabase(`${folder.path}/journal.db`));
  const gap = { sink: "csv", fromSeq: 3, toSeq: 7, count: 12, reason: "size", atMs: NOON };
  for (const row of [gap, gap, { ...gap, atMs: NOON + 1 }]) putGap(sql, row);
  assert.deepEqual(sql.all("SELECT count(*) AS n FROM gap").map((row) => Object.values(row)), [[2]]);
  sql.close();
});
