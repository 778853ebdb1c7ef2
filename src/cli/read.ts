/** `obisd read`: one readout of one meter, now. @module */
import { withLimit } from "../abort.ts";
import { approach } from "../approach.ts";
import { codesToRead } from "../asking.ts";
import { type Dialogue, Inbox, taking } from "../dialogue.ts";
import { LineError, ProtocolError, SilenceError, UsageError } from "../errors.ts";
import { listen, offersModeE, readout } from "../iec62056/mod.ts";
import { meterTypeNamed } from "../meters/mod.ts";
import { type ModeEOptions, readModeE } from "../mode_e.ts";
import { converse } from "../session.ts";
import type { Mode, Telegram } from "../telegram.ts";
import { formatEndpoint, pushLine } from "../transport/endpoint.ts";
import { openTransport } from "../transport/mod.ts";
import type { Transport } from "../transport/transport.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { DLMS_HELP, DLMS_OPTIONS, parseDlms } from "./dlms.ts";
import { parseFormat } from "./present.ts";
import { RECORD_HELP } from "./recorder.ts";
import { showTelegram } from "./show.ts";
import { parseTarget, parseTimeout, parseUsage, type Target, TARGET_OPTIONS } from "./target.ts";
import { createWatcher, type Watcher } from "./watcher.ts";

/** Reads a meter once and prints what it says. */
export const read: Command = {
  summary: "read a meter now and print what it says",
  help: `obisd read ENDPOINT|METER [OPTIONS]

Reads a meter once. ENDPOINT is a port or a connection: /dev/serial/by-id/…, tcp://192.168.1.20:8000,
rfc2217://192.168.1.20:2217 where the speed can be asked for (ser2net); its options stand behind a "?":
tcp://192.168.1.20:8000?max_baud=300. METER is the name of a meter in the configuration.

  --mode MODE          auto (default), A, B, C, D for a meter that speaks by itself, or E
  --address NUMBER     the meter's address, where several share a line
  --type NAME          a file of config/meters/: what wakes the meter, its speed, where that differs from the standard
  --meters DIR         files about further types (config/meters/README.md); default meters/ beside the configuration
  --obis LIST          only these codes, as the meter writes them: 1.8.0,1.8.0*24
  --format FORMAT      table (default), json (one reading a line) or csv
  --raw FILE           keeps the bytes of the telegram, also of a damaged one
  --trace              shows the dialogue, control characters made visible
${RECORD_HELP}
  --timeout TIME       gives up after it (default 120s)
  --name NAME          the meter's name in the readings (default: its identification)

${DLMS_HELP}

  obisd read /tmp/meter --obis 1.8.0,2.8.0     # of obisd simulate demo/household.txt --pty /tmp/meter &
  obisd read /dev/serial/by-id/usb-FTDI_head-if00-port0
  obisd read tcp://192.168.1.20:4059 --mode E --opening wrapper --client 1 --password ask`,
  options: {
    ...TARGET_OPTIONS,
    ...DLMS_OPTIONS,
    obis: { type: "string" },
    format: { type: "string" },
    raw: { type: "string" },
  },

  async run(args, context) {
    const format = parseFormat(args.values.format);
    const withinMs = parseTimeout(args.values.timeout);
    const target = await readTarget(args);
    const inModeE = target.mode === "E" || target.mode === "auto" && target.dlms !== undefined;
    if (inModeE && args.values.raw !== undefined) {
      throw new UsageError("--raw keeps a telegram, and mode E has none: try --trace");
    }
    const dlms = inModeE ? await parseDlms(args, target, context) : undefined;
    using raw = openRaw(args.values.raw as string | undefined);
    const watcher = watcherOf(target, target.mode, args, context);
    try {
      const telegram = await withLimit(
        context.signal,
        { withinMs, what: "The reading" },
        (signal) => readOnce(target, dlms, watcher, { ...context, signal }),
      );
      raw?.keep(telegram.bytes);
      watcher.end(telegram.mode === "E" ? undefined : telegram);
      return showTelegram(telegram, target, { format }, context);
    } catch (cause) {
      const error = watcher.explain(cause);
      if (error instanceof ProtocolError && error.bytes.length > 0) raw?.keep(error.bytes);
      throw error;
    } finally {
      watcher.end();
    }
  },
};

function watcherOf({ endpoint }: Target, mode: Mode | "auto", { values }: Arguments, { record }: Context): Watcher {
  return createWatcher({ mode, trace: values.trace === true, recorded: record?.(formatEndpoint(endpoint)) });
}

async function readOnce(target: Target, dlms: ModeEOptions | undefined, watcher: Watcher, context: Context) {
  const { log, signal, clock } = context;
  await using transport = await openTransport(target.endpoint, { signal, onNotice: (notice) => log.warning(notice) });
  if (target.mode === "D") return await hearOnce(transport, target, watcher, context);
  const whole: Telegram[] = [];
  const dialogue = dialogueWith(target, dlms, (telegram) => void whole.push(telegram));
  await converse(transport, dialogue, { signal, clock, trace: watcher.trace }).catch((error) => {
    if (whole.length === 0 || !(error instanceof LineError)) throw error; // it hung up when it had said its last
  });
  return whole[0]!;
}

/** A readout, or everything that a DLMS meter describes, or what of it is asked for. */
function dialogueWith(
  target: Target,
  dlms: ModeEOptions | undefined,
  take: (telegram: Telegram) => void,
): Dialogue<void> {
  const { mode } = target;
  const codes = codesToRead(target);
  if (mode === "E") return taking(readModeE(dlms!, codes), take);
  return readout({
    mode: mode as Exclude<typeof mode, "D">,
    ...approach(target),
    ...dlms && {
      instead: (identification) =>
        offersModeE(identification) ? readModeE({ ...dlms, identification }, codes) : undefined,
    },
  }, take);
}

/** The first whole telegram that a pushing meter sends. */
async function hearOnce(
  transport: Transport,
  { endpoint, type }: Target,
  watcher: Watcher,
  { log, signal, clock }: Context,
): Promise<Telegram> {
  const inbox = new Inbox();
  while (true) {
    const dialogue = listen(inbox, { line: pushLine(endpoint, meterTypeNamed(type)?.push) });
    const telegram = await converse(transport, dialogue, { signal, clock, trace: watcher.trace }).catch((error) => {
      if (!(error instanceof SilenceError)) throw error; // it may speak seldom: --timeout bounds the waiting
    });
    if (!telegram) continue;
    if (telegram.check.result !== "wrong" && telegram.block.complete) return telegram;
    log.warning(
      `Telegram of ${telegram.bytes.length} bytes dropped: ${telegram.block.complete ? "CRC wrong" : "it broke off"}`,
    );
    watcher.damaged(telegram.bytes);
  }
}

async function readTarget(args: Arguments): Promise<Target> {
  const { positionals: [what, ...more] } = args;
  if (what === undefined || more.length > 0) {
    throw new UsageError("read takes one ENDPOINT, or a METER of the configuration");
  }
  return await parseTarget(what, args);
}

/** The file of `--raw`, opened before the meter is asked, so that nothing is read in vain. @throws {UsageError} */
function openRaw(path: string | undefined): Disposable & { keep(bytes: Uint8Array): void } | undefined {
  if (path === undefined) return undefined;
  const file = parseUsage(() => Deno.openSync(path, { write: true, create: true }), "--raw: ");
  return {
    keep(bytes) {
      file.truncateSync(0);
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
    },
    [Symbol.dispose]: () => file.close(),
  };
}
