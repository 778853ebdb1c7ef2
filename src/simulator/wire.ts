/**
 * A wire with meters on one side and a client on the other: every character takes its time, both ways, and what one
 * side says at another speed than the other hears, or two meters say at once, is garbled.
 * @module
 */
import type { Clock } from "../clock.ts";
import { toText } from "../iec62056/characters.ts";
import { characterMs, type LineSettings, SIGN_ON_LINE } from "../line.ts";
import { addParity } from "../transport/parity.ts";

/** The client's end of the wire, as the program sees it: bytes without their time. */
export interface Port extends AsyncDisposable {
  /** At least one byte. @throws {Error} when the client is gone for good */
  read(signal: AbortSignal): Promise<Uint8Array>;
  write(bytes: Uint8Array): Promise<void>;
  /** The speed that the client has set; `undefined` where nobody can know: then it is right. */
  baud(): number | undefined;
  /** The stop bits that it has set; `undefined` as above. */
  stopBits(): number | undefined;
  /** The speed that it had before it wrote what was read last, noted when nothing of that had come yet. */
  baudBefore(): number | undefined;
}

/** How a wire is made. */
export interface WireOptions {
  readonly clock: Clock;
  /** Whether characters take their time. */
  readonly paced: boolean;
  /** Bytes are handed over in pieces that take so long on the wire, ms. */
  readonly pieceMs: number;
  /** A character takes so many times its time. */
  readonly slowness: number;
  /** What is sent comes back; `fast`: only at another speed than 300 Bd. */
  readonly echo: boolean | "fast";
  /** The client reads 8N1 where the meters speak 7E1: parity in bit 7, both ways. */
  readonly parity: boolean;
  /** The one speed of the client's converter, whatever the client sets; absent: the speed that it sets. */
  readonly clientBaud?: number;
  readonly complain: (message: string) => void;
}

/** SOH B 0 ETX and the check character. */
const BREAK_BYTES = 5;
/** How long the meters hear on after their client has hung up: the last piece of what they say, and a break. */
const LAST_WORDS_MS = 500;

/** Bytes that have come to a meter, and when the last of them had. */
interface Heard {
  readonly bytes: Uint8Array;
  /** By the monotonic clock. */
  readonly atMs: number;
}

/** The wire of one client. */
export class Wire {
  readonly #ends: WireEnd[] = [];
  /** Ends that are speaking. */
  readonly #speaking = new Set<WireEnd>();
  /** Of these, those whom another has interrupted: nothing more of what they are saying can be read. */
  readonly #collided = new Set<WireEnd>();
  /** Speed of the meter that changed its speed last: the one in a session. */
  #meterBaud = SIGN_ON_LINE.baud;

  constructor(readonly port: Port, readonly options: WireOptions) {}

  /** One more meter on the wire. */
  attach(): WireEnd {
    const end = new WireEnd(this);
    this.#ends.push(end);
    return end;
  }

  /** Hears the client until it is gone, the signal aborts or the port fails: it always throws. */
  async listen(signal: AbortSignal): Promise<never> {
    const { clock } = this.options;
    let atMs = 0;
    while (true) {
      for (const burst of splitBehindBreak(await this.#read(signal))) {
        atMs = await this.#hear(burst, Math.max(atMs, clock.monotonic()), signal);
        await clock.sleep(0, signal); // until the meters have heard it: a break changes their speed
      }
    }
  }

  /** When the client has hung up, the meters still hear what it said last: a break ends their message. */
  async #read(signal: AbortSignal): Promise<Uint8Array> {
    try {
      return await this.port.read(signal);
    } catch (error) {
      if (this.options.paced) await this.options.clock.sleep(LAST_WORDS_MS, signal);
      throw error;
    }
  }

