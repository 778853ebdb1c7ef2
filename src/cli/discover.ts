/** `obisd discover`: which ports are there, who answers on them, and a configuration made of it. @module */
import { type Attempt, attemptsAt, longestMs } from "../discovery/attempts.ts";
import { type About, about, describeAbout } from "../discovery/about.ts";
import { writeConfiguration } from "../discovery/configuration.ts";
import { describePorts, serialPortsOf } from "../discovery/ports.ts";
import { describeDlms, type FoundDlms } from "../discovery/dlms_meter.ts";
import { findProfile } from "../discovery/load_profile.ts";
import { type Found, probe } from "../discovery/probe.ts";
import { LineError, ProtocolError, SilenceError, UsageError } from "../errors.ts";
import { EXIT, exitCodeOf } from "../exit_code.ts";
import { hex, offersModeE, visible } from "../iec62056/mod.ts";
import { toTable } from "../format.ts";
import { type Endpoint, formatEndpoint, parseEndpoint } from "../transport/endpoint.ts";
import { steadyPath } from "../transport/holder.ts";
import type { Trace } from "../session.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { RECORD_HELP } from "./recorder.ts";
import { Steps } from "./steps.ts";
import { parseUsage, useOwnMeterTypes } from "./target.ts";
import { createTracer, say } from "./watcher.ts";

const ADVICE = `Nobody answered. What helps:
  - an optical head sits right: its cable hangs down, the magnet holds, the meter's lamp or button is beside it
  - some meters want a button pressed first; battery meters sleep, and answer at the second or third try
  - several meters on one line answer only to their numbers: --address 12345678
  - RS-485: swap A and B; current loop: the other polarity, and its supply
  - a converter on the network has its own speed and format: 300 7E1, or 8N1, in its settings
  - a meter that speaks seldom: obisd listen ENDPOINT --for 10m`;

/** Until a converter is asked once more for a connection that it refused. */
const AGAIN_MS = 2000;

/** Finds meters. */
export const discover: Command = {
  summary: "find meters: ports, speed, mode, all codes; write the configuration",
  help: `obisd discover [ENDPOINT…] [OPTIONS]

Without an ENDPOINT, lists the serial ports of this machine and sends nothing. With one or more, finds out who is there:
asks at 300 Bd as the standard has it and in the other ways that makers use, listens for meters that speak by
themselves, reads what answers once, and says how it is read and every code exactly as the meter writes it. A meter of
mode C is asked for its load profile, a DLMS meter for all that the public client may see; no password is sent.
It takes a minute or two where nobody answers; Ctrl-C signs the meter off and ends it.

  --address LIST       numbers of meters that share the line: 12345678,12345679
  --write FILE         makes a configuration of what was found, or adds to the one that is there: nothing in it changes
  --meters DIR         files about further types of meters; default meters/ beside the configuration
  --json               what was found, for programs
  --trace              shows the dialogue, control characters made visible
${RECORD_HELP}

  obisd discover
  obisd discover /dev/serial/by-id/usb-FTDI_head-if00-port0 --write obisd.yaml
  obisd discover tcp://192.168.1.20:8000 rfc2217://192.168.1.21:2217`,
  options: {
    address: { type: "string" },
    meters: { type: "string" },
    write: { type: "string" },
    json: { type: "boolean" },
    trace: { type: "boolean" },
    record: { type: "string" },
  },

  async run(args, context) {
    const { positionals, values } = args;
    if (positionals.length === 0) return listPorts(args, context);
    const endpoints = positionals.map((text) => parseUsage(() => withSteadyName(parseEndpoint(text))));
    await useOwnMeterTypes(values);
    const search = new Search(args, context);
    for (const [at, endpoint] of endpoints.entries()) await search.at(endpoint, optionsOf(positionals[at]!));
    const found = search.found.map(about);
    const isNothing = found.length === 0 && search.dlms.length === 0;
    if (values.json === true) context.print(JSON.stringify([...found, ...search.dlms], undefined, 2));
    else for (const meter of found) show(meter, context);
    if (values.json !== true) { for (const meter of search.dlms) context.print(`\n${describeDlms(meter)}`); }
    const meters = [...found, ...search.dlms];
    if (values.write !== undefined) await write(String(values.write), meters, context);
    else if (meters.length > 0 && values.json !== true) {
      context.print("\nA configuration of it: add --write obisd.yaml");
    }
    if (isNothing) throw search.error ?? new SilenceError(ADVICE);
    return search.error === undefined ? EXIT.ok : exitCodeOf(search.error);
  },
};

