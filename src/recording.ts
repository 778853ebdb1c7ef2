/**
 * A recording: what passed between a reader and a meter, and when, as text that people can read, compare and mail.
 *
 * Each line is one event in JSON, so that a file that was cut is whole but for its last line:
 *
 * ```json
 * {"obisd":"recording","version":1,"command":"read","at":"2026-11-27T21:00:00.000Z"}
 * {"ms":0,"open":"serial:///dev/ttyUSB0"}
 * {"ms":1,"line":"300 7E1"}
 * {"ms":180,"sent":"/?!\r\n"}
 * {"ms":420,"to":901,"received":"/LGZ5ZMD120\r\n"}
 * {"ms":2900,"silence":2000}
 * {"ms":2950,"sent":"\u0001P1\u0002(***)\u0003*","masked":true}
 * {"ms":4000,"lost":"/dev/ttyUSB0 is gone: the adapter was unplugged"}
 * {"ms":4001,"exit":74,"said":"/dev/ttyUSB0 is gone: the adapter was unplugged"}
 * ```
 *
 * `ms` counts from the beginning of the recording: when the last bit of `sent` had left, when the first piece of
 * `received` came (the last one came at `to`). One character is one byte; what is no text stands in hex digits, in
 * `sent_hex` and `received_hex`. A password and the check character behind it are never written: `***` and `*` stand
 * there, in hex digits `**` for each octet, and `masked` says so; what is written into a register stands in it.
 * `silence`: so many ms were waited in vain.
 *
 * The exchanges that people write down are read as well: lines of hex digits behind `>` (the reader) or `<` (the meter).
 * @module
 */
import { hex, toBytes, toText } from "./iec62056/characters.ts";
import { baudOf } from "./iec62056/modes.ts";
import { formatLine, type LineSettings, type Parity, SIGN_ON_LINE } from "./line.ts";

/** What the first line of a recording says. */
export interface RecordingHead {
  /** The command that was recorded. */
  readonly command: string;
  /** When it began: RFC 3339, UTC. */
  readonly at: string;
}

/** What happened, one character a byte. */
export type Happening =
  /** The port or the connection was opened: a session begins. */
  | { readonly kind: "open"; readonly place: string }
  | { readonly kind: "line"; readonly settings: LineSettings }
  /** `masked`: a `***` in it, and a `*` behind ETX, or a `MASKED_OCTET`, stand for what must not be known. */
  | { readonly kind: "sent"; readonly text: string; readonly masked?: boolean }
  | { readonly kind: "received"; readonly text: string; readonly masked?: boolean; readonly toMs?: number }
  | { readonly kind: "silence"; readonly withinMs: number }
  /** The wire or the connection was gone. */
  | { readonly kind: "lost"; readonly message: string }
  /** The command was over, with this exit code. */
  | { readonly kind: "end"; readonly exit: number; readonly message?: string };

/** An event of a recording, and when it happened: ms since its beginning. */
export type Recorded = Happening & { readonly ms: number };

/** The same, and where it stands in its file, from 1. `optional`: an exchange leaves it open whether it was sent. */
export type Found = Recorded & { readonly row: number; readonly optional?: true };

const VERSION = 1;
/** What stands for a piece of a password in a text, and for an octet of a secret in what is no text. */
export const [MASK, MASKED_OCTET] = ["***", "\u0100"];
/** Between a question and its answer where nobody wrote down how long it took, ms. */
const USUAL_PAUSE_MS = 250;

/** The first line of a recording. */
export function formatHead({ command, at }: RecordingHead): string {
  return JSON.stringify({ obisd: "recording", version: VERSION, command, at });
}

/** One line of a recording, without its line end. */
export function formatRecorded(event: Recorded): string {
  const { ms } = event;
  switch (event.kind) {
    case "open":
      return JSON.stringify({ ms, open: event.place });
    case "line":
      return JSON.stringify({ ms, line: formatLine(event.settings) });
    case "sent":
      return JSON.stringify({ ms, ...said("sent", event) });
    case "received": {
      const { toMs = ms } = event;
      return JSON.stringify({ ms, ...toMs > ms && { to: toMs }, ...said("received", event) });
    }
    case "silence":
      return JSON.stringify({ ms, silence: event.withinMs });
    case "lost":
      return JSON.stringify({ ms, lost: event.message });
    case "end":
      return JSON.stringify({ ms, exit: event.exit, ...event.message !== undefined && { said: event.message } });
  }
}

function said(key: "sent" | "received", { text, masked }: { readonly text: string; readonly masked?: boolean }) {
  // deno-lint-ignore no-control-regex -- SOH, STX, ETX, EOT, ACK, NAK and line ends are text to a person who knows meters
  const isText = /^[\x20-\x7d\r\n\x01-\x04\x06\x15]*$/.test(text);
  const shown = isText ? { [key]: text } : { [`${key}_hex`]: formatOctets(text) };
  return { ...shown, ...masked && { masked } };
}

/** `7E A0 ** ** 7E`. */
function formatOctets(text: string): string {
  const digits = (character: string) => hex(toBytes(character));
  return Array.from(text, (character) => character === MASKED_OCTET ? "**" : digits(character)).join(" ");
}

/**
 * Reads a recording, or an exchange of hex digits. A last line that was cut is left out.
 * @throws {Error} with the row, for what is neither
 */
export function parseRecording(text: string): Found[] {
  const rows = text.split(/\r?\n/).map((content, at) => ({ content: content.trim(), row: at + 1 }));
  const written = rows.filter(({ content }) => content !== "");
  const events = written[0]?.content.startsWith("{")
    ? written.flatMap(({ content, row }, at) =>
      parseRow(content, row, at === written.length - 1 && !/\n\s*$/.test(text))
    )
    : parseExchange(written);
  if (events.some(({ kind }) => kind === "sent" || kind === "received")) return events;
  throw new Error("This is no recording: nothing was sent and nothing received in it");
}

