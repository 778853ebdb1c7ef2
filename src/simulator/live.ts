/**
 * Values that move: energies grow, power and voltage sway, clocks run. Digits keep their number and their decimals, so
 * that a telegram stays what its meter would write; the same moment always gives the same values.
 * @module
 */

/** A data block, when it was captured (the start of the simulation), and the moment at which it is said. */
export interface Moment {
  readonly startMs: number;
  readonly nowMs: number;
  /** Local time minus UTC at `nowMs`, minutes. */
  readonly offsetMinutes: number;
  readonly summer: boolean;
  /** How far the meter's own clock is ahead, ms: it was set. Default 0. */
  readonly aheadMs?: number;
}

const HOUR_MS = 3_600_000;
/** What a meter measures whose telegram says no power: a flat in the evening. */
const USUAL_KW = 0.8;

/** The data block as the meter would say it at another moment. */
export function moved(block: string, moment: Moment): string {
  const hours = Math.max(0, moment.nowMs - moment.startMs) / HOUR_MS;
  const power = powerKw(block);
  const rate = activeRate(block);
  return block.replace(/([^\s()!]+)\(([^()*\r\n]*)((?:\*[^()\r\n]*)?)\)/g, (whole, address: string, text, unit) => {
    const next = nextText(address, text, unit.slice(1), { hours, power, rate, moment });
    return next === undefined ? whole : `${address}(${next}${unit})`;
  });
}

interface Situation {
  readonly hours: number;
  readonly power: number;
  readonly rate: string;
  readonly moment: Moment;
}

/** C, D and E of an address: not of a history value (`*01`, `&12`), for that stays. */
function codeOf(address: string): { c: string; d: string; e: string } | undefined {
  const found = /^(?:\d+-\d+:)?(\d+|C|F)\.(\d+)(?:\.(\d+))?(?:\*255)?$/.exec(address);
  return found ? { c: found[1]!, d: found[2]!, e: found[3] ?? "0" } : undefined;
}

function nextText(address: string, text: string, unit: string, situation: Situation): string | undefined {
  const code = codeOf(address);
  if (!code) return undefined;
  const { c, d, e } = code;
  const clock = clockText(code, text, situation.moment);
  if (clock !== undefined) return clock;
  if (!/^[+-]?\d+(\.\d+)?$/.test(text)) return undefined;
  if (d === "8" && /^(1|2|3|4|6)$/.test(c)) return grown(text, growth(c, e, unit, situation));
  if (d === "7" && /^(1|2|14|16|[2-7]?[1236])$/.test(c)) return swayed(text, Number(c), situation.moment.nowMs);
  return undefined;
}

/** What a register gains, in its own unit: import all of it, export a tenth; of the rates only the one in force. */
function growth(c: string, e: string, unit: string, { hours, power, rate }: Situation): number {
  if (e !== "0" && e !== rate) return 0;
  const scale = /^M/.test(unit) ? 0.001 : /^(Wh|varh)$/.test(unit) ? 1000 : 1;
  return hours * power * scale * (c === "1" || c === "6" ? 1 : 0.1);
}

/** The power that the meter says it measures, kW. */
function powerKw(block: string): number {
  const found = /(?:^|[\s:)])(?:1|16)\.7\.0(?:\*255)?\(([+-]?[\d.]+)\*?(kW|W)\)/.exec(block);
  const power = found ? Math.abs(Number(found[1])) * (found[2] === "W" ? 0.001 : 1) : 0;
  return power > 0 ? power : USUAL_KW;
}

/** The rate in force: 0-0:96.14.0 of a P1 telegram, else the first. */
function activeRate(block: string): string {
  return /96\.14\.0\(0*([1-9])\)/.exec(block)?.[1] ?? "1";
}

function grown(text: string, by: number): string {
  return inForm(text, Number(text) + by);
}

/** Up to 5 % about the captured value (voltages 1 %, the frequency 0.1 %), each quantity in its own rhythm. */
function swayed(text: string, c: number, nowMs: number): string {
  const amplitude = c === 14 ? 0.001 : c % 20 === 12 ? 0.01 : 0.05;
  const phase = 2 * Math.PI * (nowMs / (17_000 + 1_000 * (c % 20)) + c / 7);
  return inForm(text, Number(text) * (1 + amplitude * Math.sin(phase)));
}

/** A number with as many digits, and behind the point, as `text` has; a counter that is full begins again. */
function inForm(text: string, value: number): string {
  const decimals = text.split(".")[1]?.length ?? 0;
  const digits = text.replace(/^[+-]/, "");
  const scaled = Math.round(Math.abs(value) * 10 ** decimals);
  const plain = String(scaled % 10 ** (digits.length - (decimals > 0 ? 1 : 0))).padStart(decimals + 1, "0");
  const body = decimals > 0 ? `${plain.slice(0, -decimals)}.${plain.slice(-decimals)}` : plain;
  return (/^[+-]/.test(text) ? text[0] : "") + body.padStart(digits.length, "0");
}

/** Time 0.9.1, date 0.9.2, both 1.0.0, in the form that the meter has for them; `undefined`: it is no clock. */
function clockText({ c, d, e }: { c: string; d: string; e: string }, text: string, moment: Moment): string | undefined {
  const { nowMs, offsetMinutes, summer, aheadMs = 0 } = moment;
  const local = new Date(nowMs + offsetMinutes * 60_000 + aheadMs).toISOString();
  const [date, time] = [local.slice(2, 10), local.slice(11, 19)];
  const both = `${date}${time}`.replace(/[-:]/g, "");
  if (c === "0" && d === "9" && e === "1") return inPattern(text, time.replaceAll(":", ""), 6);
  if (c === "0" && d === "9" && e === "2") return inPattern(text, date.replaceAll("-", ""), 6);
  if (c === "1" && d === "0" && e === "0" && /^\d{12}[SW]$/.test(text)) return both + (summer ? "S" : "W");
  return undefined;
}

/** Puts new digits in the places of the old ones; a season or weekday digit in front stays. */
function inPattern(text: string, digits: string, count: number): string | undefined {
  const places = text.replace(/\D/g, "").length;
  if (places !== count && places !== count + 1) return undefined;
  let at = count - places;
  return text.replace(/\d/g, (old) => at < 0 ? (at++, old) : digits[at++]!);
}
