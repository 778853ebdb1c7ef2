/** Reads a mapping option by option, so that one wrong option hides no fault of the others. @module */
import type * as z from "zod";
import type { Path } from "./document.ts";
import { describe, type Report } from "./report.ts";

type Shape = Readonly<Record<string, z.ZodType>>;

/** What could be read: an option that is wrong is absent. */
export type Readable<S extends Shape> = { readonly [K in keyof S]?: z.output<S[K]> };

/** A mapping in the file, or an empty one after a fault. */
export function readMapping(value: unknown, path: Path, report: Report): Readonly<Record<string, unknown>> {
  if (isMapping(value)) return value;
  if (value !== undefined) {
    report.fault(path, `found ${describe(value)}, allowed is a mapping: indented lines of key: value`);
  }
  return {};
}

/** Reads the options of `schema`; a key that is not known is a fault. */
export function readFields<S extends Shape>(
  schema: z.ZodObject<S>,
  value: unknown,
  { path, report, known = Object.keys(schema.shape) }: {
    readonly path: Path;
    readonly report: Report;
    /** Keys that may stand there; default those of `schema`. */
    readonly known?: readonly string[];
  },
): Readable<S> {
  const given = readMapping(value, path, report);
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) report.unknownKey([...path, key], known);
  }
  const read: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(schema.shape) as [string, z.ZodType][]) {
    const result = field.safeParse(given[key]);
    if (result.success) read[key] = result.data;
    else for (const issue of result.error.issues) report.issue([...path, key], issue, meaningOf(field));
  }
  return read as Readable<S>;
}

/** Whether a value is a mapping of keys to values. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `duration` or `size`, when that is what the text of an option means. */
function meaningOf(schema: z.ZodType): string | undefined {
  const { means } = schema.meta() ?? {};
  if (typeof means === "string") return means;
  const { innerType } = schema.def as { readonly innerType?: z.ZodType }; // of optional ones and those with a default
  return innerType && meaningOf(innerType);
}

/** An absent value leaves its key out. */
export function present<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : { [key]: value } as { readonly [P in K]?: V };
}
