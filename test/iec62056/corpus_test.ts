import assert from "node:assert/strict";
import { Inbox } from "../../src/dialogue.ts";
import { SilenceError } from "../../src/errors.ts";
import { decodeTelegrams, identificationIn, listen, readout, toText } from "../../src/iec62056/mod.ts";
import type { DataSet, Telegram } from "../../src/telegram.ts";
import { corpus, hasCorpus, type Specimen } from "../support/specs.ts";

const ignore = !hasCorpus;

const setsOf = (telegrams: readonly Telegram[]) => telegrams.flatMap(({ block }) => block.sets);

function expectedSets({ expected }: Specimen): DataSet[] {
  return expected.map(({ address, values }) => ({
    address,
    values: values.map(({ value, unit }) => unit === null ? { text: value } : { text: value, unit }),
  }));
}

Deno.test("decodeTelegrams: the whole corpus, to its ground truth", { ignore }, () => {
  for (const specimen of corpus()) {
    assert.deepEqual(setsOf(decodeTelegrams(specimen.bytes)), expectedSets(specimen), specimen.name);
  }
});

Deno.test("decodeTelegrams: each check of the corpus is right where it is right", { ignore }, () => {
  for (const { name, bytes, checks } of corpus()) {
    const truth = [checks.bcc ?? checks.crc16 ?? []].flat().map(({ ok }) => ok);
    const crc = checks.crc16 ? [checks.crc16].flat().map(({ ok }) => ok) : truth;
    const results = decodeTelegrams(bytes).map(({ check }) => check.result);
    for (const [index, ok] of crc.entries()) {
      const result = results[crc.length === 1 ? results.length - 1 : index];
      if (typeof ok === "boolean") assert.equal(result, ok ? "good" : "wrong", name);
      else assert.notEqual(result, "good", name);
    }
  }
});

Deno.test("decodeTelegrams: what is damaged is reported, what is not is not", { ignore }, () => {
  const reported: Record<string, number> = { "002": 1, "004": 1, "012": 1, "027": 32, "055": 1, "086": 1 };
  for (const { name, bytes } of corpus()) {
    const damaged = decodeTelegrams(bytes).flatMap(({ block }) => block.damaged);
    assert.equal(damaged.length, reported[name.slice(0, 3)] ?? 0, `${name}: ${JSON.stringify(damaged)}`);
  }
});

/** A set of a cut text is one of the whole text; the last one may lack values that came after the cut. */
function assertNothingInvented(cut: readonly DataSet[], whole: readonly DataSet[], what: string) {
  if (cut.length > whole.length) assert.fail(`${what}: more than there is`);
  for (const [index, set] of cut.entries()) {
    const truth = whole[index]!;
    const values = index === cut.length - 1 ? truth.values.slice(0, set.values.length) : truth.values;
    if (JSON.stringify(set) !== JSON.stringify({ ...truth, values })) {
      assert.fail(`${what}: ${JSON.stringify(set)} is not ${JSON.stringify(truth)}`);
    }
  }
}

Deno.test("decodeTelegrams: cut at every byte, nothing is invented", { ignore }, () => {
  for (const { name, bytes } of corpus()) {
    const whole = setsOf(decodeTelegrams(bytes));
    const step = bytes.length > 2000 ? 41 : 1; // the long ones say the same thing again and again
    for (let length = 0; length < bytes.length; length += step) {
      const cut = decodeTelegrams(bytes.subarray(0, length));
      assertNothingInvented(setsOf(cut), whole, `${name} cut at ${length}`);
    }
  }
});

/** Runs a dialogue: the bytes come one by one, then nothing; after NAK those from `again` on come once more. */
function feed<T>(
  dialogue: Generator<unknown, T, { bytes: Uint8Array; atMs: number }>,
  bytes: Uint8Array,
  again = 0,
): T | undefined {
  let at = 0;
  let result = dialogue.next(undefined as never);
  try {
    while (!result.done) {
      const step = result.value as { kind: string; bytes?: Uint8Array };
      if (step.bytes && toText(step.bytes) === "\x15") at = again;
      if (step.kind !== "receive") result = dialogue.next(undefined as never);
      else if (at < bytes.length) result = dialogue.next({ bytes: bytes.subarray(at, ++at), atMs: at });
      else result = dialogue.throw(new SilenceError("nothing more"));
    }
    return result.value;
  } catch (error) {
    if (error instanceof SilenceError) return undefined;
    throw error;
  }
}

Deno.test("listen: the pushes of the corpus, byte by byte, and the same from any point in them", { ignore }, () => {
  const pushes = corpus().filter(({ bytes }) => decodeTelegrams(bytes).some(({ mode }) => mode === "D"));
  assert.ok(pushes.length > 25);
  for (const { name, bytes } of pushes) {
    const whole = decodeTelegrams(bytes).filter(({ identification, block }) => identification && block.complete).at(
      -1,
    )!;
    const start = toText(bytes).lastIndexOf(whole.identification!.line);
    for (const from of [0, Math.min(1, start), Math.floor(start / 2), start]) {
      const telegram = feed(listen(new Inbox()), bytes.subarray(from));
      assert.deepEqual(telegram?.block.sets, whole.block.sets, name);
      assert.deepEqual(telegram?.check, whole.check, name);
      assert.equal(telegram?.atMs, start - from + 1, name);
    }
    const two = feed(listen(new Inbox()), Uint8Array.from([...bytes.subarray(start + 3), ...bytes.subarray(start)]));
    assert.deepEqual(two?.block.sets, whole.block.sets, `${name}: started halfway`);
    for (let length = start; length < bytes.length - 8; length += 5) {
      const cut = feed(listen(new Inbox()), bytes.subarray(start, length));
      if (cut && cut.check.result !== "wrong") {
        assert.deepEqual(cut.block.sets, whole.block.sets, `${name} at ${length}`);
      }
    }
  }
});

Deno.test("readout: the answers of the corpus, byte by byte", { ignore }, () => {
  for (const { name, bytes } of corpus()) {
    const [whole] = decodeTelegrams(bytes);
    if (whole?.check.kind !== "bcc" || !whole.identification || whole.check.result === "wrong") continue;
    const behind = toText(bytes).split("!").at(-1)!; // recorders cut ETX off, but some left its check character
    if (!whole.block.complete || whole.check.result === "absent" && behind.trim() !== "") continue;
    const { line } = whole.identification;
    const dataStart = toText(bytes).indexOf(line) + line.length;
    const telegram = feed(readout({ tries: { left: 2 } }), bytes, dataStart); // asked once more where it has no check
    assert.deepEqual(telegram?.block.sets, whole.block.sets, name);
    assert.deepEqual(telegram?.check, whole.check, name);
    assert.equal(identificationIn(telegram!.identification!.line)?.start, 0);
  }
});
