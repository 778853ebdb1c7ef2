/** What a person is asked at the terminal: a password, which is not shown, and a yes. @module */
import { UsageError } from "../errors.ts";

const encoder = new TextEncoder();
const [CTRL_C, CTRL_D, BACKSPACE, LF, CR, DEL] = [3, 4, 8, 10, 13, 127];

/** Whether somebody can be asked. */
export function hasTerminal(): boolean {
  return Deno.stdin.isTerminal();
}

/** Asks for a password; what is typed is not shown. @throws {UsageError} nobody can be asked @throws {DOMException} Ctrl-C */
export async function askPassword(question: string, signal: AbortSignal): Promise<string> {
  if (!hasTerminal()) throw new UsageError("--password ask: there is no terminal; use env:NAME or file:PATH");
  say(question);
  Deno.stdin.setRaw(true);
  try {
    return await typed(signal);
  } finally {
    Deno.stdin.setRaw(false);
    say("\n");
  }
}

async function typed(signal: AbortSignal): Promise<string> {
  const text: number[] = [];
  const buffer = new Uint8Array(64);
  while (true) {
    const count = await readStdin(buffer, signal);
    for (const byte of buffer.subarray(0, count ?? 0)) {
      if (byte === CTRL_C) throw new DOMException("Interrupted", "AbortError");
      if (byte === CR || byte === LF || byte === CTRL_D) return new TextDecoder().decode(Uint8Array.from(text));
      if (byte === BACKSPACE || byte === DEL) text.pop();
      else text.push(byte);
    }
    if (count === null) return new TextDecoder().decode(Uint8Array.from(text));
  }
}

/** Asks for the word yes. */
export async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  say(`${question} Type yes: `);
  const buffer = new Uint8Array(64);
  const count = await readStdin(buffer, signal);
  return new TextDecoder().decode(buffer.subarray(0, count ?? 0)).trim().toLowerCase() === "yes";
}

/** What was typed; an abort need not wait for Enter. */
async function readStdin(buffer: Uint8Array, signal: AbortSignal): Promise<number | null> {
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([Deno.stdin.read(buffer), aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** To standard error: standard output is for data. */
function say(text: string): void {
  Deno.stderr.writeSync(encoder.encode(text));
}
