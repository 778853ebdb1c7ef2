/** Only one process has a journal: the lock ends with the process, however it ends. @module */
import { dirname } from "node:path";
import { FileTrouble } from "./trouble.ts";

/** Takes the lock of a journal and leaves our process id in it. @throws {FileTrouble} `busy` with the other's; `config` */
export function lockFile(path: string): Deno.FsFile {
  const lock = openLock(`${path}.lock`);
  if (!lock.tryLockSync(true)) {
    const pid = Deno.readTextFileSync(`${path}.lock`).trim();
    lock.close();
    throw new FileTrouble("busy", `The journal ${path} is in use by another obisd, process ${pid || "unknown"}`);
  }
  try {
    lock.truncateSync();
    lock.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  } catch {
    // A full disk: it is locked all the same.
  }
  return lock;
}

function openLock(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: true, create: true });
  } catch (error) {
    const { NotFound, PermissionDenied } = Deno.errors;
    if (!(error instanceof PermissionDenied || error instanceof NotFound)) throw error;
    throw new FileTrouble("config", `The journal's folder cannot be written: ${error.message}`);
  }
}

/** Whether somebody had a journal there before. */
export function wasLocked(path: string): boolean {
  try {
    return Deno.statSync(`${path}.lock`).isFile;
  } catch {
    return false;
  }
}

/** @throws {FileTrouble} `config`, when no waiting will make it a journal: no file, not allowed */
export function checkFile(path: string): void {
  try {
    Deno.openSync(path, { read: true, write: true }).close();
  } catch (error) {
    const { NotFound, PermissionDenied, IsADirectory } = Deno.errors;
    if (error instanceof NotFound) return;
    if (!(error instanceof PermissionDenied || error instanceof IsADirectory)) throw error;
    throw new FileTrouble("config", "This file cannot be opened: name another one in journal.path");
  }
}

/** @throws {FileTrouble} `config`: there is no such folder */
export function checkFolderOf(path: string): void {
  const folder = dirname(path);
  try {
    if (Deno.statSync(folder).isDirectory) return;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new FileTrouble(
        "config",
        `The folder ${folder} does not exist: create it, owned by the user that runs obisd`,
      );
    }
    throw error;
  }
  throw new FileTrouble("config", `${folder} is no folder`);
}
