/** `obisd run`: the daemon, until it is stopped. @module */
import { dirname } from "node:path";
import deno from "../../deno.json" with { type: "json" };
import { type Config, DEFAULT_CONFIG_PATH, loadConfig } from "../config.ts";
import { serveControl } from "../control.ts";
import { answerQuestion } from "../control_questions.ts";
import { Daemon } from "../daemon.ts";
import type { ProgramStatus } from "../daemon_status.ts";
import { ConfigError, formatFault, UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { monotonicUsec, sendDatagram } from "../libc.ts";
import type { Log } from "../log.ts";
import { useMeterTypes } from "../meters/mod.ts";
import { missingPermissions, needsOf } from "../permissions.ts";
import { runtimeDirectory, runtimeFiles, writeStatus } from "../runtime_directory.ts";
import { formatStatusLine, type Status, toTime } from "../status.ts";
import { type ServiceManager, serviceManager } from "../systemd.ts";
import { counted } from "../units.ts";
import type { Command } from "./command.ts";

const STATUS_MS = 10_000;
/** So long after the signal the process ends whatever hangs: what was acknowledged is on disk. */
const STOP_MS = 10_500;

/** Reads meters on schedule and delivers to the sinks. */
export const run: Command = {
  summary: "read the configured meters on schedule and deliver to the sinks",
  help: `obisd run [-c FILE]

Reads every configured meter when it is due, keeps each readout in the journal and delivers it to every sink, until
SIGTERM or SIGINT. SIGHUP loads the configuration again: a wrong one is told and the old one kept.

  obisd run -c obisd.yaml`,
  options: {},

  async run({ values, positionals }, { log, signal }) {
    if (positionals.length > 0) {
      throw new UsageError("run takes no argument; the configuration is named by -c FILE");
    }
    const path = values.config as string | undefined ?? DEFAULT_CONFIG_PATH;
    using hangups = hearHangups(); // from the start on: one that nobody hears would end the process
    const config = await loadConfig(path);
    for (const fault of config.warnings) log.warning(formatFault(fault));
    useMeterTypes(config.meterTypes.own);
    const daemon = await Daemon.start(config, log);
    const manager = serviceManager({
      send: sendDatagram,
      monotonicUs: monotonicUsec,
      onTrouble: (error) => log.warning(`systemd cannot be told: ${(error as Error).message}`),
    });
    const { lines, meters, sinks } = config;
    const into = sinks.map((sink) => sink.name).join(", ");
    log.info(`Reading ${counted(meters, "meter")} on ${counted(lines, "line")} into ${into}`, { config: path });
    signal.addEventListener("abort", () => setTimeout(() => Deno.exit(EXIT.ok), STOP_MS), { once: true });
    try {
      await serve(daemon, manager, { path, log, signal, hangups, runtime: runtimeDirectory(config) });
    } finally {
      await daemon.stop();
    }
    return EXIT.ok;
  },
};

/** What the daemon lives with. */
interface Life {
  readonly path: string;
  readonly log: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly hangups: Hangups;
  /** Where it shows how it is doing, if anywhere. */
  readonly runtime: string | undefined;
}

/** Tells the service manager how the daemon is doing, and reloads on demand, until the signal. */
async function serve(daemon: Daemon, manager: ServiceManager, life: Life): Promise<void> {
  const { path, log, signal, hangups, runtime } = life;
  let program: ProgramStatus = { version: deno.version, started: toTime(Date.now()), reload: null };
  const status = () => daemon.status(program);
  const files = runtime === undefined ? undefined : runtimeFiles(runtime);
  using _control = files && listen(files.socket, daemon, status, log);
  const show = async () => {
    const its = status();
    manager.status(formatStatusLine(its));
    log.settle?.();
    if (files) await writeStatus(files.status, its).catch((error) => complain(error, files.status, log));
  };
  const timer = setInterval(show, STATUS_MS);
  manager.ready();
  await show();
  using _watchdog = manager.watchdog(() => {
    const stuck = daemon.progress.stuck();
    if (stuck.length > 0) log.error(`Stuck: ${stuck.join(", ")}; the service manager is asked to start obisd anew`);
    return stuck.length === 0;
  });
  while (await hangups.next(signal)) {
    manager.reloading();
    log.unfold?.();
    const ok = await reload(daemon, { path, log, runtime });
    program = { ...program, reload: { time: toTime(Date.now()), ok } };
    manager.ready();
    await show();
  }
  clearInterval(timer);
  if (files) await Deno.remove(files.status).catch(() => {});
  log.info("Stopping");
  manager.stopping();
}

/** Lets commands ask. A daemon that cannot be asked reads and delivers all the same. */
function listen(socket: string, daemon: Daemon, status: () => Status, log: Log): Disposable | undefined {
  try {
    Deno.mkdirSync(dirname(socket), { recursive: true });
    return serveControl(
      socket,
      (question) => answerQuestion(question, { status, journal: daemon.journal, heard: daemon.heard }),
    );
  } catch (error) {
    log.warning(`obisd status, dead and forget cannot ask at ${socket}: ${(error as Error).message}`);
    return undefined;
  }
}

function complain(error: Error, file: string, log: Log): void {
  log.warning(`The status cannot be written to ${file}: ${error.message}`);
}

/** Carries on with what the file says now, or as before where it is wrong or wants more than this process may. */
async function reload(
  daemon: Daemon,
  { path, log, runtime }: Pick<Life, "path" | "log" | "runtime">,
): Promise<boolean> {
  const config = await loadAgain(path, log);
  if (!config) return false;
  if (runtimeDirectory(config) !== runtime) {
    log.warning("runtime_directory changed: restart required, it stays as it was until then");
  }
  useMeterTypes(config.meterTypes.own);
  daemon.reload(config);
  log.info("Configuration loaded again", { config: path });
  return true;
}

async function loadAgain(path: string, log: Log): Promise<Config | undefined> {
  try {
    return await loadAllowed(path, log);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const fault of error.faults) log.error(formatFault(fault));
    log.error("The configuration is wrong: the old one is kept", { config: path });
    return undefined;
  }
}

/**
 * The configuration, unless it needs more than Deno allows this process; then secrets that may not be read are no fault
 * of it. @throws {ConfigError}
 */
async function loadAllowed(path: string, log: Log): Promise<Config | undefined> {
  const missing = missingPermissions(needsOf(await loadConfig(path, { missingSecrets: "warning" })));
  if (missing.length > 0) {
    const what = missing.join(", ");
    log.error(`Restart required: the configuration needs more than this process may (${what}); the old one is kept`, {
      config: path,
      hint: "obisd check --write-permissions, then restart the service",
    });
    return undefined;
  }
  const config = await loadConfig(path);
  for (const fault of config.warnings) log.warning(formatFault(fault));
  return config;
}

/** SIGHUPs, one after the other; those that come during a reload ask for one more. */
interface Hangups extends Disposable {
  /** Whether there is one: `false` once the signal has aborted. */
  next(signal: AbortSignal): Promise<boolean>;
}

function hearHangups(): Hangups {
  let pending = false;
  let wake = () => {};
  const hear = () => {
    pending = true;
    wake();
  };
  Deno.addSignalListener("SIGHUP", hear);
  return {
    async next(signal) {
      while (!pending && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
      pending = false;
      return !signal.aborted;
    },
    [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", hear),
  };
}
