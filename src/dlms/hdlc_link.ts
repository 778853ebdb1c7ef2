/**
 * An HDLC connection, the client's side: connect, messages in frames both ways, lost frames asked for again, disconnect
 * (IEC 62056-46, 6.4.4). The meter talks only when asked.
 * @module
 */
import { type Cut, type Dialogue, flush, type Inbox, pause, send } from "../dialogue.ts";
import { isOfMeterOrWire, ProtocolError, RefusalError, SilenceError } from "../errors.ts";
import { encodeFrame, findFrame, type Frame } from "./hdlc.ts";
import { formatAddress, type HdlcAddress, isSameStation } from "./hdlc_address.ts";
import { type Control, explainFrameReject } from "./hdlc_control.ts";
import {
  decodeParameters,
  DEFAULT_PARAMETERS,
  encodeParameters,
  type LinkParameters,
  settle,
} from "./hdlc_parameters.ts";
import { type ExchangeOptions, type Link, type LinkTimes, MAX_MESSAGE_OCTETS } from "./link.ts";
import { segment, stripLlc } from "./llc.ts";
import { join } from "../bytes.ts";
import { equal, toCharacters } from "./octets.ts";

/** How to reach a meter on an HDLC line. */
export interface HdlcLinkOptions {
  readonly client: HdlcAddress;
  readonly server: HdlcAddress;
  /** What to propose; absent: nothing, and the defaults hold unless the meter says otherwise. */
  readonly propose?: LinkParameters;
  readonly times?: LinkTimes;
  /** How often a frame is sent before the meter counts as gone. Default 3. */
  readonly tries?: number;
  /** What may be the reason where nobody answers at all. */
  readonly hint?: string;
}

const TIMES: LinkTimes = { answerMs: 5000, octetMs: 1000 };

/** A meter that is there accepts or refuses a connection within this. */
const CONNECT_MS = 3000;

/** Until a meter that is not ready is asked again, and how often. */
const [BUSY_MS, BUSY_POLLS] = [1000, 30];

/** Frames for others, echoes and noise that are passed over before an answer counts as missing. */
const STRANGE_FRAMES = 32;

const NOTHING = new Uint8Array();

/** What came in answer to one question: frames up to the one with the final bit, or up to silence. */
type Answer = readonly Cut<Frame>[];

/** A message on its way out, and its answer on its way in. */
interface Exchange {
  readonly pieces: readonly Uint8Array[];
  readonly secret: boolean;
  /** Number of the first piece. */
  readonly base: number;
  /** Pieces that the meter has. */
  acknowledged: number;
  readonly parts: Uint8Array[];
  octets: number;
  atMs: number;
  /** Whether the last frame of the answer is there. */
  complete: boolean;
  /** Whether the meter has said that it takes no frames now (RNR): it is asked whether it does again. */
  isNotReady: boolean;
}

/** A connection over HDLC. */
export class HdlcLink implements Link {
  readonly #inbox: Inbox;
  readonly #options: HdlcLinkOptions;
  readonly #times: LinkTimes;
  readonly #tries: number;
  #parameters = DEFAULT_PARAMETERS;
  /** V(S), V(R): the next number to send, the next one expected. */
  #send = 0;
  #receive = 0;
  /** The frames of the last question: an optical head reflects them. */
  #asked: Uint8Array[] = [];
  #connected = false;

