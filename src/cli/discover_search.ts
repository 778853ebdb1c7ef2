/** The search of `obisd discover` at one endpoint after the other: what is tried there, and what a person sees of it. @module */
import { type Attempt, attemptsAt, longestMs } from "../discovery/attempts.ts";
import type { FoundDlms } from "../discovery/dlms_meter.ts";
import { findProfile } from "../discovery/load_profile.ts";
import { LIKELY_NUMBERS } from "../discovery/hdlc_line.ts";
import { type Found, probe, probeNumbers } from "../discovery/probe.ts";
import { MAX_ADDRESS } from "../dlms_settings.ts";
import { LineError, ProtocolError, UsageError } from "../errors.ts";
import { hex, offersModeE, visible } from "../iec62056/mod.ts";
import type { Trace } from "../session.ts";
import { type Endpoint, formatEndpoint } from "../transport/endpoint.ts";
import type { Arguments, Context } from "./command.ts";
import { Steps } from "./steps.ts";
import { createTracer, say } from "./watcher.ts";

/** Until a converter is asked once more for a connection that it refused. */
const AGAIN_MS = 2000;

/** The search at one endpoint after the other. */
export class Search {
  readonly #context: Context;
  readonly #addresses: readonly (string | undefined)[];
  readonly #numbers: readonly number[];
  /** Whether DLMS meters on an HDLC line are what is looked for first. */
  readonly #isHdlcFirst: boolean;
  readonly #steps: Steps;
  readonly #traced: boolean;
  /** Meters that said who they are. */
  readonly found: Found[] = [];
  /** Meters that speak DLMS alone. */
  readonly dlms: FoundDlms[] = [];
  /** Why an endpoint could not be searched. */
  error: LineError | ProtocolError | undefined;

  /** @throws {UsageError} an address that is none */
  constructor({ values }: Arguments, context: Context) {
    this.#context = context;
    const addresses = String(values.address ?? "").split(",").map((text) => text.trim()).filter((text) => text !== "");
    const wrong = addresses.find((address) => !/^[A-Za-z0-9 ]{1,32}$/.test(address));
    if (wrong !== undefined) throw new UsageError(`--address ${wrong}: digits, letters and blanks, 32 at most`);
    this.#addresses = addresses.length > 0 ? addresses : [undefined];
    this.#isHdlcFirst = values.physical !== undefined;
    this.#numbers = this.#isHdlcFirst ? parseNumbers(String(values.physical)) : LIKELY_NUMBERS;
    this.#traced = values.trace === true;
    this.#steps = new Steps(Deno.stderr.isTerminal() && !this.#traced);
  }