function listPorts({ values }: Arguments, { print }: Context): number {
  if (values.write !== undefined || values.address !== undefined) {
    throw new UsageError("Where? obisd discover lists the ports; name one or more of them, or tcp://host:port");
  }
  const ports = serialPortsOf();
  print(values.json === true ? JSON.stringify(ports, undefined, 2) : describePorts(ports));
  return EXIT.ok;
}

/** The search at one endpoint after the other. */
class Search {
  readonly #context: Context;
  readonly #addresses: readonly (string | undefined)[];
  readonly #steps: Steps;
  readonly #traced: boolean;
  readonly found: Found[] = [];
  readonly dlms: FoundDlms[] = [];
  /** Why an endpoint could not be searched. */
  error: LineError | ProtocolError | undefined;

  constructor({ values }: Arguments, context: Context) {
    this.#context = context;
    const addresses = String(values.address ?? "").split(",").map((text) => text.trim()).filter((text) => text !== "");
    const wrong = addresses.find((address) => !/^[A-Za-z0-9 ]{1,32}$/.test(address));
    if (wrong !== undefined) throw new UsageError(`--address ${wrong}: digits, letters and blanks, 32 at most`);
    this.#addresses = addresses.length > 0 ? addresses : [undefined];
    this.#traced = values.trace === true;
    this.#steps = new Steps(Deno.stderr.isTerminal() && !this.#traced);
  }

  /** Tries all ways until one leads to a meter, and the others of its line by the same way. */
  async at(endpoint: Endpoint, given: Readonly<Record<string, string>>): Promise<void> {
    const attempts = attemptsAt(endpoint, given);
    const quietMs = attempts.length * endpoint.options.quiet_time;
    const seconds = Math.ceil((longestMs(attempts, this.#addresses.length) + quietMs) / 1000);
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

  async #probe(attempt: Attempt, address: string | undefined): Promise<Found | Uint8Array | undefined> {
    const { signal, clock, log } = this.#context;
    const what = address === undefined ? attempt.what : attempt.what.replace("/?!", `/?${address}!`);
    const { trace, end } = this.#tracing(attempt.url);
    this.#steps.begin(what);
    const notices: string[] = [];
    const outcome = await probe(attempt, {
      ...address !== undefined && { address },
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

/** The meter, and all that it says, as it writes it. */
function show(meter: About, { print }: Context): void {
  print(["", ...describeAbout(meter), ""].join("\n"));
  if (meter.readings.length === 0) return;
  const width = Deno.stdout.isTerminal() ? { width: Deno.consoleSize().columns } : {};
  print(toTable(meter.readings, { colour: Deno.stdout.isTerminal() && !Deno.noColor, ...width }));
}

async function write(path: string, found: readonly (About | FoundDlms)[], { print, log }: Context): Promise<void> {
  if (found.length === 0) return;
  const { path: file, isNew, added, known } = await writeConfiguration(path, found);
  for (const name of known) log.info(`${file} has it already: ${name}`);
  if (added.length === 0) return;
  const what = `${isNew ? "Written" : "Added to"} ${file}: ${added.join(", ")}`;
  print(`\n${what}\nobisd check -c ${path} says what will happen, obisd run -c ${path} does it`);
}

/** A port that may be another one after the next start is called by its lasting name. */
function withSteadyName(endpoint: Endpoint): Endpoint {
  if (endpoint.kind !== "serial") return endpoint;
  const steady = /^\/dev\/tty(USB|ACM)\d+$/.test(endpoint.path) ? steadyPath(endpoint.path) : undefined;
  return { ...endpoint, path: steady ?? endpoint.path };
}

/** What was written behind the endpoint. */
function optionsOf(text: string): Record<string, string> {
  const at = text.indexOf("?");
  return at < 0 ? {} : Object.fromEntries(new URLSearchParams(text.slice(at + 1)));
}

function formatSeconds(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
