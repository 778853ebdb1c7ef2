/** A meter's clock in programming mode: time 0.9.1 and date 0.9.2, or both in 0.9.4, read and set. @module */
import { type Dialogue, pause } from "../dialogue.ts";
import { ProtocolError, RefusalError } from "../errors.ts";
import { characterMs } from "../line.ts";
import { reactionMs } from "./modes.ts";
import { write } from "./commands.ts";
import type { Programming } from "./programming.ts";
import { readRegisters, type RegisterAnswer } from "./registers.ts";
import type { Zone } from "./time_stamp.ts";

/** The first minute of a day, with a season digit or without. */
const JUST_PAST_MIDNIGHT = /^[0-2]?00:?00/;
/** The rest of an answer with a time, and a message of W5 with time and password, have so many characters together. */
const CHARACTERS = 80;

/** What a meter's clock said, and when it said it; what it means is read as in a readout (`src/meter_clock.ts`). */
export interface MeterClock {
  /** The registers as they stand: `0.9.2` and `0.9.1`, or `0.9.4` alone. */
  readonly texts: Readonly<Record<string, string>>;
  /** Arrival of the time's first character, ms since 1970. */
  readonly atMs: number;
  /** Arrival of what came last. */
  readonly lastMs: number;
}

/** A meter's clock, whatever protocol it speaks. */
export interface ClockDialogues {
  read(): Dialogue<MeterClock>;
  /** Sets it to ours; brings home what was written. `zone`: what it shows, where it does not say so itself. */
  set(zone: Zone): Dialogue<Readonly<Record<string, string>>>;
}

/** Reads the clock. @throws {RefusalError} it can't be read */
export function* readClock(meter: Programming): Dialogue<MeterClock> {
  const apart = yield* tryRegisters(meter, ["0.9.2", "0.9.1"]);
  if (!apart) {
    const [both] = (yield* readRegisters(meter, ["0.9.4"])).answers;
    return { texts: { "0.9.4": textOf(both!) }, atMs: both!.atMs, lastMs: both!.atMs };
  }
  const [date, time] = apart as [RegisterAnswer, RegisterAnswer];
  const { atMs } = time;
  const texts = { "0.9.2": textOf(date), "0.9.1": textOf(time) };
  if (!JUST_PAST_MIDNIGHT.test(texts["0.9.1"])) return { texts, atMs, lastMs: atMs };
  const [again] = (yield* readRegisters(meter, ["0.9.2"])).answers; // it may have passed between the two
  return { texts: { ...texts, "0.9.2": textOf(again!) }, atMs, lastMs: again!.atMs };
}

/** All of them, or nothing: then the meter keeps its clock elsewhere. */
function* tryRegisters(
  meter: Programming,
  addresses: readonly string[],
): Dialogue<readonly RegisterAnswer[] | undefined> {
  try {
    const { answers, refused } = yield* readRegisters(meter, addresses);
    return refused.length === 0 ? answers : undefined;
  } catch (error) {
    if (!(error instanceof RefusalError) || meter.over) throw error;
    return undefined;
  }
}

const textOf = ({ sets }: RegisterAnswer) => sets[0]?.values[0]?.text.trim() ?? "";

/** How the clock is to be set. */
export interface SetClockOptions {
  readonly zone: Zone;
  /** W1, W2 or W5; absent: W5 where the identification says VDEW (`\@`), else W1. */
  readonly command?: string;
}

/**
 * Sets the clock to ours, so that the meter has the message at a whole second; the date only where it is another.
 * Brings home what was written. Must not run within two minutes of midnight: time and date are written apart.
 * @throws {RefusalError} @throws {ProtocolError} in a form that can't be written
 */
export function* setClock(
  meter: Programming,
  { zone, command = meter.identification.escapes.includes("@") ? "W5" : "W1" }: SetClockOptions,
): Dialogue<Readonly<Record<string, string>>> {
  const written: Record<string, string> = {};
  const put = function* (address: string, text: string): Dialogue<void> {
    yield* write(meter, { name: command, data: `${address}(${text})` });
    written[address] = text;
  };
  let clock = yield* readClock(meter);
  const date = clock.texts["0.9.2"];
  if (date !== undefined) {
    const today = inForm("0.9.2", date, clock.atMs, { zone, command });
    if (today.slice(-6) !== date.slice(-6)) {
      yield* put("0.9.2", today);
      clock = yield* readClock(meter);
    }
  }
  const [address, old] = Object.entries(clock.texts).find(([address]) => address !== "0.9.2")!;
  const earliestMs = clock.lastMs + CHARACTERS * characterMs(meter.current) + reactionMs(meter.identification);
  const wholeMs = Math.ceil(earliestMs / 1000) * 1000;
  yield* pause(wholeMs - earliestMs);
  yield* put(address, inForm(address, old, wholeMs, { zone, command }));
  return written;
}

/** Registers as the meter wrote them: `0.9.2(240601) 0.9.1(120000)`. */
export function formatClock({ texts }: Pick<MeterClock, "texts">): string {
  return Object.entries(texts).map(([address, text]) => `${address}(${text})`).join(" ");
}

/** A moment in the form that the register has; W5 wants the season digit in any case. */
function inForm(address: string, old: string, atMs: number, { zone, command }: Required<SetClockOptions>): string {
  const local = new Date(atMs + zone.offsetMs(atMs)).toISOString();
  const [date, time] = [local.slice(2, 10), local.slice(11, 19)];
  const season = zone.offsetMs(atMs) === zone.normalMs(atMs) ? "0" : "1";
  const digits = (address === "0.9.1" ? time : address === "0.9.2" ? date : date + time).replace(/\D/g, "");
  if (/^\d+$/.test(old)) {
    const isOdd = old.length % 2 === 1;
    return (isOdd || command === "W5" ? season : "") + digits.slice(0, old.length - (isOdd ? 1 : 0));
  }
  if (/^\d\d:\d\d:\d\d$/.test(old)) return time;
  if (/^\d\d-\d\d-\d\d$/.test(old)) return date;
  if (/^\d{4}-\d\d-\d\d$/.test(old)) return local.slice(0, 10);
  throw new ProtocolError("unreadable", `Cannot set the clock: ${address}(${old}) has a form that can only be read`);
}
