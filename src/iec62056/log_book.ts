/** Log books (P.98, P.99) as VDEW writes them: an entry for each event, with the values that belong to it. @module */
import type { DataSet } from "../telegram.ts";
import { flagsOfStatus, parseStatus, type Profile, type ProfileFlag } from "./profile.ts";
import { instantOf, parseStamp, type Zone } from "./time_stamp.ts";

/** One event. */
export interface LogEntry {
  /** By the clock as it was then; an entry `before-clock-set` has the old time. Ms since 1970. */
  readonly atMs: number;
  /** The time as the meter wrote it. */
  readonly stamp: string;
  readonly status: number;
  /** The status as the meter wrote it. */
  readonly statusText: string;
  readonly flags: readonly ProfileFlag[];
  /** What the event tells: `0.9.1`, the new time; a maker's code of the event and its parameter. */
  readonly values: readonly { readonly address: string; readonly unit: string; readonly text: string }[];
}

/** A log book as far as it was answered, in the meter's order. */
export interface LogBook {
  readonly entries: readonly LogEntry[];
  /** What could not be read, in words. */
  readonly damaged: readonly string[];
}

/** Reads the answer to a request for a log book. */
export function parseLogBook(sets: readonly DataSet[], zone: Zone): LogBook {
  const entries: LogEntry[] = [];
  const damaged: string[] = [];
  for (const set of joined(sets)) {
    const entry = entryOf(set, zone);
    if (entry) entries.push(entry);
    else {damaged.push(`an entry of ${set.address} cannot be read: ${
        set.values.map(({ text }) => `(${text})`).join("")
      }`);}
  }
  return { entries, damaged };
}

/** Whether a profile is a log book, whose rows are events. */
export function isLogBook(address: string): boolean {
  return /P\.9[89]$/.test(address);
}

/** The events as rows that take no time: the status of each in a column named for the log book, then its values. */
export function logBookRows({ entries, damaged }: LogBook, address: string): Profile {
  const rows = entries.map(({ atMs, status, statusText, flags, values }) => ({
    startMs: atMs,
    endMs: atMs,
    channels: [{ address, unit: "" }, ...values.map(({ address, unit }) => ({ address, unit }))],
    values: [{ text: statusText }, ...values.map(({ text }) => ({ text }))],
    status,
    flags,
  }));
  return { rows, gaps: [], damaged };
}

/** An entry may be broken over lines. */
function joined(sets: readonly DataSet[]): DataSet[] {
  const whole: DataSet[] = [];
  for (const set of sets) {
    const before = whole.at(-1);
    if (set.address !== "" || !before) whole.push(set);
    else whole[whole.length - 1] = { ...before, values: [...before.values, ...set.values] };
  }
  return whole;
}

function entryOf({ values }: DataSet, zone: Zone): LogEntry | undefined {
  const [stamp = "", status = "", _period, count = "", ...rest] = values.map(({ text }) => text.trim());
  const at = parseStamp(stamp);
  const attached = Number(count);
  if (!at || !/^\d+$/.test(count) || rest.length < 3 * attached) return undefined;
  const bits = parseStatus(status);
  return {
    atMs: instantOf(at, zone),
    stamp,
    status: bits,
    statusText: status,
    flags: flagsOfStatus(bits),
    values: Array.from({ length: attached }, (_, index) => ({
      address: rest[2 * index]!,
      unit: rest[2 * index + 1]!,
      text: rest[2 * attached + index]!,
    })),
  };
}
