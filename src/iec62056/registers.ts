/** Registers in programming mode: which command this meter takes to read them, and what it answers. @module */
import type { Dialogue } from "../dialogue.ts";
import { RefusalError } from "../errors.ts";
import { meterTypeOf } from "../meters/mod.ts";
import type { Check, DamagedText, DataSet, Telegram } from "../telegram.ts";
import { join } from "../bytes.ts";
import { visible } from "./characters.ts";
import { parseDataBlock } from "./data_block.ts";
import type { Command } from "./messages.ts";
import { type Answer, read } from "./commands.ts";
import type { Programming } from "./programming.ts";

/** The commands that read. */
export const READ_COMMANDS = ["R1", "R2", "R3", "R4", "R5", "R6"] as const;
/** One of {@link READ_COMMANDS}. */
export type ReadCommand = typeof READ_COMMANDS[number];

/** What can be asked for: an address, and an operand of its own or none: `1.8.0`, `ENMPE(04.22)`. */
export const REGISTER = /^["-'*-.0-~]{1,32}(\([ "-'*-~]{0,128}\))?$/;

/** How registers are asked for. */
export interface RegisterOptions {
  /** `auto`, the default: R5 first where its type or its identification (`\@`, VDEW) says so, else R1; then the other; then R1 with `(1)`. */
  readonly command?: ReadCommand | "auto";
}

/** What a meter said to a register that was asked for. */
export interface RegisterAnswer extends Answer {
  /** As it was asked for. */
  readonly asked: string;
  /** A set for which the meter wrote no address has the one that was asked for. */
  readonly sets: readonly DataSet[];
  /** What of the answer is no data set. */
  readonly damaged: readonly DamagedText[];
}

/** All that was asked for: what was answered, and why the rest was not. */
export interface Registers {
  readonly answers: readonly RegisterAnswer[];
  readonly refused: readonly { readonly asked: string; readonly reason: string }[];
}

/** A form of command: `1.8.0` becomes `R1 1.8.0()`. */
interface Form {
  readonly name: ReadCommand;
  readonly operand: string;
}

const R1: Form = { name: "R1", operand: "()" };
const R5: Form = { name: "R5", operand: "()" };
/** Some meters answer only when the number of locations stands there. */
const COUNTED: Form = { name: "R1", operand: "(1)" };

/**
 * Reads registers one after the other: `1.8.0`, or with an operand of its own, `ENMPE(04.22)`. The first form of command
 * that the meter answers is kept for the rest.
 * @throws {RefusalError} when none was answered
 */
export function* readRegisters(
  meter: Programming,
  addresses: readonly string[],
  options: RegisterOptions = {},
): Dialogue<Registers> {
  let forms = formsOf(meter, options);
  const answers: RegisterAnswer[] = [];
  const refused: { asked: string; reason: string }[] = [];
  let first: RefusalError | undefined;
  for (const asked of addresses) {
    try {
      const [answer, form] = yield* readByForms(meter, asked, forms);
      forms = [form];
      answers.push(answer);
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error;
      first ??= error;
      refused.push({ asked, reason: error.message });
      if (meter.over) break;
    }
  }
  for (const asked of addresses.slice(answers.length + refused.length)) {
    refused.push({ asked, reason: `The meter has ended the session before ${asked} could be asked for` });
  }
  if (answers.length === 0 && first) throw first;
  return { answers, refused };
}

/** One register, by one form of command. @throws {RefusalError} */
export function* readRegister(meter: Programming, asked: string, command: ReadCommand): Dialogue<RegisterAnswer> {
  return yield* readAs(meter, asked, { name: command, operand: "()" });
}

function formsOf({ identification }: Programming, { command = "auto" }: RegisterOptions): Form[] {
  if (command !== "auto") return [{ name: command, operand: "()" }];
  const first = meterTypeOf(identification)?.registers?.command ?? (identification.escapes.includes("@") ? "R5" : "R1");
  return first === "R5" ? [R5, R1, COUNTED] : [R1, R5, COUNTED];
}

/** The answer to the first form that is answered, else the refusal of the first. */
function* readByForms(
  meter: Programming,
  asked: string,
  forms: readonly Form[],
): Dialogue<readonly [RegisterAnswer, Form]> {
  let first: RefusalError | undefined;
  for (const form of forms) {
    try {
      return [yield* readAs(meter, asked, form), form];
    } catch (error) {
      if (!(error instanceof RefusalError) || meter.over) throw first ?? error;
      first ??= error;
    }
    if (asked.includes("(") && form === R5) break; // its own operand leaves nothing to try
  }
  throw first!;
}

function* readAs(meter: Programming, asked: string, { name, operand }: Form): Dialogue<RegisterAnswer> {
  const command: Command = { name, data: asked.includes("(") ? asked : asked + operand };
  const answer = yield* read(meter, command);
  const address = asked.replace(/\(.*$/, "");
  const { sets, damaged } = parseDataBlock(answer.text);
  if (sets.length === 0) {
    const what = `${name} ${command.data} by ${JSON.stringify(visible(answer.text))}`;
    throw new RefusalError(`The meter ${meter.identification.line} answers ${what}: there is no value in it`);
  }
  // Only the first set lacks what was asked for; further ones without an address continue it.
  const named = sets.map((set, at) => at === 0 && set.address === "" ? { ...set, address } : set);
  return { ...answer, asked, sets: named, damaged };
}

/** The answers as the telegram that they would have been in a readout. */
export function telegramOf({ identification, packet }: Programming, answers: readonly RegisterAnswer[]): Telegram {
  const check: Check = answers.some(({ check }) => check === "absent") ? "absent" : "good";
  return {
    mode: "C",
    ...!packet && { identification }, // nobody has said it
    block: {
      sets: answers.flatMap(({ sets }) => sets),
      damaged: answers.flatMap(({ damaged }) => damaged),
      complete: true,
    },
    check: { kind: "bcc", result: check },
    atMs: answers[0]?.atMs ?? 0,
    bytes: join(...answers.map(({ bytes }) => bytes)),
  };
}
