/** A row of a load profile as readings. @module */
import type { ProfileRow } from "./iec62056/mod.ts";
import { normalise } from "./normalise.ts";
import type { Flag, Reading } from "./reading.ts";

/** Whose row it is, and what is to be said of it besides what its meter says. */
export interface RowOptions {
  readonly meter: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The message carried no block check character. */
  readonly isUnchecked?: boolean;
  readonly flags?: readonly Flag[];
}

/** An interval's values; their time is its end. */
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
  const readings = normalise(telegram, { meter, ...labels && { labels } });
  return readings.map((reading) => ({ ...reading, flags: [...reading.flags, ...flags, ...row.flags] }));
}
