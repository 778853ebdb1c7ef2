/** The journal: what it costs the card, and what a large one costs when it is opened and drained. @module */
import { DatabaseSync } from "node:sqlite";
import { openJournal } from "../src/journal.ts";
import { checkSum, type StoredReadout } from "../src/journal/stored.ts";
import { readout } from "../test/support/readings.ts";
import { canMount, deviceOf, smallDisk } from "../test/support/small_disk.ts";
import { projectPath, startChild, temporaryFolder } from "./child.ts";
import { AS_THE_UNIT_DOES } from "./footprint.ts";
import type { Measure, Row } from "./table.ts";

const LARGE_BYTES = 1e9;
/** Registers of a readout. */
const READINGS = 70;
/** It is drained for so long at most. */
const DRAIN_MS = 90_000;
/** Readouts that are counted for the wear of a card. */
const WORN = 500;
const SINKS = ["one", "two", "three"];

/** The measure `journal`. */
export const journal: Measure = {
  name: "journal",
  summary: "the journal's wear of a card, and opening and draining one of 1 GB (three minutes, 2 GB of disk)",
  async run() {
    return [...canMount ? await wear() : [], ...await large()];
  },
};

/** Readouts one by one on a file system of its own, three sinks that take each at once. */
async function wear(): Promise<Row[]> {
  using disk = smallDisk(64);
  const device = deviceOf(disk.path);
  await using journal = await openJournal({ path: `${disk.path}/journal.db`, sinks: SINKS, maxBytes: 32e6 });
  const { signal } = new AbortController();
  const read = async (number: number) => {
    await journal.append(readout(number, READINGS));
    for (const sink of SINKS) journal.acknowledge(sink, await journal.next(sink, signal));
  };
  for (let number = 0; number < 20; number++) await read(number);
  const before = written(device);
  for (let number = 20; number < 20 + WORN; number++) await read(number);
  const after = written(device);
  const kib = (after.bytes - before.bytes) / WORN / 1024;
  const flushes = (after.flushes - before.flushes) / WORN;
  return [
    {
      measure: `bytes that reach the card for a readout of ${READINGS} registers, three sinks, ext4's own included`,
      ...{ result: `${kib.toFixed(1)} KiB`, bound: "≤ 16 KiB", met: kib <= 16 },
    },
    { measure: "… flushes of the card", result: flushes.toFixed(2), bound: "≤ 1.3", met: flushes <= 1.3 },
  ];
}

/** What was written to a block device so far (Documentation/block/stat.rst). */
function written(device: string): { readonly bytes: number; readonly flushes: number } {
  const numbers = Deno.readTextFileSync(`/sys/block/${device}/stat`).trim().split(/\s+/).map(Number);
  return { bytes: numbers[6]! * 512, flushes: numbers[15]! };
}

async function large(): Promise<Row[]> {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/journal.db`;
  await fill(path);
  let said = "";
  const script = projectPath("bench/journal_child.ts");
  const { program, env } = AS_THE_UNIT_DOES;
  const args = [...program.slice(0, -1), script, path, String(DRAIN_MS)]; // in place of the bundle
  await using child = startChild(Deno.execPath(), args, { onStdout: (line) => said = line, ...env && { env } });
  await child.done;
  const { firstMs, peakMb, seconds, readings, all } = JSON.parse(said);
  const share = Math.round(100 * readings / all);
  return [
    {
      measure: "a journal of 1 GB, from its opening to the first batch, as the unit starts it, files in the cache",
      ...{ result: `${Math.round(firstMs)} ms`, bound: "≤ 1 s", met: firstMs <= 1000 },
    },
    {
      measure: `… drained by one sink (${share} % in ${Math.round(seconds)} s), memory at its peak`,
      ...{ result: `${Math.round(peakMb)} MB`, bound: "≤ 128 MB", met: peakMb <= 128 },
    },
  ];
}

/** One readout by the journal itself, then as many like it as make it large. */
async function fill(path: string): Promise<void> {
  {
    await using journal = await openJournal({ path, sinks: ["drain"], maxBytes: 4e9 });
    await journal.append(readout(0, READINGS));
  }
  const db = new DatabaseSync(path);
  db.exec("PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; BEGIN");
  const first = db.prepare("SELECT * FROM readout").get() as unknown as StoredReadout;
  const insert = db.prepare(
    `INSERT INTO readout (seq, at_ms, form, count, total, crc, boot, mono_ms, quality, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const pages = db.prepare("PRAGMA page_count");
  const bytes = () => Number(pages.get()!.page_count) * 1024;
  for (let seq = 2; seq % 10_000 !== 0 || bytes() < LARGE_BYTES; seq++) {
    const row = { ...first, seq, at_ms: first.at_ms + 1000 * seq, total: seq * READINGS };
    const { at_ms, form, count, total, boot, mono_ms, quality, body } = row;
    insert.run(seq, at_ms, form, count, total, checkSum(row), boot, mono_ms, quality, body);
  }
  db.exec("COMMIT");
  db.close();
}
