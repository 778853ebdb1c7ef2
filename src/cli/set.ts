/** `obisd set`: writes one register of a meter, and shows what it held before and holds now. @module */
import type { Dialogue } from "../dialogue.ts";
import { RefusalError, SilenceError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { formatDataSet, type Programming, readRegisters, REGISTER, write } from "../iec62056/mod.ts";
import { audit, consent, requireConsent, WRITE_HELP, WRITE_OPTIONS } from "./audit.ts";
import type { Command } from "./command.ts";
import { DLMS_HELP, DLMS_OPTIONS } from "./dlms.ts";
import { setDlms } from "./set_dlms.ts";
import { openMeter, parseMeter, PROGRAMMING_HELP, PROGRAMMING_OPTIONS } from "./programming.ts";

/** The commands that write. */
export const WRITE_COMMANDS: readonly string[] = ["W1", "W2", "W3", "W4", "W5"];

/** Writes one register. */
export const set: Command = {
  summary: "write a register of a meter",
  help: `obisd set ENDPOINT|METER REGISTER VALUE --write [OPTIONS]

Writes VALUE into one register in programming mode (mode C). Shows what the register holds, asks, writes, reads it back.
Most meters want a password, and some lock themselves after three wrong ones: it is never tried twice. Each write, also
one in vain, leaves a line that begins with AUDIT in the log: who, when, the old value and the new one.

${WRITE_HELP}
  --command W1…W5      how it is written (default: W5 where the identification says VDEW (\\@), else W1)
${PROGRAMMING_HELP}

  obisd set /tmp/meter 0.1.0 25 --write        # of obisd simulate demo/household.txt --pty /tmp/meter &
  obisd set flat-1 0.0.1 1001 --write --password ask

In mode E REGISTER is an OBIS code, or class, code and attribute: 8/0-0:1.0.0/2. VALUE is written in the type that the
attribute has: a number in its unit, true or false, 2026-06-01T12:00:00+02:00, characters, or 0x and hex digits.
A breaker (0-0:96.3.10) is switched: false disconnects, true reconnects, where it does not wait for its button.

${DLMS_HELP}`,
  options: { ...PROGRAMMING_OPTIONS, ...DLMS_OPTIONS, ...WRITE_OPTIONS, command: { type: "string" } },

  async run(args, context) {
    const { print, log } = context;
    const [what, register, value, ...more] = args.positionals;
    if (register === undefined || value === undefined || more.length > 0) {
      throw new UsageError("set takes an ENDPOINT or METER, one REGISTER and its VALUE");
    }
    requireConsent(args, "set");
    const target = await parseMeter(what, args);
    if (target.mode === "E") return await setDlms(target, { what: what!, register, value }, args, context);
    if (!REGISTER.test(register) || register.includes("(")) {
      throw new UsageError(`Cannot write ${JSON.stringify(register)}: a register is like 0.0.1`);
    }
    if (!/^[^()/!]{0,128}$/.test(value) || !/^[\x20-\x7e]*$/.test(value)) {
      throw new UsageError(`Cannot write ${JSON.stringify(value)}: 128 printable characters at most, no ( ) / !`);
    }
    const command = parseWriteCommand(args.values.command);
    const { session } = await openMeter(target, args, context);
    if (args.values.yes !== true) {
      const { meter, held } = await session(function* (meter) {
        return { meter: meter.identification.line, held: yield* heldIn(meter, register) };
      }, 2);
      const holds = held === undefined ? "cannot be read" : `holds ${held}`;
      await consent(args, `${register} of ${meter} ${holds}. Write ${register}(${value})?`, context);
    }
    const deed = { meter: what!, command: `${command ?? "W"} ${register}`, wanted: value };
    let [old, now]: (string | undefined)[] = [];
    try {
      await session(function* (meter) {
        deed.meter = meter.identification.line;
        old = yield* heldIn(meter, register);
        const name = command ?? (meter.identification.escapes.includes("@") ? "W5" : "W1");
        deed.command = `${name} ${register}`;
        yield* write(meter, { name, data: `${register}(${value})` });
        now = yield* heldIn(meter, register);
      });
    } catch (error) {
      const result = error instanceof SilenceError ? "not known" : (error as Error).message;
      audit(log, { ...deed, old, now }, result);
      throw error;
    }
    const differs = now !== undefined && !isSame(now, value);
    audit(log, { ...deed, old, now }, differs ? "it holds something else" : "written");
    print(`before  ${old ?? "(cannot be read)"}\nnow     ${now ?? "(cannot be read)"}`);
    if (!differs) return EXIT.ok;
    throw new RefusalError(`${deed.meter} acknowledged ${register}(${value}), but it holds ${now}`);
  },
};

/** What a register holds, as the meter writes it; `undefined`: it can't be read. */
export function* heldIn(meter: Programming, register: string): Dialogue<string | undefined> {
  try {
    const [answer] = (yield* readRegisters(meter, [register])).answers;
    return answer!.sets.map(formatDataSet).join("");
  } catch (error) {
    if (error instanceof RefusalError && !meter.over) return undefined;
    throw error;
  }
}

/** Whether a register holds what was written: the same text, or the same number with other zeros; its unit may differ. */
function isSame(held: string, written: string): boolean {
  const text = /\(([^)*]*)/.exec(held)?.[1]?.trim() ?? "";
  const wanted = written.split("*")[0]!.trim();
  return text === wanted || text !== "" && wanted !== "" && Number(text) === Number(wanted);
}

/** The value of `--command` where something is written; absent: as the meter wants it. @throws {UsageError} */
export function parseWriteCommand(text: unknown): string | undefined {
  if (text === undefined || WRITE_COMMANDS.includes(text as string)) return text as string | undefined;
  throw new UsageError(`--command ${text}: allowed are ${WRITE_COMMANDS.join(", ")}`);
}
