/** What goes wrong with the journal's file, sorted by who must act. @module */
import type { Trouble } from "./messages.ts";

/** A failure that already knows who must act. */
export class FileTrouble extends Error {
  override readonly name = "FileTrouble";
  constructor(readonly kind: Trouble["kind"], message: string) {
    super(message);
  }
}

/** SQLite's result codes, the lower byte of the extended ones. */
const BUSY = 5, NO_MEMORY = 7, READ_ONLY = 8, IO_ERROR = 10, CORRUPT = 11, FULL = 13, CANNOT_OPEN = 14, PROTOCOL = 15;
/** A constraint: what we write is never there already, unless damage has made a number of another. */
const CONSTRAINT = 19;
const NOT_A_DATABASE = 26;
const OF_DISK = [BUSY, NO_MEMORY, READ_ONLY, IO_ERROR, CANNOT_OPEN, PROTOCOL];
const OF_DAMAGE = [CORRUPT, CONSTRAINT, NOT_A_DATABASE];

/** A batch of statements says it in words alone. */
const WORDS: readonly (readonly [RegExp, number])[] = [
  [/disk is full/, FULL],
  [/disk I\/O error/, IO_ERROR],
  [/readonly database/, READ_ONLY],
  [/unable to open/, CANNOT_OPEN],
  [/database is locked/, BUSY],
  [/malformed/, CORRUPT],
  [/not a database/, NOT_A_DATABASE],
];

/** SQLite's code of an error, without its extension; `undefined`: it is not SQLite's. */
function codeOf(error: unknown): number | undefined {
  if ((error as { readonly code?: string }).code !== "ERR_SQLITE_ERROR") return undefined;
  const { errcode, message } = error as { readonly errcode?: number; readonly message: string };
  return errcode === undefined ? WORDS.find(([words]) => words.test(message))?.[1] : errcode & 0xFF;
}

/** Whether SQLite does not understand what it is told, or what stands in the file: of statements that are right, the latter. */
export function isOfSchema(error: unknown): boolean {
  const { code, errcode } = error as { readonly code?: string; readonly errcode?: number };
  return code === "ERR_SQLITE_ERROR" && (errcode === undefined ? codeOf(error) === undefined : (errcode & 0xFF) === 1);
}

/** Whether there is no room left. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === FULL || (error as { readonly code?: string }).code === "ENOSPC";
}

/** An error as it crosses to the other side of the worker. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof FileTrouble) return { kind: error.kind, message: error.message };
  if (!(error instanceof Error)) return { kind: "fault", message: String(error) };
  return { kind: kindOf(error), message: error.message };
}

function kindOf(error: Error): Trouble["kind"] {
  if (isFull(error)) return "full";
  const code = codeOf(error);
  if (code !== undefined && OF_DAMAGE.includes(code)) return "damaged";
  // A number that we never wrote.
  if ((error as { readonly code?: string }).code === "ERR_OUT_OF_RANGE") return "damaged";
  const ofSystem = /^E[A-Z0-9]+$/.test((error as { readonly code?: string }).code ?? "");
  return ofSystem || code !== undefined && OF_DISK.includes(code) ? "failing" : "fault";
}
