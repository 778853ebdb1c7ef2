/** Whether a line has the time for what it is asked: seconds of a readout, by bytes and speed, against seconds between them. @module */
import { approach, USUAL_BAUD } from "./approach.ts";
import type { LineConfig, MeterConfig } from "./config.ts";
import { REACTION_MS } from "./iec62056/modes.ts";
import { characterMs, SIGN_ON_LINE } from "./line.ts";
import { meterTypeNamed } from "./meters/mod.ts";
import { type Priority, slotsBetween } from "./schedule.ts";
import { formatDuration } from "./units.ts";

/** What a household's electricity meter says, where its type does not tell. */
const READOUT_BYTES = 1600;
/** Request, identification, option select and break, in characters at the speed of the sign-on. */
const [SIGN_ON_CHARACTERS, BREAK_CHARACTERS] = [37, 5];
/** A register's command and its answer. */
const REGISTER_CHARACTERS = 45;
/** Pauses of a session before its data and behind them: the meter's, and ours. */
const PAUSES = 4;
/** From here on one silent meter, asked three times, makes others late. */
const TIGHT = 0.8;
const DAY_MS = 86_400_000;

/** What a meter takes of its line. */
interface Share {
  readonly name: string;
  readonly takesMs: number;
  readonly priority: Priority;
  readonly everyMs: number;
}

/** How long one reading of a meter keeps its line busy, about, ms. */
export function readingMs(meter: MeterConfig, line: LineConfig): number {
  const { manners, line: signOn, maxBaud = Infinity } = approach({ ...meter, endpoint: line.endpoint });
  const type = meterTypeNamed(meter.type);
  const { wakeUp, baudPolicy } = { ...type?.manners, ...manners };
  const bound = Math.min(maxBaud, typeof baudPolicy === "number" ? baudPolicy : Infinity);
  const usual = type?.readout?.baud ?? USUAL_BAUD;
  const stays = meter.mode === "A" || baudPolicy === "fixed" || baudPolicy === "none" || bound < usual ||
    signOn.baud !== SIGN_ON_LINE.baud && baudPolicy === undefined;
  const slow = characterMs(signOn);
  const fast = stays ? slow : characterMs({ ...signOn, baud: usual });
  const signOnMs = (wakeUp ? wakeUp.nuls * slow + wakeUp.pauseMs : 0) + SIGN_ON_CHARACTERS * slow;
  const registers = meter.registers && new Set([...meter.registers, ...Object.keys(meter.expect ?? {})]).size;
  const characters = registers === undefined
    ? type?.readout?.bytes ?? READOUT_BYTES
    : registers * REGISTER_CHARACTERS + (meter.password ? REGISTER_CHARACTERS : 0);
  const pauses = PAUSES + 2 * (registers ?? 0);
  return signOnMs + characters * fast + BREAK_CHARACTERS * fast + pauses * (type?.manners?.reactionMs ?? REACTION_MS);
}

/**
 * What is wrong with a line that several meters or one want more of than it has, and what to do; `undefined`: it has time
 * enough. Meters that push have none to share; what mode E takes is not known.
 */
export function lineTrouble(
  line: LineConfig,
  meters: readonly MeterConfig[],
  nowMs: number,
): string | undefined {
  const quietMs = meters.length > 1 ? line.endpoint.options.quiet_time : 0;
  const shares = meters.filter(({ mode, schedule }) => schedule && mode !== "D" && mode !== "E").map((
    meter,
  ): Share => ({
    name: meter.name,
    priority: meter.priority ?? "normal",
    takesMs: readingMs(meter, line) + quietMs,
    everyMs: DAY_MS / Math.max(1, slotsBetween(meter.schedule!, nowMs, nowMs + DAY_MS, Infinity).length),
  }));
  const load = loadOf(shares);
  if (load < TIGHT) return undefined;
  const slowest = shares.reduce((one, other) =>
    other.takesMs / other.everyMs > one.takesMs / one.everyMs ? other : one
  );
  const cycleMs = shares.reduce((sum, { takesMs }) => sum + takesMs, 0);
  const what = load > 1
    ? `cannot carry what it is asked to: it would be busy ${percent(load)} of the time`
    : `is busy ${percent(load)} of the time, so that a meter that does not answer makes others late`;
  const each = `${slowest.name} takes ${seconds(slowest.takesMs)} every ${formatDuration(slowest.everyMs)}`;
  const high = shares.filter(({ priority }) => priority === "high");
  const first = load > 1 && high.length > 0 ? `; ${whoIsRead(high)}` : "";
  const hint = load > 1 && high.length === 0 && shares.length > 1
    ? ", or say whose slots are worth more (priority)"
    : "";
  const all = shares.length > 1 ? `, all ${shares.length} meters once take ${seconds(cycleMs)}` : "";
  return `line ${line.name} ${what} (${each}${all}${first}; ${RECKONED}). Read less often, only registers:, ` +
    "end readouts early (stop_early), let it be faster (max_baud, baud_policy), or take a second line" + hint;
}

function loadOf(shares: readonly Share[]): number {
  return shares.reduce((sum, { takesMs, everyMs }) => sum + takesMs / everyMs, 0);
}

/** What priorities make of too much. */
function whoIsRead(high: readonly Share[]): string {
  const ofThem = `those of high priority alone want ${percent(loadOf(high))}`;
  return `${ofThem}${loadOf(high) > 1 ? "" : ", and are read first"}`;
}

const RECKONED = `reckoned with ${READOUT_BYTES} bytes where no type: says more, and no repeats`;

const percent = (share: number) => `${Math.round(share * 100)} %`;
const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;
