/**
 * The time, and how far it can be trusted. A Raspberry Pi has no clock of its own: it begins in the past and is put right
 * when the network comes; and people set clocks. What cannot be set is how long the machine has been up, so once the time
 * has been known it is known until the next boot.
 * @module
 */
import type { Clock, Trust } from "./clock.ts";
import { type Host, systemHost } from "./host.ts";
import type { Log } from "./log.ts";

/** No clock that shows an earlier time is right: there was no such program then. */
const PROGRAM_MS = Date.UTC(2026, 0, 1);
/** A change of the wall clock against the uptime by more than this is a step. */
const STEP_MS = 500;
/** The kernel is asked this often at most. */
const LOOK_MS = 1000;
/** After so long a synchronised clock is believed although an earlier time was later: that one was wrong. */
const OVERRULE_MS = 3_600_000;
/** A step as long as this makes all ages doubtful, for this long. */
const LONG_STEP_MS = 3_600_000;
const DOUBT_MS = 600_000;

/** What is to be known beyond a restart. All in ms since 1970. */
export interface TimeMemory {
  /** The latest time that was certain; absent: there never was one. */
  readonly goodMs?: number;
  /** The latest time that was given, certain or not. */
  readonly latestMs: number;
  /** The last boot, when it began as we reckoned, and whether that was certain. */
  readonly bootId: string;
  readonly startMs: number;
  readonly known: boolean;
}

/** For the status. */
export interface ClockState {
  readonly synchronised: boolean;
  readonly trust: Trust;
  /** Since when, RFC 3339 by the present reckoning. */
  readonly since: string;
  /** How often the wall clock was set by more than half a second, and by how much the last time. */
  readonly steps: number;
  readonly lastStepMs?: number;
}

/** What may happen to the time. */
export type TimeEvent =
  /** The wall clock was set. `followed`: and what we go by with it. */
  | { readonly kind: "step"; readonly byMs: number; readonly followed: boolean }
  | { readonly kind: "trust"; readonly trust: Trust; readonly before: Trust };

/** What a test replaces, and who hears of what happens. */
export interface HostTimeOptions {
  readonly host?: Host;
  readonly onEvent?: (event: TimeEvent) => void;
}

/** The daemon's clock. What is done to the wall clock while the time is known changes nothing. */
export class HostTime implements Clock {
  readonly #host: Host;
  readonly #onEvent: (event: TimeEvent) => void;
  /** The time at which the machine started, by the wall clock now. */
  #wallStartMs: number;
  /** The same by a clock that was right. */
  #startMs: number | undefined;
  /** While the time is unknown and the wall clock is impossible: this boot did not begin earlier. */
  #floorMs = PROGRAM_MS;
  #goodMs = -Infinity;
  #trust: Trust = "unknown";
  #trustSinceMs = 0;
  #lookedMs = -Infinity;
  /** Since when a synchronised clock shows less than the latest time that was certain. */
  #earlySinceMs: number | undefined;
  #longStepMs = -Infinity;
  #steps = 0;
  #lastStepMs: number | undefined;

  constructor({ host = systemHost(), onEvent = () => {} }: HostTimeOptions = {}) {
    this.#host = host;
    this.#onEvent = onEvent;
    this.#wallStartMs = host.wallMs() - host.uptimeMs();
  }

  /** Names this run of the machine. */
  get bootId(): string {
    return this.#host.bootId;
  }

