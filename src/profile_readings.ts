/** A row of a load profile, or an event of a log book, as readings. @module */
import { isLogBook, type ProfileRow } from "./iec62056/mod.ts";
import { normalise } from "./normalise.ts";
import { formatObis, readObis } from "./obis/code.ts";
import { quantityOf } from "./obis/quantities.ts";
import type { Flag, Reading } from "./reading.ts";

/** Whose row it is, and what is to be said of it besides what its meter says. */
export interface RowOptions {
  readonly meter: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The message carried no block check character. */
  readonly isUnchecked?: boolean;
  readonly flags?: readonly Flag[];
}

/** An interval's values; their time is its end. Of an event its status, which is text, and then its values. */
export function rowReadings(
  row: ProfileRow,
  { meter, labels, isUnchecked = false, flags = [] }: RowOptions,
): Reading[] {
  const sets = row.channels.map(({ address, unit }, at) => {
    const value = row.values[at]!;
    return { address, values: [{ text: value.text, unit: value.unit ?? unit }] };
  });
  const telegram = {
    mode: "C",
    block: { sets, damaged: [], complete: true },
    check: { kind: "bcc", result: isUnchecked ? "absent" : "good" },
    atMs: row.endMs,
    bytes: new Uint8Array(),
  } as const;
  const status = isLogBook(row.channels[0]?.address ?? "") ? [statusOf(row, { meter, ...labels && { labels } })] : [];
  const readings = [...status, ...normalise(telegram, { meter, ...labels && { labels } })];
  return readings.map((reading) => ({ ...reading, flags: [...reading.flags, ...flags, ...row.flags] }));
}

/** What stands in the column of the log book itself: no readout has such a reading. */
function statusOf({ endMs, channels, values }: ProfileRow, { meter, labels = {} }: RowOptions): Reading {
  const [{ address }, { text }] = [channels[0]!, values[0]!];
  const code = readObis(address)!;
  const what = { obis: formatObis(code), address, index: 0, value: null, text, unit: "", name: quantityOf(code).name };
  return { time: new Date(endMs).toISOString(), meter, ...what, labels, flags: [] };
}
