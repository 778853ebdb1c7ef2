/** The files of `config/meters/` and of an administrator's folder: what may stand in them, and how they are read. @module */
import { join } from "node:path";
import * as z from "zod";
import { ConfigError, type ConfigFault } from "../errors.ts";
import { ACCESSES } from "../iec62056/access.ts";
import {
  fileOf,
  findType,
  type LineHabits,
  type Manners,
  METER_TYPES,
  type MeterType,
  patternsOf,
  withOwn,
} from "../meters/mod.ts";
import { parsed } from "../parsed.ts";
import { parseDuration } from "../units.ts";
import { readDocument } from "./document.ts";
import { type Readable, readFields } from "./fields.ts";
import { createReport, type Report } from "./report.ts";
import { withoutAbsent } from "../without_absent.ts";

const duration = parsed(parseDuration).meta({ means: "duration" });

const pattern = z.string().regex(
  /^\/[A-Za-z]{3}/,
  "a pattern begins as an identification does, with / and three letters; ? stands for one character, * for any",
);

const registers = z.strictObject({
  command: z.enum(["R1", "R5"]).optional().describe("The command that is tried first. Absent: R5 where \\@ says VDEW."),
  packet: z.boolean().default(false).describe(
    "Request and command are sent in one packet, without a sign-on; used where a configuration names this type, for registers: and obisd get.",
  ),
  bare_errors: z.boolean().default(false).describe("An answer without an address is an error message: (01)."),
});

const profile = z.strictObject({
  address: z.string().optional().meta({ examples: ["P.01"] }).describe("Where the load profile stands."),
  interval: duration.optional().meta({ examples: ["15m"] }).describe("From one row to the next."),
  stamp: z.union([10, 11, 12, 13].map((length) => z.literal(length as 10 | 11 | 12 | 13))).optional().describe(
    "Characters of the times in a range: 13 is 1240601143000, 11 is 12406011430; 12 and 10 lack the season's digit.",
  ),
  command: z.enum(["R5", "R6"]).optional().describe("R5, all at once, or R6, in partial blocks."),
  standard_time: z.boolean().optional().describe(
    "The times of its rows, and of a range, are standard time in summer too, whatever its clock shows.",
  ),
});

const nuls = z.int().min(1).max(500);

const wakeUp = z.strictObject({
  nuls: nuls.describe("How many NULs are sent without a gap: 66 at 300 Bd take 2.2 s."),
  pause: duration.default(1500).describe("Silence behind them. Absent: 1.5 s."),
});

const format = z.strictObject({
  baud: z.int().min(50).optional().describe("Speed in Bd."),
  data_bits: z.literal([7, 8]).optional().describe("Data bits."),
  parity: z.enum(["none", "even", "odd"]).optional().describe("Parity."),
  stop_bits: z.literal([1, 2]).optional().describe("Stop bits."),
});

