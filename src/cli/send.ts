/** `obisd send`: one command of programming mode, for people who know their meter. @module */
import { SilenceError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { type Programming, read, READ_COMMANDS, readRegister, telegramOf, visible, write } from "../iec62056/mod.ts";
import { normalise } from "../normalise.ts";
import { audit, consent, requireConsent, WRITE_HELP, WRITE_OPTIONS } from "./audit.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { parseFormat, present } from "./present.ts";
import { openMeter, parseMeter, PROGRAMMING_HELP, PROGRAMMING_OPTIONS } from "./programming.ts";
import { heldIn, WRITE_COMMANDS } from "./set.ts";

const READING: readonly string[] = READ_COMMANDS;
const WRITING: readonly string[] = [...WRITE_COMMANDS, "E2"];

/** Sends one command and prints what the meter says to it. */
export const send: Command = {
  summary: "send one command of programming mode to a meter, for experts",
  help: `obisd send ENDPOINT|METER --command R5 --data '…' [OPTIONS]

Opens programming mode (mode C), sends one command, prints what the meter says to it as it said it, and signs off.
Partial blocks (R3, R4, R6; W3, W4) are asked for and sent one by one.

  --command NAME       ${[...READING, ...WRITING].join(", ")}
  --data TEXT          its data set: '1.8.0()', 'P.01(;)', '0.9.1(1143000)'
  --format FORMAT      table, json or csv: the answer as readings; default: its text
${WRITE_HELP} (W1 to W5, E2)
${PROGRAMMING_HELP}

  obisd send /tmp/meter --command R5 --data '1.8.0()'   # of obisd simulate demo/household.txt --pty /tmp/meter &
  obisd send /dev/ttyUSB0 --command R6 --data 'P.01(1240601000000;1240602000000;8)'
  obisd send flat-1 --command E2 --data '0.1.0()' --write --password ask`,
  options: {
    ...PROGRAMMING_OPTIONS,
    ...WRITE_OPTIONS,
    command: { type: "string" },
    data: { type: "string" },
    format: { type: "string" },
  },

  async run(args, context) {
    const [what, ...more] = args.positionals;
    if (more.length > 0) throw new UsageError("send takes one ENDPOINT or METER");
    const { name, data } = parseCommand(args.values);
    return READING.includes(name)
      ? await sendRead(what, { name, data }, args, context)
      : await sendWrite(what, { name, data }, args, context);
  },
};

interface Sent {
  readonly name: string;
  readonly data: string;
}

function parseCommand({ command, data = "" }: Arguments["values"]): Sent {
  const name = String(command ?? "");
  if (!READING.includes(name) && !WRITING.includes(name)) {
    const said = command === undefined ? "Which command?" : `--command ${name}:`;
    throw new UsageError(
      `${said} allowed are ${[...READING, ...WRITING].join(", ")}; P1, P2 and B0 are sent by themselves`,
    );
  }
  if (!/^[\x20-\x7e]*$/.test(String(data))) throw new UsageError("--data: printable characters of ASCII are allowed");
  return { name, data: String(data) };
}

async function sendRead(
  what: string | undefined,
  { name, data }: Sent,
  args: Arguments,
  context: Context,
): Promise<number> {
  const format = args.values.format === undefined ? undefined : parseFormat(args.values.format);
  const { target, session } = await openMeter(await parseMeter(what, args), args, context);
  const command = READ_COMMANDS.find((command) => command === name)!;
  if (format === undefined) {
    const { text } = await session((meter) => read(meter, { name, data }), 2);
    context.print(shown(text));
    return EXIT.ok;
  }
  const telegram = await session(function* (meter: Programming) {
    return telegramOf(meter, [yield* readRegister(meter, data, command)]);
  }, 2);
  context.print(present(normalise(telegram, target.name === undefined ? {} : { meter: target.name }), format));
  return EXIT.ok;
}

async function sendWrite(what: string | undefined, sent: Sent, args: Arguments, context: Context): Promise<number> {
  const { log, print } = context;
  const { name, data } = sent;
  const register = name === "E2" ? "" : data.replace(/\(.*$/s, "");
  requireConsent(args, `send --command ${name}`);
  const { session } = await openMeter(await parseMeter(what, args), args, context);
  const look = function* (meter: Programming) {
    return { meter: meter.identification.line, held: register === "" ? undefined : yield* heldIn(meter, register) };
  };
  if (args.values.yes !== true) {
    const { meter, held } = await session(look, 2);
    const holds = held === undefined ? "" : ` ${register} holds ${held}.`;
    await consent(args, `${meter}:${holds} Send ${name} ${withoutBracket(data)}?`, context);
  }
  const deed = { meter: what!, command: name, wanted: withoutBracket(data) };
  let [old, now, said]: (string | undefined)[] = [];
  try {
    await session(function* (meter) {
      ({ meter: deed.meter, held: old } = yield* look(meter));
      said = yield* write(meter, { name, data });
      now = (yield* look(meter)).held;
    });
  } catch (error) {
    if (said === undefined) {
      audit(log, { ...deed, old }, error instanceof SilenceError ? "not known" : (error as Error).message);
      throw error;
    }
    log.warning(`It was sent and acknowledged, but then: ${(error as Error).message}`);
  }
  audit(log, { ...deed, old, now }, "written");
  print(said === undefined || said === "" ? "acknowledged" : shown(said));
  if (register !== "") print(`before  ${old ?? "(cannot be read)"}\nnow     ${now ?? "(cannot be read)"}`);
  return EXIT.ok;
}

/** A second bracket may be a password (W5). */
function withoutBracket(data: string): string {
  return data.replace(/^([^(]*\([^)]*\)).*$/s, "$1");
}

/** Lines as the meter wrote them; other control characters made visible. */
function shown(text: string): string {
  return text.trimEnd().split(/\r?\n/).map((line) => visible(line)).join("\n");
}
