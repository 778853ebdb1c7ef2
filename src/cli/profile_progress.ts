/** How far a profile's fetch is, for a person who waits: a month at 300 Bd takes half an hour. @module */
import type { Clock } from "../clock.ts";

const DAY_MS = 86_400_000;
const WIDTH = 20;
const EIGHTHS = " ▏▎▍▌▋▊▉█";

/** From where to where it goes, ms since 1970. */
export interface ProgressRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** `day 3 of 27 ▕█▌                  ▏ 24 min left`, when all up to `untilMs` has come; counts from now. */
export function progressOf(
  { fromMs, toMs }: ProgressRange,
  clock: Pick<Clock, "monotonic">,
): (untilMs: number) => string {
  const beganMs = clock.monotonic();
  const days = Math.ceil((toMs - fromMs) / DAY_MS);
  return (untilMs) => {
    const share = Math.max(0, Math.min(1, (untilMs - fromMs) / (toMs - fromMs)));
    const day = Math.min(days, Math.floor((untilMs - fromMs) / DAY_MS) + 1);
    const leftMs = share > 0 ? (clock.monotonic() - beganMs) / share * (1 - share) : undefined;
    return `day ${day} of ${days} ▕${bar(share)}▏${leftMs === undefined ? "" : ` ${about(leftMs)} left`}`;
  };
}

function bar(share: number): string {
  const eighths = Math.round(share * WIDTH * 8);
  const part = eighths % 8 === 0 ? "" : EIGHTHS[eighths % 8];
  return ("█".repeat(Math.floor(eighths / 8)) + part).padEnd(WIDTH);
}

function about(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 100 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
