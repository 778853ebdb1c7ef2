/** The generated example and schema say what the loader does. @module */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { loadConfig } from "../src/config.ts";
import { exampleConfig, jsonSchema } from "../src/generate.ts";

async function load(text: string) {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, text);
    return await loadConfig(path, { missingSecrets: "warning" });
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("exampleConfig: is valid, without a warning", async () => {
  const config = await load(await exampleConfig());
  assert.deepEqual(config.warnings, []);
  assert.deepEqual(config.meters.map(({ name, mode }) => [name, mode]), [["flat-1", "auto"], ["heat", "D"]]);
});

Deno.test("exampleConfig: what is commented out is valid too", async () => {
  const [head, body] = (await exampleConfig()).split(/^(?=lines:)/m) as [string, string];
  const uncommented = head.replace("# time_zone:", "time_zone:") + body
    .replace(/^ {2}# {3}(?=[a-z]+:)/gm, "    ")
    .replace(/^( *)# (- type|time_zone|mode|obis|labels|expect|tries|max_bytes|max_age):/gm, "$1$2:");
  const config = await load(uncommented);
  assert.deepEqual(config.sinks.map(({ name }) => name), ["stdout", "csv", "influxdb"]);
  assert.deepEqual(config.meters[0]!.obis, ["1.8.0", "1.8.0*24"]);
  assert.equal(config.journal.maxAgeMs, 90 * 86_400_000);
});

Deno.test("jsonSchema: knows every option of the example, and no default of another type", async () => {
  const schema = JSON.parse(await jsonSchema());
  const example = parse(await exampleConfig());
  const known = (value: object, its: { properties: Record<string, unknown> }) =>
    assert.deepEqual(Object.keys(value).filter((key) => !(key in its.properties)), []);
  known(example, schema);
  for (const meter of example.meters) known(meter, schema.properties.meters.items);
  known(example.journal, schema.properties.journal);
  assert.deepEqual(schema.properties.journal.properties.max_bytes.default, "512MiB");
  const types = schema.properties.sinks.items.anyOf.map((sink: { properties: { type: { const?: string } } }) =>
    sink.properties.type.const
  );
  assert.deepEqual(types, ["stdout", "csv", "influxdb", undefined]);
});
