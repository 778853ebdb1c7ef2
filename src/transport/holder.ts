/** Who holds a serial port, and which ports there are: what a message needs so that a person can act. @module */
import * as libc from "../libc.ts";

const BY_ID = "/dev/serial/by-id";

/** The number of the process that has locked this file, if the kernel tells; its list needs no rights to read. */
export function lockHolder(path: string): number | undefined {
  try {
    return parseLocks(libc.readText("/proc/locks"), libc.fileFacts(path).lockId);
  } catch {
    return undefined; // no /proc here: the message does without the number
  }
}

/** Finds a file in the text of `/proc/locks`: `1: FLOCK  ADVISORY  WRITE 4711 00:05:123 0 EOF` → 4711. */
export function parseLocks(locks: string, lockId: string): number | undefined {
  for (const line of locks.split("\n")) {
    const [, pid, id] = line.match(/ (\d+) ([0-9a-f]+:[0-9a-f]+:\d+) /) ?? [];
    if (id === lockId) return Number(pid);
  }
  return undefined;
}

/** The name below `/dev/serial/by-id` that keeps meaning this adapter, whichever socket it is plugged into. */
export function steadyPath(path: string): string | undefined {
  const port = libc.realPath(path);
  return serialPorts().find((candidate) => libc.realPath(candidate) === port);
}

/** All adapters that are plugged in, by their lasting names. */
export function serialPorts(): string[] {
  return libc.listFolder(BY_ID).map((name) => `${BY_ID}/${name}`);
}
