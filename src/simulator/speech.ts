/**
 * What a simulated meter says and hears: with the faults that are asked for, and an ear for a break while it speaks.
 * @module
 */
import { type Dialogue, type Finder, type Inbox, send } from "../dialogue.ts";
import { ProtocolError, SilenceError } from "../errors.ts";
import { hex, toBytes } from "../iec62056/characters.ts";
import { SILENCE_MS } from "../iec62056/modes.ts";
import type { LineSettings } from "../line.ts";
import type { SimulatedMode, Words } from "./capture.ts";
import { type ClientMessage, findClientMessage } from "./client_messages.ts";
import { distortedMessage } from "./distortions.ts";
import type { Faults } from "./faults.ts";
import type { Programmed } from "./registers.ts";

/** What a simulated meter does that its owner may want to know. */
export type MeterEvent =
  | { readonly kind: "request"; readonly address: string; readonly answered: boolean }
  | { readonly kind: "data"; readonly line: LineSettings }
  | { readonly kind: "push" }
  | { readonly kind: "repeat" }
  /** `light`: by B1, which leaves a battery meter half awake. */
  | { readonly kind: "break"; readonly light?: true }
  /** The line is handed over to HDLC. */
  | { readonly kind: "hand-over"; readonly line: LineSettings }
  /** Programming mode is open. */
  | { readonly kind: "programming"; readonly line: LineSettings }
  /** A command of programming mode; never with a password in it. `done`: `answered`, `refused`, `written`. */
  | { readonly kind: "command"; readonly text: string; readonly done: CommandEnd }
  /** The client did what a meter can't understand. */
  | { readonly kind: "complaint"; readonly message: string };

/** What became of a command. */
export type CommandEnd = "answered" | "refused" | "written" | "wrong password";

/** How a meter is made. */
export interface MeterOptions {
  readonly mode: SimulatedMode;
  /** Answers requests for this number; absent: only those for everybody. */
  readonly address?: string;
  /** Speed and format in which it waits for a request, or pushes. */
  readonly line: LineSettings;
  /** Its port has one speed: it announces another and does not change. */
  readonly fixed?: boolean;
  /** Before each message, ms after the last one of the other side. */
  readonly reactionMs: number;
  /** From one push to the next, begin to begin (mode D). */
  readonly periodMs: number;
  /** How many bytes are said at a stretch: after each the meter looks for a break. */
  readonly stretch: (line: LineSettings) => number;
  /** What it says now: asked once a session or push. */
  readonly words: () => Words;
  /** Its data lines as they are at this moment. */
  readonly block: () => string;
  /** Its half of programming mode; absent: it has none. */
  readonly programming?: Programmed;
  /** Its connection on HDLC once it has handed its line over (mode E); absent: it does not. */
  readonly handedOver?: () => Dialogue<void>;
  readonly faults: Faults;
  readonly notice: (event: MeterEvent) => void;
}

/** Thrown out of a meter that hangs up (the fault `disconnect`). */
export class HangUp extends Error {
  override readonly name = "HangUp";
}

/** Thrown out of a meter that is asked anew while it speaks (the fault `restart`). */
export class Interruption {
  constructor(readonly request: ClientMessage) {}
}

/** More than this without a message is noise. */
const LIMIT_BYTES = 1024;

/** A data message as the faults leave it. @returns whether the client ended it */
export function* sayData(meter: MeterOptions, inbox: Inbox, whole: Uint8Array, line: LineSettings): Dialogue<boolean> {
  const { faults } = meter;
  let bytes = distortedMessage(whole, faults, { pushed: meter.mode === "D" });
  if (faults.strike("endless")) return yield* sayWithoutEnd(meter, inbox, bytes, line);
  const hangUp = faults.strike("disconnect");
  const cut = hangUp ?? faults.strike("truncate");
  if (cut) bytes = bytes.subarray(0, Number(cut.argument ?? bytes.length >> 1));
  const ended = yield* say(meter, inbox, bytes, line);
  if (hangUp) throw new HangUp("The fault disconnect struck");
  return ended;
}

function* sayWithoutEnd(meter: MeterOptions, inbox: Inbox, bytes: Uint8Array, line: LineSettings): Dialogue<boolean> {
  let part = bytes.subarray(0, bytes.length >> 1);
  while (!(yield* say(meter, inbox, part, line))) {
    part = toBytes("1.8.0(0000000.0*kWh)\r\n".repeat(16));
    if (yield* broken(meter, inbox)) break;
  }
  return true;
}

/** Says a message in stretches and looks for a break after each. @returns whether a break ended it */
export function* say(meter: MeterOptions, inbox: Inbox, bytes: Uint8Array, line: LineSettings): Dialogue<boolean> {
  const stretch = Math.max(1, meter.stretch(line));
  for (let at = 0; at < bytes.length; at += stretch) {
    if (at > 0 && (yield* broken(meter, inbox))) return true;
    yield* send(bytes.subarray(at, at + stretch));
  }
  return false;
}

/** Whether a break has come; anything else that came while the meter was speaking is lost on it. */
function* broken(meter: MeterOptions, inbox: Inbox): Dialogue<boolean> {
  if (meter.mode === "D") return false; // a push has no ears
  try {
    const { value } = yield* inbox.take(findClientMessage, { firstMs: 0, nextMs: 0, limitBytes: LIMIT_BYTES });
    if (value.kind === "break") {
      meter.notice(value);
      return true;
    }
    complain(meter, `a message (${value.kind}) came while the meter was speaking`);
    if (value.kind === "request" && meter.faults.strike("restart")) throw new Interruption(value);
  } catch (error) {
    if (!(error instanceof SilenceError || error instanceof ProtocolError)) throw error;
    if (error instanceof ProtocolError) inbox.clear();
  }
  return false;
}

/** The next message of the client, or nothing: silence, or bytes that are none. */
export function* hear(
  meter: MeterOptions,
  inbox: Inbox,
  withinMs: number,
  find: Finder<ClientMessage> = findClientMessage,
): Dialogue<ClientMessage | undefined> {
  try {
    const patience = { firstMs: withinMs, nextMs: SILENCE_MS, limitBytes: LIMIT_BYTES };
    return (yield* inbox.take(find, patience)).value;
  } catch (error) {
    if (!(error instanceof SilenceError || error instanceof ProtocolError)) throw error;
    if (inbox.bytes.some((byte) => byte !== 0)) complain(meter, `cannot understand ${hex(inbox.bytes)}`);
    inbox.clear();
    return undefined;
  }
}

/** Tells the owner that the client is wrong. */
export function complain(meter: MeterOptions, message: string): void {
  meter.notice({ kind: "complaint", message });
}
