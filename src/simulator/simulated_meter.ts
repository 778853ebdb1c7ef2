/** What each meter of a simulation is: its dialogue, made of captured telegrams and what was asked for. @module */
import type { Clock } from "../clock.ts";
import type { Dialogue } from "../dialogue.ts";
import { reactionMs } from "../iec62056/modes.ts";
import { zoneOf } from "../iec62056/time_stamp.ts";
import { characterMs, type LineSettings, PUSH_LINE, SIGN_ON_LINE } from "../line.ts";
import { type Capture, offeringModeE, ownAddress, type SimulatedMode, speak } from "./capture.ts";
import { DlmsMeter } from "./dlms_meter.ts";
import type { Faults } from "./faults.ts";
import { type Moment, moved } from "./live.ts";
import { meter } from "./meter.ts";
import type { SimulatedMeter, SimulatorOptions } from "./options.ts";
import { Programmed, type ProgrammedOptions } from "./registers.ts";
import type { MeterEvent, MeterOptions } from "./speech.ts";

/** Where it lives, with others. */
export interface World {
  readonly options: SimulatorOptions;
  readonly clock: Clock;
  /** When the simulation began. */
  readonly startMs: number;
  readonly faults: Faults;
  readonly notice: (event: MeterEvent) => void;
}

/** A meter looks for a break so often while it speaks, ms. */
const STRETCH_MS = 200;

/** The format of P1 from version 4 on. */
const P1_LINE: LineSettings = { baud: 115200, dataBits: 8, parity: "none", stopBits: 1 };

/** A meter as it lives on each wire. */
export function simulatedMeter(simulated: SimulatedMeter, world: World): { life(): Dialogue<never> } {
  const { options: { dlms, everyMs, baud }, clock, startMs } = world;
  const captures = dlms ? simulated.captures.map(offeringModeE) : simulated.captures;
  const options = meterOptions({ ...simulated, captures }, world);
  if (!dlms) return { life: () => meter(options) };
  const { offsetMinutes } = momentOf(startMs, clock.now());
  const { block, faults } = options;
  const isNumbered = dlms.opening === "hdlc" && simulated.address !== undefined;
  const numbered = { ...dlms, ...isNumbered && { physical: Number(simulated.address) } };
  const its = new DlmsMeter(numbered, { nowMs: () => clock.now(), offsetMinutes, block, faults, everyMs, baud });
  if (dlms.opening !== "sign-on") return { life: () => its.serve() };
  return { life: () => meter({ ...options, handedOver: () => its.handedOver() }) };
}

function meterOptions({ captures, address }: SimulatedMeter, world: World): MeterOptions {
  const { options, faults, notice } = world;
  const { baud, mode: forced, everyMs, pacing = true } = options;
  const first = captures[0]!;
  const mode = forced ?? first.mode;
  const usual = mode !== "D" ? SIGN_ON_LINE : first.p1 ? P1_LINE : PUSH_LINE;
  const number = address ?? ownAddress(first);
  const programmed = options.programming === false
    ? undefined
    : new Programmed({ ...options.programming, ...profileOf(world), runs: options.live === true });
  return {
    mode,
    ...(number === undefined ? {} : { address: number }),
    line: {
      ...usual,
      ...baud !== undefined && { baud },
      ...faults.get("stop-bits") && { stopBits: 2 },
    },
    fixed: baud !== undefined,
    reactionMs: reactionOf(first, world),
    periodMs: everyMs ?? (first.p1 ? 1000 : 2000),
    stretch: (line) => pacing ? Math.ceil(STRETCH_MS / characterMs(line)) : Infinity,
    ...speech({ captures, mode, programmed }, world),
    ...programmed && { programming: programmed },
    faults,
    notice,
  };
}

function reactionOf({ identification }: Capture, { options, faults }: World): number {
  const slow = faults.get("slow");
  const [, ms] = /^(\d+)ms$/.exec(slow?.argument ?? "1400ms") ?? [];
  if (slow && ms !== undefined) return Number(ms);
  return options.pacing ?? true ? reactionMs(identification) * Number(slow?.argument ?? 1) : 0;
}

function profileOf({ options, clock }: World): Pick<ProgrammedOptions, "profile"> {
  const { profile: timeZone, blinksMs = [] } = options;
  if (timeZone === undefined) return {};
  const zone = zoneOf(timeZone);
  return { profile: () => ({ zone, nowMs: clock.now(), blinksMs }) };
}

/** What the meter says each time it is asked: its telegrams in turn, with what was written to it. */
function speech(
  { captures, mode, programmed }: {
    readonly captures: readonly Capture[];
    readonly mode: SimulatedMode;
    readonly programmed: Programmed | undefined;
  },
  { options, clock, startMs }: World,
): Pick<MeterOptions, "words" | "block"> {
  const rule = programmed?.dialect.sum === undefined ? "xor" : "sum7";
  const still = captures.map((capture) => speak(capture, mode, capture.block, rule));
  let [turn, index] = [0, 0];
  const block = () => {
    const { block } = captures[index]!;
    const moment = { ...momentOf(startMs, clock.now()), aheadMs: programmed?.aheadMs ?? 0 };
    const now = options.live ? moved(block, moment) : block;
    return programmed?.rewritten(now) ?? now;
  };
  const words = () => {
    index = turn++ % captures.length;
    const now = block();
    return now === captures[index]!.block ? still[index]! : speak(captures[index]!, mode, now, rule);
  };
  return { words, block };
}

/** Local time of this machine, which the simulated clocks show. */
function momentOf(startMs: number, nowMs: number): Moment {
  const now = new Date(nowMs);
  const offsetMinutes = -now.getTimezoneOffset();
  const winterMinutes = Math.min(...[0, 6].map((month) => -new Date(now.getFullYear(), month, 1).getTimezoneOffset()));
  return { startMs, nowMs, offsetMinutes, summer: offsetMinutes > winterMinutes };
}