  /**
   * What the client has begun to say at `fromMs`, to its end at the speed at which it was written: a pseudo-terminal says
   * at once that all has left, so that its client rightly sets the next speed long before. @returns when its last bit has come
   */
  async #hear(bytes: Uint8Array, fromMs: number, signal: AbortSignal): Promise<number> {
    const { clock, paced } = this.options;
    const baud = this.#baudOfClient();
    let atMs = fromMs;
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at += this.pieceBytes(baud));
      atMs += this.durationMs(piece.length, baud);
      if (paced) await sleepUntil(clock, atMs, signal);
      await this.#deliver(piece, baud, atMs);
    }
    return atMs;
  }

  /** The speed at which the client wrote what is coming in: the one before or the one now, whichever the meter has. */
  #baudOfClient(): number {
    const before = this.options.clientBaud ?? this.port.baudBefore();
    return before === this.#meterBaud ? before : this.baudOfPort() ?? this.#meterBaud;
  }

  /** The speed on the client's side now; `undefined` where nobody can know: then it is right. */
  baudOfPort(): number | undefined {
    return this.options.clientBaud ?? this.port.baud();
  }

  /** What a meter says in one piece, at the moment at which its last bit has left. */
  async carry(from: WireEnd, piece: Uint8Array, baudBefore: number | undefined): Promise<void> {
    const { baud } = from.line;
    const wrong = [baudBefore, this.baudOfPort()].find((client) => client !== undefined && client !== baud);
    if (wrong !== undefined) {
      this.options.complain(`the client listens at ${wrong} Bd while the meter speaks at ${baud} Bd`);
    }
    const collision = this.#collided.has(from);
    if (collision) this.options.complain("several meters speak at once");
    const clean = this.options.parity ? addParity(piece, "even") : piece;
    await this.port.write(wrong !== undefined || collision ? garbled(clean) : clean);
  }

  /** Marks a meter as speaking. */
  speaks(end: WireEnd, yes: boolean): void {
    if (yes) this.#speaking.add(end);
    else [this.#speaking, this.#collided].forEach((ends) => ends.delete(end));
    if (this.#speaking.size > 1) this.#speaking.forEach((end) => this.#collided.add(end));
  }

  /** Whether nobody else is on the wire: then nothing can collide. */
  get alone(): boolean {
    return this.#ends.length < 2;
  }

  /** How long characters take on this wire. */
  durationMs(bytes: number, baud: number): number {
    return this.options.paced ? bytes * characterMs({ ...SIGN_ON_LINE, baud }) * this.options.slowness : 0;
  }

  /** How many bytes are handed over at once. */
  pieceBytes(baud: number): number {
    return this.options.paced ? Math.max(1, Math.floor(this.options.pieceMs / this.durationMs(1, baud))) : Infinity;
  }

  /** A meter changed its speed. */
  tuned(baud: number): void {
    this.#meterBaud = baud;
  }

  /** One that wants two stop bits sees no end of characters that have one. */
  #hears({ line }: WireEnd, baud: number): boolean {
    return line.baud === baud && line.stopBits <= (this.port.stopBits() ?? line.stopBits);
  }

  async #deliver(piece: Uint8Array, baud: number, atMs: number): Promise<void> {
    const { echo, parity, complain } = this.options;
    if (echo === true || echo === "fast" && this.#meterBaud !== SIGN_ON_LINE.baud) await this.port.write(piece);
    if (!this.#ends.some((end) => end.line.baud === baud)) {
      complain(`the client speaks at ${baud} Bd while the meter listens at ${this.#meterBaud} Bd`);
    }
    const bytes = parity ? this.#withoutParity(piece) : piece;
    for (const end of this.#ends) end.hear({ bytes: this.#hears(end, baud) ? bytes : garbled(bytes), atMs });
  }

  #withoutParity(bytes: Uint8Array): Uint8Array {
    const right = addParity(bytes, "even");
    const wrong = bytes.filter((byte, at) => byte !== right[at]).length;
    if (wrong > 0) this.options.complain(`wrong parity in ${wrong} of ${bytes.length} characters`);
    return bytes.map((byte, at) => byte === right[at] ? byte & 0x7f : byte | 0x80);
  }
}

/** A meter's end of a wire. */
export class WireEnd {
  #line = SIGN_ON_LINE;
  #heard: Heard[] = [];
  #wake: (() => void) | undefined;

  constructor(readonly wire: Wire) {}

  get line(): LineSettings {
    return this.#line;
  }

  setLine(line: LineSettings): void {
    this.#line = line;
    this.wire.tuned(line.baud);
  }

  /** Forgets what came. */
  flush(): void {
    this.#heard = [];
  }

  /** Something came. */
  hear(heard: Heard): void {
    this.#heard.push(heard);
    this.#wake?.();
  }

  /** What came, or `undefined` when nothing has come by `untilMs`. @throws the signal's reason */
  async receive(untilMs: number, signal: AbortSignal): Promise<Heard | undefined> {
    if (this.#heard.length === 0) await this.#wait(untilMs, signal);
    return this.#heard.shift();
  }

  /** Says `bytes` from `fromMs` on, each in its time. @returns when the last bit has left */
  async send(bytes: Uint8Array, fromMs: number, signal: AbortSignal): Promise<number> {
    const { wire } = this;
    const { clock, paced } = wire.options;
    let atMs = fromMs;
    wire.speaks(this, true);
    try {
      if (!wire.alone && !paced) await clock.sleep(0, signal); // or two that speak at once would take turns
      for (let at = 0; at < bytes.length;) {
        const piece = bytes.subarray(at, at += wire.pieceBytes(this.#line.baud));
        const before = wire.baudOfPort();
        atMs += wire.durationMs(piece.length, this.#line.baud);
        if (paced) await sleepUntil(clock, atMs, signal);
        await wire.carry(this, piece, before);
      }
    } finally {
      wire.speaks(this, false);
    }
    return paced ? atMs : clock.monotonic();
  }

  async #wait(untilMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.wire.options;
    const ms = untilMs - clock.monotonic();
    if (ms <= 0) return await clock.sleep(0, signal); // what has come is heard now, and a client's end too
    const timer = new AbortController();
    const stop = () => timer.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        if (signal.aborted) reject(signal.reason);
        else if (ms === Infinity) timer.signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        else clock.sleep(ms, timer.signal).then(resolve, reject);
      });
    } finally {
      this.#wake = undefined;
      signal.removeEventListener("abort", stop);
      timer.abort("over");
    }
  }
}

/** Waits for a moment of the monotonic clock. @throws the signal's reason */
export async function sleepUntil(clock: Clock, atMs: number, signal: AbortSignal): Promise<void> {
  const ms = atMs - clock.monotonic();
  if (ms > 0) await clock.sleep(ms, signal);
  else signal.throwIfAborted();
}

/** What a client says behind its sign-off is of the next session, and at the speed of that. */
export function splitBehindBreak(bytes: Uint8Array): Uint8Array[] {
  // deno-lint-ignore no-control-regex -- SOH and ETX make it a break
  const at = toText(bytes).search(/\x01B0\x03[^]/) + BREAK_BYTES;
  if (at < BREAK_BYTES || at >= bytes.length) return [bytes];
  return [bytes.subarray(0, at), ...splitBehindBreak(bytes.subarray(at))];
}

/** What comes of bytes that are read at another speed: never a character of the standard, the same each time. */
export function garbled(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => 0x80 | (byte * 5 + 0x1b) & 0x7f);
}
