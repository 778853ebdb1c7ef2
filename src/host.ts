/** What this machine says of the time, and of itself: its clocks, whether anything keeps them right, its boot. @module */
import { type Clock, systemClock } from "./clock.ts";
import { clockErrorUs, fileFacts, readText, uptimeMs, wallMs } from "./libc.ts";

/** The kernel reckons with more only where nothing keeps its clock right; systemd draws the line there too. */
const ERROR_LIMIT_US = 16_000_000;

/** What the machine says of time; a test has another one. */
export interface Host {
  /** The wall clock, ms since 1970; anybody may set it. */
  wallMs(): number;
  /** Since the machine started; nobody can set it. */
  uptimeMs(): number;
  /** Whether something keeps the wall clock right. */
  synchronised(): boolean;
  /** Another one after each start of the machine. */
  readonly bootId: string;
  readonly sleep: Clock["sleep"];
  readonly alarm?: Clock["alarm"];
}

/** This machine. */
export function systemHost(): Host {
  return {
    wallMs,
    uptimeMs,
    synchronised: isSynchronised,
    bootId: bootId(),
    sleep: systemClock.sleep,
    alarm: systemClock.alarm,
  };
}

const TIMESYNCD = "/run/systemd/timesync/synchronized";

function isSynchronised(): boolean {
  try {
    return clockErrorUs() < ERROR_LIMIT_US;
  } catch {
    return exists(TIMESYNCD); // the kernel may not be asked: ProtectClock=yes, a container
  }
}

function exists(path: string): boolean {
  try {
    fileFacts(path);
    return true;
  } catch {
    return false;
  }
}

/** The unit gives it (`%b`), because there `/proc/sys` is closed. */
function bootId(): string {
  const may = Deno.permissions.querySync({ name: "env", variable: "OBISD_BOOT_ID" }).state === "granted";
  const given = (may ? Deno.env.get("OBISD_BOOT_ID") : undefined) ?? procBootId();
  return given?.trim().replaceAll("-", "") ?? crypto.randomUUID().replaceAll("-", "");
}

function procBootId(): string | undefined {
  try {
    return readText("/proc/sys/kernel/random/boot_id");
  } catch {
    return undefined; // then each start of the program counts as one of the machine
  }
}
