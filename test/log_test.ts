/** What a line of the log looks like, and that the same is not said again and again. @module */
import assert from "node:assert/strict";
import { createLog, type LogOptions, oneLine } from "../src/log.ts";

/** A log that keeps its lines, on a clock that stands until it is moved. */
function kept(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const clock = { now: Date.parse("2026-11-24T16:00:00") }; // without Z: the host's time, as the log shows it
  const log = createLog({ format: "journal", write: (line) => lines.push(line), now: () => clock.now, ...options });
  return { log, lines, clock };
}

Deno.test("createLog: journal lines carry the priority and the fields", () => {
  const { log, lines } = kept({ level: "debug" });
  log.debug("d");
  log.info("flat-1 read", { meter: "flat-1", readings: 70, note: undefined });
  log.warning("w", { port: "/dev/serial/by id", empty: "", quote: 'a"b\\c' });
  log.error("e", { cause: new Error("no answer"), list: [1, "a"] });
  assert.deepEqual(lines, [
    "<7>d\n",
    "<6>flat-1 read meter=flat-1 readings=70\n",
    '<4>w port="/dev/serial/by id" empty="" quote="a\\"b\\\\c"\n',
    '<3>e cause="no answer" list="[1,\\"a\\"]"\n',
  ]);
});

Deno.test("createLog: terminal lines carry the time, and colour only when asked", () => {
  const plain = kept({ format: "terminal" });
  plain.log.warning("no answer", { meter: "flat-1" });
  assert.deepEqual(plain.lines, ["2026-11-24 16:00:00 warning no answer meter=flat-1\n"]);
  const coloured = kept({ format: "terminal", colour: true });
  coloured.log.warning("no answer");
  assert.equal(coloured.lines[0], "\x1b[90m2026-11-24 16:00:00\x1b[0m \x1b[33mwarning\x1b[0m no answer\n");
});

Deno.test("createLog: what is below the level is dropped", () => {
  const { log, lines } = kept({ level: "warning" });
  log.info("i");
  log.debug("d");
  log.error("e");
  assert.deepEqual(lines, ["<3>e\n"]);
});

Deno.test("createLog: control characters of a meter never break a line", () => {
  const { log, lines } = kept();
  log.info("said \x02\r\n\x1b[31m\u2028", { text: "a\nb" });
  assert.deepEqual(lines, ['<6>said \\x02\\r\\n\\x1b[31m\\x2028 text="a\\nb"\n']);
  assert.equal(oneLine("Wärme\t\x7f"), "Wärme\\t\\x7f");
});

Deno.test("createLog: the same message within 5 minutes is counted, not repeated", () => {
  const { log, lines, clock } = kept();
  for (let n = 0; n < 15; n++) log.error("flat-1 does not answer", { attempt: n });
  log.info("something else");
  clock.now += 300_000;
  log.info("later");
  log.error("flat-1 does not answer");
  assert.deepEqual(lines, [
    "<3>flat-1 does not answer attempt=0\n",
    "<6>something else\n",
    "<3>Said 14 more times within 5 min: flat-1 does not answer\n",
    "<6>later\n",
    "<3>flat-1 does not answer\n",
  ]);
});

Deno.test("createLog: debug is never folded", () => {
  const { log, lines } = kept({ level: "debug" });
  for (let n = 0; n < 3; n++) log.debug("> /?!");
  assert.equal(lines.length, 3);
});

Deno.test("createLog: remembers at most 4096 messages, and tells their counts before it forgets them", () => {
  const { log, lines } = kept();
  log.info("first");
  log.info("first");
  for (let n = 0; n < 4096; n++) log.info(`message ${n}`);
  assert.equal(lines.filter((line) => line === "<6>Said 1 more times within 1 min: first\n").length, 1);
  log.info("first");
  assert.equal(lines.at(-1), "<6>first\n");
});

Deno.test("createLog: unfolded, it counts what was folded and says everything again", () => {
  const lines: string[] = [];
  const log = createLog({ format: "journal", write: (line) => lines.push(line), now: () => 0 });
  for (const _ of [1, 2]) log.info("reloaded");
  log.unfold!();
  log.info("reloaded");
  assert.deepEqual(lines, ["<6>reloaded\n", "<6>Said 1 more times within 1 min: reloaded\n", "<6>reloaded\n"]);
});