function parseRow(content: string, row: number, isLast: boolean): Found[] {
  try {
    const fields: Record<string, unknown> = JSON.parse(content);
    if (fields.obisd === "recording" && fields.version !== VERSION) {
      throw new Error(`this version of obisd reads recordings of version ${VERSION}, not ${fields.version}`);
    }
    const happening = happeningOf(fields);
    if (!happening) return []; // what a later version may add
    const { ms } = fields;
    if (typeof ms !== "number" || !Number.isFinite(ms)) throw new Error("ms, a number, is missing");
    return [{ ...happening, ms, row }];
  } catch (error) {
    if (isLast && error instanceof SyntaxError) return []; // it was cut
    throw new Error(`Cannot read row ${row} of the recording: ${(error as Error).message}`, { cause: error });
  }
}

function happeningOf(fields: Readonly<Record<string, unknown>>): Happening | undefined {
  const { open, line, silence, lost, exit, to, masked } = fields;
  const mask = masked === true ? { masked } : {};
  const sent = saidIn(fields, "sent");
  const received = saidIn(fields, "received");
  if (sent !== undefined) return { kind: "sent", text: sent, ...mask };
  if (received !== undefined) {
    return { kind: "received", text: received, ...mask, ...to !== undefined && { toMs: Number(to) } };
  }
  if (open !== undefined) return { kind: "open", place: String(open) };
  if (line !== undefined) return { kind: "line", settings: parseLine(String(line)) };
  if (silence !== undefined) return { kind: "silence", withinMs: Number(silence) };
  if (lost !== undefined) return { kind: "lost", message: String(lost) };
  if (exit === undefined) return undefined;
  return { kind: "end", exit: Number(exit), ...fields.said !== undefined && { message: String(fields.said) } };
}

function saidIn(fields: Readonly<Record<string, unknown>>, key: "sent" | "received"): string | undefined {
  const digits = fields[`${key}_hex`];
  if (digits !== undefined) {
    return String(digits).split("**").map((piece) => toText(parseHex(piece))).join(MASKED_OCTET);
  }
  return fields[key] === undefined ? undefined : toText(toBytes(String(fields[key])));
}

/** `300 7E1`. @throws {Error} */
function parseLine(text: string): LineSettings {
  const [, baud, dataBits, letter, stopBits] = /^(\d+) ([78])([NEO])([12])$/.exec(text) ?? [];
  if (baud === undefined) throw new Error(`${JSON.stringify(text)} is no line like 300 7E1`);
  const parity = ({ N: "none", E: "even", O: "odd" } as Record<string, Parity>)[letter!]!;
  return { baud: Number(baud), dataBits: Number(dataBits) as 7 | 8, parity, stopBits: Number(stopBits) as 1 | 2 };
}

function parseHex(digits: string): Uint8Array {
  const pairs = digits.trim() === "" ? [] : digits.trim().split(/\s+/);
  const wrong = pairs.find((pair) => !/^[0-9A-Fa-f]{2}$/.test(pair));
  if (wrong !== undefined) throw new Error(`${JSON.stringify(wrong)} is not two hex digits`);
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
}

/** An exchange has neither times nor speeds: an answer comes after the usual pause, at the speed that was agreed. */
function parseExchange(rows: readonly { readonly content: string; readonly row: number }[]): Found[] {
  let [ms, baud, line] = [0, "0", SIGN_ON_LINE];
  const events = rows.flatMap(({ content, row }): Found[] => {
    const [, direction, digits] = /^([<>])((?:\s+[0-9A-Fa-f]{2})+)$/.exec(content) ?? [];
    if (digits === undefined) return [];
    const text = toText(parseHex(digits));
    if (direction === "<") {
      baud = /^\/[A-Za-z]{3}([0-9])/.exec(text)?.[1] ?? baud;
      return [{ kind: "received", text, ms: ms += USUAL_PAUSE_MS, row }];
    }
    const agreed = agreedBaud(text, baud, line.baud);
    const sent: Found = { kind: "sent", text, ms, row };
    if (agreed === line.baud) return [sent];
    line = agreed === SIGN_ON_LINE.baud ? SIGN_ON_LINE : { ...SIGN_ON_LINE, baud: agreed };
    return [sent, { kind: "line", settings: line, ms, row }];
  });
  const [row, speed] = [rows.at(-1)?.row ?? 1, { kind: "line", settings: SIGN_ON_LINE } as const];
  const signOff = { kind: "sent", text: `\x01B0\x03*`, masked: true, optional: true } as const;
  const end: Found[] = line === SIGN_ON_LINE ? [] : [{ ...signOff, ms, row }, { ...speed, ms, row }];
  return [{ ...speed, ms: 0, row: 1 }, ...events, ...end];
}

/** The speed behind a message of the reader: an option select agrees on one, a break or a new request ends that. */
function agreedBaud(sent: string, offered: string, baud: number): number {
  // deno-lint-ignore no-control-regex -- ACK begins an option select, SOH a break
  const [, selected] = /^\x06[0-9](.)/.exec(sent) ?? [];
  if (selected !== undefined) return selected === offered ? baudOf("C", selected) ?? baud : SIGN_ON_LINE.baud;
  // deno-lint-ignore no-control-regex -- SOH begins a break
  return /^(?:\x01B0|\/\?)/.test(sent) ? SIGN_ON_LINE.baud : baud;
}
