/** A meter's own words, kept as it said them: nothing here is interpreted. @module */

/** The modes of IEC 62056-21. */
export type Mode = "A" | "B" | "C" | "D" | "E";

/** One bracket of a data set: `(0147238.4*kWh)`, split at the first `*`. */
export interface DataValue {
  readonly text: string;
  /** Absent without `*`; `""` when nothing stands behind it. */
  readonly unit?: string;
}

/** An address and its values: `1.6.1(3.2*kW)(2401011230)`. */
export interface DataSet {
  /** As written, blanks at its ends cut; `""` when the meter wrote none (the set continues the one before it). */
  readonly address: string;
  readonly values: readonly DataValue[];
}

/** A piece of the data block that is no data set, and why. */
export interface DamagedText {
  readonly text: string;
  /** Offset of its first byte in the data block. */
  readonly offset: number;
  readonly reason: string;
}

/** All that stands between STX (or the identification) and `!`. */
export interface DataBlock {
  readonly sets: readonly DataSet[];
  readonly damaged: readonly DamagedText[];
  /** Whether its end came: `!`, or ETX where an answer has no `!`. */
  readonly complete: boolean;
}

/** The meter's first words: `/XXXZ[\W…]text` (IEC 62056-21, 6.3.2). */
export interface Identification {
  /** The whole line from `/`, without CR LF. */
  readonly line: string;
  /** Three letters as sent (`ISk`): the third in lower case means a reaction time of 20 ms. */
  readonly maker: string;
  /** Z: the proposed speed. */
  readonly baudCharacter: string;
  /** W of each `\W` pair, in order; `2` offers mode E. */
  readonly escapes: readonly string[];
  /** The maker's own text, blanks at its end cut. */
  readonly text: string;
  /** The type of meter that whoever asked has named (`config/meters/`): it wins over what the line says. */
  readonly type?: string;
}

/** How far the bytes can be trusted. `absent`: the sender added no check. */
export type Check = "good" | "wrong" | "absent";

/** One readout or push, whole. */
export interface Telegram {
  readonly mode: Mode;
  readonly identification?: Identification;
  readonly block: DataBlock;
  /** The check that its kind of message has: `bcc` (A, B, C), `crc` (P1), `none` (mode D). */
  readonly check: { readonly kind: "bcc" | "crc" | "none"; readonly result: Check };
  /** Arrival of the data message's first byte, ms since 1970; 0 when it was read from a file. */
  readonly atMs: number;
  /** The message as received, from identification to check. */
  readonly bytes: Uint8Array;
}
