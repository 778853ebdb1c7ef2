/** `obisd run`: the daemon, until it is stopped. @module */
import { DEFAULT_CONFIG_PATH, loadConfig } from "../config.ts";
import { Daemon } from "../daemon.ts";
import { ConfigError, formatFault } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { monotonicUsec, sendDatagram } from "../libc.ts";
import type { Log } from "../log.ts";
import { type ServiceManager, serviceManager } from "../systemd.ts";
import type { Command } from "./command.ts";

const STATUS_MS = 10_000;
/** After this the process ends whatever hangs: what was acknowledged is on disk. */
const STOP_MS = 10_500;

/** Reads meters on schedule and delivers to the sinks. */
export const run: Command = {
  summary: "read the configured meters on schedule and deliver to the sinks",
  help: `obisd run [-c FILE]

Reads every configured meter when it is due, keeps each readout in the journal and delivers it to every sink, until
SIGTERM or SIGINT. SIGHUP loads the configuration again: a wrong one is told and the old one kept.

  obisd run -c obisd.yaml`,
  options: {},

  async run({ values }, { log, signal }) {
    const path = values.config as string | undefined ?? DEFAULT_CONFIG_PATH;
    const config = await loadConfig(path);
    await using daemon = asyncDisposable(await Daemon.start(config, log));
    const manager = serviceManager({
      send: sendDatagram,
      monotonicUs: monotonicUsec,
      onTrouble: (error) => log.warning(`systemd cannot be told: ${(error as Error).message}`),
    });
    const { meters, sinks } = config;
    log.info(`Reading ${meters.length} meters into ${sinks.map((sink) => sink.name).join(", ")}`, { config: path });
    manager.ready();
    await serve(daemon.it, manager, { path, log, signal });
    return EXIT.ok;
  },
};

async function serve(
  daemon: Daemon,
  manager: ServiceManager,
  { path, log, signal }: { path: string; log: Log; signal: AbortSignal },
): Promise<void> {
  const sayStatus = async () => manager.status(await daemon.status());
  const status = setInterval(sayStatus, STATUS_MS);
  using _watchdog = manager.watchdog(() => {
    const stuck = daemon.progress.stuck();
    if (stuck.length > 0) log.error(`Stuck: ${stuck.join(", ")}; the watchdog is not fed`);
    return stuck.length === 0;
  });
  let reloading = Promise.resolve();
  const onHangup = () => reloading = reloading.then(() => reload(daemon, manager, { path, log }));
  Deno.addSignalListener("SIGHUP", onHangup);
  try {
    await new Promise<void>((resolve) =>
      signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true })
    );
  } finally {
    Deno.removeSignalListener("SIGHUP", onHangup);
    clearInterval(status);
    manager.stopping();
  }
}

async function reload(
  daemon: Daemon,
  manager: ServiceManager,
  { path, log }: { path: string; log: Log },
): Promise<void> {
  manager.reloading();
  try {
    await daemon.reload(await loadConfig(path));
    log.info("Configuration loaded again", { config: path });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const fault of error.faults) log.error(formatFault(fault));
    log.error("The configuration is wrong: the old one is kept");
  } finally {
    manager.ready();
  }
}

/** Stops the daemon when the scope ends; the process ends in time even if something in it hangs. */
function asyncDisposable(daemon: Daemon): AsyncDisposable & { readonly it: Daemon } {
  return {
    it: daemon,
    async [Symbol.asyncDispose]() {
      const late = setTimeout(() => Deno.exit(EXIT.ok), STOP_MS);
      await daemon.stop();
      clearTimeout(late);
    },
  };
}
