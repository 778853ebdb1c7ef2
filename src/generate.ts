/** Writes the files that are generated from the configuration's schema, or checks that they are up to date. @module */
import * as z from "zod";
import { loadPlugin, SINK_TYPES } from "../sinks/mod.ts";
import { meterTypeSchema, readMeterTypes } from "./config/meter_types.ts";
import { configSchema, journalSchema, lineSchema, meterSchema, sinkSchema } from "./config/schema.ts";
import { ConfigError } from "./errors.ts";
import { print } from "./print.ts";
import { endpointOptions } from "./transport/endpoint.ts";

type Shape = Readonly<Record<string, z.ZodType>>;
type JsonSchema = Record<string, unknown> & { properties?: Record<string, unknown>; required?: string[] };

const ROOT = new URL("../", import.meta.url);

/** What the example says where a default will not do. */
const EXAMPLES = {
  line: { url: "serial:///dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A10K3X7Q-if00-port0" },
  converter: { url: "tcp://192.168.1.20:8000?max_baud=300" },
  meter: { name: "flat-1", line: "meter-room", address: "1122334455", every: "15m" },
  push: { name: "heat", line: "heat", mode: "D" },
  stdout: {},
  csv: { path: "/var/lib/obisd/readings-%Y-%m-%d.csv" },
  influxdb: {
    url: "http://127.0.0.1:8086",
    org: "home",
    bucket: "energy",
    token: { credential: "influx-token" },
  },
} as const;

/** What it says of options that are commented out and have no default. */
const HINTS: Readonly<Record<string, unknown>> = {
  database: "energy",
  username: "obisd",
  password: { credential: "influx-password" },
};

/** Sinks that stand in the example ready for use; the others want a server. */
const READY_SINKS = ["stdout", "csv"];

/** `config/obisd.schema.json`: what editors complete and check with. */
export async function jsonSchema(): Promise<string> {
  const schema = toJson(configSchema);
  const sinks = { ...schema.properties!.sinks as JsonSchema };
  sinks.items = { anyOf: [...await Promise.all(SINK_TYPES.map(sinkJson)), pluginJson()] };
  schema.properties!.sinks = sinks;
  return JSON.stringify({ title: "Configuration of obisd", ...schema }, null, 2) + "\n";
}

/** `config/meters/meter.schema.json`: the same for the files beside it. */
function meterTypeJsonSchema(): string {
  return JSON.stringify({ title: "A type of meter, for obisd", ...toJson(meterTypeSchema) }, null, 2) + "\n";
}

/** `src/meters/table.json`: what stands in `config/meters/`, as the program has it. @throws {ConfigError} */
async function meterTable(): Promise<string> {
  return JSON.stringify(await readMeterTypes(new URL("config/meters/", ROOT).pathname), null, 2) + "\n";
}

function toJson(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: "input",
    override: ({ jsonSchema }) => {
      delete jsonSchema.means; // a note for our own messages
    },
  }) as JsonSchema;
}

async function sinkJson(type: string): Promise<JsonSchema> {
  const { $schema: _, ...options } = toJson((await loadPlugin(type, "/")).options);
  const { properties } = toJson(sinkSchema);
  return {
    ...options,
    properties: { ...properties, type: { const: type }, ...options.properties },
    required: ["type", ...options.required ?? []],
  };
}

/** A sink from outside: its options are known to itself alone. */
function pluginJson(): JsonSchema {
  const { properties } = toJson(sinkSchema);
  return {
    type: "object",
    properties: { ...properties, type: { type: "string", pattern: "^(\\.{0,2}/|npm:)" } },
    required: ["type"],
  };
}

/** `config/obisd.yaml`: every option, explained, with its default. */
export async function exampleConfig(): Promise<string> {
  const top = configSchema.shape;
  const sinks = await Promise.all(SINK_TYPES.map(sinkExample));
  return [
    "# yaml-language-server: $schema=obisd.schema.json",
    ...comment(
      "The configuration of obisd, with every option. What is commented out shows its default, or else an example. " +
        "Durations have units: 500ms, 30s, 15m, 2h, 90d. Relative paths start at this file. " +
        'Afterwards: obisd check -c FILE. (Written by "deno task generate" from src/config/schema.ts.)',
    ),
    "",
    ...option("time_zone", top.time_zone, undefined),
    ...option("runtime_directory", top.runtime_directory, undefined),
    "",
    ...comment(`${describe(top.lines)} Options of a line stand behind the ? of its url, joined by &:`),
    ...Object.entries(endpointOptions.shape).flatMap(([key, schema]) => comment(`  ${key}: ${sentence(schema)}`)),
    "lines:",
    "  meter-room:",
    ...indent(4, options(lineSchema.shape, EXAMPLES.line)),
    "  heat:",
    ...indent(4, live("url", EXAMPLES.converter.url)),
    "",
    ...comment(describe(top.meters)),
    "meters:",
    ...item(options(meterSchema.shape, EXAMPLES.meter)),
    "",
    ...item(Object.entries(EXAMPLES.push).flatMap(([key, value]) => live(key, value))),
    "",
    ...comment(
      `${describe(top.sinks)} Each has a type, the options of that type, and if need be a name. ${
        describe(sinkSchema.shape.name)
      }`,
    ),
    "sinks:",
    ...sinks.flatMap((sink, at) => at === 0 ? sink : ["", ...sink]),
    "",
    ...comment(describe(top.journal)),
    "journal:",
    ...indent(2, options(journalSchema.shape, { path: defaultOf(journalSchema.shape.path) })),
  ].map((line) => line.trimEnd()).join("\n") + "\n";
}

