/** What a person sees while a meter is being read: how far it is, or the dialogue itself. @module */
import { ProtocolError, SilenceError } from "../errors.ts";
import { join } from "../bytes.ts";
import { visible } from "../iec62056/mod.ts";
import { formatLine } from "../line.ts";
import { fileOf, meterTypeOf } from "../meters/mod.ts";
import type { Trace, TraceEvent } from "../session.ts";
import type { Mode, Telegram } from "../telegram.ts";
import { type Gatherer, gatherer, isText } from "./gather.ts";
import { Secrets } from "./secrets.ts";

/** The progress line is written anew this often at most. */
const REFRESH_MS = 200;
/** So much is kept of what comes and is no telegram. */
const HEARD_BYTES = 65_536;

const PUSH_HINT =
  "; a meter that speaks by itself needs --mode D, one on a battery ?wake_up=66 or its --type; obisd discover tries it all";
const SPEED_HINT = "; is the speed right? A P1 port has ?baud=115200&data_bits=8&parity=none";

/** Watches one reading. */
export interface Watcher {
  readonly trace: Trace;
  /** How far it is, for the progress line: `day 3 of 31`. */
  note(text: string): void;
  /** A telegram that was dropped, in case none better comes. */
  damaged(bytes: Uint8Array): void;
  /** Time that ran out, told by what had come until then; every other error as it is. */
  explain(error: unknown): unknown;
  /** Wipes the progress line away, and tells a person what the telegram took; the second time it does nothing. */
  end(telegram?: Telegram): void;
}

/** How the meter is read, and whether each event is shown instead of the progress. */
export interface WatcherOptions {
  readonly mode: "auto" | Mode;
  readonly trace: boolean;
  /** Is told all that passes as well: a recording. */
  readonly recorded?: Trace | undefined;
}

/** Everything goes to standard error; the progress line only to a terminal. */
export function createWatcher({ mode, trace, recorded }: WatcherOptions): Watcher {
  const startMs = Date.now();
  let noted = "";
  let live = Deno.stderr.isTerminal() && !trace;
  let received = 0;
  const heard: Uint8Array[] = [];
  let shownMs = 0;
  let dropped: Uint8Array | undefined;
  const tracer = trace ? createTracer((text) => say(text + "\n"), mode) : undefined;
  const seconds = () => ((Date.now() - startMs) / 1000).toFixed(1);
  const show = () => {
    if (!live || Date.now() - shownMs < REFRESH_MS) return;
    shownMs = Date.now();
    say(`\r\x1b[K${noted}${received} bytes, ${seconds()} s`);
  };
  const refresh = live ? setInterval(show, REFRESH_MS) : undefined; // a silent meter shows that time goes by
  return {
    trace: (event) => {
      if (event.kind === "received") {
        if (received < HEARD_BYTES) heard.push(event.bytes);
        received += event.bytes.length;
      }
      tracer?.add(event);
      recorded?.(event);
      show();
    },
    note: (text) => noted = `${text}, `,
    damaged: (bytes) => dropped = bytes,
    explain: (error) => {
      const late = error instanceof DOMException && error.name === "TimeoutError";
      if (!late && !(error instanceof SilenceError)) return error;
      const message = late ? `${error.message}, ${received} bytes came; --timeout gives it more time` : error.message;
      if (dropped) return new ProtocolError("damaged", `No undamaged telegram: ${message}`, dropped, { cause: error });
      if (mode === "D" && received > 0) {
        return new ProtocolError("unreadable", `No telegram can be read: ${message}${SPEED_HINT}`, join(...heard));
      }
      const alone = mode === "auto" && (late || received === 0);
      return alone || late ? new SilenceError(message + (alone ? PUSH_HINT : ""), { cause: error }) : error;
    },
    end: (telegram) => {
      clearInterval(refresh);
      tracer?.end();
      const type = telegram?.identification && meterTypeOf(telegram.identification);
      if (tracer && type) say(`Its habits stand in ${fileOf(type)}: ${type.name}\n`);
      if (!live) return;
      live = false;
      const what = telegram ? `Mode ${telegram.mode}, ${telegram.bytes.length} bytes in ${seconds()} s\n` : "";
      say(`\r\x1b[K${what}`);
    },
  };
}

/**
 * Makes lines of a trace. A password that was sent is shown as `***`, wherever it comes back, and so is the check
 * character behind it. What is no text, in mode E, is shown as hex digits.
 */
export function createTracer(write: (line: string) => void, mode: WatcherOptions["mode"] = "auto"): Gatherer {
  const secrets = new Secrets();
  const show = (bytes: Uint8Array) =>
    mode === "E" && !isText(bytes) ? secrets.maskHex(bytes) : visible(secrets.mask(bytes));
  return gatherer((event) => write(formatEvent(event, show)), secrets);
}

/** `12:00:00.123 → /?!<CR><LF>`, UTC. */
function formatEvent(event: TraceEvent, show: (bytes: Uint8Array) => string): string {
  const time = new Date(event.atMs).toISOString().slice(11, 23);
  switch (event.kind) {
    case "sent":
      return `${time} → ${show(event.bytes)}`;
    case "received":
      return `${time} ← ${show(event.bytes)}`;
    case "line":
      return `${time} = ${formatLine(event.settings)}`;
    case "silence":
      return `${time} … nothing within ${event.withinMs} ms`;
    case "lost":
      return `${time} ✕ ${event.message}`;
  }
}

/** To standard error. */
export function say(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
