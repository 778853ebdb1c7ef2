/** The CSV sink: whole lines, each once, whatever happens to the file. */
import assert from "node:assert/strict";
import csv from "../../sinks/csv/mod.ts";
import { CSV_HEADER, type Reading, SinkError, toCsv } from "../../src/sink.ts";
import { readout, temporaryFolder } from "../support/readings.ts";

const idle = new AbortController().signal;
const open = (path: string, mark?: string) => csv.open({ path }, mark, idle);
const file = (...readings: Reading[]) => [CSV_HEADER, ...readings.map(toCsv), ""].join("\r\n");

Deno.test("csv: header, then a line a reading, then a mark", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/deep/er/readings.csv`;
  await using sink = await open(path);
  const mark = await sink.write(readout(1), idle);
  const [, { ino, size }] = [await sink.write(readout(2), idle), Deno.statSync(path)];
  assert.equal(Deno.readTextFileSync(path), file(...readout(1), ...readout(2)));
  assert.equal(mark, JSON.stringify([[path, ino, file(...readout(1)).length]]));
  assert.equal(size, file(...readout(1), ...readout(2)).length);
});

Deno.test("csv: fields with commas, quotes and line ends are quoted", async () => {
  using folder = temporaryFolder();
  await using sink = await open(`${folder.path}/a.csv`);
  await sink.write([{ ...readout(1)[0]!, text: 'a,"b"\nc', value: null }], idle);
  assert.match(Deno.readTextFileSync(`${folder.path}/a.csv`), /,"a,""b""\nc",kWh,/);
});

Deno.test("csv: the date in the path is the reading's, in UTC", async () => {
  using folder = temporaryFolder();
  await using sink = await open(`${folder.path}/%Y/%m-%d/%H.csv`);
  await sink.write([...readout(0), ...readout(3600), ...readout(43200)], idle);
  for (const [path, number] of [["2026/01-15/12", 0], ["2026/01-15/13", 3600], ["2026/01-16/00", 43200]] as const) {
    assert.equal(Deno.readTextFileSync(`${folder.path}/${path}.csv`), file(...readout(number)));
  }
});

Deno.test("csv: after a crash anywhere in a line, the batch that comes again is there once", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/a.csv`;
  const whole = file(...readout(1), ...readout(2));
  for (const marked of [true, false]) {
    for (let length = 0; length <= whole.length; length += 7) {
      await Deno.remove(path).catch(() => {});
      let mark: string | undefined;
      {
        await using sink = await open(path);
        mark = await sink.write(readout(1), idle) as string;
      }
      // Without a mark the journal offers readout 1 again as well.
      if (marked && length < file(...readout(1)).length) continue;
      Deno.writeTextFileSync(path, whole);
      Deno.truncateSync(path, length);
      await using sink = await open(path, marked ? mark : undefined);
      if (!marked) await sink.write(readout(1), idle);
      await sink.write(readout(2), idle);
      assert.equal(Deno.readTextFileSync(path), whole, `cut at ${length}, ${marked ? "with" : "without"} mark`);
    }
  }
});

Deno.test("csv: a batch that had begun a new file before the crash is not doubled there", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/%H.csv`;
  let mark: string;
  {
    await using sink = await open(path);
    mark = await sink.write(readout(1), idle) as string;
    await sink.write([...readout(2), ...readout(3600), ...readout(3601)], idle); // its mark is lost
  }
  await using sink = await open(path, mark);
  await sink.write([...readout(2), ...readout(3600)], idle);
  await sink.write([...readout(3601), ...readout(3602)], idle);
  assert.equal(Deno.readTextFileSync(`${folder.path}/12.csv`), file(...readout(1), ...readout(2)));
  assert.equal(
    Deno.readTextFileSync(`${folder.path}/13.csv`),
    file(...readout(3600), ...readout(3601), ...readout(3602)),
  );
});

Deno.test("csv: a file that was moved, emptied or deleted begins anew, with a header", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/a.csv`;
  await using sink = await open(path);
  await sink.write(readout(1), idle);
  const away: (() => void)[] = [
    () => Deno.renameSync(path, `${path}.1`),
    () => Deno.truncateSync(path),
    () => Deno.removeSync(path),
  ];
  for (const [at, act] of away.entries()) {
    act();
    await sink.write(readout(2 + at), idle);
    assert.equal(Deno.readTextFileSync(path), file(...readout(2 + at)));
  }
  assert.equal(Deno.readTextFileSync(`${path}.1`), file(...readout(1)));
});

