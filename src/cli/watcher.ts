/** What a person sees while a meter is being read: how far it is, or the dialogue itself. @module */
import { ProtocolError, SilenceError } from "../errors.ts";
import { visible } from "../iec62056/mod.ts";
import { formatLine } from "../line.ts";
import type { Trace, TraceEvent } from "../session.ts";

/** The progress line is written anew this often at most. */
const REFRESH_MS = 200;

/** Watches one reading. */
export interface Watcher {
  readonly trace: Trace;
  /** A telegram that was dropped, in case none better comes. */
  damaged(bytes: Uint8Array): void;
  /** Time that ran out, told by what had come until then; every other error as it is. */
  explain(error: unknown): unknown;
  /** Wipes the progress line away. */
  end(): void;
}

/** Everything goes to standard error; the progress line only to a terminal. */
export function createWatcher({ trace }: { trace: boolean }): Watcher {
  const startMs = Date.now();
  const live = Deno.stderr.isTerminal() && !trace;
  let received = 0;
  let shownMs = 0;
  let dropped: Uint8Array | undefined;
  const show = () => {
    if (!live || Date.now() - shownMs < REFRESH_MS) return;
    shownMs = Date.now();
    say(`\r\x1b[K${received} bytes, ${Math.round((shownMs - startMs) / 1000)} s`);
  };
  return {
    trace: (event) => {
      if (event.kind === "received") received += event.bytes.length;
      if (trace) say(formatEvent(event) + "\n");
      else show();
    },
    damaged: (bytes) => dropped = bytes,
    explain: (error) => {
      if (!(error instanceof DOMException && error.name === "TimeoutError")) return error;
      const message = `${error.message}, ${received} bytes came; --timeout gives it more time`;
      return dropped
        ? new ProtocolError("damaged", `No undamaged telegram: ${message}`, dropped)
        : new SilenceError(message);
    },
    end: () => {
      if (live && shownMs > 0) say("\r\x1b[K");
    },
  };
}

/** `12:00:00.123 → /?!␍␊`. */
export function formatEvent(event: TraceEvent): string {
  const time = new Date(event.atMs).toISOString().slice(11, 23);
  switch (event.kind) {
    case "sent":
      return `${time} → ${visible(event.bytes)}`;
    case "received":
      return `${time} ← ${visible(event.bytes)}`;
    case "line":
      return `${time} = ${formatLine(event.settings)}`;
    case "silence":
      return `${time} … nothing within ${event.withinMs} ms`;
  }
}

function say(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
