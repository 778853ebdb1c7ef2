/** A file system of 24 MiB of its own, to be filled, set read-only and broken. Needs root and a loop device. */

/** Whether this process can make one. Where all tests must run, it has to. */
export const canMount: boolean = Deno.env.get("OBISD_TEST_ALL") === "1" || (Deno.uid() === 0 && probe());

function probe(): boolean {
  try {
    using disk = smallDisk();
    return disk.path !== "";
  } catch {
    return false;
  }
}

/** The mounted file system. */
export interface SmallDisk extends Disposable {
  readonly path: string;
  /** Takes all the room but `leave` bytes. */
  fill(leave?: number): void;
  /** Gives it back. */
  free(): void;
  /** Mounts it so that nothing, or all, can be written. No file may be open for writing. */
  remount(how: "ro" | "rw"): void;
  /** Lets writes to a file that is open fail, or succeed again. */
  protect(file: string, on: boolean): void;
  /** The kernel finds an error and sets it read-only (`errors=remount-ro`), whatever is open; only mounting anew helps. */
  err(): void;
  /** Unmounts it and mounts it again. @throws {Error} while any file is open */
  mountAnew(): void;
  /** From now on it answers everything with EIO, files that are open included. */
  break(): void;
  /** Another disk of the same content is there in its place, as after a reset of the bus. */
  replace(): void;
}

function run(command: string, ...args: string[]): void {
  const { success, stderr } = new Deno.Command(command, { args, stdout: "null", stderr: "piped" }).outputSync();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}

/** The name of the block device that is mounted there. */
export function deviceOf(path: string): string {
  const mount = Deno.readTextFileSync("/proc/mounts").split("\n").find((line) => line.split(" ")[1] === path)!;
  return mount.split(" ")[0]!.replace("/dev/", "");
}

/** EXT4_IOC_SHUTDOWN (fs/ext4/ext4.h): what was written so far is there, and nothing comes any more. */
const SHUT_DOWN = 'my $how = pack("L", 0); open(D, "<", $ARGV[0]) && ioctl(D, 0x8004587d, $how) || die $!';

/** Makes one; it is gone when disposed. */
export function smallDisk(mebibytes = 24): SmallDisk {
  const folder = Deno.makeTempDirSync();
  const [image, path] = [`${folder}/image`, `${folder}/disk`];
  Deno.mkdirSync(path);
  Deno.writeFileSync(image, new Uint8Array());
  Deno.truncateSync(image, mebibytes * 1024 * 1024);
  run("mkfs.ext4", "-q", "-F", "-m", "0", image);
  const mount = () => run("mount", "-o", "loop,errors=remount-ro", image, path);
  mount();
  const filler = `${path}/filler`;
  return {
    path,
    fill(leave = 0) {
      using file = Deno.openSync(filler, { write: true, create: true, append: true });
      for (let step = 1024 * 1024; step >= 512; step /= 4) {
        try {
          while (true) file.writeSync(new Uint8Array(step));
        } catch {
          // Full for this step.
        }
      }
      if (leave > 0) file.truncateSync(Math.max(0, file.statSync().size - leave));
    },
    free: () => Deno.removeSync(filler),
    remount: (how) => run("mount", "-o", `remount,${how}`, path),
    protect: (file, on) => run("chattr", on ? "+i" : "-i", file),
    err: () => Deno.writeTextFileSync(`/sys/fs/ext4/${deviceOf(path)}/trigger_fs_error`, "1"),
    mountAnew() {
      run("umount", path);
      mount();
    },
    break: () => run("perl", "-e", SHUT_DOWN, path),
    replace() {
      run("umount", "--lazy", path);
      Deno.copyFileSync(image, `${image}-2`); // of the same image the broken file system would come back
      run("mount", "-o", "loop", `${image}-2`, path);
    },
    [Symbol.dispose]() {
      run("umount", path);
      Deno.removeSync(folder, { recursive: true });
    },
  };
}
