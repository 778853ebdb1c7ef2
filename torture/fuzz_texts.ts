/** Everything else that comes from outside as text, and everything that is written to be read again. @module */
import assert from "node:assert/strict";
import fc from "fast-check";
import { judge } from "../sinks/influxdb/answer.ts";
import { toLine } from "../sinks/influxdb/points.ts";
import { loadConfig } from "../src/config.ts";
import { ConfigError } from "../src/errors.ts";
import { decodeReadout, Encoder, parseForm } from "../src/journal/record.ts";
import { parseObis } from "../src/obis/code.ts";
import { FLAGS, type Reading, SinkError, toCsv, toJson, toTable } from "../src/sink.ts";
import { damaged, damages } from "./damage.ts";
import { type Tries, tryOut } from "./tries.ts";

/** Addresses that look like codes, and others: a canonical code stays what it is. */
export async function fuzzCodes(tries: Tries): Promise<void> {
  const group = fc.oneof(fc.nat(300).map(String), fc.constantFrom("C", "F", "L", "P", "00", "", "FF"));
  const mark = fc.constantFrom(".", "-", ":", "*", "&", ",", " ");
  const address = fc.oneof(
    fc.array(fc.tuple(group, mark), { maxLength: 7 }).map((pairs) => pairs.flat().join("")),
    text,
  );
  await tryOut(
    fc.property(address, fc.boolean(), (address, heat) => {
      const code = parseObis(address, { heat });
      if (code === "") return;
      assert.match(code, /^\d+-\d+:\d+\.\d+\.\d+\*\d+$/);
      assert(code.split(/\D/).every((group) => Number(group) <= 255), code);
      assert.equal(parseObis(code, { heat }), code);
    }),
    tries,
  );
}

/** Any text at all: controls, separators, letters of the world, half surrogates left out (no meter can send them). */
const text = fc.oneof(
  fc.string({ maxLength: 12, unit: "binary" }),
  fc.string({ maxLength: 12 }),
  fc.stringMatching(/^[+-]?\d{0,9}([.,]\d{0,6})?$/),
  fc.array(fc.constantFrom('"', ",", "\\", "=", " ", "\n", "\r", "\t", "\0", "=cmd", "m³", "\u2028"), { maxLength: 6 })
    .map((parts) => parts.join("")),
);
const labels = fc.dictionary(fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/), text, { maxKeys: 3, noNullPrototype: true });
const flags = fc.subarray([...FLAGS]);
const register = fc.record({
  address: text,
  obis: fc.constantFrom("", "1-0:1.8.0*255", "0-0:96.1.0*255"),
  index: fc.nat(3),
  text,
  unit: text,
  name: fc.constantFrom("", "active_energy_import_total"),
  isNumber: fc.boolean(),
});

/** A readout of one meter at one time, as odd as its texts may be. */
export const readoutOf: fc.Arbitrary<Reading[]> = fc
  .tuple(fc.date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true }), text, labels, flags)
  .chain(([date, meter, labels, flags]) =>
    fc.array(register, { minLength: 1, maxLength: 5 }).map((registers) =>
      registers.map(({ isNumber, ...its }): Reading => {
        const number = Number(its.text);
        const value = isNumber && its.text.trim() !== "" && Number.isFinite(number) ? number + 0 : null;
        return { time: date.toISOString(), meter, ...its, value, labels, flags };
      })
    )
  );

