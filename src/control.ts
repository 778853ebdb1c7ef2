/**
 * Questions to a daemon that runs: a Unix socket in its runtime directory. Whoever may connect (its user and group, and
 * root) sends one line of JSON and gets one back.
 * @module
 */
import { LineError } from "./errors.ts";

/** A question that does not end, or an asker who does not read, is left alone after this. */
const ANSWER_MS = 10_000;
const LONGEST_QUESTION = 64 * 1024;
const LONGEST_ANSWER = 64 * 1024 * 1024;

/** Answers questions at a socket until disposed. What `answer` throws is told to the asker. @throws {Error} when it cannot be made */
export function serveControl(path: string, answer: (question: unknown) => Promise<unknown>): Disposable {
  removeStale(path);
  const listener = Deno.listen({ transport: "unix", path });
  Deno.chmodSync(path, 0o660);
  const open = new Set<Deno.Conn>();
  serve(listener, open, answer).catch(() => {}); // the listener was closed
  return {
    [Symbol.dispose]() {
      listener.close();
      for (const connection of open) close(connection);
      removeStale(path);
    },
  };
}

async function serve(
  listener: Deno.Listener,
  open: Set<Deno.Conn>,
  answer: (question: unknown) => Promise<unknown>,
): Promise<void> {
  for await (const connection of listener) {
    open.add(connection);
    const timer = setTimeout(() => close(connection), ANSWER_MS);
    reply(connection, answer).catch(() => {}) // whoever asked is gone
      .finally(() => {
        clearTimeout(timer);
        open.delete(connection);
        close(connection);
      });
  }
}

async function reply(connection: Deno.Conn, answer: (question: unknown) => Promise<unknown>): Promise<void> {
  let said: { value: unknown } | { error: string };
  try {
    said = { value: await answer(JSON.parse(await readLine(connection, LONGEST_QUESTION))) };
  } catch (error) {
    said = { error: (error as Error).message };
  }
  await writeAll(connection, JSON.stringify(said) + "\n");
}

/**
 * Asks the daemon whose socket this is.
 * @throws {LineError} `refused`: nobody is there; `denied`: this user may not ask; `lost`: no answer came
 * @throws {Error} what the daemon has against the question
 */
export async function askDaemon<T>(path: string, question: unknown): Promise<T> {
  const connection = await connect(path);
  const timer = setTimeout(() => close(connection), ANSWER_MS);
  try {
    await writeAll(connection, JSON.stringify(question) + "\n");
    const said = JSON.parse(await readLine(connection, LONGEST_ANSWER)) as { value: T } | { error: string };
    if ("error" in said) throw new Error(said.error);
    return said.value;
  } catch (error) {
    if (!(error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.BadResource)) throw error;
    throw new LineError("lost", `The daemon at ${path} does not answer`, { cause: error });
  } finally {
    clearTimeout(timer);
    close(connection);
  }
}

async function connect(path: string): Promise<Deno.Conn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new LineError("denied", `This user may not ask the daemon at ${path}: try with sudo`, { cause: error });
    }
    const hint = "does it run (systemctl status obisd), and with this configuration's runtime_directory?";
    throw new LineError("refused", `No obisd answers at ${path}: ${hint}`, { cause: error });
  }
}

async function readLine(connection: Deno.Conn, longest: number): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(64 * 1024);
  let line = "";
  while (!line.endsWith("\n")) {
    const count = await connection.read(buffer);
    if (count === null) throw new Deno.errors.Interrupted("the connection ended within a line");
    line += decoder.decode(buffer.subarray(0, count), { stream: true });
    if (line.length > longest) throw new Error("This is too long");
  }
  return line;
}

async function writeAll(connection: Deno.Conn, text: string): Promise<void> {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(await connection.write(rest));
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}

/** A daemon that was killed leaves its socket behind; the journal's lock sees to it that there is no other daemon. */
function removeStale(path: string): void {
  try {
    if (Deno.lstatSync(path).isSocket) Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
