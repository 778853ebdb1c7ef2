/** `obisd forget` where no daemon runs; beside one that does, `mode_e_test.ts` tries it. */
import assert from "node:assert/strict";
import { HeardCounters } from "../../src/heard_counters.ts";
import { runCommand } from "../support/read_meter.ts";
import { temporaryFolder } from "../support/readings.ts";

const [KEY, OTHER_KEY] = [new Uint8Array(16).fill(7), new Uint8Array(16).fill(8)];
const [ONE, TWO] = ["4B414D4501349083", "4F42490000000002"];

Deno.test("forget: the book beside the journal, or that of a command; nothing else of it is lost", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/dlms-heard.json`;
  const config = `${folder.path}/obisd.yaml`;
  Deno.writeTextFileSync(
    config,
    JSON.stringify({
      ...{ runtime_directory: "run", lines: { a: { url: "tcp://127.0.0.1:9" } }, journal: { path: "journal.db" } },
      meters: [{ name: "a", line: "a", every: "1h" }],
      sinks: [{ type: "stdout" }],
    }),
  );
  const forget = (...args: string[]) => runCommand(["forget", ...args]);
  const inConfig = ["-c", config];
  const absent = await forget(...inConfig);
  assert.deepEqual([absent.code, /nothing ciphered was ever heard/.test(absent.err)], [66, true], absent.err);

  const book = new HeardCounters(path);
  book.of(KEY).set(ONE, 812);
  book.of(OTHER_KEY).set(ONE, 4711);
  book.of(KEY).set(TWO, 5);
  book.keep();
  const all = await forget("--counters", `${folder.path}/counters.json`);
  assert.equal(all.out, `TITLE             LAST NUMBER\n${ONE}  812\n${ONE}  4711\n${TWO}  5\n`);
  const wrong: [string[], number, RegExp][] = [
    [["4F42490000000003"], 64, /Nothing was heard from 4F42490000000003 there/],
    [["flat-1"], 64, /takes one system title, 16 hex digits/],
    [[ONE, TWO], 64, /takes one system title/],
    [[ONE], 64, /say --yes if that is meant/],
  ];
  for (const [args, code, message] of wrong) {
    const outcome = await forget(...args, ...inConfig);
    assert.match(outcome.err, message);
    assert.equal(outcome.code, code, outcome.err);
  }
  const done = await forget(ONE.toLowerCase(), "--yes", ...inConfig);
  assert.deepEqual([done.code, done.out], [0, `The next message of ${ONE} is believed, whatever its number\n`]);
  const after = new HeardCounters(path);
  assert.deepEqual([after.of(KEY).get(ONE), after.of(OTHER_KEY).get(ONE), after.of(KEY).get(TWO)], [
    ...[undefined, undefined, 5],
  ]);
  Deno.writeTextFileSync(path, "{");
  const damaged = await forget(...inConfig);
  assert.deepEqual([damaged.code, /dlms-heard\.json is damaged/.test(damaged.err)], [74, true], damaged.err);
});
