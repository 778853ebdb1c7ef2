/**
 * A meter that says what a recording says: what the client sends is compared with what was sent then, and answered as
 * it was answered then, after as long. A dialogue like any simulated meter's.
 * @module
 */
import { type Dialogue, pause, send, setLine } from "../dialogue.ts";
import { SilenceError } from "../errors.ts";
import { toBytes, toText, visible } from "../iec62056/characters.ts";
import { characterMs, SIGN_ON_LINE } from "../line.ts";
import { type Found, MASK, MASKED_OCTET } from "../recording.ts";
import { HangUp } from "./speech.ts";

/** A client's message is over when nothing more of it has come for so long, if it is none that was recorded. */
const GAP_MS = 500;
/** From the end of a recording in which only the meter speaks to its next beginning. */
const AGAIN_MS = 1000;

/** How a recording is played. */
export interface ReplayOptions {
  /** Its name in messages. */
  readonly name: string;
  readonly events: readonly Found[];
  /** Whether answers take as long as they took. */
  readonly paced: boolean;
  /** Told where the client does otherwise than was recorded; what it throws ends the connection. */
  readonly onDifference: (message: string) => void;
  /** Told when all has been played. The client was silent for `restMs` then before it left. */
  readonly onEnd?: (restMs: number) => void;
  /** Told when the client has hung up, where that can be known. */
  readonly onLeft?: () => void;
}

type Sent = Extract<Found, { readonly kind: "sent" }>;

/** A recording that is being played. Each client that connects is in its next session; behind the last is the first. */
export class Replay {
  readonly #options: ReplayOptions;
  /** Where each session begins. */
  readonly #starts: readonly number[];
  readonly #speaksAlone: boolean;
  #sessions = 0;
  #at = 0;
  /** Whether something was said in this session. */
  #begun = false;
  /** What came behind the message that was expected. */
  #rest = "";

  constructor(options: ReplayOptions) {
    this.#options = options;
    const starts = options.events.flatMap(({ kind }, at) => kind === "open" ? [at] : []);
    this.#starts = starts.length > 0 ? starts : [0];
    this.#speaksAlone = !options.events.some(({ kind }) => kind === "sent");
  }

  /** The meter's half of the next session, and of those behind it if the client stays. @throws {HangUp} as recorded */
  *session(): Dialogue<never> {
    const { events, paced } = this.#options;
    this.#begun = false;
    this.#at = this.#starts[this.#sessions++ % this.#starts.length]!;
    this.#rest = "";
    let line = SIGN_ON_LINE;
    let sinceMs = events[this.#at]!.ms;
    while (true) {
      const event = events[this.#at]!;
      if (event.kind === "line") yield* setLine(line = event.settings);
      if (event.kind === "sent") sinceMs = (yield* this.#hear(event)).ms;
      if (event.kind === "received") {
        const waitMs = event.ms - sinceMs - characterMs({ ...SIGN_ON_LINE, baud: line.baud }); // the wire takes its own
        if (paced && waitMs > 0) yield* pause(waitMs);
        yield* send(toBytes(event.text.replaceAll(MASKED_OCTET, "*")));
        sinceMs = event.toMs ?? event.ms;
      }
      if (event.kind === "lost") {
        if (!this.#starts.some((start) => start > this.#at)) this.#end(sinceMs);
        throw new HangUp("The recording breaks off here");
      }
      if (event.kind === "open") sinceMs = event.ms;
      this.#begun = event.kind === "sent" || event.kind === "received" || this.#begun && event.kind !== "open";
      if (++this.#at < events.length) continue;
      this.#end(sinceMs);
      if (this.#speaksAlone) yield* pause(AGAIN_MS);
    }
  }

  #end(sinceMs: number): void {
    const { events, onEnd } = this.#options;
    [this.#at, this.#begun] = [0, false];
    onEnd?.(events.at(-1)!.ms - sinceMs);
  }

  /** The client has hung up: tells it where more was to be said. */
  left(): void {
    const { events, name, onDifference, onLeft } = this.#options;
    const next = this.#starts.find((start) => start > this.#at);
    const missed = events.slice(this.#at, next).find((event) =>
      !event.optional && (event.kind === "sent" || event.kind === "received")
    );
    if (missed && this.#begun && !this.#speaksAlone) {
      onDifference(`${name}:${missed.row}: the client has hung up before this`);
    }
    onLeft?.();
  }

  /** Waits for what was sent then. @returns where it is found, which is elsewhere when the client does otherwise */
  *#hear(expected: Sent): Dialogue<Sent> {
    let heard = this.#rest;
    while (this.#take(expected, heard) === undefined) {
      try {
        heard += toText((yield { kind: "receive", withinMs: heard === "" ? Infinity : GAP_MS }).bytes);
      } catch (error) {
        if (!(error instanceof SilenceError)) throw error;
        return this.#differs(expected, heard);
      }
    }
    return expected;
  }

  /** What is behind this message in `heard`, kept; `undefined`: it is not there, or not whole. */
  #take(sent: Sent, heard: string): string | undefined {
    const found = patternOf(sent).exec(heard);
    if (!found || heard === "") return undefined;
    return this.#rest = heard.slice(found[0].length);
  }

  /** Tells the difference and goes on where the client is, if it is found; else as if it had said what was expected. */
  #differs(expected: Sent, heard: string): Sent {
    const { name, events, onDifference } = this.#options;
    const elsewhere = expected.optional
      ? undefined
      : this.#placesFrom(events.indexOf(expected)).find((sent) => this.#take(sent, heard) !== undefined);
    const where = elsewhere && `, which stands at ${name}:${elsewhere.row}`;
    const said = `the client says ${shown(heard)}${where ?? ""}; recorded is ${shown(expected.text)}`;
    if (!elsewhere) this.#rest = "";
    if (expected.optional) this.#rest = heard;
    else onDifference(`${name}:${expected.row}: ${said}`);
    if (elsewhere) this.#at = events.indexOf(elsewhere);
    return elsewhere ?? expected;
  }

  /** What was sent in this session, what is still to come first; then what other sessions begin with. */
  #placesFrom(at: number): Sent[] {
    const { events } = this.#options;
    const isSent = (event: Found): event is Sent => event.kind === "sent";
    const start = this.#starts.findLast((start) => start <= at) ?? 0;
    const end = this.#starts.find((start) => start > at) ?? events.length;
    const beginnings = this.#starts.flatMap((start) => events.slice(start).find(isSent) ?? []);
    return [
      ...events.slice(at + 1, end).filter(isSent),
      ...events.slice(start, at).filter(isSent).reverse(),
      ...beginnings,
    ];
  }
}

/** What a message must begin with to be this one; a mask stands for anything. */
function patternOf({ text, masked }: Sent): RegExp {
  if (!masked) return new RegExp(`^${RegExp.escape(text)}`);
  if (text.includes(MASKED_OCTET)) return new RegExp(`^${text.split(MASKED_OCTET).map(RegExp.escape).join("[^]")}`);
  const pieces = text.split(MASK).map((piece) => RegExp.escape(piece).replaceAll("\x03\\*", "\x03[^]"));
  return new RegExp(`^${pieces.join("[^]*?")}`);
}

function shown(text: string): string {
  const plain = text.replaceAll(MASKED_OCTET, "*");
  return plain.length > 120 ? `${visible(plain.slice(0, 120))}…` : visible(plain);
}