  constructor(inbox: Inbox, options: HdlcLinkOptions) {
    [this.#inbox, this.#options] = [inbox, options];
    [this.#times, this.#tries] = [options.times ?? TIMES, options.tries ?? 3];
  }

  /** What was settled when the connection was opened. */
  get parameters(): LinkParameters {
    return this.#parameters;
  }

  *open(): Dialogue<void> {
    const { propose, server, hint } = this.#options;
    let answer = propose && (yield* this.#connect(encodeParameters(propose), Math.min(2, this.#tries)));
    if (answer?.control.kind !== "UA") answer = yield* this.#connect(NOTHING, this.#tries); // some know no proposals
    const who = `meter ${formatAddress(server)}`;
    if (!answer) {
      const message = `No answer from ${who} to ${this.#tries} requests to connect (SNRM)`;
      throw new SilenceError(hint === undefined ? message : `${message}: ${hint}`);
    }
    if (answer.control.kind === "DM") {
      throw new RefusalError(
        `The ${who} takes no connection now (DM): an earlier one may still be open there for minutes`,
      );
    }
    this.#parameters = settle(propose ?? DEFAULT_PARAMETERS, decodeParameters(answer.information));
    this.#send = this.#receive = 0;
    this.#connected = true;
  }

  *#connect(information: Uint8Array, tries: number): Dialogue<Frame | undefined> {
    for (let asked = 0; asked < tries; asked++) {
      yield* this.#forget();
      yield* this.#put({ kind: "SNRM", poll: true }, information);
      const answer = (yield* this.#answer(CONNECT_MS)).at(-1)?.value;
      if (answer?.control.kind === "UA" || answer?.control.kind === "DM") return answer;
    }
    return undefined;
  }

  exchange(apdu: Uint8Array, options: ExchangeOptions = {}): Dialogue<Cut<Uint8Array>> {
    return this.#exchange(segment(apdu, this.#parameters.maxSend, "request"), options);
  }

  next(options: ExchangeOptions = {}): Dialogue<Cut<Uint8Array>> {
    return this.#exchange([], options);
  }

  /** Sends these pieces, if any, and asks the meter to go on until its answer is whole. */
  *#exchange(pieces: readonly Uint8Array[], options: ExchangeOptions): Dialogue<Cut<Uint8Array>> {
    const { withinMs = this.#times.answerMs, secret = false } = options;
    const exchange: Exchange = {
      pieces,
      base: this.#send,
      ...{ secret, acknowledged: 0, parts: [], octets: 0, atMs: 0, complete: false, isNotReady: false },
    };
    yield* this.#forget();
    let [silent, busy] = [0, 0];
    while (!exchange.complete) {
      yield* this.#ask(exchange);
      const answer = yield* this.#answer(withinMs);
      const before = exchange.acknowledged + exchange.octets;
      for (const frame of answer) this.#take(exchange, frame);
      if (exchange.acknowledged + exchange.octets > before) silent = busy = 0;
      else if (answer.length > 0 && ++busy < BUSY_POLLS) yield* this.#wait(answer);
      else if (++silent >= this.#tries) throw this.#gone(answer.length > 0 ? busy : silent, exchange);
    }
    this.#send = (exchange.base + exchange.acknowledged) % 8;
    return { value: stripLlc(join(...exchange.parts)), atMs: exchange.atMs };
  }

  /** A meter that says no more than that it is there is left in peace for a while. */
  *#wait(answer: Answer): Dialogue<void> {
    if (answer.every(({ value }) => value.control.kind !== "I")) yield* pause(BUSY_MS);
  }

  /** Sends the pieces that the meter has not got, as many as its window takes; else asks it to go on. */
  *#ask({ pieces, base, acknowledged, secret, isNotReady }: Exchange): Dialogue<void> {
    const last = Math.min(acknowledged + this.#parameters.windowSend, pieces.length) - 1;
    if (isNotReady || last < acknowledged) return yield* this.#put({ kind: "RR", receive: this.#receive, poll: true });
    for (let at = acknowledged; at <= last; at++) {
      const control: Control = { kind: "I", send: (base + at) % 8, receive: this.#receive, poll: at === last };
      yield* this.#put(control, pieces[at]!, { segmented: at < pieces.length - 1, secret });
    }
  }

  /** Takes what a frame brings: acknowledgements, the next piece of the answer. Pieces out of turn are left. */
  #take(exchange: Exchange, { value: { control, segmented, information }, atMs }: Cut<Frame>): void {
    if (!("receive" in control)) throw this.#unlinked(control, information);
    const { base, acknowledged, pieces, parts } = exchange;
    exchange.isNotReady = control.kind === "RNR";
    const arrived = control.receive - base - acknowledged & 7; // modulo 8, also of what is below 0
    if (arrived <= Math.min(this.#parameters.windowSend, pieces.length - acknowledged)) {
      exchange.acknowledged += arrived;
    }
    if (control.kind !== "I" || control.send !== this.#receive || exchange.complete) return;
    this.#receive = (this.#receive + 1) % 8;
    if (parts.length === 0) exchange.atMs = atMs;
    exchange.octets += information.length;
    if (exchange.octets > MAX_MESSAGE_OCTETS) {
      throw new ProtocolError("endless", `No end of the meter's answer within ${MAX_MESSAGE_OCTETS} octets`);
    }
    parts.push(information);
    exchange.complete = !segmented;
  }

  #unlinked({ kind }: Control, information: Uint8Array): Error {
    const who = `The meter ${formatAddress(this.#options.server)}`;
    if (kind === "FRMR") {
      return new ProtocolError("damaged", `${who} gave the link up: ${explainFrameReject(information)}`);
    }
    return new ProtocolError("damaged", `${who} dropped the link (${kind}) in the middle of a session`, information);
  }

  #gone(times: number, { acknowledged, pieces, octets }: Exchange): Error {
    this.#connected = false;
    const rest = acknowledged < pieces.length
      ? `to frame ${acknowledged + 1} of ${pieces.length}`
      : pieces.length > 0
      ? "to a question that it has taken"
      : "that goes on";
    const where = octets > 0 ? `after ${octets} octets of its answer` : rest;
    return new SilenceError(
      `No answer from meter ${formatAddress(this.#options.server)} ${where}, asked ${times} times`,
    );
  }

  *close(): Dialogue<void> {
    try {
      for (let asked = 0; asked < 2; asked++) {
        yield* this.#forget();
        yield* this.#put({ kind: "DISC", poll: true });
        if (!this.#connected) return; // nobody has answered yet, but one may have been heard by the meter alone
        const kind = (yield* this.#answer(CONNECT_MS)).at(-1)?.value.control.kind;
        if (kind === "UA" || kind === "DM") return;
      }
    } catch (error) {
      if (!isOfMeterOrWire(error)) throw error; // whoever disconnects has what it wanted, or a better reason to complain
    }
  }

  *#put(
    control: Control,
    information: Uint8Array = NOTHING,
    { segmented = false, secret = false }: { readonly segmented?: boolean; readonly secret?: boolean } = {},
  ): Dialogue<void> {
    const { server, client } = this.#options;
    const frame = encodeFrame({ destination: server, source: client, control, segmented, information });
    this.#asked.push(frame);
    yield* send(frame, secret ? toCharacters(frame.subarray(-information.length - 3, -1)) : undefined);
  }

  /** A late answer to an earlier question is none to the next one. */
  *#forget(): Dialogue<void> {
    yield* flush();
    this.#inbox.clear();
  }

  /** Collects frames for us up to the final one. Silence ends it too; what came before is returned. */
  *#answer(withinMs: number): Dialogue<Answer> {
    const answer: Cut<Frame>[] = [];
    const patience = { firstMs: withinMs, nextMs: this.#times.octetMs, limitBytes: 4 * 2050 };
    try {
      for (let strange = 0; strange < STRANGE_FRAMES;) {
        const frame = yield* this.#inbox.take(findFrame(), patience);
        if (!this.#isForUs(frame.value)) strange++;
        else if (answer.push(frame) > 7 || frame.value.control.poll) break;
      }
    } catch (error) {
      if (!(error instanceof SilenceError)) throw error;
      yield* this.#forget();
    } finally {
      this.#asked = [];
    }
    return answer;
  }

  #isForUs(frame: Frame): boolean {
    const { client, server } = this.#options;
    return frame.destination.upper === client.upper && isSameStation(server, frame.source) && !this.#isEcho(frame);
  }

  /** Where client and meter have the same number an echo looks like an answer. Two RR may well be the same. */
  #isEcho(frame: Frame): boolean {
    return frame.control.kind !== "RR" && this.#asked.some((asked) => equal(asked, encodeFrame(frame)));
  }
}