  /**
   * What time it is: ms since 1970. The wall clock, or what we know better: by a clock that was right, or at least that
   * it cannot be so early.
   */
  now(): number {
    const uptime = this.look();
    return Math.round(Math.round(this.#reckonedMs()) + uptime);
  }

  /** Since the machine started, ms. */
  monotonic(): number {
    return this.#host.uptimeMs();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#host.sleep(ms, signal);
  }

  get alarm(): Clock["alarm"] {
    return this.#host.alarm;
  }

  /** When the machine started, by the present reckoning: what makes a time of {@link monotonic}. */
  startMs(): number {
    this.look();
    return Math.round(this.#reckonedMs());
  }

  #reckonedMs(): number {
    const possible = this.#wallStartMs >= Math.max(PROGRAM_MS, this.#goodMs);
    return this.#startMs ?? (possible ? this.#wallStartMs : Math.max(this.#floorMs, this.#goodMs));
  }

  /** How far {@link now} can be trusted. */
  get trust(): Trust {
    this.look();
    return this.#trust;
  }

  /** Whether {@link now} is right. */
  get trusted(): boolean {
    return this.trust !== "unknown";
  }

  /** Whether an age can be trusted: not while the time is unknown, nor soon after a step that makes everything old. */
  get agesTrusted(): boolean {
    return this.trusted && this.#host.uptimeMs() - this.#longStepMs >= DOUBT_MS;
  }

  /** Whether it is worth waiting for the time to be known: it was before, or the clock shows an impossible one. */
  get willBeKnown(): boolean {
    return this.#goodMs > -Infinity || this.#host.wallMs() < PROGRAM_MS;
  }

  get state(): ClockState {
    const trust = this.trust;
    return {
      synchronised: trust === "synchronised",
      trust,
      since: new Date(Math.round(this.startMs() + this.#trustSinceMs)).toISOString(),
      steps: this.#steps,
      ...this.#lastStepMs !== undefined && { lastStepMs: this.#lastStepMs },
    };
  }

  /** What is to be remembered now. */
  get memory(): TimeMemory {
    const [latestMs, known] = [this.now(), this.trusted];
    const good = known ? { goodMs: Math.max(this.#goodMs, latestMs) } : {};
    return { ...good, latestMs, bootId: this.bootId, startMs: this.startMs(), known };
  }

  /** What an earlier run of the program knew. */
  remember({ goodMs = -Infinity, latestMs, bootId, startMs, known }: TimeMemory): void {
    this.#goodMs = Math.max(this.#goodMs, goodMs);
    if (bootId !== this.bootId) this.#floorMs = Math.max(this.#floorMs, latestMs);
    else if (known) this.#startMs ??= startMs;
    else this.#floorMs = Math.max(this.#floorMs, startMs);
    this.#lookedMs = -Infinity;
    this.look();
  }

  /** Looks at the clock: at once where it was set, else when a second has passed. @returns for how long the machine has run, ms */
  look(): number {
    const glance = this.#host.uptimeMs();
    if (glance - this.#lookedMs < LOOK_MS && !this.#isSet(this.#host.wallMs() - glance)) return glance;
    const { uptime, wall } = this.#read();
    const byMs = wall - uptime - this.#wallStartMs;
    const stepped = this.#isSet(wall - uptime);
    if (!stepped && uptime - this.#lookedMs < LOOK_MS) return uptime;
    this.#lookedMs = uptime;
    const before = this.#reckonedMs();
    this.#wallStartMs += byMs;
    const synchronised = this.#isSynchronised(wall, uptime);
    if (synchronised) this.#startMs = this.#wallStartMs;
    const ourStepMs = this.#reckonedMs() - before;
    if (Math.abs(ourStepMs) > LONG_STEP_MS) this.#longStepMs = uptime;
    if (stepped) this.#stepped(byMs, Math.abs(ourStepMs) > STEP_MS);
    this.#trustIs(synchronised ? "synchronised" : this.#startMs === undefined ? "unknown" : "kept", uptime);
    return uptime;
  }

  /** Whether a wall clock by which the machine started at `startMs` is another one than it was. */
  #isSet(startMs: number): boolean {
    return Math.abs(startMs - this.#wallStartMs) > STEP_MS;
  }

  /** Both clocks at the same instant: a process that is stopped between two questions sees a step where there is none. */
  #read(): { readonly uptime: number; readonly wall: number } {
    while (true) {
      const uptime = this.#host.uptimeMs();
      const wall = this.#host.wallMs();
      if (this.#host.uptimeMs() - uptime < STEP_MS / 10) return { uptime, wall };
    }
  }

  #isSynchronised(wall: number, uptime: number): boolean {
    const early = wall < this.#goodMs - STEP_MS;
    const kept = wall >= PROGRAM_MS && this.#host.synchronised();
    this.#earlySinceMs = kept && early ? this.#earlySinceMs ?? uptime : undefined;
    if (!kept || early && uptime - this.#earlySinceMs! < OVERRULE_MS) return false;
    const goodMs = Math.floor(wall); // it is remembered as whole ms
    this.#goodMs = early ? goodMs : Math.max(this.#goodMs, goodMs);
    return true;
  }

  #stepped(byMs: number, followed: boolean): void {
    this.#steps++;
    this.#lastStepMs = Math.round(byMs);
    this.#onEvent({ kind: "step", byMs: this.#lastStepMs, followed });
  }

  #trustIs(trust: Trust, uptime: number): void {
    const before = this.#trust;
    if (trust === before) return;
    this.#trust = trust;
    this.#trustSinceMs = uptime;
    this.#onEvent({ kind: "trust", trust, before });
  }
}

/** Tells the log what happens to the time. */
export function timeTeller(log: Log): (event: TimeEvent) => void {
  return (event) => {
    if (event.kind === "step") {
      const { byMs, followed } = event;
      const way = `${byMs < 0 ? "back" : "forward"} by ${formatSeconds(Math.abs(byMs))}`;
      const what = followed ? "" : ", which changes nothing: what time it is, is known";
      log.warning(`The host's clock was set ${way}${what}`, { step_ms: byMs });
    } else if (event.trust === "synchronised") log.info("The host's clock is synchronised");
    else if (event.before === "synchronised") {
      log.warning("The host's clock is no longer synchronised: readings go on, flagged clock-unsynchronised");
    }
  };
}

function formatSeconds(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${(ms / 1000).toFixed(1)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