async function sinkExample(type: string): Promise<string[]> {
  const { shape } = (await loadPlugin(type, "/")).options as unknown as { readonly shape: Shape };
  const example = (EXAMPLES as Readonly<Record<string, Readonly<Record<string, unknown>>>>)[type] ?? {};
  const lines = item([...live("type", type), ...options(shape, example)]);
  return READY_SINKS.includes(type) ? lines : lines.map((line) => "  # " + line.slice(2));
}

/** All options of a shape: those in `example` live, the others commented out. */
function options(shape: Shape, example: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(shape).flatMap(([key, schema]) => option(key, schema, example[key]));
}

function option(key: string, schema: z.ZodType, example: unknown): string[] {
  const nested = shapeOf(schema);
  if (nested) {
    const all = Object.entries(nested).flatMap(([key, its]) => option(key, its, examplesOf(its)[0] ?? defaultOf(its)));
    return [...comment(sentence(schema)), `# ${key}:`, ...all.map((line) => `#   ${line}`)];
  }
  const shown = example ?? examplesOf(schema)[0] ?? defaultOf(schema) ?? HINTS[key];
  const line = shown === undefined ? `${key}:` : live(key, shown)[0]!;
  return [...comment(sentence(schema)), example === undefined ? `# ${line}` : line];
}

/** The options of an option that is a mapping of its own. */
function shapeOf(schema: z.ZodType): Shape | undefined {
  const { innerType } = schema.def as { readonly innerType?: z.ZodType };
  return innerType ? shapeOf(innerType) : (schema as { readonly shape?: Shape }).shape;
}

const live = (key: string, value: unknown) => [`${key}: ${flow(value)}`];

/** The description, and the default where there is one. */
function sentence(schema: z.ZodType): string {
  const value = defaultOf(schema);
  const text = describe(schema);
  return value === undefined || JSON.stringify(value) === "{}" ? text : `${text} Default: ${flow(value)}.`;
}

function describe(schema: z.ZodType): string {
  if (schema.description === undefined) throw new Error("An option without description: each must have one");
  return schema.description;
}

/** The default as it would stand in the file. */
function defaultOf(schema: z.ZodType): unknown {
  return toJson(schema).default;
}

function examplesOf(schema: z.ZodType): readonly unknown[] {
  const { innerType } = schema.def as { readonly innerType?: z.ZodType }; // of optional ones and those with a default
  return schema.meta()?.examples as readonly unknown[] | undefined ?? (innerType ? examplesOf(innerType) : []);
}

/** A value on one line; text is quoted unless it could be nothing else. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const pairs = Object.entries(value).map(([key, value]) => `${flow(key)}: ${flow(value)}`);
    return pairs.length > 0 ? `{ ${pairs.join(", ")} }` : "{}";
  }
  return typeof value === "string" && /^(?=[A-Za-z/]|\d+[a-z])[\w/.+-]+$/i.test(value) ? value : JSON.stringify(value);
}

/** A list's item: its first line gets the dash. */
function item(lines: readonly string[]): string[] {
  return lines.map((line, at) => (at === 0 ? "  - " : "    ") + line);
}

function indent(count: number, lines: readonly string[]): string[] {
  return lines.map((line) => " ".repeat(count) + line);
}

/** A text as comment lines of at most 100 characters; further lines keep the indentation of the first. */
function comment(text: string): string[] {
  const margin = text.match(/^ */)![0];
  const lines: string[] = [];
  for (const word of text.trim().split(" ")) {
    const last = lines.at(-1);
    if (last === undefined) lines.push(`# ${margin}${word}`);
    else if (last.length + word.length < 100) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`# ${margin}${margin && "  "}${word}`);
  }
  return lines;
}

/** Writes each file, or says which are not what they would be. */
async function generate(check: boolean): Promise<number> {
  const files = {
    "config/obisd.yaml": await exampleConfig(),
    "config/obisd.schema.json": await jsonSchema(),
    "config/meters/meter.schema.json": meterTypeJsonSchema(),
    "src/meters/table.json": await meterTable(),
  };
  let stale = 0;
  for (const [path, text] of Object.entries(files)) {
    if (!check) await Deno.writeTextFile(new URL(path, ROOT), text);
    else stale += await isCurrent(path, new URL(path, ROOT), text) ? 0 : 1;
  }
  return stale === 0 ? 0 : 1;
}

async function isCurrent(path: string, url: URL, text: string): Promise<boolean> {
  const old = await Deno.readTextFile(url).catch(() => "");
  if (old === text) return true;
  const lines = text.split("\n");
  const at = old.split("\n").findIndex((line, at) => line !== lines[at]);
  print(
    `${path} is not up to date (line ${at + 1}): the schema gives\n  ${
      lines[at] ?? "nothing"
    }\nRun: deno task generate`,
  );
  return false;
}

async function main(): Promise<number> {
  try {
    return await generate(Deno.args.includes("--check"));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    print(error.message); // of a file in config/meters/
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main());
