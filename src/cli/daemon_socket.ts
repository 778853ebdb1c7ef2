/** Where commands find the daemon that runs. @module */
import { DEFAULT_CONFIG_PATH, loadConfig } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { runtimeDirectory, runtimeFiles, SERVICE_RUNTIME_DIRECTORY } from "../runtime_directory.ts";

/**
 * The socket of the daemon of a configuration, the service's when none is named. A default configuration that is wrong now
 * is no hindrance: the daemon may have a better one. @throws {ConfigError} the named one is wrong
 */
export async function controlSocket(path: string | undefined): Promise<string> {
  return runtimeFiles(await directoryOf(path)).socket;
}

async function directoryOf(path: string | undefined): Promise<string> {
  try {
    const config = await loadConfig(path ?? DEFAULT_CONFIG_PATH, { missingSecrets: "warning" });
    return runtimeDirectory(config) ?? SERVICE_RUNTIME_DIRECTORY;
  } catch (error) {
    if (path !== undefined || !(error instanceof ConfigError)) throw error;
    return runtimeDirectory({}) ?? SERVICE_RUNTIME_DIRECTORY;
  }
}
