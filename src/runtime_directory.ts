/**
 * The directory in which a running daemon shows how it is doing, and where it can be asked: systemd's RuntimeDirectory=,
 * or the one of the configuration. It lies in memory, so what is written there wears no card.
 * @module
 */
import { join } from "node:path";
import type { Config } from "./config.ts";
import type { Status } from "./status.ts";

/** systemd's RuntimeDirectory=obisd: where commands look when nobody says otherwise. */
export const SERVICE_RUNTIME_DIRECTORY = "/run/obisd";

/** The environment variable in which systemd names it. */
export const RUNTIME_VARIABLE = "RUNTIME_DIRECTORY";

/** Where a daemon that runs now writes: nowhere, unless systemd or the configuration says so. */
export function runtimeDirectory({ runtimeDirectory }: Pick<Config, "runtimeDirectory">): string | undefined {
  return runtimeDirectory ?? Deno.env.get(RUNTIME_VARIABLE)?.split(":")[0];
}

/** What lies in the directory. */
export function runtimeFiles(directory: string): { readonly socket: string; readonly status: string } {
  return { socket: join(directory, "control.sock"), status: join(directory, "status.json") };
}

/** Whole or not at all: whoever reads it reads one status. */
export async function writeStatus(path: string, status: Status): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, JSON.stringify(status, undefined, 1) + "\n", { mode: 0o640 });
  await Deno.chmod(`${path}.new`, 0o640); // whatever the umask
  await Deno.rename(`${path}.new`, path);
}