Deno.test("csv: lines that somebody else appended stay", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/a.csv`;
  await using sink = await open(path);
  await sink.write(readout(1), idle);
  Deno.writeTextFileSync(path, "theirs\r\n", { append: true });
  await sink.write(readout(2), idle);
  assert.equal(
    Deno.readTextFileSync(path),
    file(...readout(1)) + "theirs\r\n" + readout(2).map(toCsv).join("\r\n") + "\r\n",
  );
});

Deno.test("csv: what others append while obisd is stopped stays, and nothing of ours is missing or doubled", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/a.csv`;
  const text = (...readings: Reading[]) => readings.map(toCsv).join("\r\n") + "\r\n";
  const [one, two, three] = [readout(1), readout(2), readout(3)];
  const long = "x".repeat(60) + "\r\n";
  // What stands behind the mark, and what stands there once readouts 2 and 3 have come (again).
  const table: [string, string][] = [
    ["", text(...two, ...three)],
    ["theirs\r\n", "theirs\r\n" + text(...two, ...three)],
    ["theirs", "theirs\r\n" + text(...two, ...three)],
    [text(...two), text(...two, ...three)],
    [text(...two) + "theirs\n", text(...two) + "theirs\n" + text(...three)],
    [text(...two) + "theirs", text(...two) + "theirs\r\n" + text(...three)],
    [text(two[0]!) + "theirs\r\n" + text(two[1]!), text(two[0]!) + "theirs\r\n" + text(two[1]!, two[2]!, ...three)],
    [text(...two) + text(...three).slice(0, 50), text(...two, ...three)],
    [text(...two).slice(0, 50) + "\0".repeat(20), text(...two, ...three)],
    ["\0".repeat(20), text(...two, ...three)],
    [text(...two) + long.repeat(100_000), text(...two) + long.repeat(100_000) + text(...three)],
    [text(...two) + "y".repeat(100_000), text(...two) + "y".repeat(100_000) + "\r\n" + text(...three)],
  ];
  for (const [found, wanted] of table) {
    for (const together of [true, false]) {
      Deno.writeTextFileSync(path, file(...one) + found);
      const mark = JSON.stringify([[path, Deno.statSync(path).ino, file(...one).length]]);
      await using sink = await open(path, mark);
      if (!together) await sink.write(two, idle);
      await sink.write(together ? [...two, ...three] : three, idle);
      assert(Deno.readTextFileSync(path) === file(...one) + wanted, JSON.stringify(found.slice(0, 800)));
    }
  }
});

Deno.test("csv: half a line that is cut within a letter is begun anew", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/a.csv`;
  const odd = readout(2).map((its) => ({ ...its, unit: "m³" }));
  const whole = new TextEncoder().encode(file(...readout(1), ...odd));
  for (let length = whole.length - 40; length <= whole.length; length++) {
    Deno.writeFileSync(path, whole.subarray(0, length));
    await using sink = await open(path);
    await sink.write([...readout(1), ...odd], idle);
    assert.deepEqual(Deno.readFileSync(path), whole, `cut at ${length}`);
  }
});

Deno.test("csv: a file that is not ours, a full disk and a missing permission keep the batch", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/theirs.csv`, "a,b\n1,2\n");
  for (
    const [path, message] of [
      [`${folder.path}/theirs.csv`, /no CSV file of obisd/],
      ["/dev/full", /No space left/],
      [`${folder.path}/theirs.csv/a.csv`, /Cannot write/],
    ] as const
  ) {
    await using sink = await open(path);
    await assert.rejects(sink.write(readout(1), idle), (error) => {
      assert(error instanceof SinkError && error.remedy.kind === "retry");
      assert.match(error.message, message);
      return true;
    });
  }
  assert.equal(Deno.readTextFileSync(`${folder.path}/theirs.csv`), "a,b\n1,2\n");
});

Deno.test("csv: a batch that one of its files does not take is in all of them once when it comes again", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/%H.csv`;
  const batch = [...readout(2), ...readout(3600)];
  for (const before of [[], readout(1)]) {
    await using sink = await open(path);
    if (before.length > 0) await sink.write(before, idle);
    Deno.mkdirSync(`${folder.path}/13.csv`);
    for (let times = 0; times < 3; times++) await assert.rejects(sink.write(batch, idle), SinkError);
    Deno.removeSync(`${folder.path}/13.csv`);
    await sink.write(batch, idle);
    assert.equal(Deno.readTextFileSync(`${folder.path}/12.csv`), file(...before, ...readout(2)));
    assert.equal(Deno.readTextFileSync(`${folder.path}/13.csv`), file(...readout(3600)));
    for (const hour of [12, 13]) Deno.removeSync(`${folder.path}/${hour}.csv`);
  }
});

Deno.test("csv: an unknown % in the path is refused", () => {
  assert.equal(csv.options.safeParse({ path: "/a/%Y-%j.csv" }).success, false);
  assert.equal(csv.options.safeParse({ path: "/a/%Y-100%%.csv" }).success, true);
});
