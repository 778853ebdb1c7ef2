/** No invocation counter is given twice: after a kill -9, by several processes, at the end of all numbers. */
import assert from "node:assert/strict";
import { LineError, RefusalError } from "../src/errors.ts";
import { heardBeside, HeardCounters } from "../src/heard_counters.ts";
import { countersBeside, InvocationCounters } from "../src/invocation_counters.ts";
import { temporaryFolder } from "./support/readings.ts";

const [KEY, TITLE] = [new Uint8Array(16).fill(7), Uint8Array.from([0x4f, 0x42, 0x49, 0, 0, 0, 0, 1])];

Deno.test("InvocationCounters: counts on in another process, from behind what was reserved", () => {
  using folder = temporaryFolder();
  const path = countersBeside(`${folder.path}/journal.db`);
  const first = new InvocationCounters(path, { reserved: 10 });
  assert.deepEqual(
    Array.from({ length: 12 }, () => first.of(KEY, TITLE).next()),
    Array.from({ length: 12 }, (_, at) => at + 1),
  );
  const second = new InvocationCounters(path, { reserved: 10 }).of(KEY, TITLE);
  assert.deepEqual([second.next(), first.of(KEY, TITLE).next()], [21, 13]);
  assert.equal(new InvocationCounters(path).of(new Uint8Array(16), TITLE).next(), 1, "another key counts for itself");
  assert.ok(!Deno.readTextFileSync(path).includes("07070707"));
});

Deno.test("InvocationCounters: a meter that has heard more raises it, one that has heard less does not", () => {
  using folder = temporaryFolder();
  const counter = new InvocationCounters(`${folder.path}/counters.json`, { reserved: 10 }).of(KEY, TITLE);
  assert.equal(counter.next(), 1);
  counter.raise(4711);
  counter.raise(12);
  assert.deepEqual([counter.next(), counter.next()], [4711, 4712]);
  assert.equal(new InvocationCounters(`${folder.path}/counters.json`, { reserved: 10 }).of(KEY, TITLE).next(), 4721);
});

Deno.test("InvocationCounters: the last number of 32 bits, and none behind it", () => {
  using folder = temporaryFolder();
  const counter = new InvocationCounters(`${folder.path}/counters.json`).of(KEY, TITLE);
  counter.raise(0xffff_fffe);
  assert.deepEqual([counter.next(), counter.next()], [0xffff_fffe, 0xffff_ffff]);
  assert.throws(() => counter.next(), RefusalError);
  counter.raise(0xffff_ffff + 1);
  assert.throws(() => counter.next(), /used up: the meter needs another key/);
});

Deno.test("InvocationCounters: a file that is damaged or cannot be written stops the ciphering", () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/counters.json`;
  for (const text of ["", "{", "[1", '{"a":"b"}', '{"a":1.5}', "null"]) {
    Deno.writeTextFileSync(path, text);
    const counter = new InvocationCounters(path).of(KEY, TITLE);
    assert.throws(() => counter.next(), /No message is ciphered, for its number cannot be kept: .* is damaged/, text);
  }
  Deno.mkdirSync(`${folder.path}/other.json.new`);
  const blocked = new InvocationCounters(`${folder.path}/other.json`).of(KEY, TITLE);
  assert.throws(() => blocked.next(), LineError);
});

Deno.test("HeardCounters: what was heard is known after a restart, each key and title for itself; trouble is told", () => {
  using folder = temporaryFolder();
  const path = heardBeside(`${folder.path}/journal.db`);
  const troubles: string[] = [];
  let nowMs = 0;
  const open = () => new HeardCounters(path, { onTrouble: (reason) => troubles.push(reason), now: () => nowMs });
  const title = TITLE.toHex();
  const one = open();
  const hear = (counter: number) => {
    one.of(KEY).set(title, counter);
    one.of(KEY).settle();
  };
  hear(7);
  assert.deepEqual([open().of(KEY).get(title), open().of(new Uint8Array(16)).get(title)], [7, undefined]);
  hear(8);
  assert.equal(open().of(KEY).get(title), 7, "once a minute");
  nowMs += 60_000;
  one.keep(); // the timer does it where nobody is heard any more
  assert.equal(open().of(KEY).get(title), 8);
  hear(9);
  nowMs += 60_000;
  hear(10);
  one.keep();
  assert.equal(open().of(KEY).get(title), 10);
  assert.deepEqual(troubles, []);
  Deno.writeTextFileSync(path, "{");
  const blind = open();
  assert.equal(blind.of(KEY).get(title), undefined);
  Deno.mkdirSync(`${path}.new`);
  blind.of(KEY).set(title, 1);
  blind.of(KEY).settle();
  assert.equal(blind.of(KEY).get(title), 1);
  assert.match(troubles.join(), /cannot be kept: .* is damaged.*cannot be kept: /);
});

Deno.test("HeardCounters: two processes share a file: the later number of each meter counts for both", () => {
  using folder = temporaryFolder();
  const path = heardBeside(`${folder.path}/journal.db`);
  const [daemon, command] = [new HeardCounters(path), new HeardCounters(path, { keepMs: 0 })];
  const [one, other] = [TITLE.toHex(), "4F42490000000002"];
  daemon.of(KEY).set(one, 7);
  daemon.of(KEY).set(other, 100);
  daemon.keep();
  command.of(KEY).set(one, 20);
  command.of(KEY).settle();
  daemon.of(KEY).set(one, 8);
  daemon.of(KEY).set(other, 101);
  daemon.keep();
  const after = new HeardCounters(path).of(KEY);
  assert.deepEqual([after.get(one), after.get(other), daemon.of(KEY).get(one)], [20, 101, 20]);
});

/** Takes numbers as fast as it can and says each, until it is killed. */
const TAKER = `
import { InvocationCounters } from "${import.meta.resolve("../src/invocation_counters.ts")}";
const counter = new InvocationCounters(Deno.args[0], { reserved: 3 }).of(new Uint8Array(16), new Uint8Array(8));
while (true) Deno.stdout.writeSync(new TextEncoder().encode(counter.next() + "\\n"));
`;

Deno.test("InvocationCounters: killed at any moment, two processes at a time, no number comes twice", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/taker.ts`, TAKER);
  const path = `${folder.path}/counters.json`;
  const take = async (lines: number) => {
    const args = ["run", "--quiet", "--no-prompt", "--cached-only", "--allow-all", `${folder.path}/taker.ts`, path];
    const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
    let text = "";
    for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
      const enough = text.split("\n").length > lines;
      text += piece;
      if (!enough && text.split("\n").length > lines) child.kill("SIGKILL"); // in the middle of whatever it does
    }
    await child.status;
    return text.split("\n").slice(0, -1).map(Number);
  };
  const taken: number[] = [];
  for (const [one, other] of [[5, 200], [1, 50], [400, 17]] as const) {
    const [first, second] = await Promise.all([take(one), take(other)]);
    assert.ok(Math.min(...first, ...second) > Math.max(0, ...taken), "later ones are above all earlier ones");
    taken.push(...first, ...second);
  }
  assert.equal(new Set(taken).size, taken.length);
  assert.ok(taken.length > 600);
});
