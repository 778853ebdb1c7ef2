/** The serial ports of this machine: by which name each stays the same, what is plugged in, who holds it. @module */
import { accessSync, constants } from "node:fs";
import * as libc from "../libc.ts";
import { lockHolder, steadyPath } from "../transport/holder.ts";

/** A serial port that is there. */
export interface SerialPort {
  /** The name to write: below `/dev/serial/by-id` where it has one. */
  readonly path: string;
  /** `/dev/ttyUSB0`. */
  readonly device: string;
  /** The adapter as it says itself: `FTDI FT232R USB UART`; absent: it is no USB adapter. */
  readonly adapter?: string;
  /** The process that has it open, as far as this user may know. */
  readonly holder?: { readonly pid: number; readonly program?: string };
  /** Whether this user may not open it. */
  readonly denied: boolean;
}

/** Where devices, their descriptions and processes are found. */
export interface Roots {
  readonly dev: string;
  readonly sys: string;
  readonly proc: string;
}

const ROOTS: Roots = { dev: "/dev", sys: "/sys/class/tty", proc: "/proc" };

/** How far above a port its USB device stands. */
const LEVELS = 4;

/** Every serial port that has hardware behind it. */
export function serialPortsOf(roots: Roots = ROOTS): SerialPort[] {
  return libc.listFolder(roots.sys).filter((name) => isPort(`${roots.sys}/${name}`)).map((name) => {
    const device = `${roots.dev}/${name}`;
    const adapter = adapterOf(`${roots.sys}/${name}/device`);
    const holder = holderOf(device, roots);
    return {
      path: steadyPath(device) ?? device,
      device,
      ...adapter !== undefined && { adapter },
      ...holder && { holder },
      denied: isDenied(device),
    };
  });
}

/** A virtual console has no device; a UART that is not soldered on has type 0. */
function isPort(folder: string): boolean {
  if (libc.realPath(`${folder}/device`) === undefined || /\/(tty|console|ptmx|tty\d+)$/.test(folder)) return false;
  return textOf(`${folder}/type`) !== "0";
}

/** What the USB device above a port says of itself. */
function adapterOf(port: string): string | undefined {
  let folder = libc.realPath(port);
  for (let level = 0; folder !== undefined && level < LEVELS; level++) {
    const product = textOf(`${folder}/product`);
    if (product !== undefined) return [textOf(`${folder}/manufacturer`), product].filter(Boolean).join(" ");
    folder = folder.slice(0, folder.lastIndexOf("/"));
  }
  return undefined;
}

/** Who has locked it, or has it open. */
function holderOf(device: string, { proc }: Roots): SerialPort["holder"] {
  const pid = lockHolder(device) ?? processWith(libc.realPath(device) ?? device, proc);
  if (pid === undefined) return undefined;
  const program = textOf(`${proc}/${pid}/comm`);
  return { pid, ...program !== undefined && { program } };
}

function processWith(device: string, proc: string): number | undefined {
  const pids = libc.listFolder(proc).filter((name) => /^\d+$/.test(name) && Number(name) !== Deno.pid);
  const found = pids.find((pid) =>
    libc.listFolder(`${proc}/${pid}/fd`).some((fd) => libc.realPath(`${proc}/${pid}/fd/${fd}`) === device)
  );
  return found === undefined ? undefined : Number(found);
}

function isDenied(device: string): boolean {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return false;
  } catch {
    return true;
  }
}

/** The text of a small file without its line end; `undefined`: there is none. */
function textOf(path: string): string | undefined {
  try {
    return libc.readText(path).trim();
  } catch {
    return undefined;
  }
}

/** The ports as a person reads them. */
export function describePorts(ports: readonly SerialPort[]): string {
  if (ports.length === 0) {
    return "There is no serial port on this machine: is the adapter plugged in (dmesg says what came)?";
  }
  const rows = ports.flatMap(({ path, device, adapter, holder, denied }) => {
    const user = holder &&
      `in use by ${holder.program === undefined ? "" : `${holder.program}, `}process ${holder.pid}`;
    const why = denied ? "no permission: sudo usermod -aG dialout USER, then log in again" : undefined;
    const facts = [path === device ? undefined : device, adapter, user ?? "free", why];
    return [path, `    ${facts.filter((fact) => fact !== undefined).join(", ")}`];
  });
  return [...rows, "", `Who is there? obisd discover ${ports.find(({ holder }) => !holder)?.path ?? ports[0]!.path}`]
    .join("\n");
}
