/** The text of a configuration as values, each with the place where it stands. @module */
import {
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLError,
} from "yaml";
import type { ConfigFault } from "../errors.ts";

/** Keys and positions from the top to a value: `["meters", 0, "every"]`. */
export type Path = readonly (string | number)[];

/** A line and a column, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A parsed text. */
export interface Document {
  readonly value: unknown;
  /** Where the value at `path` stands, or its key; of what is missing, where its parent stands. */
  placeOf(path: Path, part?: "key" | "value"): Place;
  /** The text as written of a plain value: `0815` where `value` has the number 815. */
  sourceOf(path: Path): string | undefined;
}

/** Parses YAML 1.2 (merge keys allowed). What is no YAML is told to `report`; nothing can be read then. */
export function readDocument(text: string, report: (fault: Omit<ConfigFault, "path">) => void): Document | undefined {
  const lines = new LineCounter();
  const parsed = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    strict: true,
    logLevel: "error",
  });
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  for (const error of parsed.errors) report({ ...at(error.pos[0]), message: explain(error, text) });
  if (parsed.errors.length > 0) return undefined;
  const find = (path: Path) => walk(parsed.contents, path, (node) => isAlias(node) ? node.resolve(parsed) : node);
  try {
    return {
      value: parsed.toJS(),
      placeOf: (path, part = "value") => at(find(path)[part] ?? 0),
      sourceOf: (path) => find(path).source,
    };
  } catch (error) { // more aliases than any configuration has: a bomb
    report({ line: 1, column: 1, message: (error as Error).message });
    return undefined;
  }
}

interface Found {
  /** Offsets of the value and of its key. */
  readonly value?: number | undefined;
  readonly key?: number | undefined;
  readonly source?: string | undefined;
}

/** Follows `path` as far as the text goes. */
function walk(top: Node | null, path: Path, resolve: (node: unknown) => unknown): Found {
  let found: Found = offsets(top);
  let node: unknown = top;
  for (const step of path) {
    node = resolve(node);
    const child = isMap(node) ? node.items.find((pair) => keyOf(pair.key) === String(step)) : undefined;
    const next = child ?? (isSeq(node) ? node.items[Number(step)] : undefined);
    if (next === undefined) return { ...found, source: undefined };
    node = isPair(next) ? next.value : next;
    const key = isPair(next) ? offsets(next.key).value : undefined;
    const value = offsets(node);
    found = { ...value, value: value.value ?? key, key: key ?? value.value };
  }
  return found;
}

function offsets(node: unknown): Found {
  if (!isNode(node) || !node.range) return {};
  const source = isScalar(node) && typeof node.source === "string" ? { source: node.source } : {};
  return { value: node.range[0], key: node.range[0], ...source };
}

function keyOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}

/** The parser's finding in words for somebody who has never heard of YAML. */
function explain(error: YAMLError, text: string): string {
  const at = error.pos[0];
  switch (error.code) {
    case "DUPLICATE_KEY":
      return `${text.slice(at).match(/^[^\s:]+/)?.[0] ?? "this key"} stands here for the second time in one mapping`;
    case "TAB_AS_INDENT":
      return "a tab cannot indent: use blanks";
    case "BAD_INDENT":
      if (error.message.startsWith("Flow")) break; // a bracket that is never closed
      return "the indentation does not fit the lines above (the blanks at the beginning say what belongs together)";
    case "MULTIPLE_DOCS":
      return "a second document begins here (---): a configuration is one";
  }
  return `no valid YAML: ${error.message}`;
}