/** One file: a type of meter. What is absent is as the standard has it. */
export const meterTypeSchema = z.strictObject({
  name: z.string().min(1).describe("Maker and model."),
  identifications: z.array(pattern).describe(
    "What its identification looks like: /EMH?\\@*LZQJ*. ? stands for one character (Z differs), * for any. Of several patterns that fit, the one that says more wins. Empty: nobody knows; then type: in a configuration names it.",
  ),
  seen: z.array(pattern).default([]).describe("Identifications that real meters have sent: each must fit."),
  mode: z.enum(["A", "B", "C"]).optional().describe("The mode that it speaks, whatever it announces."),
  bcc: z.enum(["xor", "sum7", "none"]).optional().describe(
    "How its check characters are made: xor by the standard, sum7 the sum modulo 128; none: it sends none, and its readouts are flagged bcc-unchecked. Absent: xor, and the sum once two messages fit it.",
  ),
  access: z.enum(ACCESSES as [string, ...string[]]).optional().describe("How it wants a password."),
  codes: z.literal("heat").optional().describe("heat: codes of two groups mean heat, so that 6.8 is energy."),
  wake_up: wakeUp.optional().describe("What wakes it before each request; used where a configuration names this type."),
  fast_wake_up: wakeUp.optional().describe(
    "What wakes it before the first request if its last session was ended by B1, as it then is.",
  ),
  request: z.string().regex(/^[?#0-9]$/, "one of ? # 0 to 9").optional().describe(
    "What stands behind the / of the request: ? by the standard, a digit for one of its lists.",
  ),
  line: format.optional().describe("Speed and format of the sign-on. Absent: 300 Bd 7E1."),
  push: format.optional().describe("Speed and format in which it pushes (mode D). Absent: 2400 Bd 7E1."),
  baud_policy: z.union([
    z.enum(["negotiate", "fixed", "none"]),
    z.strictObject({ max: z.int().min(300).describe("In Bd.") }),
  ]).optional().describe(
    "negotiate: the speed that it announces; { max: N }: the same up to N Bd; fixed: its port has one speed, whatever it announces; none: it is told to stay.",
  ),
  data_baud: z.int().min(300).optional().describe("Speed of its data in Bd, where it announces another."),
  option: z.string().regex(/^[0-9A-Z]$/, "one character, 0 to 9 or A to Z").optional().describe(
    "Y of the acknowledgement that has it send its readout. Absent: 0.",
  ),
  ack_delay: duration.optional().describe("From the end of the acknowledgement to our change of speed. Absent: none."),
  prolonged_break: duration.refine((ms) => ms <= 5000, "more than 5s is no break").optional().describe(
    "So long its line is held at space before each session, which brings its port back to its start; used where a configuration names this type, on serial ports and rfc2217. Absent: none.",
  ),
  reaction: duration.optional().describe(
    "From its last character to our next message. Absent: 200 ms, or 20 ms where the third letter is in lower case.",
  ),
  readout: z.strictObject({
    bytes: z.int().min(1).describe("Its characters."),
    baud: z.int().min(300).optional().describe("The speed that it announces, in Bd. Absent: 9600."),
  }).optional().describe("A whole readout, about: obisd check reckons with it whether a line has time for its meters."),
  registers: registers.optional().describe("How its registers are read in programming mode."),
  profile: profile.optional().describe("Its load profile."),
});

/** Reads the program's own, by name. @throws {ConfigError} with every fault in them */
export async function readMeterTypes(folder: string): Promise<MeterType[]> {
  const files = await readFolder(folder);
  return parseMeterTypes(files.map(([name, text]) => [`config/meters/${name}`, text]));
}

/**
 * Reads an administrator's, each with its file; those that are the program's to the letter are left out. Without
 * `isWanted`, a folder that is not there has none. @throws {ConfigError} with every fault in them
 */
export async function readOwnMeterTypes(
  folder: string,
  { isWanted = false }: { readonly isWanted?: boolean } = {},
): Promise<MeterType[]> {
  const files = await readFolder(folder).catch((error) => {
    if (error instanceof ConfigError) throw error;
    if (error instanceof Deno.errors.NotFound && !isWanted) return [];
    throw new ConfigError([{ path: folder, message: explainFolder(error) }], { cause: error });
  });
  const types = parseMeterTypes(files.map(([name, text]) => [join(folder, name), text]), withOwn);
  return types.filter((type) => !METER_TYPES.some((other) => JSON.stringify(other) === JSON.stringify(type)))
    .map((type) => ({ ...type, file: join(folder, `${type.id}.yaml`) }));
}

/** Names and texts of all `.yaml` files. */
async function readFolder(folder: string): Promise<[name: string, text: string][]> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  return await Promise.all(
    names.filter((name) => /^[^.].*\.yaml$/.test(name)).sort().map(async (
      name,
    ): Promise<[string, string]> => [name, await readFile(join(folder, name))]),
  );
}