/** Readings as CSV, JSON, line protocol, table and journal record, each read again by other means. */
export async function fuzzFormats(tries: Tries): Promise<void> {
  await tryOut(
    fc.property(readoutOf, (readings) => {
      assert.deepEqual(throughJournal(readings), readings);
      assert.deepEqual(parseCsv(readings.map((reading) => toCsv(reading) + "\r\n").join("")), readings.map(fields));
      for (const reading of readings) {
        assert(!/[\n\r]/.test(toJson(reading)));
        assert.deepEqual(JSON.parse(toJson(reading)), reading);
        assertOneLine(reading);
      }
      // deno-lint-ignore no-control-regex -- what a terminal would obey
      assert.doesNotMatch(toTable(readings, { colour: false }), /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    }),
    tries,
  );
}

/** One for all: what it remembers of one readout must not change another. */
const encoder = new Encoder();

function throughJournal(readings: readonly Reading[]): Reading[] {
  const { atMs, form, body } = encoder.encode(readings);
  return decodeReadout(atMs, form === undefined ? undefined : parseForm(form), body);
}

/** What a CSV record says of a reading. */
function fields({ time, meter, obis, address, index, value, text, unit, name, flags, labels }: Reading): string[] {
  const number = value === null ? "" : String(value);
  return [time, meter, obis, address, String(index), number, text, unit, name, flags.join(";"), JSON.stringify(labels)];
}

/** RFC 4180, with numbers in any spelling. */
function parseCsv(csv: string): string[][] {
  const records: string[][] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  let record: string[] = [];
  while (field.lastIndex < csv.length) {
    const at = field.lastIndex;
    const found = field.exec(csv);
    assert(found, `no CSV at ${at}: ${JSON.stringify(csv.slice(at, at + 40))}`);
    const said = found[1]?.replaceAll('""', '"') ?? found[2]!;
    record.push(record.length === 5 && said !== "" ? String(Number(said)) : said);
    if (found[3] === ",") continue;
    records.push(record);
    record = [];
  }
  return records;
}

/** One line of line protocol: measurement, tags, one field, the time; the number in it is the reading's. */
function assertOneLine(reading: Reading): void {
  const line = toLine(reading, { measurement: "obis", occurrence: 1 });
  const form = /^obis(?:,(?:\\.|[^\\,= \n])+=(?:\\.|[^\\,= \n])+)* (?:value=(\S+)|text="((?:\\.|[^"\\])*)") (-?\d+)$/s;
  const found = form.exec(line.replace(/\\(?![,= "\\])/g, "/")); // a backslash before a letter is a letter
  assert(found, `no line protocol: ${JSON.stringify(line)}`);
  assert.equal(Number(found[3]), Date.parse(reading.time));
  if (reading.value !== null) assert.equal(Number(found[1]), reading.value);
}

const EXAMPLE = await Deno.readFile(new URL("../config/obisd.yaml", import.meta.url));

/** Files that are nearly a configuration, and others: a configuration, or faults with their places, and nothing else. */
export async function fuzzConfigurations(tries: Tries): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/obisd.yaml`;
  const json = fc.json({ maxDepth: 3 }).map((text) => new TextEncoder().encode(text));
  const word = fc.constantFrom(
    "lines",
    "meters",
    "sinks",
    "journal",
    ":",
    "\n",
    "  ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "&a",
    "*a",
    "!!int",
    "|",
    "'",
    "#",
    "every",
    "15m",
    "url",
    "null",
    "<<",
    "?",
    "\t",
    "9e9",
  );
  const words = fc.array(word, { maxLength: 30 }).map((parts) => new TextEncoder().encode(parts.join(" ")));
  const bytes = fc.oneof(
    damages.map((faults) => damaged(EXAMPLE, faults)),
    json,
    words,
    fc.uint8Array({ maxLength: 60 }),
  );
  try {
    await tryOut(
      fc.asyncProperty(bytes, async (bytes) => {
        await Deno.writeFile(path, bytes);
        try {
          await loadConfig(path, { environment: () => "x" });
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          assert(error.faults.length > 0);
          for (const fault of error.faults) assert(fault.message !== "" && (fault.line ?? 1) >= 1);
        }
      }),
      tries,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Answers of servers that are none of InfluxDB's: taken, or an error that says which lines of those that were sent. */
export async function fuzzAnswers(tries: Tries): Promise<void> {
  const key = fc.constantFrom("message", "error", "data", "line_number", "error_message", "toString", "code");
  const leaf = fc.constantFrom<unknown>(1, 2, 0, -1, 1.5, 1e9, null, true, "", "partial write");
  const branch = (leaf: fc.Arbitrary<unknown>) =>
    fc.oneof(leaf, fc.dictionary(key, leaf, { maxKeys: 3 }), fc.array(leaf, { maxLength: 3 }));
  const tree = branch(branch(branch(leaf)));
  const bad = fc.record({ line_number: fc.oneof(fc.integer({ min: 1, max: 3 }), leaf), error_message: tree }, {
    requiredKeys: [],
  });
  const v3 = fc.record({ error: tree, data: fc.oneof(bad, fc.array(bad, { maxLength: 3 })) });
  const body = fc.oneof(
    v3.map((value) => JSON.stringify(value)),
    tree.map((value) => JSON.stringify(value)),
    fc.string(),
    fc.constant(""),
  );
  const status = fc.oneof(
    fc.constantFrom(200, 201, 204, 301, 400, 401, 403, 404, 408, 413, 422, 429, 500, 503),
    fc.nat(999),
  );
  const retryAfter = fc.option(
    fc.oneof(fc.nat().map(String), fc.string(), fc.date().map(String), fc.constant("9".repeat(400))),
  );
  await tryOut(
    fc.property(status, body, retryAfter, fc.integer({ min: 1, max: 5000 }), (status, body, retryAfter, count) => {
      const error = judge({ status, body, retryAfter, nowMs: 1e12 }, count);
      if (error === undefined) return assert(status >= 200 && status < 205 && (body === "" || status === 204));
      assert(error instanceof SinkError);
      const { remedy } = error;
      if (remedy.kind === "retry") assert(remedy.afterMs === undefined || remedy.afterMs > 0);
      if (remedy.kind === "reject") {
        assert(remedy.indices.every((at) => at >= 0 && at < count) && remedy.indices.length > 0);
      }
    }),
    tries,
  );
}
