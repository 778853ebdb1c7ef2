/** `--record FILE`: keeps the bytes and times of a command's sessions, so that they can be played back. @module */
import type { Clock } from "../clock.ts";
import { EXIT, exitCodeOf } from "../exit_code.ts";
import { toText } from "../iec62056/characters.ts";
import type { Log } from "../log.ts";
import { formatHead, formatRecorded, type Happening } from "../recording.ts";
import type { Trace } from "../session.ts";
import { gatherer, isText } from "./gather.ts";
import { Secrets } from "./secrets.ts";
import { parseUsage } from "./target.ts";

/** The option's part of the help of each command that talks to a meter. */
export const RECORD_HELP =
  `  --record FILE        keeps what passed, and when, but no password; obisd simulate --replay FILE plays it back`;

/** Begins a session of the recording: what passes there is told to the trace that it returns. */
export type RecordSession = (place: string) => Trace;

/** A pause within a line that is worth knowing, ms; at 300 Bd a character takes 33. */
const GAP_MS = 250;

/** What a recording is told about its command. */
export interface RecordingOptions {
  readonly command: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Does `work` and keeps what passes in its sessions in the file at `path`. What cannot be written is told once; the
 * session goes on.
 * @throws {UsageError} the file cannot be written
 */
export async function recorded(
  path: string,
  { command, clock, log }: RecordingOptions,
  work: (record: RecordSession) => Promise<number>,
): Promise<number> {
  const startMs = clock.now();
  using file = parseUsage(() => Deno.openSync(path, { write: true, create: true, truncate: true }), "--record: ");
  let failed = false;
  const write = (line: string) => {
    try {
      if (!failed) {
        for (let rest = new TextEncoder().encode(line + "\n"); rest.length > 0;) {
          rest = rest.subarray(file.writeSync(rest));
        }
      }
    } catch (error) {
      failed = true;
      log.warning(`The recording ends here, ${path} cannot be written any more: ${(error as Error).message}`);
    }
  };
  const put = (happening: Happening, atMs = clock.now()) =>
    write(formatRecorded({ ...happening, ms: Math.round(atMs - startMs) }));
  write(formatHead({ command, at: new Date(startMs).toISOString() }));
  const secrets = new Secrets();
  let endSession = () => {};
  const record: RecordSession = (place) => {
    endSession();
    put({ kind: "open", place });
    const gathered = gatherer(
      (event) => {
        const { kind, atMs } = event;
        if (kind === "line" || kind === "silence" || kind === "lost") return put(event, atMs);
        const text = isText(event.bytes) ? secrets.mask(event.bytes) : secrets.maskOctets(event.bytes);
        const masked = text !== toText(event.bytes) && { masked: true };
        put({ kind, text, ...masked, ...event.toMs !== undefined && { toMs: Math.round(event.toMs - startMs) } }, atMs);
      },
      secrets,
      GAP_MS,
    );
    endSession = gathered.end;
    return gathered.add;
  };
  try {
    const exit = await work(record);
    endSession();
    put({ kind: "end", exit });
    return exit;
  } catch (error) {
    endSession();
    const interrupted = error instanceof DOMException && error.name === "AbortError";
    put({ kind: "end", exit: interrupted ? EXIT.interrupted : exitCodeOf(error), message: (error as Error).message });
    throw error;
  }
}
