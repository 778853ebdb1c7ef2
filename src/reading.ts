/** The noun that travels: one value of one meter at one time. @module */

/** What may be wrong with a reading that is delivered all the same. */
export const FLAGS = [
  /** The message carried no block check character. */
  "bcc-unchecked",
  /** The P1 telegram carried no CRC. */
  "crc-unchecked",
  /** The block check character was wrong (only `decode` shows such readings). */
  "bcc-wrong",
  /** The CRC was wrong (only `decode` shows such readings). */
  "crc-wrong",
  /** The telegram has no end (only `decode` shows such readings). */
  "incomplete",
  /** The host's clock was not synchronised when the reading came. */
  "clock-unsynchronised",
  /** Fetched from the meter's load profile afterwards. */
  "backfilled",
  /** Of an interval of a load profile, by the meter's own status word (`iec62056/profile.ts`). */
  ...["power-failure", "power-return", "clock-set", "billing-reset", "season-change", "disturbed"] as const,
  ...["clock-doubtful", "device-error", "before-clock-set", "profile-cleared", "log-cleared"] as const,
  ...["limit-end", "limit-begin", "variable-set"] as const,
  /** Of such an interval: it is shorter than others, or not all of it was measured; the clock was set back into it. */
  ...["partial", "overlap"] as const,
] as const;

/** One of the closed list of {@link FLAGS}. */
export type Flag = typeof FLAGS[number];

/** One value as a meter gave it. Scripts and dashboards rely on every field. */
export interface Reading {
  /** RFC 3339 UTC with ms: arrival of the data message's first byte, one for all readings of a readout. */
  readonly time: string;
  /** The meter's name in the configuration; without one `--name`, else the identification without `/XXXZ`, else `-`. */
  readonly meter: string;
  /** Canonical `A-B:C.D.E*F`, or `""` when the address is no OBIS code. */
  readonly obis: string;
  /** Exactly as the meter wrote it, blanks at the ends cut: `1.8.0*24`. */
  readonly address: string;
  /** 0 for the first value of the data set, 1, 2, … for further ones. */
  readonly index: number;
  /** `null` unless the kind is number and `text` is a decimal. */
  readonly value: number | null;
  /** Exactly what the meter wrote, without the unit: `0147238.4`. */
  readonly text: string;
  /** Normal form (`kWh`, `m³`, `°C`, `%`); `""` when the meter gave none. */
  readonly unit: string;
  /** Key of the quantity: `active_energy_import_total`; `""` when unknown. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly flags: readonly Flag[];
}
