/** What a process has taken of the machine so far, all its threads (proc(5)). @module */

/** The kernel counts processor time in hundredths of a second, on every machine that Debian knows. */
const TICK_MS = 10;

/** Processor time in ms, user and system, to 10 ms. */
export async function cpuMs(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" "); // its name may have blanks
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Resident memory in MB (10⁶ bytes): now, and at most so far. */
export async function residentMb(pid: number): Promise<{ readonly now: number; readonly peak: number }> {
  const text = await Deno.readTextFile(`/proc/${pid}/status`);
  const mb = (key: string) => Number(new RegExp(`^${key}:\\s*(\\d+) kB`, "m").exec(text)![1]) * 1024 / 1e6;
  return { now: mb("VmRSS"), peak: mb("VmHWM") };
}
