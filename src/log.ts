/**
 * What the program says to the people who run it: one line per event. Our own, for a library of structured logs
 * (@logtape/logtape) takes 9 MB more memory (51 MB RSS against 42 MB) of the 80 MB that the daemon may have.
 * @module
 */

/** Structured fields of an event: what a machine may search for. */
export type Fields = Readonly<Record<string, unknown>>;

/** Where events go. The message is a whole sentence; the fields repeat its facts for machines. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warning(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** Says now how often was said again what is folded no longer; without it, that waits for the next event. */
  settle?(): void;
  /** Somebody has asked anew: what is said from now on is said, also if it was said just before. */
  unfold?(): void;
}

/** From the quietest to the loudest. */
export const LEVELS = ["debug", "info", "warning", "error"] as const;

/** How much an event matters. */
export type Level = typeof LEVELS[number];

/** How events look and where they go. */
export interface LogOptions {
  /** Events below it are dropped. Default `info`. */
  readonly level?: Level;
  /** `journal` for systemd, which stamps the time itself; `terminal` for people. */
  readonly format: "journal" | "terminal";
  readonly colour?: boolean;
  /** Takes one line, its end included. Default: standard error. */
  readonly write?: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Syslog's numbers, by which `journalctl -p` selects (sd-daemon(3)). */
const PRIORITY: Record<Level, number> = { debug: 7, info: 6, warning: 4, error: 3 };

/** The SGR parameter of a level's colour: grey, green, yellow, red. */
const COLOUR: Record<Level, number> = { debug: 90, info: 32, warning: 33, error: 31 };

/** For how long the same message is said only once. */
const FOLD_MS = 300_000;

/** More different messages than this are not remembered. */
const FOLD_LIMIT = 4096;

interface Fold {
  readonly level: Level;
  readonly sinceMs: number;
  repeats: number;
}

/** Folds the same message, said again within 5 minutes, into one line that counts. `debug` is never folded. */
export function createLog(
  { level = "info", format, colour = false, write = toStderr, now = Date.now }: LogOptions,
): Log {
  const folds = new Map<string, Fold>();
  const put = (level: Level, message: string, fields: Fields = {}) => {
    const line = format === "journal"
      ? journalLine(level, message, fields)
      : terminalLine(level, message, fields, now(), colour);
    write(line + "\n");
  };
  const close = (message: string, { level, repeats, sinceMs }: Fold, atMs: number) => {
    folds.delete(message);
    const minutes = Math.max(1, Math.round((Math.min(atMs, sinceMs + FOLD_MS) - sinceMs) / 60_000));
    if (repeats > 0) put(level, `Said ${repeats} more times within ${minutes} min: ${message}`);
  };
  const settle = (atMs = now()) => {
    for (const [old, fold] of folds) { // the oldest first
      if (atMs - fold.sinceMs < FOLD_MS) break;
      close(old, fold, atMs);
    }
  };
  const isRepeat = (level: Level, message: string) => {
    const atMs = now();
    settle(atMs);
    const known = folds.get(message);
    if (known) return ++known.repeats > 0;
    for (const [oldest, fold] of folds) {
      if (folds.size < FOLD_LIMIT) break;
      close(oldest, fold, atMs);
    }
    folds.set(message, { level, sinceMs: atMs, repeats: 0 });
    return false;
  };
  const at = (its: Level) => (message: string, fields?: Fields) => {
    if (LEVELS.indexOf(its) < LEVELS.indexOf(level)) return;
    if (its === "debug" || !isRepeat(its, message)) put(its, message, fields);
  };
  const unfold = () => {
    for (const [message, fold] of folds) close(message, fold, now());
  };
  return { debug: at("debug"), info: at("info"), warning: at("warning"), error: at("error"), settle, unfold };
}

/** `<6>message key=value`: systemd takes the number off and keeps it as the priority. */
function journalLine(level: Level, message: string, fields: Fields): string {
  return `<${PRIORITY[level]}>${oneLine(message)}${formatFields(fields)}`;
}

function terminalLine(level: Level, message: string, fields: Fields, atMs: number, colour: boolean): string {
  const paint = (code: number, text: string) => colour && text !== "" ? `\x1b[${code}m${text}\x1b[0m` : text;
  const time = paint(90, localTime(atMs));
  return `${time} ${paint(COLOUR[level], level.padEnd(7))} ${oneLine(message)}${paint(90, formatFields(fields))}`;
}

/** `2026-11-24 16:50:54`, the host's time. */
function localTime(atMs: number): string {
  const at = new Date(atMs);
  const two = (part: number) => String(part).padStart(2, "0");
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${date} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":")}`;
}

/** ` key=value key="two words"` (logfmt); an absent value leaves its key out. */
function formatFields(fields: Fields): string {
  return Object.entries(fields).filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${formatValue(value)}`).join("");
}

function formatValue(value: unknown): string {
  const text = value instanceof Error
    ? value.message
    : typeof value === "object"
    ? JSON.stringify(value)
    : String(value);
  return /^[^\s"=\p{C}]+$/u.test(text) ? text : `"${oneLine(text.replace(/["\\]/g, "\\$&"))}"`;
}

/** A meter may say anything: control characters become visible (`\x02`), so that an event stays one line. */
export function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex -- they are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, (character) => {
    const code = character.charCodeAt(0);
    return code === 0x0a
      ? "\\n"
      : code === 0x0d
      ? "\\r"
      : code === 0x09
      ? "\\t"
      : `\\x${code.toString(16).padStart(2, "0")}`;
  });
}

const encoder = new TextEncoder();

/** Writes whole lines to standard error; a closed one is no reason to fail. */
function toStderr(line: string): void {
  try {
    let rest = encoder.encode(line);
    while (rest.length > 0) rest = rest.subarray(Deno.stderr.writeSync(rest));
  } catch {
    // Nobody reads what we say; nothing is lost that anybody wanted.
  }
}
