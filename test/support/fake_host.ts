/** A machine whose wall clock anybody may set, in the time of a test's clock. @module */
import type { Clock } from "../../src/clock.ts";
import type { Host } from "../../src/host.ts";

/** A machine that started when `clock` showed `startedMs`. */
export class FakeHost implements Host {
  isSynchronised = false;
  bootId = "boot-1";

  /** `wallMs()` at the start of the machine; the true time is `clock.now()`. */
  constructor(readonly clock: Clock, public wallStartMs: number, public startedMs = clock.now()) {}

  wallMs(): number {
    return this.wallStartMs + this.uptimeMs();
  }

  uptimeMs(): number {
    return this.clock.now() - this.startedMs;
  }

  synchronised(): boolean {
    return this.isSynchronised;
  }

  sleep: Clock["sleep"] = (ms, signal) => this.clock.sleep(ms, signal);

  /** A person sets the clock: whatever kept it right until now is no longer believed. */
  setBy(ms: number): void {
    this.wallStartMs += ms;
    this.isSynchronised = false;
  }

  /** The time service sets it to the true time and keeps it there. */
  synchronise(): void {
    this.wallStartMs = this.startedMs;
    this.isSynchronised = true;
  }

  /** The power goes and comes back: the wall clock begins where `wallMs` says. */
  restart(bootId: string, wallMs: number): void {
    this.bootId = bootId;
    this.startedMs = this.clock.now();
    this.wallStartMs = wallMs;
    this.isSynchronised = false;
  }
}
