/** Collects what is wrong with a configuration, each fault where it stands. @module */
import type { $ZodIssue } from "zod/v4/core";
import type { ConfigFault } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { Document, Path } from "./document.ts";

/** Takes faults and warnings about values, and gives them their place. */
export interface Report {
  fault(path: Path, message: string, part?: "key" | "value"): void;
  warn(path: Path, message: string, part?: "key" | "value"): void;
  /** An issue that a schema found at or below `path`. `means` says what a text is there (`duration`, `size`). */
  issue(path: Path, issue: $ZodIssue, means?: string): void;
  /** A key that nobody knows. */
  unknownKey(path: Path, allowed: readonly string[]): void;
}

/** A report about one document. */
export function createReport(
  file: string,
  document: Document,
  found: { readonly faults: ConfigFault[]; readonly warnings: ConfigFault[] },
): Report {
  const put = (list: ConfigFault[], path: Path, message: string, part: "key" | "value" = "value") => {
    const label = formatPath(path);
    list.push({
      path: file,
      ...document.placeOf(path, part),
      message: label === "" ? message : `${label}: ${message}`,
    });
  };
  const fault: Report["fault"] = (path, message, part) => put(found.faults, path, message, part);
  const unknownKey: Report["unknownKey"] = (path, allowed) => fault(path, unknown(path, allowed), "key");
  return {
    fault,
    warn: (path, message, part) => put(found.warnings, path, message, part),
    unknownKey,
    issue: (base, issue, means) => {
      const path = [...base, ...issue.path as (string | number)[]];
      if (issue.code !== "unrecognized_keys") {
        return fault(path, explain(issue, path, document, means), issue.code === "invalid_key" ? "key" : "value");
      }
      for (const key of issue.keys) unknownKey([...path, key], []);
    },
  };
}

/** `meters[0].every`. */
export function formatPath(path: Path): string {
  return path.map((step, at) => typeof step === "number" ? `[${step}]` : at === 0 ? step : `.${step}`).join("");
}

function unknown(path: Path, allowed: readonly string[]): string {
  const meant = nearest(String(path.at(-1)), allowed);
  if (meant !== undefined) return `unknown option, did you mean ${meant}?`;
  return allowed.length > 0 ? `unknown option, allowed are ${allowed.join(", ")}` : "unknown option";
}

/** What was found, what is allowed. The words of our own schemas are kept as they are. */
function explain(issue: $ZodIssue, path: Path, document: Document, means?: string): string {
  const value = valueAt(document.value, path);
  const found = describe(value, document.sourceOf(path));
  switch (issue.code) {
    case "invalid_type":
      if (value === undefined) return "is missing";
      return `found ${found}, ${allowedType(issue.expected, value, document.sourceOf(path), means)}`;
    case "invalid_value":
      return issue.message.startsWith("Invalid")
        ? `found ${found}, ${allowedValues(issue.values, value)}`
        : issue.message;
    case "too_small":
      return own(issue.message) ?? `found ${found}, allowed is at least ${issue.minimum}`;
    case "too_big":
      return own(issue.message) ?? `found ${found}, allowed is at most ${issue.maximum}`;
    case "invalid_key":
      return own(issue.issues[0]?.message) ?? "this key is not allowed";
    case "invalid_union":
      return own(issue.message) ?? `found ${found}, which is none of the forms that are allowed here`;
    default:
      return issue.message;
  }
}

/** A message that one of our schemas brings along, and not the library. */
function own(message: string | undefined): string | undefined {
  return message === undefined || /^(Too |Invalid )/.test(message) ? undefined : message;
}

const TYPES: Record<string, string> = {
  string: "allowed is text",
  number: "allowed is a number",
  int: "allowed is a whole number",
  boolean: "allowed is true or false",
  array: "allowed is a list: [a, b]",
  object: "allowed is a mapping: indented lines of key: value",
  record: "allowed is a mapping: indented lines of key: value",
};

function allowedType(expected: string, value: unknown, source: string | undefined, means?: string): string {
  const isPlain = typeof value === "number" || typeof value === "boolean";
  if (expected !== "string" || !isPlain) return TYPES[expected] ?? `allowed is ${expected}`;
  if (means === "duration") return `a unit is missing: ${source}s, ${source}m, ${source}h …`;
  if (means === "size") return `a unit is missing: ${source}MiB, ${source}GiB …`;
  return `write it in quotes, or digits may be lost: "${source}"`;
}

function allowedValues(values: readonly unknown[], value: unknown): string {
  const allowed = values.map(String);
  const word = typeof value === "string" ? value : "";
  const meant = word.length === 1 ? allowed.find((other) => other === word.toUpperCase()) : nearest(word, allowed);
  return `allowed ${allowed.length > 1 ? "are" : "is"} ${allowed.join(", ")}${meant ? `, did you mean ${meant}?` : ""}`;
}

/** What stands in the file, short, and without the password of a URL. */
export function describe(value: unknown, source = String(value)): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "number") return `the number ${source}`;
  const text = String(value).replace(/\/\/[^/@]*@/, "//…@");
  return typeof value === "string" ? JSON.stringify(text.length > 60 ? text.slice(0, 57) + "…" : text) : text;
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, step) => (at as Record<string | number, unknown> | null | undefined)?.[step], value);
}
