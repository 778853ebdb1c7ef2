/** `obisd get`: single registers of a meter, now, in programming mode. @module */
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { READ_COMMANDS, type ReadCommand, readRegisters, REGISTER, telegramOf } from "../iec62056/mod.ts";
import { normalise } from "../normalise.ts";
import type { Command } from "./command.ts";
import { DLMS_HELP, DLMS_OPTIONS } from "./dlms.ts";
import { getDlms } from "./get_dlms.ts";
import { parseFormat, present } from "./present.ts";
import { openMeter, parseMeter, PROGRAMMING_HELP, PROGRAMMING_OPTIONS } from "./programming.ts";

/** Reads registers and prints them. */
export const get: Command = {
  summary: "read single registers of a meter, in programming mode",
  help: `obisd get ENDPOINT|METER REGISTER… [OPTIONS]

Reads single registers in programming mode (mode C), which at 300 Bd takes seconds where a readout takes a minute.
REGISTER is written as the meter knows it, with an operand in brackets if need be: 1.8.0, 'ENMPE(04.22)'. Of a METER
of the configuration with registers: of its own, those are read where none is named. What the meter refuses is told,
the rest is printed, and the exit code is 77. In mode E REGISTER is an OBIS code, 1.8.0, or class, code and attribute:
8/0-0:1.0.0/3.

  --command R1…R6      how they are asked for (default: R1, R5 or R1 with (1), whichever the meter takes)
  --format FORMAT      table (default), json (one reading a line) or csv
  --name NAME          the meter's name in the readings (default: its identification)
${PROGRAMMING_HELP}

  obisd get /tmp/meter 1.8.0 2.8.0             # of obisd simulate demo/household.txt --pty /tmp/meter &
  obisd get flat-1 0.9.1 --password ask
  obisd get tcp://192.168.1.20:4059 --mode E --opening wrapper 1.8.0 8/0-0:1.0.0/3

${DLMS_HELP}`,
  options: { ...PROGRAMMING_OPTIONS, ...DLMS_OPTIONS, command: { type: "string" }, format: { type: "string" } },

  async run(args, context) {
    const format = parseFormat(args.values.format);
    const command = parseReadCommand(args.values.command);
    const [what, ...asked] = args.positionals;
    const target = await parseMeter(what, args);
    const addresses = asked.length > 0 ? asked : target.registers;
    if (!addresses) throw new UsageError("Which registers? obisd get ENDPOINT 1.8.0 2.8.0");
    if (target.mode === "E") return await getDlms(target, addresses, { args, format }, context);
    const { session } = await openMeter(target, args, context);
    const wrong = addresses.find((address) => !REGISTER.test(address));
    if (wrong !== undefined) throw new UsageError(`Cannot ask for ${JSON.stringify(wrong)}: a register is like 1.8.0`);
    const { telegram, refused } = await session(function* (meter) {
      const { answers, refused } = yield* readRegisters(meter, addresses, { command });
      return { telegram: telegramOf(meter, answers), refused };
    }, 2);
    const { name, labels } = target;
    const readings = normalise(telegram, { ...name !== undefined && { meter: name }, ...labels && { labels } });
    context.print(present(readings, format));
    for (const { text, reason } of telegram.block.damaged) {
      context.log.warning(`Cannot read ${JSON.stringify(text)} of the answer: ${reason}`);
    }
    for (const { reason } of refused) context.log.warning(reason);
    return refused.length > 0 ? EXIT.refused : EXIT.ok;
  },
};

function parseReadCommand(text: unknown): ReadCommand | "auto" {
  if (text === undefined || text === "auto") return "auto";
  const command = READ_COMMANDS.find((command) => command === text);
  if (command === undefined) throw new UsageError(`--command ${text}: allowed are ${READ_COMMANDS.join(", ")}`);
  return command;
}
