/** The sinks of a configuration: the plug-in of each, and its options, read by the plug-in's own schema. @module */
import type * as z from "zod";
import { loadPlugin } from "../../sinks/mod.ts";
import { inSurroundings, type Surroundings } from "../secret.ts";
import type { SinkPlugin } from "../sink.ts";
import type { Path } from "./document.ts";
import { isMapping, readFields } from "./fields.ts";
import { describe, type Report } from "./report.ts";
import type { DraftSink } from "./rules.ts";
import { sinkSchema } from "./schema.ts";

/** What reading a sink needs to know. */
export interface SinkContext {
  readonly report: Report;
  readonly surroundings: Surroundings;
  readonly missingSecrets?: "fault" | "warning";
}

/** Reads all sinks; what is wrong has been reported. */
export async function readSinks(value: unknown, context: SinkContext): Promise<DraftSink[]> {
  if (Array.isArray(value)) return await Promise.all(value.map((sink, at) => readSink(sink, ["sinks", at], context)));
  context.report.fault(["sinks"], `found ${describe(value)}, allowed is a list: lines that begin with -`);
  return [];
}

async function readSink(value: unknown, path: Path, context: SinkContext): Promise<DraftSink> {
  const { report, surroundings } = context;
  const known = isMapping(value) ? Object.keys(value) : [];
  const { type, name, max_bytes, max_age } = readFields(sinkSchema, value ?? {}, { path, report, known });
  const bounds = {
    ...max_bytes !== undefined && { maxBytes: max_bytes },
    ...max_age !== undefined && { maxAgeMs: max_age },
  };
  const none: DraftSink = { path, type: type ?? "", name: name ?? type, bounds, plugin: undefined, options: undefined };
  if (type === undefined || !isMapping(value)) return none;
  const plugin = await load(type, surroundings.base, [...path, "type"], report);
  if (!plugin) return none;
  const own = Object.keys(sinkSchema.shape);
  const options = Object.fromEntries(Object.entries(value).filter(([key]) => !own.includes(key)));
  return { ...none, plugin, options: readOptions(plugin, options, path, context) };
}

/** A plug-in from outside can fail to load in any way; that is a fault of this configuration. */
async function load(type: string, base: string, path: Path, report: Report): Promise<SinkPlugin | undefined> {
  try {
    return await loadPlugin(type, base);
  } catch (error) {
    report.fault(path, (error as Error).message);
    return undefined;
  }
}

function readOptions(plugin: SinkPlugin, options: Readonly<Record<string, unknown>>, path: Path, context: SinkContext) {
  const { report, surroundings, missingSecrets } = context;
  const onMissing = missingSecrets === "warning" ? { onMissing: (message: string) => report.warn(path, message) } : {};
  const known = optionNames(plugin.options);
  const given = known ? Object.keys(options) : [];
  for (const key of given) {
    if (!known!.includes(key)) report.unknownKey([...path, key], [...known!, ...Object.keys(sinkSchema.shape)]);
  }
  const result = inSurroundings({ ...surroundings, ...onMissing }, () => plugin.options.safeParse(options));
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    if (known && issue.code === "unrecognized_keys" && issue.path.length === 0) continue; // told above, with a suggestion
    report.issue(path, issue);
  }
  return undefined;
}

/** Keys of a plug-in's options, where its schema is a plain object or ends in one. */
export function optionNames(schema: z.ZodType): readonly string[] | undefined {
  const { shape, in: input } = schema as { readonly shape?: object; readonly in?: z.ZodType };
  if (shape) return Object.keys(shape);
  return input ? optionNames(input) : undefined;
}
