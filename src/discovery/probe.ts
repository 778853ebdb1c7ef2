/** Tries one way to a meter: what comes of it, told in values. The meter is always signed off. @module */
import { follow, type Follower } from "../abort.ts";
import { approach } from "../approach.ts";
import type { Clock } from "../clock.ts";
import { type Dialogue, Inbox } from "../dialogue.ts";
import { LineError, ProtocolError, RefusalError, SilenceError } from "../errors.ts";
import { decodeOptionSelect, listen, readout } from "../iec62056/mod.ts";
import { modeE } from "../mode_e.ts";
import { converse, type Trace, type TraceEvent } from "../session.ts";
import type { Identification, Telegram } from "../telegram.ts";
import { type Endpoint, hdlcLine, parseEndpoint, pushLine, signOnLine } from "../transport/endpoint.ts";
import { openTransport } from "../transport/mod.ts";
import type { Attempt } from "./attempts.ts";
import { type FoundDlms, readShown, type Shown } from "./dlms_meter.ts";
import { presentAmong } from "./hdlc_line.ts";
import type { OpenProfile } from "./load_profile.ts";
import { hearFrame } from "./frames.ts";

/** A meter that was heard of. */
export interface Found {
  readonly url: string;
  readonly mode: "auto" | "D";
  readonly address?: string;
  readonly identification: Identification;
  /** Its whole telegram; absent: it said who it is, and then `failure`. */
  readonly telegram?: Telegram;
  readonly failure?: string;
  /** Its load profile, where it shows it without a password. */
  readonly openProfile?: OpenProfile;
  /** Whether what we send comes back. */
  readonly echo: boolean;
  /** How long it took from the first byte to the last, ms. */
  readonly tookMs: number;
}

/** What came of an attempt: a meter, or nothing, or bytes that nobody can read. */
export type Outcome =
  | { readonly kind: "found"; readonly found: Found }
  | { readonly kind: "dlms"; readonly found: FoundDlms }
  | { readonly kind: "silence" }
  | { readonly kind: "noise"; readonly bytes: Uint8Array };

/** What probing needs. */
export interface ProbeOptions {
  readonly address?: string;
  /** The number of a DLMS meter on its line. */
  readonly physical?: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly onNotice: (message: string) => void;
  /** The meter has said who it is. */
  readonly onIdentification?: (identification: Identification) => void;
  /** So many bytes have come, or of so many objects the first. */
  readonly onProgress?: (done: number, all?: number) => void;
  readonly trace?: Trace | undefined;
}

/** A readout at 300 Bd takes minutes. */
const READ_MS = 240_000;
/** Of noise, so much is kept. */
const NOISE_BYTES = 1024;

/** Why an attempt ends that took its time. */
const OVER = "the attempt's time is over";

/** Tries it. @throws {LineError} the port cannot be had @throws the signal's reason, the meter signed off */
export async function probe(attempt: Attempt, options: ProbeOptions): Promise<Outcome> {
  if (attempt.way !== "auto" && attempt.way !== "D") return await probeDlms(attempt, attempt.way, options);
  const endpoint = parseEndpoint(attempt.url);
  const { signal, clock, address } = options;
  await using bound = new Bound(clock, signal);
  const heard = new Heard(options);
  const onNotice = (message: string) => {
    heard.notice(message);
    options.onNotice(message);
  };
  let identification: Identification | undefined;
  const identified = (found: Identification) => {
    identification = found;
    options.onIdentification?.(found);
    bound.within(READ_MS);
  };
  await using transport = await openTransport(endpoint, { signal, onNotice, keepEcho: true });
  bound.within(attempt.atMostMs);
  try {
    const dialogue = attempt.way === "D" ? hear(endpoint) : ask(endpoint, address, identified);
    const telegram = await converse(transport, dialogue, { signal: bound.signal, clock, trace: heard.trace });
    const known = telegram.identification!;
    return { kind: "found", found: { ...heard.found(attempt, known, address), identification: known, telegram } };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LineError) throw error;
    if (error !== OVER && !isOfMeter(error)) throw error;
    if (!identification) return heard.nothing();
    const failure = error === OVER ? "it did not come to an end" : (error as Error).message;
    return { kind: "found", found: { ...heard.found(attempt, identification, address), identification, failure } };
  }
}

/** Which of these numbers on an HDLC line are a meter's. @throws {LineError} the port cannot be had */
export async function probeNumbers(
  { url }: Attempt,
  numbers: readonly number[],
  { signal, clock, onNotice, trace, onProgress = () => {} }: ProbeOptions,
): Promise<number[]> {
  const endpoint = parseEndpoint(url);
  await using transport = await openTransport(endpoint, { signal, onNotice });
  const asking = presentAmong(numbers, hdlcLine(endpoint), (number) => onProgress(number));
  return await converse(transport, asking, { signal, clock, ...trace && { trace } });
}

const isOfMeter = (error: unknown) =>
  error instanceof SilenceError || error instanceof ProtocolError || error instanceof RefusalError;

