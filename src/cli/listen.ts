/** `obisd listen`: what a meter says by itself, as it comes. @module */
import { withLimit } from "../abort.ts";
import { type Dialogue, Inbox } from "../dialogue.ts";
import { ProtocolError, SilenceError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { explainSml, isSml, listen as listenFor, toBytes, toText, visible } from "../iec62056/mod.ts";
import { formatLine } from "../line.ts";
import type { Log } from "../log.ts";
import { converse, type Trace } from "../session.ts";
import type { Telegram } from "../telegram.ts";
import { meterTypeNamed } from "../meters/mod.ts";
import { formatEndpoint, pushLine } from "../transport/endpoint.ts";
import { openTransport } from "../transport/mod.ts";
import { parseDuration } from "../units.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { hearsDlms, listenDlms, PUSH_HELP, PUSH_OPTIONS } from "./listen_dlms.ts";
import { type Format, parseFormat } from "./present.ts";
import { RECORD_HELP } from "./recorder.ts";
import { showTelegram } from "./show.ts";
import { parseTarget, parseUsage, type Target, TARGET_OPTIONS } from "./target.ts";
import { createTracer, say } from "./watcher.ts";

/** The longest time that a timer can take. */
const LONGEST_MS = 2 ** 31 - 1;
/** So many bytes of what is no telegram are shown. */
const SHOWN_BYTES = 48;
/** Noise is told each time so much of it has come. */
const NOISE_BYTES = 1024;

/** Shows pushed telegrams. */
export const listen: Command = {
  summary: "show what a meter says by itself, as it comes (mode D, P1, DLMS pushes)",
  help: `obisd listen ENDPOINT|METER [OPTIONS]

Shows each telegram that a meter pushes (mode D, at 2400 7E1 if the endpoint says no other; P1 wants
?baud=115200&data_bits=8&parity=none), until Ctrl-C. A telegram with a wrong CRC is not shown; it, and what is no whole
telegram, are told on standard error.

  --count N            ends after N telegrams
  --for TIME           ends after it, 60s; exit 69 when nothing came, 76 when nothing could be read, 65 nothing whole
  --obis LIST          only these codes, as the meter writes them: 1.8.0,2.8.0
  --format FORMAT      table (default), json (one reading a line) or csv
  --name NAME          the meter's name in the readings (default: its identification)
  --trace              shows what comes, control characters made visible
${RECORD_HELP}

  obisd simulate demo/household.txt --mode D --pty /tmp/meter &
  obisd listen /tmp/meter --count 2
  obisd listen '/dev/ttyUSB0?baud=9600' --for 30s
  obisd listen 'tcp://192.168.1.20:23' --format csv --obis 1-0:1.7.0 > power.csv

${PUSH_HELP}

  obisd listen tcp-listen://0.0.0.0:4059 --encryption-key file:ek --authentication-key file:ak`,
  options: {
    ...TARGET_OPTIONS,
    obis: { type: "string" },
    ...PUSH_OPTIONS,
    format: { type: "string" },
    count: { type: "string" },
    for: { type: "string" },
  },

  async run(args, context) {
    const format = parseFormat(args.values.format);
    const count = parseCount(args.values.count);
    const forMs = args.values.for === undefined ? undefined : parseUsage(() => parseDuration(String(args.values.for)));
    if (hearsDlms(args)) return await listenDlms(args, { count, forMs }, context);
    const target = await listenTarget(args);
    const tracer = args.values.trace === true ? createTracer((line) => say(line + "\n"), "D") : undefined;
    const heard = new Heard(target, format, context);
    const recorded = context.record?.(formatEndpoint(target.endpoint));
    const trace: Trace = (event) => {
      if (event.kind === "received") heard.add(event.bytes);
      tracer?.add(event);
      recorded?.(event);
    };
    try {
      const hear = (signal: AbortSignal) =>
        hearUntil(() => heard.shown >= count, target, { ...context, signal }, trace, heard);
      if (forMs === undefined) await hear(context.signal);
      else await withLimit(context.signal, { withinMs: Math.min(forMs, LONGEST_MS), what: "Listening" }, hear);
      return EXIT.ok;
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
      return heard.end(String(args.values.for));
    } finally {
      tracer?.end();
    }
  },
};

/** Hears telegram after telegram until `enough` of them have come. @throws the signal's reason @throws {LineError} */
async function hearUntil(
  enough: () => boolean,
  target: Target,
  { log, signal, clock }: Context,
  trace: Trace,
  heard: Heard,
): Promise<void> {
  await using transport = await openTransport(target.endpoint, { signal, onNotice: (notice) => log.warning(notice) });
  const inbox = new Inbox();
  while (!enough()) {
    try {
      heard.telegram(await converse(transport, nextPush(inbox, target), { signal, clock, trace }));
    } catch (error) {
      if (!(error instanceof SilenceError)) throw error;
      log.info(`${error.message}; listening on`); // it may speak seldom
    }
  }
}

/** Brings home the next telegram, whatever it is made of. */
function nextPush(inbox: Inbox, target: Target): Dialogue<Telegram> {
  return listenFor(inbox, { line: lineOf(target) });
}

function lineOf({ endpoint, type }: Target) {
  return pushLine(endpoint, meterTypeNamed(type)?.push);
}

/** What has come, shown or told. */
class Heard {
  readonly #log: Log;
  readonly #print: Context["print"];
  /** What is part of no telegram yet, one character a byte. */
  #pending = "";
  #came = 0;
  #damaged = 0;
  /** What came first and is SML. */
  #sml: string | undefined;
  shown = 0;

  constructor(readonly target: Target, readonly format: Format, { log, print }: Context) {
    [this.#log, this.#print] = [log, print];
  }

  /** Something came. Noise is told now; what may be a telegram waits for its end. */
  add(bytes: Uint8Array): void {
    this.#came += bytes.length;
    this.#pending += toText(bytes);
    if (this.#pending.length >= NOISE_BYTES && !/\/[A-Za-z]{3}/.test(this.#pending)) {
      this.#passOver(this.#pending.length);
    }
  }

  telegram(telegram: Telegram): void {
    const text = toText(telegram.bytes);
    const at = this.#pending.indexOf(text);
    if (at > 0) this.#passOver(at);
    this.#pending = this.#pending.slice(text.length).replace(/^[\r\n]+/, "");
    const { check, block, bytes } = telegram;
    if (check.result === "wrong" || !block.complete) {
      this.#damaged++;
      this.#log.warning(`Telegram of ${bytes.length} bytes dropped: ${block.complete ? "CRC wrong" : "it broke off"}`);
      return;
    }
    const options = { format: this.format, more: this.shown > 0 };
    if (showTelegram(telegram, this.target, options, { log: this.#log, print: this.#print }) === EXIT.ok) this.shown++;
  }

  /** The time is over. @throws {SilenceError} @throws {ProtocolError} */
  end(time: string): number {
    if (this.shown > 0) return EXIT.ok;
    const line = formatLine(lineOf(this.target));
    if (this.#damaged > 0) throw new ProtocolError("damaged", `No undamaged telegram within ${time}`);
    if (this.#came === 0) {
      throw new SilenceError(`Nothing was pushed at ${line} within ${time}; obisd discover tries others`);
    }
    this.#passOver(this.#pending.length);
    const hint = this.#sml !== undefined
      ? explainSml(toBytes(this.#sml))
      : `is ${line} right? obisd discover tries others`;
    throw new ProtocolError("unreadable", `${this.#came} bytes came within ${time}, and no telegram; ${hint}`);
  }

  /** Tells of `count` characters that are no whole telegram, and forgets them. */
  #passOver(count: number): void {
    const text = this.#pending.slice(0, count);
    this.#pending = this.#pending.slice(count);
    if (isSml(text)) this.#sml ??= text;
    if (/^[\s\0]*$/.test(text)) return;
    const shown = visible(text.slice(0, SHOWN_BYTES)) + (text.length > SHOWN_BYTES ? "…" : "");
    this.#log.warning(`Passed over ${text.length} bytes that are no whole telegram: ${shown}`);
  }
}

async function listenTarget(args: Arguments): Promise<Target> {
  const { positionals: [what, ...more] } = args;
  if (what === undefined || more.length > 0) {
    throw new UsageError("listen takes one ENDPOINT, or a METER of the configuration");
  }
  const target = await parseTarget(what, args);
  if (target.mode === "auto" || target.mode === "D") return { ...target, mode: "D" };
  const hint = target.mode === "E"
    ? "--mode E hears what a DLMS meter pushes"
    : `a meter of mode ${target.mode} is asked: obisd read`;
  throw new UsageError(`listen hears meters that speak by themselves; ${hint}`);
}

function parseCount(text: unknown): number {
  if (text === undefined) return Infinity;
  if (/^[1-9]\d{0,8}$/.test(String(text))) return Number(text);
  throw new UsageError(`--count ${text}: a number of telegrams, from 1`);
}
