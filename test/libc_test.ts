import assert from "node:assert/strict";
import * as libc from "../src/libc.ts";
import { parseLocks } from "../src/transport/holder.ts";

Deno.test("libcPath: absolute, as --allow-ffi wants it", () => {
  assert.match(libc.libcPath(), /^\/lib\/(x86_64|aarch64)-linux-gnu\/libc\.so\.6$/);
});

Deno.test("libc: an error has the system's words and its number", () => {
  assert.throws(
    () => libc.openTerminal("/nowhere/at/all"),
    (error) =>
      error instanceof libc.LibcError && error.errno === libc.Errno.ENOENT &&
      error.message === "open: No such file or directory",
  );
});

Deno.test("libc: files, links and folders, also those that Deno would not read", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/b`, "è".repeat(5000));
    await Deno.symlink("b", `${folder}/a`);
    assert.equal(libc.readText(`${folder}/a`), "è".repeat(5000));
    assert.deepEqual(libc.listFolder(folder), ["a", "b"]);
    assert.deepEqual(libc.listFolder(`${folder}/none`), []);
    assert.equal(libc.realPath(`${folder}/a`), await Deno.realPath(`${folder}/b`));
    assert.equal(libc.realPath(`${folder}/none`), undefined);
    const { ino, dev } = await Deno.stat(`${folder}/b`);
    const [major, minor, inode] = libc.fileFacts(`${folder}/a`).lockId.split(":");
    assert.equal(inode, String(ino));
    assert.equal((parseInt(major!, 16) << 8) + parseInt(minor!, 16), dev);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("parseLocks: the process that holds a file", () => {
  const locks = `1: POSIX  ADVISORY  WRITE 812 00:19:1041 0 EOF
2: FLOCK  ADVISORY  WRITE 4711 00:05:123 0 EOF
3: FLOCK  ADVISORY  WRITE 4712 00:05:1234 0 EOF
`;
  assert.equal(parseLocks(locks, "00:05:123"), 4711);
  assert.equal(parseLocks(locks, "00:05:12"), undefined);
  assert.equal(parseLocks("", "00:05:123"), undefined);
});

Deno.test("monotonicUsec: the machine's own clock", () => {
  const uptime = Number(libc.readText("/proc/uptime").split(" ")[0]);
  const seconds = Number(libc.monotonicUsec()) / 1e6;
  assert.ok(seconds <= uptime + 1, `${seconds} s after ${uptime} s`);
  assert.ok(libc.monotonicUsec() <= libc.monotonicUsec());
});

Deno.test("sendDatagram: nobody listens, by path and by abstract name", () => {
  assert.throws(() => libc.sendDatagram("/nowhere/notify", "READY=1"), /^LibcError: sendto: No such file/);
  assert.throws(() => libc.sendDatagram("@obisd-test-nobody", "READY=1"), /^LibcError: sendto: Connection refused/);
});

Deno.test("libc: one library by its path is all of --allow-ffi that it needs", async () => {
  const script = `
    import { listFolder, openTerminal } from ${JSON.stringify(new URL("../src/libc.ts", import.meta.url).href)};
    const fails = (path) => { try { openTerminal(path); } catch (error) { return error.message; } };
    console.log(JSON.stringify([fails("/dev/none"), listFolder("/proc/self/task").length > 0]));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-check", `--allow-ffi=${libc.libcPath()}`, "--ext=ts", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [{ stdout, stderr }] = await Promise.all([
    child.output(),
    new Blob([script]).stream().pipeTo(child.stdin),
  ]);
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), ["open: No such file or directory", true]);
});