  /** Tries all ways until one leads to a meter, and the others of its line by the same way. */
  async at(endpoint: Endpoint, given: Readonly<Record<string, string>>): Promise<void> {
    const all = attemptsAt(endpoint, given);
    const attempts = this.#isHdlcFirst ? all.toSorted((one, other) => isHdlc(other) - isHdlc(one)) : all;
    const quietMs = attempts.length * endpoint.options.quiet_time;
    const seconds = Math.ceil((longestMs(attempts, this.#addresses.length, this.#numbers.length) + quietMs) / 1000);
    say(`${formatEndpoint(endpoint)}: at most ${formatSeconds(seconds)}, and the time to read what answers\n`);
    let noise: Uint8Array | undefined;
    try {
      for (const [at, attempt] of attempts.entries()) {
        if (attempt.ifHeard && noise === undefined) continue;
        if (at > 0) await this.#context.clock.sleep(endpoint.options.quiet_time, this.#context.signal);
        const before = this.found.length + this.dlms.length;
        noise = await this.#patiently(attempt, at === 0) ?? noise;
        if (this.found.length + this.dlms.length > before) return;
      }
      if (noise) this.error = unreadable(endpoint, noise);
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      this.#steps.end(error.message);
      this.error = error;
    }
  }

  /** A converter that hangs up, or is not ready for the next connection, gets another chance. */
  async #patiently(attempt: Attempt, isFirst: boolean): Promise<Uint8Array | undefined> {
    try {
      return await this.#attempt(attempt);
    } catch (error) {
      if (!(error instanceof LineError) || error.trouble !== "lost" && (error.trouble !== "refused" || isFirst)) {
        throw error;
      }
      this.#steps.end(error.message);
      if (error.trouble === "lost") return undefined;
      await this.#context.clock.sleep(AGAIN_MS, this.#context.signal);
      return await this.#attempt(attempt);
    }
  }

  /** @returns what came that nobody can read */
  async #attempt(attempt: Attempt): Promise<Uint8Array | undefined> {
    if (attempt.way === "hdlc" && await this.#numbered(attempt)) return undefined;
    let noise: Uint8Array | undefined;
    const addresses = attempt.way === "auto" ? this.#addresses : [undefined];
    for (const address of addresses) {
      const found = await this.#probe(attempt, address);
      if (found instanceof Uint8Array) noise = found;
      else if (found) {
        const pushing = await this.#pushing(found, attempt);
        if (pushing || !await this.#inModeE(found, attempt, address)) {
          this.found.push(pushing ?? await this.#withProfile(found));
        }
      }
    }
    return noise;
  }

  /** Whether meters answer to numbers of their own on an HDLC line: each is read. */
  async #numbered(attempt: Attempt): Promise<boolean> {
    this.#steps.begin(`${attempt.what}, meters with numbers of their own`);
    const { trace, end } = this.#tracing(attempt.url);
    const options = { ...this.#context, onNotice: () => {}, trace };
    const onProgress = (number: number) => this.#steps.note(`number ${number}`);
    const numbers = await probeNumbers(attempt, this.#numbers, { ...options, onProgress }).finally(end);
    this.#steps.end(numbers.length > 0 ? numbers.join(", ") : "nothing");
    const before = this.dlms.length;
    for (const physical of numbers) {
      await this.#probe({ ...attempt, what: `${attempt.what}, number ${physical}` }, undefined, physical);
    }
    return this.dlms.length > before;
  }

  /** What answered may have spoken by itself: then it does so again without being asked. */
  async #pushing(found: Found, attempt: Attempt): Promise<Found | undefined> {
    if (attempt.way === "D" || found.telegram?.check.result === "good") return undefined;
    const pushed = await this.#probe({ ...attempt, way: "D", what: "listens whether it speaks unasked" }, undefined);
    return pushed instanceof Uint8Array ? undefined : pushed;
  }

  /** What was read in mode C is asked for its load profile too. */
  async #withProfile(found: Found): Promise<Found> {
    if (found.telegram?.mode !== "C") return found;
    this.#steps.begin("asks for its load profile, without a password");
    const { trace, end } = this.#tracing(found.url);
    const openProfile = await findProfile(found, { ...this.#context, trace }).finally(end);
    this.#steps.end(openProfile ? `${openProfile.address}, each ${openProfile.minutes} min` : "it shows none");
    return { ...found, ...openProfile && { openProfile } };
  }

  /** Whether it is read in mode E alone: it has offered that, and gives no readout. */
  async #inModeE(found: Found, attempt: Attempt, address: string | undefined): Promise<boolean> {
    if (found.telegram || !offersModeE(found.identification)) return false;
    const before = this.dlms.length;
    await this.#probe({ ...attempt, way: "sign-on", what: "asks for DLMS, which it offers" }, address);
    return this.dlms.length > before;
  }

  /** Shows and keeps what passes in a session, as far as that is wanted. */
  #tracing(url: string): { readonly trace: Trace; readonly end: () => void } {
    const tracer = this.#traced ? createTracer((line) => say(line + "\n")) : undefined;
    const recorded = this.#context.record?.(url);
    const trace: Trace = (event) => {
      tracer?.add(event);
      recorded?.(event);
    };
    return { trace, end: () => tracer?.end() };
  }

  async #probe(
    attempt: Attempt,
    address: string | undefined,
    physical?: number,
  ): Promise<Found | Uint8Array | undefined> {
    const { signal, clock, log } = this.#context;
    const what = address === undefined ? attempt.what : attempt.what.replace("/?!", `/?${address}!`);
    const { trace, end } = this.#tracing(attempt.url);
    this.#steps.begin(what);
    const notices: string[] = [];
    const outcome = await probe(attempt, {
      ...address !== undefined && { address },
      ...physical !== undefined && { physical },
      signal,
      clock,
      onNotice: (notice) => notices.push(notice),
      onIdentification: ({ line }) => this.#steps.note(`${visible(line)}, reading`),
      onProgress: (done, all) => this.#steps.note(all === undefined ? `${done} bytes` : `object ${done + 1} of ${all}`),
      trace,
    }).finally(end);
    this.#steps.end(describe(outcome));
    if (outcome.kind === "dlms") this.dlms.push(outcome.found);
    if (outcome.kind === "found") { for (const notice of notices) log.info(notice); }
    return outcome.kind === "found" ? outcome.found : outcome.kind === "noise" ? outcome.bytes : undefined;
  }
}

const isHdlc = ({ way }: Attempt) => way === "hdlc" ? 1 : 0;

/** More numbers would take longer than anybody waits: half a second each. */
const MOST_NUMBERS = 1000;

/** `16,17,100-115`. @throws {UsageError} */
function parseNumbers(list: string): number[] {
  const numbers = list.split(",").flatMap((part) => {
    const [, first, last = first] = /^ *(\d{1,5})(?:-(\d{1,5}))? *$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (!(to >= from && to <= MAX_ADDRESS)) {
      throw new UsageError(`--physical ${list}: numbers and ranges up to ${MAX_ADDRESS}, like 17,18,100-115`);
    }
    return Array.from({ length: Math.min(to - from, MOST_NUMBERS) + 1 }, (_, at) => from + at);
  });
  if (numbers.length > MOST_NUMBERS) throw new UsageError(`--physical ${list}: ${MOST_NUMBERS} numbers at most`);
  return [...new Set(numbers)];
}

function describe(outcome: Awaited<ReturnType<typeof probe>>): string {
  if (outcome.kind === "silence") return "nothing";
  if (outcome.kind === "noise") return `${outcome.bytes.length} bytes that cannot be read`;
  if (outcome.kind === "dlms") return outcome.found.why ?? "a DLMS meter";
  const { identification, telegram, failure } = outcome.found;
  const name = visible(identification.line);
  return telegram ? `${name}, ${telegram.block.sets.length} data sets` : `${name}; ${failure}`;
}

function unreadable(endpoint: Endpoint, bytes: Uint8Array): ProtocolError {
  const what = `${formatEndpoint(endpoint)}: something speaks there, but in none of the ways that were tried`;
  return new ProtocolError("unreadable", `${what}: ${hex(bytes)} ("${visible(bytes.slice(0, 32))}")`, bytes);
}

function formatSeconds(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
