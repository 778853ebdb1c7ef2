/** The sinks that obisd brings along, and how others are found. @module */
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { SinkPlugin } from "../src/sink.ts";

/** A plug-in whose options are known to itself alone. */
// deno-lint-ignore no-explicit-any -- only the plug-in knows its options' type
export type AnyPlugin = SinkPlugin<any>;

/** Type → plug-in; each is loaded when a configuration names it, not before. */
const BUILT_IN: Readonly<Record<string, () => Promise<{ readonly default: AnyPlugin }>>> = {
  stdout: () => import("./stdout/mod.ts"),
  csv: () => import("./csv/mod.ts"),
  influxdb: () => import("./influxdb/mod.ts"),
};

/** The types that need no file: `stdout`, `csv`, … */
export const SINK_TYPES: readonly string[] = Object.keys(BUILT_IN);

/**
 * Finds the plug-in of a `type`: one of {@link SINK_TYPES}, a module's file (`./my_sink.ts`, absolute or beginning with
 * a dot, from the folder `base`), or a package (`npm:name@version`).
 * @throws {Error} that says what is wrong with the type or the module
 */
export async function loadPlugin(type: string, base: string): Promise<AnyPlugin> {
  const builtIn = Object.hasOwn(BUILT_IN, type) ? BUILT_IN[type] : undefined;
  if (builtIn) return (await builtIn()).default;
  const specifier = specifierOf(type, base);
  let module: { readonly default?: unknown };
  try {
    module = await import(specifier);
  } catch (error) {
    throw new Error(`Cannot load sink "${type}": ${(error as Error).message}`, { cause: error });
  }
  return checkPlugin(type, module.default);
}

function specifierOf(type: string, base: string): string {
  if (type.startsWith("npm:")) return type;
  if (isAbsolute(type) || /^\.\.?\//.test(type)) return pathToFileURL(resolve(base, type)).href;
  throw new Error(`No sink is called "${type}": ${SINK_TYPES.join(", ")} are, or ./FILE.ts, or npm:PACKAGE`);
}

/** @throws {Error} when it lacks what a plug-in must have */
function checkPlugin(type: string, found: unknown): AnyPlugin {
  const { type: name, options, open } = Object(found) as Partial<AnyPlugin>;
  const faults = [
    typeof name === "string" && name !== "" ? [] : "type (a text)",
    typeof options?.safeParse === "function" ? [] : "options (a zod schema)",
    typeof open === "function" ? [] : "open (a function)",
  ].flat();
  if (faults.length === 0) return found as AnyPlugin;
  throw new Error(`Module "${type}" is no sink: its default export lacks ${faults.join(", ")}; see sinks/README.md`);
}
