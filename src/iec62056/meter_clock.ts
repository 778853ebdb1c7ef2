/** A meter's clock in programming mode: time 0.9.1 and date 0.9.2, or both in 0.9.4, read and set. @module */
import { type Dialogue, pause } from "../dialogue.ts";
import { ProtocolError, RefusalError } from "../errors.ts";
import { characterMs } from "../line.ts";
import { reactionMs } from "./modes.ts";
import { type Programming, write } from "./programming.ts";
import { readRegisters, type RegisterAnswer } from "./registers.ts";
import { fullYear, instantOf, localOf, parseStamp, seasonOf, type Stamp, type Zone } from "./time_stamp.ts";

const DAY_MS = 86_400_000;
/** The rest of an answer with a time, and a message of W5 with time and password, have so many characters together. */
const CHARACTERS = 80;

/** What a meter's clock said, and when it said it. */
export interface MeterClock extends Stamp {
  /** The registers as they stand: `0.9.1` and `0.9.2`, or `0.9.4` alone. */
  readonly texts: Readonly<Record<string, string>>;
  /** Arrival of the time's first character, ms since 1970. */
  readonly atMs: number;
  /** Arrival of what came last. */
  readonly lastMs: number;
}

/** Reads the clock. @throws {RefusalError} it can't be read @throws {ProtocolError} `unreadable`: nobody knows this form */
export function* readClock(meter: Programming): Dialogue<MeterClock> {
  const apart = yield* tryRegisters(meter, ["0.9.2", "0.9.1"]);
  if (!apart) {
    const [both] = (yield* readRegisters(meter, ["0.9.4"])).answers;
    return clockOf({ "0.9.4": textOf(both!) }, both!);
  }
  const [date, time] = apart as [RegisterAnswer, RegisterAnswer];
  const clock = clockOf({ "0.9.2": textOf(date), "0.9.1": textOf(time) }, time);
  if (clock.localMs % DAY_MS > 30_000) return clock;
  const [again] = (yield* readRegisters(meter, ["0.9.2"])).answers; // midnight may have passed between the two
  return { ...clockOf({ "0.9.2": textOf(again!), "0.9.1": textOf(time) }, time), lastMs: again!.atMs };
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

function clockOf(texts: Readonly<Record<string, string>>, { atMs }: Pick<RegisterAnswer, "atMs">): MeterClock {
  const stamp = parseClock(texts, atMs);
  if (stamp) return { ...stamp, texts, atMs, lastMs: atMs };
  const shown = Object.entries(texts).map(([address, text]) => `${address}(${text})`).join(" ");
  throw new ProtocolError("unreadable", `Cannot read the meter's clock: ${shown} is no time and date that is known`);
}

/** `143000`, `1143000`, `14:30:00`; `240601`, `1240601`, `24-06-01`, `24.06.01`, `01.06.24`, `2024-06-01`; both in 0.9.4. */
export function parseClock(texts: Readonly<Record<string, string>>, nearMs: number): Stamp | undefined {
  const both = texts["0.9.4"];
  if (both !== undefined) {
    const [date, time] = both.split(/[ ,T]/);
    return parseStamp(both) ?? (time === undefined ? undefined : parseClock({ "0.9.1": time, "0.9.2": date! }, nearMs));
  }
  const time = /^([0-2])?(\d\d):?(\d\d)(?::?(\d\d))?$/.exec(texts["0.9.1"] ?? "");
  const date = dateIn(texts["0.9.2"] ?? "", nearMs);
  if (!time || !date) return undefined;
  const localMs = localOf(date, time.slice(2).map((digits) => Number(digits ?? 0)));
  return localMs === undefined ? undefined : { localMs, ...seasonOf(time[1] ?? date.season) };
}

/** The reading of a date that lies nearest to ours: `01.06.24` may begin with the day or with the year. */
function dateIn(text: string, nearMs: number) {
  const digits = /^([0-2])?(\d\d)(\d\d)(\d\d)$/.exec(text);
  const parted = /^(\d{2,4})[-./](\d\d)[-./](\d{2,4})$/.exec(text);
  const [season, a, b, c] = digits ? digits.slice(1) : [undefined, ...parted?.slice(1) ?? []];
  if (a === undefined) return undefined;
  const orders = digits ? [[a, b, c]] : [[a, b, c], [c, b, a]];
  const readings = orders.map(([year, month, day]) => ({
    ...{ year: fullYear(Number(year)), month: Number(month), day: Number(day), season },
  })).filter((date) => localOf(date, []) !== undefined);
  const distance = (date: typeof readings[number]) => Math.abs(localOf(date, [])! - nearMs);
  return readings.toSorted((one, other) => distance(one) - distance(other))[0];
}

/** How far the meter's clock is ahead of ours when it said this, ms; to a second, for it says no more. */
export function aheadMs(clock: MeterClock, zone: Zone): number {
  return instantOf(clock, zone, clock.atMs - DAY_MS / 48) - clock.atMs;
}

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
