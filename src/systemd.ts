/**
 * What the daemon tells systemd: that it is ready, what it is doing, that it is alive (sd_notify(3)).
 * Without systemd (`$NOTIFY_SOCKET` absent) every call does nothing.
 * @module
 */
import { monotonicUsec, sendDatagram } from "./libc.ts";

/** Sends one datagram to a Unix socket: a path, or `@name` in the abstract namespace. */
export type SendDatagram = (address: string, text: string) => void;

/** The environment variables that are read here: what `--allow-env` must name. */
export const SERVICE_VARIABLES: readonly string[] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/** What the service manager may be told. */
export interface ServiceManager {
  /** The configuration is valid and the journal is open; also ends a reload. */
  ready(): void;
  /** A reload begins; `ready()` ends it. */
  reloading(): void;
  /** The end begins: systemd waits for `TimeoutStopSec`. */
  stopping(): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  /**
   * Pings at a sixth of the unit's `WatchdogSec`, each time only if `progress()` says that every loop moves; else the service
   * manager is told at once, which kills a daemon that stands still and starts it again. Disposing ends the pings.
   */
  watchdog(progress: () => boolean): Disposable;
}

/** What a test replaces, and who hears of trouble. */
export interface ServiceManagerOptions {
  readonly send?: SendDatagram;
  /** Microseconds of CLOCK_MONOTONIC, which `Type=notify-reload` wants with a reload. */
  readonly monotonicUs?: () => bigint;
  /** Reads a variable; default: this process's environment. */
  readonly environment?: (name: string) => string | undefined;
  /** Called when a message could not be sent, which ends nothing. */
  readonly onTrouble?: (error: unknown) => void;
}

/** Connects to the service manager that started this process, if one did. */
export function serviceManager(options: ServiceManagerOptions = {}): ServiceManager {
  const { send = sendDatagram, monotonicUs = monotonicUsec, onTrouble = () => {} } = options;
  const { environment = (name: string) => Deno.env.get(name) } = options;
  const address = environment("NOTIFY_SOCKET");
  const notify = (state: string | (() => string)) => {
    if (!address) return;
    try {
      send(address, typeof state === "string" ? state : state());
    } catch (error) {
      onTrouble(error);
    }
  };
  return {
    ready: () => notify("READY=1"),
    reloading: () => notify(() => `RELOADING=1\nMONOTONIC_USEC=${monotonicUs()}`),
    stopping: () => notify("STOPPING=1"),
    status: (text) => notify(`STATUS=${text.replaceAll("\n", " ")}`),
    watchdog: (progress) =>
      everyMs(
        address ? pingEveryMs(environment) : undefined,
        () => notify(progress() ? "WATCHDOG=1" : "WATCHDOG=trigger"),
      ),
  };
}

/** A sixth of what the unit allows between two pings, so that a stand-still is found soon; undefined: it has no watchdog, or one for another process. */
function pingEveryMs(environment: (name: string) => string | undefined): number | undefined {
  const allowedUs = Number(environment("WATCHDOG_USEC"));
  const pid = environment("WATCHDOG_PID");
  if (!(allowedUs > 0) || pid && Number(pid) !== Deno.pid) return undefined;
  return allowedUs / 1000 / 6;
}

/** Calls at once and then at each interval, until disposed; keeps no process alive. */
function everyMs(intervalMs: number | undefined, call: () => void): Disposable {
  if (intervalMs === undefined) return { [Symbol.dispose]: () => {} };
  call();
  const timer = setInterval(call, intervalMs);
  Deno.unrefTimer(timer);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