/** A DLMS meter that says anything that only a DLMS meter says is one, whatever it refuses. */
async function probeDlms(attempt: Attempt, way: FoundDlms["way"], options: ProbeOptions): Promise<Outcome> {
  const { url, atMostMs } = attempt;
  const endpoint = parseEndpoint(url);
  const { signal, clock, onNotice } = options;
  await using bound = new Bound(clock, signal);
  const heard = new Heard(options);
  await using transport = await openTransport(endpoint, { signal, onNotice });
  bound.within(atMostMs);
  const { address, physical } = options;
  const found = { way, url, ...address !== undefined && { address }, ...physical !== undefined && { physical } };
  let isAssociated = false;
  const onAssociated = () => {
    isAssociated = true;
    bound.within(READ_MS);
  };
  try {
    const shown = await converse(transport, askDlms(attempt, endpoint, { ...options, onAssociated }), {
      signal: bound.signal,
      clock,
      trace: heard.trace,
    });
    return { kind: "dlms", found: { ...found, ...shown && { shown } } };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LineError) throw error;
    if (error !== OVER && !isOfMeter(error)) throw error;
    if (error instanceof RefusalError) return { kind: "dlms", found: { ...found, why: error.message } };
    if (!isAssociated) return heard.nothing();
    const why = error === OVER ? "its description takes long: obisd objects reads it" : (error as Error).message;
    return { kind: "dlms", found: { ...found, why } };
  }
}

/** The client that every DLMS meter takes. */
const PUBLIC = {
  server: { upper: 1 },
  frameOctets: 128,
  association: { client: 16, credentials: { mechanism: "none" } },
} as const;

/** What it shows, or that it speaks by itself. */
function* askDlms(
  { way, atMostMs }: Attempt,
  endpoint: Endpoint,
  { address, physical, onProgress = () => {}, onAssociated }: ProbeOptions & { readonly onAssociated: () => void },
): Dialogue<Shown | undefined> {
  if (way === "auto" || way === "D" || way === "push") return void (yield* hearFrame(signOnLine(endpoint), atMostMs));
  const line = way === "sign-on" ? signOnLine(endpoint) : hdlcLine(endpoint);
  const server = { ...PUBLIC.server, ...physical !== undefined && { lower: physical } };
  const its = { ...PUBLIC, server, opening: way, line, ...address !== undefined && { address } };
  return yield* modeE(its, (client) => {
    onAssociated();
    return readShown(client, onProgress);
  });
}

function ask(endpoint: Endpoint, address: string | undefined, identified: (found: Identification) => void) {
  return readout({
    ...approach({ endpoint, ...address !== undefined && { address } }),
    tries: { left: 3 },
    instead: (identification) => (identified(identification), undefined),
  });
}

/** The first push whose check is right. */
function* hear(endpoint: Endpoint) {
  const inbox = new Inbox();
  while (true) {
    const telegram = yield* listen(inbox, { line: pushLine(endpoint) });
    if (telegram.check.result !== "wrong" && telegram.block.complete && telegram.block.sets.length > 0) return telegram;
  }
}

/** Ends work in time, by the clock of whoever runs it; a later bound takes the place of an earlier one. */
class Bound implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #work: Follower;
  #timer = new AbortController();

  constructor(clock: Clock, parent: AbortSignal) {
    [this.#clock, this.#work] = [clock, follow(parent)];
  }

  get signal(): AbortSignal {
    return this.#work.signal;
  }

  within(ms: number): void {
    this.#timer.abort(OVER);
    this.#timer = new AbortController();
    this.#clock.sleep(ms, this.#timer.signal).then(() => this.#work.abort(OVER), () => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#timer.abort(OVER);
    this.#work[Symbol.dispose]();
    return Promise.resolve();
  }
}

/** What passes in an attempt, counted. */
class Heard {
  readonly #options: ProbeOptions;
  #noise: number[] = [];
  #bytes = 0;
  #sent: Uint8Array | undefined;
  /** What came since we sent something. */
  #answer: number[] = [];
  #echo = false;
  /** Speed that was agreed on in the end; 0: that of the sign-on. */
  #selected = "";
  #fromMs: number | undefined;
  #toMs = 0;

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  readonly trace = (event: TraceEvent) => {
    this.#options.trace?.(event);
    if (event.kind === "sent") [this.#sent, this.#answer] = [event.bytes, []];
    if (event.kind === "sent") this.#selected = decodeOptionSelect(event.bytes)?.baudCharacter ?? this.#selected;
    if (event.kind !== "received") return;
    this.#fromMs ??= event.atMs;
    this.#toMs = event.atMs;
    this.#bytes += event.bytes.length;
    if (this.#noise.length < NOISE_BYTES) this.#noise.push(...event.bytes);
    if (this.#sent && this.#answer.length < this.#sent.length) {
      this.#answer.push(...event.bytes);
      this.#echo ||= this.#sent.every((byte, at) => byte === this.#answer[at]);
    }
    this.#options.onProgress?.(this.#bytes);
  };

  /** Where the transport takes echoes out, it alone sees them. */
  notice(message: string): void {
    this.#echo ||= message.includes("what is sent comes back");
  }

  found({ url, way }: Attempt, { baudCharacter }: Identification, address: string | undefined) {
    const mode = way === "D" ? "D" as const : "auto" as const;
    const tookMs = this.#toMs - (this.#fromMs ?? this.#toMs);
    const stayed = this.#selected === "0" && baudCharacter !== "0" && !url.includes("max_baud");
    return {
      url: stayed ? `${url}${url.includes("?") ? "&" : "?"}max_baud=300` : url,
      mode,
      ...address !== undefined && { address },
      echo: this.#echo,
      tookMs,
    };
  }

  /** Nobody was found; our own words that came back are no noise. */
  nothing(): Outcome {
    const isNoise = this.#noise.some((byte) => byte !== 0) && !this.#echo;
    return isNoise ? { kind: "noise", bytes: Uint8Array.from(this.#noise) } : { kind: "silence" };
  }
}
