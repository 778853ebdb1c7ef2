/** What a simulated meter keeps for programming mode: its registers, who may read and write them, and its habits. @module */
import { ALGORITHMS } from "../iec62056/access.ts";
import { parseDataBlock } from "../iec62056/data_block.ts";
import { parseStamp } from "../iec62056/time_stamp.ts";
import type { DataSet } from "../telegram.ts";
import { type ProfileClock, profileLines } from "./load_profile.ts";

/** Every habit by which makers differ: what its argument is, and what it does. The help text is made of it. */
export const DIALECTS = {
  "no-p0": { argument: "", does: "opens programming mode by ACK instead of P0" },
  "no-address": { argument: "", does: "writes no address in its answers" },
  counted: { argument: "", does: "answers R1 only with (1), else by ACK alone" },
  packet: { argument: "", does: "answers a request and a command in one packet, without a sign-on (Energomera)" },
  only: { argument: "R1|R5|…", does: "knows this read command alone" },
  sum: { argument: "", does: "check characters are sums modulo 128 (Energomera)" },
  refuses: { argument: "nak|break|TEXT", does: "how it says no: by NAK, by a break, by (TEXT); default (ERROR)" },
  "etx-blocks": { argument: "", does: "each partial block ends in ETX, not only the last" },
  "standard-time": { argument: "", does: "takes the times of a profile's range for standard time, also in summer" },
  rows: { argument: "N", does: "an answer is whole with N rows of a profile's range, and has no more of them" },
  leaves: { argument: "", does: "ends the session by a break right behind the rows of a profile" },
  blocks: { argument: "LINES", does: "R3, R4 and R6 are answered in partial blocks of so many data lines (4)" },
} as const;

/** The name of a habit. */
export type DialectName = keyof typeof DIALECTS;

/** A meter's habits, each with its argument or `""`. */
export type Dialect = Readonly<Partial<Record<DialectName, string>>>;

/** What the argument of a habit is that counts. */
const NUMBERS: Readonly<Record<string, RegExp>> = { blocks: /^\d*$/, rows: /^[1-9]\d*$/ };

/** Reads `no-address` or `refuses:nak`. @throws {Error} that says what is allowed */
export function parseDialect(text: string): readonly [DialectName, string] {
  const [, name = "", argument = ""] = /^([^:]*):?(.*)$/.exec(text) ?? [];
  if (!Object.hasOwn(DIALECTS, name)) {
    throw new Error(`There is no dialect "${name}". There are: ${Object.keys(DIALECTS).join(", ")}.`);
  }
  const form = DIALECTS[name as DialectName].argument;
  const fits = form === "" ? argument === "" : NUMBERS[name]?.test(argument) ?? argument !== "";
  if (!fits) throw new Error(`Cannot read dialect "${text}": allowed is ${name}${form && `:${form}`}.`);
  return [name as DialectName, argument];
}

/** How programming mode is made. */
export interface ProgrammedOptions {
  /** Absent: nobody needs one. Of a meter that is none: no secret. */
  readonly password?: string;
  /** What needs the password: writing (the default), or reading as well. */
  readonly protects?: "writing" | "reading";
  /** Stands in P0; default empty. */
  readonly seed?: string;
  /** `password` (P1 in clear, or the second bracket of W5), or the name of an algorithm (P2). */
  readonly access?: string;
  readonly dialect?: Dialect;
  /** It has a load profile P.01, made up; by which clock. */
  readonly profile?: () => ProfileClock;
  /** Its clock runs: what is written to it moves it, and it runs on. */
  readonly runs?: boolean;
}

/** A meter's half of programming mode, and what was written so far. */
export class Programmed {
  readonly dialect: Dialect;
  readonly seed: string;
  readonly #options: ProgrammedOptions;
  /** By address: what was written there. */
  readonly #written = new Map<string, string>();
  /** How far its clock was set ahead, ms. */
  aheadMs = 0;

  constructor(options: ProgrammedOptions = {}) {
    this.#options = options;
    this.dialect = options.dialect ?? {};
    this.seed = options.seed ?? "";
  }

  /** Whether the operand of P1, P2 or a second bracket is the right one. */
  admits(command: string, operand: string): boolean {
    const { password, access = "password" } = this.#options;
    if (password === undefined) return true;
    const algorithm = ALGORITHMS[access];
    if (!algorithm) return command !== "P2" && operand === password;
    return command === "P2" && operand === algorithm(this.seed, password);
  }

  /** Whether a command needs a password that was not given. */
  isProtected(command: string): boolean {
    if (this.#options.password === undefined) return false;
    return !command.startsWith("R") || this.#options.protects === "reading";
  }

  /** Data lines of its own load profile; `undefined`: it has none, or not for such a range. */
  profile(address: string, operand: string): string[] | undefined {
    const clock = address === "P.01" ? this.#options.profile?.() : undefined;
    const { rows, "standard-time": standard } = this.dialect;
    return clock && profileLines(operand, clock, { inStandardTime: standard !== undefined, most: Number(rows ?? NaN) });
  }

  /** The data block with what was written in its place. */
  rewritten(block: string): string {
    if (this.#written.size === 0) return block;
    return block.replace(/([^\s()!]+)\(([^()*\r\n]*)/g, (whole, address: string) => {
      const text = this.#written.get(address);
      return text === undefined ? whole : `${address}(${text}`;
    });
  }

  /** The data sets of an address: its own, and those behind it without one; empty: there is no such register. */
  sets(block: string, address: string): DataSet[] {
    const found: DataSet[] = [];
    let open = false;
    for (const set of parseDataBlock(this.rewritten(block)).sets) {
      if (set.address !== "") open = set.address === address;
      if (open) found.push(set);
    }
    return found;
  }

  /** Keeps a value without its unit; a clock that runs is moved. */
  write(block: string, address: string, text: string): void {
    const clock = this.#options.runs ? this.#clockAfter(block, address, text) : undefined;
    if (clock === undefined) this.#written.set(address, text.split("*")[0]!);
    else this.aheadMs += clock;
  }

  /** By how much a write moves the clock, ms; `undefined`: it is no clock. */
  #clockAfter(block: string, address: string, text: string): number | undefined {
    const texts = Object.fromEntries(
      ["0.9.1", "0.9.2"].map((address) => [address, this.sets(block, address)[0]?.values[0]?.text ?? ""]),
    );
    if (texts[address] === undefined) return undefined;
    const digits = (text = "") => text.replace(/\D/g, "").slice(-6); // without the season
    const [before, after] = [texts, { ...texts, [address]: text }].map((texts) =>
      parseStamp(digits(texts["0.9.2"]) + digits(texts["0.9.1"]))
    );
    return before && after && after.localMs - before.localMs;
  }
}
