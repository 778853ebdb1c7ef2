/** The files of `config/meters/`: what may stand in them, and how they become the program's table of types. @module */
import * as z from "zod";
import { ConfigError, type ConfigFault } from "../errors.ts";
import { ACCESSES } from "../iec62056/access.ts";
import { findType, type MeterType, patternsOf } from "../meters/mod.ts";
import { parsed } from "../parsed.ts";
import { parseDuration } from "../units.ts";
import { readDocument } from "./document.ts";
import { readFields } from "./fields.ts";
import { createReport, type Report } from "./report.ts";

const duration = parsed(parseDuration).meta({ means: "duration" });

const pattern = z.string().regex(
  /^\/[A-Za-z]{3}/,
  "a pattern begins as an identification does, with / and three letters; ? stands for one character, * for any",
);

const registers = z.strictObject({
  command: z.enum(["R1", "R5"]).optional().describe("The command that is tried first. Absent: R5 where \\@ says VDEW."),
  bare_errors: z.boolean().default(false).describe("An answer without an address is an error message: (01)."),
});

const profile = z.strictObject({
  address: z.string().optional().meta({ examples: ["P.01"] }).describe("Where the load profile stands."),
  interval: duration.optional().meta({ examples: ["15m"] }).describe("From one row to the next."),
  stamp: z.union([10, 11, 12, 13].map((length) => z.literal(length as 10 | 11 | 12 | 13))).optional().describe(
    "Characters of the times in a range: 13 is 1240601143000, 11 is 12406011430; 12 and 10 lack the season's digit.",
  ),
  command: z.enum(["R5", "R6"]).optional().describe("R5, all at once, or R6, in partial blocks."),
});

/** One file: a type of meter. What is absent is as the standard has it. */
export const meterTypeSchema = z.strictObject({
  name: z.string().min(1).describe("Maker and model."),
  identifications: z.array(pattern).describe(
    "What its identification looks like: /EMH?\\@*LZQJ*. ? stands for one character (Z differs), * for any. Of several patterns that fit, the one that says more wins. Empty: nobody knows; then type: in a configuration names it.",
  ),
  seen: z.array(pattern).default([]).describe("Identifications that real meters have sent: each must fit."),
  mode: z.enum(["A", "B", "C"]).optional().describe("The mode that it speaks, whatever it announces."),
  bcc: z.enum(["xor", "sum7"]).optional().describe(
    "How its check characters are made: xor by the standard, sum7 the sum modulo 128. Absent: xor, and the sum once two messages fit it.",
  ),
  access: z.enum(ACCESSES as [string, ...string[]]).optional().describe("How it wants a password."),
  codes: z.literal("heat").optional().describe("heat: codes of two groups mean heat, so that 6.8 is energy."),
  registers: registers.optional().describe("How its registers are read in programming mode."),
  profile: profile.optional().describe("Its load profile."),
});

/** Reads all files of a folder, by name. @throws {ConfigError} with every fault in them */
export async function readMeterTypes(folder: URL): Promise<MeterType[]> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  const files = await Promise.all(
    names.filter((name) => name.endsWith(".yaml")).sort().map(async (name) =>
      [`config/meters/${name}`, await Deno.readTextFile(new URL(name, folder))] as const
    ),
  );
  return parseMeterTypes(files);
}

/** The same from paths and texts. @throws {ConfigError} */
export function parseMeterTypes(files: readonly (readonly [path: string, text: string])[]): MeterType[] {
  const faults: ConfigFault[] = [];
  const drafts = files.map(([path, text]) => readType(path, text, faults)).filter((draft) => draft !== undefined);
  const types = drafts.map(({ type }) => type);
  for (const draft of drafts) checkSeen(draft, types);
  if (faults.length > 0) throw new ConfigError(faults);
  return types;
}

interface Draft {
  readonly type: MeterType;
  readonly seen: readonly string[];
  readonly report: Report;
}

function readType(path: string, text: string, faults: ConfigFault[]): Draft | undefined {
  const document = readDocument(text, (fault) => faults.push({ path, ...fault }));
  if (!document) return undefined;
  const report = createReport(path, document, { faults, warnings: [] });
  const read = readFields(meterTypeSchema, document.value ?? {}, { path: [], report });
  const { seen = [], identifications = [], name = "", registers, profile, ...plain } = read;
  const id = path.replace(/^.*\/|\.yaml$/g, "");
  const type: MeterType = {
    id,
    name,
    identifications,
    ...withoutAbsent(plain),
    ...registers && { registers: registersOf(registers) },
    ...profile && { profile: profileOf(profile) },
  };
  return { type, seen, report };
}

function withoutAbsent<T extends object>(read: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined)) as never;
}

function registersOf({ command, bare_errors }: z.output<typeof registers>): NonNullable<MeterType["registers"]> {
  return { ...command && { command }, ...bare_errors && { bareErrors: true } };
}

function profileOf({ interval, ...its }: z.output<typeof profile>): NonNullable<MeterType["profile"]> {
  return { ...withoutAbsent(its), ...interval !== undefined && { intervalMs: interval } };
}

/** What a meter has said must lead to its file and to no other. */
function checkSeen({ type, seen, report }: Draft, types: readonly MeterType[]): void {
  const patterns = patternsOf(types);
  for (const [at, line] of seen.entries()) {
    const found = findType(line, patterns);
    if (found === type) continue;
    const where = found ? `config/meters/${found.id}.yaml claims it` : "no pattern of identifications fits it";
    report.fault(["seen", at], `${JSON.stringify(line)} must lead to this file, but ${where}`);
  }
}
