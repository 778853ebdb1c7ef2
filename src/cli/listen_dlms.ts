/** `obisd listen` in mode E: what DLMS meters push over HDLC, M-Bus or the wrapper, or call in to say. @module */
import { withLimit } from "../abort.ts";
import { Inbox, setLine } from "../dialogue.ts";
import {
  type Framing,
  framingOf,
  type Keys,
  type Push,
  type PushingMeter,
  pushTelegram,
  readPush,
  receivePush,
  toHex,
} from "../dlms/mod.ts";
import { type DlmsSettings, keyOctets, parseHex } from "../dlms_settings.ts";
import { LineError, ProtocolError, SilenceError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { converse, type Trace } from "../session.ts";
import { takeCalls } from "../transport/calls.ts";
import { dlmsPushLine, formatEndpoint, parseEndpoint } from "../transport/endpoint.ts";
import { openTransport } from "../transport/mod.ts";
import type { Transport } from "../transport/transport.ts";
import type { Arguments, Context } from "./command.ts";
import { dlmsSettings, givenKeys, oneOf } from "./dlms.ts";
import { type Format, parseFormat } from "./present.ts";
import { showTelegram } from "./show.ts";
import { parseTarget, parseUsage, type Target } from "./target.ts";
import { createTracer, say } from "./watcher.ts";

/** Options of pushes. */
export const PUSH_OPTIONS = {
  framing: { type: "string" },
  suite: { type: "string" },
  "encryption-key": { type: "string" },
  "authentication-key": { type: "string" },
  "meter-title": { type: "string" },
  "accept-unauthenticated": { type: "boolean" },
} as const;

const FRAMINGS = ["auto", "hdlc", "m-bus", "wrapper"] as const;

/** Their part of the help. */
export const PUSH_HELP =
  `With --mode E it hears DLMS meters (at 2400 8N1 if the endpoint says no other). tcp-listen://0.0.0.0:4059 takes the
calls of meters that connect by themselves. A message that was heard before is refused by its number.

  --framing HOW        ${FRAMINGS.join(", ")} (default auto: by the first octets)
  --encryption-key WHERE, --authentication-key WHERE
                       of ciphered messages, in hex digits, each from env:NAME, file:PATH or ask; --suite 2: long ones
  --meter-title HEX    system title of a meter that does not say it
  --accept-unauthenticated
                       reads messages that are encrypted alone, as some networks want: anybody may forge them`;

/** Calls at a time; a call is closed after a quarter hour, or a minute without a message. */
const [CALLS, CALL_MS, IDLE_MS] = [16, 15 * 60_000, 60_000];

/** Who is heard, and what is done with it. */
interface Hearing {
  readonly target: Target;
  readonly framing: typeof FRAMINGS[number];
  readonly meter: PushingMeter | undefined;
  readonly format: Format;
  readonly context: Context;
  readonly trace: Trace;
  /** A message was shown; whether they are enough. */
  readonly onShown: () => void;
  readonly counts: { shown: number; damaged: number; came: number };
}

/** Whether the command line means pushes of DLMS meters. */
export function hearsDlms({ values, positionals: [what] }: Arguments): boolean {
  return values.mode === "E" || what?.startsWith(CALL_SCHEME) === true;
}

const CALL_SCHEME = "tcp-listen://";

/** Shows messages until `count` have come or the time is over. Returns the exit code. */
export async function listenDlms(
  args: Arguments,
  { count, forMs }: { readonly count: number; readonly forMs: number | undefined },
  context: Context,
): Promise<number> {
  const { positionals: [what, ...more], values } = args;
  if (what === undefined || more.length > 0) throw new UsageError("listen takes one ENDPOINT or METER");
  const calls = what.startsWith(CALL_SCHEME);
  const target = calls
    ? { endpoint: parseUsage(() => parseEndpoint(what)), mode: "E" as const }
    : await parseTarget(what, args);
  const obis = values.obis === undefined ? {} : { obis: String(values.obis).split(",").map((code) => code.trim()) };
  const enough = new AbortController();
  const counts = { shown: 0, damaged: 0, came: 0 };
  const tracer = values.trace === true ? createTracer((line) => say(line + "\n"), "E") : undefined;
  const recorded = context.record?.(formatEndpoint(target.endpoint));
  const hearing: Hearing = {
    target: { ...target, ...obis, ...values.name !== undefined && { name: String(values.name) } },
    framing: oneOf("--framing", values.framing ?? "auto", FRAMINGS),
    meter: await pushingMeter(args, target, context.signal),
    format: parseFormat(values.format),
    context,
    counts,
    trace: (event) => {
      if (event.kind === "received") counts.came += event.bytes.length;
      tracer?.add(event);
      recorded?.(event);
    },
    onShown: () => ++counts.shown >= count && enough.abort(ENOUGH),
  };
  const hear = async (outer: AbortSignal) => {
    const signal = AbortSignal.any([outer, enough.signal]);
    await (calls ? hearCalls(hearing, signal) : hearLine(hearing, signal));
  };
  try {
    if (forMs === undefined) await hear(context.signal);
    else await withLimit(context.signal, { withinMs: forMs, what: "Listening" }, hear);
    return EXIT.ok;
  } catch (error) {
    if (error === ENOUGH) return EXIT.ok;
    if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
    return summed(counts, String(values.for));
  } finally {
    tracer?.end();
  }
}

/** Why listening ends once enough has come. */
const ENOUGH = new DOMException("Enough was heard", "AbortError");

/** @throws {SilenceError} {ProtocolError} */
function summed({ shown, damaged, came }: Hearing["counts"], time: string): number {
  if (shown > 0) return EXIT.ok;
  if (damaged > 0) throw new ProtocolError("damaged", `No message that can be trusted within ${time}`);
  if (came === 0) throw new SilenceError(`Nothing was pushed within ${time}`);
  throw new ProtocolError(
    "unreadable",
    `${came} bytes came within ${time}, and no message; is the line's speed right?`,
  );
}

/** The keys of whoever pushes; `undefined`: only plain messages are read. @throws {UsageError} */
async function pushingMeter(
  { values }: Arguments,
  target: Target,
  signal: AbortSignal,
): Promise<PushingMeter | undefined> {
  const settings: DlmsSettings = { ...dlmsSettings(values, target), ...await givenKeys(values, signal) };
  const { suite, encryptionKey, authenticationKey, meterTitle } = settings;
  if (!encryptionKey) return undefined;
  const lenient = values["accept-unauthenticated"] === true || settings.acceptUnauthenticated;
  if (!authenticationKey && !lenient) throw new UsageError("--encryption-key needs --authentication-key");
  const { cipher } = keyOctets(suite);
  const key = (option: string, read: () => string) => parseUsage(() => parseHex(read(), cipher), `--${option}: `);
  const encryption = key("encryption-key", encryptionKey);
  const authentication = authenticationKey ? key("authentication-key", authenticationKey) : encryption;
  const keys: Keys = { suite, encryption, authentication };
  return {
    ...{ keys, heard: new Map<string, number>() },
    ...meterTitle !== undefined && { title: parseHex(meterTitle, 8) },
    ...lenient && { acceptsUnauthenticated: true, withoutCheck: !authenticationKey },
  };
}

async function hearLine(hearing: Hearing, signal: AbortSignal): Promise<void> {
  const { target: { endpoint }, context: { log, clock } } = hearing;
  await using transport = await openTransport(endpoint, { signal, onNotice: (notice) => log.warning(notice) });
  await converse(transport, setLine(dlmsPushLine(endpoint)), { signal, clock });
  const inbox = new Inbox();
  while (true) {
    try {
      await hearOne(hearing, transport, inbox, signal);
    } catch (error) {
      if (!(error instanceof SilenceError || error instanceof ProtocolError)) throw error;
      if (error instanceof ProtocolError) log.warning(error.message);
      inbox.clear();
    }
  }
}

async function hearCalls(hearing: Hearing, signal: AbortSignal): Promise<void> {
  const { target: { endpoint }, context: { log } } = hearing;
  const { host, port } = endpoint as { readonly host: string; readonly port: number };
  const notices = {
    onOpen: (at: string) => log.info(`Listening on ${at}`),
    onNotice: (text: string) => log.warning(text),
  };
  await takeCalls(
    { host, port, atOnce: CALLS, withinMs: CALL_MS, signal, ...notices },
    async (transport, from, its) => {
      log.debug(`A call from ${from}`);
      const inbox = new Inbox();
      try {
        while (true) await hearOne(hearing, transport, inbox, its);
      } catch (error) {
        if (!(error instanceof LineError || error instanceof SilenceError)) throw error; // it has hung up, or says no more
      }
    },
  );
}

/** The next message, shown. One that cannot be trusted is told. */
async function hearOne(hearing: Hearing, transport: Transport, inbox: Inbox, signal: AbortSignal): Promise<void> {
  const { meter, counts, trace, context: { clock, log } } = hearing;
  const cut = await converse(transport, message(inbox, hearing), { signal, clock, trace });
  let push: Push;
  try {
    push = readPush(cut.value, meter);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    counts.damaged++;
    return log.warning(error.message);
  }
  show(hearing, push, pushTelegram(push, cut));
}

/** Where the stream may be joined in the middle of a message, the first octets tell nothing. */
function* message(inbox: Inbox, { framing, target: { endpoint: { kind } } }: Hearing) {
  const isWire = kind === "serial" || kind === "rfc2217";
  const its: Framing = framing !== "auto" ? framing : isWire ? "line" : yield* framingOf(inbox, IDLE_MS);
  return yield* receivePush(inbox, its, { withinMs: IDLE_MS });
}

function show(hearing: Hearing, { title }: Push, telegram: ReturnType<typeof pushTelegram>): void {
  const { target, format, counts, context, onShown } = hearing;
  const name = target.name ?? (title && toHex(title));
  const named = name === undefined ? target : { ...target, name };
  if (showTelegram(telegram, named, { format, more: counts.shown > 0 }, context) === EXIT.ok) onShown();
}
