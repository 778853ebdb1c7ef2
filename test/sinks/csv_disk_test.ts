/** CSV files on a disk that is full or broken: nothing is lost, doubled or cut in half. */
import assert from "node:assert/strict";
import csv from "../../sinks/csv/mod.ts";
import { deliver } from "../../src/delivery.ts";
import { type Journal, openJournal } from "../../src/journal.ts";
import { CSV_HEADER, toCsv } from "../../src/sink.ts";
import { listeningLog } from "../support/listening_log.ts";
import { readout, temporaryFolder } from "../support/readings.ts";
import { until } from "../support/running.ts";
import { jumpingClock } from "../support/sink_clock.ts";
import { canMount, type SmallDisk, smallDisk } from "../support/small_disk.ts";

interface Scene {
  readonly disk: SmallDisk;
  readonly journal: Journal;
  /** Waits until the sink has said that, after what it has said before. */
  says(what: RegExp): Promise<unknown>;
}

/** Readouts go to CSV on a small disk; the journal lies elsewhere. At the end the file must have all, once, in order. */
async function scene(count: number, play: (scene: Scene) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  using disk = smallDisk();
  await using journal = await openJournal({ path: `${folder.path}/journal.db`, sinks: ["csv"], maxBytes: 1e8 });
  const [log, stop] = [listeningLog(), new AbortController()];
  const path = `${disk.path}/readings.csv`;
  const delivery = deliver(journal, { name: "csv", plugin: csv, options: { path } }, {
    ...{ signal: stop.signal, log, clock: jumpingClock(Infinity, [30_000]), random: () => 0.11 },
  });
  const says = (what: RegExp) => until(`${what}, but ${log.lines}`, () => log.lines.some((line) => what.test(line)));
  try {
    await play({ disk, journal, says });
    await until(() => `all to be delivered, but ${log.lines}`, () => journal.books()[0]!.pending === 0);
  } finally {
    stop.abort();
    await delivery.done;
  }
  const wanted = Array.from({ length: count }, (_, number) => readout(number).map(toCsv)).flat();
  assert.deepEqual(Deno.readTextFileSync(path).split("\r\n"), [CSV_HEADER, ...wanted, ""]);
}

Deno.test("csv: a full disk is waited for, and the file has each line once", { ignore: !canMount }, async () => {
  await scene(400, async ({ disk, journal, says }) => {
    for (let number = 0; number < 100; number++) await journal.append(readout(number));
    await until("the first lines", () => journal.books()[0]!.pending === 0);
    disk.fill(700); // room for some lines of a batch
    await Promise.all(Array.from({ length: 300 }, (_, at) => journal.append(readout(100 + at))));
    await says(/Cannot write .*No space left on device/);
    disk.free();
  });
});

Deno.test("csv: a disk that breaks (EIO) and is back is gone on with", { ignore: !canMount }, async () => {
  await scene(60, async ({ disk, journal, says }) => {
    for (let number = 0; number < 20; number++) await journal.append(readout(number));
    await until("the first lines", () => journal.books()[0]!.pending === 0);
    disk.break();
    for (let number = 20; number < 60; number++) await journal.append(readout(number));
    await says(/Cannot write .*[Ii]nput\/output error/);
    disk.replace();
  });
});
