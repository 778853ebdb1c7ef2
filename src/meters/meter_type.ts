/** What is peculiar to a maker's meters: a file of `config/meters/`, or of the administrator's own. @module */

/** What wakes a meter: NULs without a gap, then silence. No NULs: it is awake. */
export interface WakeUp {
  readonly nuls: number;
  readonly pauseMs: number;
}

/**
 * Who changes the speed: `negotiate`, both, to what the meter announces; a number, the same up to that many Bd; `fixed`,
 * nobody, for the port has one speed, whatever the meter announces; `none`, nobody, and the meter is told so (Z = 0).
 */
export type BaudPolicy = "negotiate" | "fixed" | "none" | number;

/** How a meter wants to be spoken to. */
export interface Manners {
  /** Before each request; absent: it is awake. */
  readonly wakeUp?: WakeUp;
  /** Before the first request of a session instead, after a session that was ended by B1. */
  readonly fastWakeUp?: WakeUp;
  /** Behind the `/` of the request; `?` by the standard. */
  readonly request?: string;
  readonly baudPolicy?: BaudPolicy;
  /** Speed of its data, whatever it announces. */
  readonly dataBaud?: number;
  /** Y of the acknowledgement that has it send its readout; `0` by the standard. */
  readonly option?: string;
  /** From the end of the acknowledgement to our change of speed. */
  readonly ackDelayMs?: number;
  /** From its last character to our next message, at least; by the standard 200 ms, or 20 ms. */
  readonly reactionMs?: number;
  /** Before the first request the line is held at space for so long, which brings some ports back to their start. */
  readonly prolongedBreakMs?: number;
  /** A break is sent at each of these speeds before the first request: a session before may not have ended. */
  readonly breakBauds?: readonly number[];
}

/** Speed and format where they are not those of the standard. */
export interface LineHabits {
  readonly baud?: number;
  readonly dataBits?: 7 | 8;
  readonly parity?: "none" | "even" | "odd";
  readonly stopBits?: 1 | 2;
}

/** How the registers of a type are read in programming mode. */
export interface RegisterHabits {
  /** Which command is tried first. */
  readonly command?: "R1" | "R5";
  /** Request and command are one packet, without a sign-on before and a break behind; nothing but reading goes so. */
  readonly packet?: boolean;
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
  /** Its times are standard time in summer too. */
  readonly standardTime?: boolean;
}

/** One file of `config/meters/`; what is absent is as the standard has it. */
export interface MeterType {
  /** The file's name without `.yaml`. */
  readonly id: string;
  /** Where it stands, if it is not the program's own. */
  readonly file?: string;
  /** Maker and model. */
  readonly name: string;
  /** Patterns of identification lines, `?` one character, `*` any; the maker's letters in either case. */
  readonly identifications: readonly string[];
  /** Wins over the mode that the identification announces. */
  readonly mode?: "A" | "B" | "C";
  /** How check characters are made; `none`: its data messages have none. */
  readonly bcc?: "xor" | "sum7" | "none";
  /** One of `ACCESSES`. */
  readonly access?: string;
  /** `heat`: codes of two groups mean heat, `6.8` is energy. */
  readonly codes?: "heat";
  readonly manners?: Manners;
  /** A whole readout, about: its characters, and the speed at which they come. */
  readonly readout?: { readonly bytes: number; readonly baud?: number };
  /** Of the sign-on. */
  readonly line?: LineHabits;
  /** In which it pushes. */
  readonly push?: LineHabits;
  readonly registers?: RegisterHabits;
  readonly profile?: ProfileHabits;
}
