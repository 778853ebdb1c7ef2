/** What is peculiar to a maker's meters: an entry of the table that is made of `config/meters/*.yaml`. @module */

/** How the registers of a type are read in programming mode. */
export interface RegisterHabits {
  /** Which command is tried first. */
  readonly command?: "R1" | "R5";
  /** An answer without an address is an error message: `(01)`. */
  readonly bareErrors?: boolean;
}

/** The load profile of a type. */
export interface ProfileHabits {
  /** `P.01`. */
  readonly address?: string;
  /** From one row to the next. */
  readonly intervalMs?: number;
  /** Characters of the times in a range: `1240601143000` has 13. */
  readonly stamp?: 10 | 11 | 12 | 13;
  /** Which command fetches it. */
  readonly command?: "R5" | "R6";
}

/** One file of `config/meters/`; what is absent is as the standard has it. */
export interface MeterType {
  /** The file's name without `.yaml`. */
  readonly id: string;
  /** Maker and model. */
  readonly name: string;
  /** Patterns of identification lines, `?` one character, `*` any; the maker's letters in either case. */
  readonly identifications: readonly string[];
  /** Wins over the mode that the identification announces. */
  readonly mode?: "A" | "B" | "C";
  /** How check characters are made. */
  readonly bcc?: "xor" | "sum7";
  /** One of `ACCESSES`. */
  readonly access?: string;
  /** `heat`: codes of two groups mean heat, `6.8` is energy. */
  readonly codes?: "heat";
  readonly registers?: RegisterHabits;
  readonly profile?: ProfileHabits;
}