async function readFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new ConfigError([{ path, message: `cannot be read: ${(error as Error).message.split(":")[0]}` }], {
      cause: error,
    });
  }
}

function explainFolder(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) {
    return "there is no such folder: it should have a file for each type of meter";
  }
  if (error instanceof Deno.errors.NotADirectory) return "is no folder: name the one in which the files lie";
  if (error instanceof Deno.errors.PermissionDenied) return "may not be read by this user";
  if (error instanceof Deno.errors.NotCapable) {
    return "this process may not read it: obisd check --write-permissions, then restart the service";
  }
  return `cannot be read: ${(error as Error).message}`;
}

/** The same from paths and texts; `among` says which other types there are. @throws {ConfigError} */
export function parseMeterTypes(
  files: readonly (readonly [path: string, text: string])[],
  among: (types: readonly MeterType[]) => readonly MeterType[] = (types) => types,
): MeterType[] {
  const faults: ConfigFault[] = [];
  const drafts = files.map(([path, text]) => readType(path, text, faults)).filter((draft) => draft !== undefined);
  const types = drafts.map(({ type }) => type);
  for (const draft of drafts) checkSeen(draft, among(types));
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
  const { seen = [], identifications = [], name = "", mode, bcc, access, codes, line, push, ...rest } = read;
  const { registers, profile, readout } = rest;
  const manners = mannersOf(rest);
  const id = path.replace(/^.*\/|\.yaml$/g, "");
  const type: MeterType = {
    id,
    name,
    identifications,
    ...withoutAbsent({ mode, bcc, access, codes }),
    ...Object.keys(manners).length > 0 && { manners },
    ...readout && { readout: withoutAbsent(readout) },
    ...line && { line: formatOf(line) },
    ...push && { push: formatOf(push) },
    ...registers && { registers: registersOf(registers) },
    ...profile && { profile: profileOf(profile) },
  };
  return { type, seen, report };
}

function mannersOf(
  { wake_up, fast_wake_up, request, baud_policy, data_baud, option, ack_delay, prolonged_break, reaction }: Readable<
    typeof meterTypeSchema.shape
  >,
): Manners {
  return withoutAbsent({
    wakeUp: wake_up && { nuls: wake_up.nuls, pauseMs: wake_up.pause },
    fastWakeUp: fast_wake_up && { nuls: fast_wake_up.nuls, pauseMs: fast_wake_up.pause },
    request,
    baudPolicy: typeof baud_policy === "object" ? baud_policy.max : baud_policy,
    dataBaud: data_baud,
    option,
    ackDelayMs: ack_delay,
    prolongedBreakMs: prolonged_break,
    reactionMs: reaction,
  });
}

function formatOf({ baud, data_bits, parity, stop_bits }: z.output<typeof format>): LineHabits {
  return withoutAbsent({ baud, dataBits: data_bits, parity, stopBits: stop_bits });
}

function registersOf(
  { command, packet, bare_errors }: z.output<typeof registers>,
): NonNullable<MeterType["registers"]> {
  return { ...command && { command }, ...packet && { packet: true }, ...bare_errors && { bareErrors: true } };
}

function profileOf({ interval, standard_time, ...its }: z.output<typeof profile>): NonNullable<MeterType["profile"]> {
  return {
    ...withoutAbsent(its),
    ...interval !== undefined && { intervalMs: interval },
    ...standard_time && { standardTime: true },
  };
}

/** What a meter has said must lead to its file and to no other. */
function checkSeen({ type, seen, report }: Draft, types: readonly MeterType[]): void {
  const patterns = patternsOf(types);
  for (const [at, line] of seen.entries()) {
    const found = findType(line, patterns);
    if (found === type) continue;
    const where = found ? `${fileOf(found)} claims it` : "no pattern of identifications fits it";
    report.fault(["seen", at], `${JSON.stringify(line)} must lead to this file, but ${where}`);
  }
}
