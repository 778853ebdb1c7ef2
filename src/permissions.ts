/** The least that Deno must allow so that a configuration can run, and nothing else. @module */
import { dirname, isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "./config.ts";
import { libcPath } from "./libc.ts";
import { RUNTIME_VARIABLE, runtimeFiles, SERVICE_RUNTIME_DIRECTORY } from "./runtime_directory.ts";
import { SERVICE_VARIABLES } from "./systemd.ts";

/** By Deno's names of permissions: what each must name. All paths are absolute. */
export interface Needs {
  readonly ffi: readonly string[];
  readonly net: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly env: readonly string[];
}

/** Looked up whatever the configuration; the last two by the yaml library, as switches for its own authors. */
const VARIABLES = [
  ...["JOURNAL_STREAM", "CREDENTIALS_DIRECTORY", "OBISD_LIBC", "OBISD_BOOT_ID", RUNTIME_VARIABLE],
  ...SERVICE_VARIABLES,
  ...["LOG_STREAM", "LOG_TOKENS"],
];

/** What `obisd run` needs with this configuration. */
export function needsOf(config: Config): Needs {
  const sinks = config.sinks.map(({ plugin, options }) => plugin.needs?.(options) ?? {});
  const all = (key: "net" | "read" | "write" | "env") => sinks.flatMap((needs) => needs[key] ?? []);
  const base = dirname(config.path);
  const journal = dirname(config.journal.path);
  const runtime = config.runtimeDirectory ?? SERVICE_RUNTIME_DIRECTORY;
  return {
    ffi: [libcPath()],
    net: unique([
      ...config.lines.flatMap(({ endpoint }) => endpoint.kind === "serial" ? [] : [address(endpoint)]),
      `unix:${runtimeFiles(runtime).socket}`,
      ...all("net"),
    ]),
    read: unique([
      base,
      ...isBelow(config.meterTypes.folder, base) ? [] : [config.meterTypes.folder],
      journal,
      runtime,
      program(),
      ...pluginFolders(config),
      ...config.secrets.files,
      ...all("read"),
    ]),
    write: unique([journal, runtime, ...all("write")]),
    env: unique([...VARIABLES, ...config.secrets.env, ...all("env")]),
  };
}

/** `--allow-net=…` and so on, each a word of its own; a permission that names nothing is left out, for alone it means all. */
export function formatFlags(needs: Needs): string[] {
  return Object.entries(needs).filter(([, names]) => names.length > 0)
    .map(([name, names]) => `--allow-${name}=${names.map((name: string) => name.replaceAll(",", ",,")).join(",")}`);
}

/** The line of systemd's EnvironmentFile; a flag with blanks is quoted, as `$OBISD_PERMISSIONS` in ExecStart= wants it. */
export function formatEnvironmentFile(needs: Needs): string {
  const flags = formatFlags(needs).map((flag) => /[\s"'\\]/.test(flag) ? `"${flag.replace(/["\\]/g, "\\$&")}"` : flag);
  const value = flags.join(" ");
  return `OBISD_PERMISSIONS=${value.includes('"') ? `'${value.replaceAll("'", `'\\''`)}'` : value}\n`;
}

/** What of `needs` this process may not do: then a reload is not enough, it must start anew. */
export function missingPermissions({ ffi, net, read, write, env }: Needs): string[] {
  const descriptors: [string, Deno.PermissionDescriptor][] = [
    ...ffi.map((path): [string, Deno.PermissionDescriptor] => [path, { name: "ffi", path }]),
    ...net.map((host): [string, Deno.PermissionDescriptor] => [host, { name: "net", host }]),
    ...read.map((path): [string, Deno.PermissionDescriptor] => [path, { name: "read", path }]),
    ...write.map((path): [string, Deno.PermissionDescriptor] => [path, { name: "write", path }]),
    ...env.map((variable): [string, Deno.PermissionDescriptor] => [variable, { name: "env", variable }]),
  ];
  return descriptors.filter(([, descriptor]) => Deno.permissions.querySync(descriptor).state !== "granted")
    .map(([what, { name }]) => `${name} ${what}`);
}

function address({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The program's own folder: the journal's worker is a file of it. */
function program(): string {
  return dirname(fileURLToPath(Deno.mainModule));
}

/** A plug-in may be made of several files that lie together. */
function pluginFolders(config: Config): string[] {
  const base = dirname(config.path);
  return config.sinks.filter(({ type }) => isAbsolute(type) || type.startsWith(".")).map(({ type }) =>
    dirname(resolve(base, type))
  );
}

const isBelow = (path: string, folder: string) => path.startsWith(`${folder}/`);

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}
