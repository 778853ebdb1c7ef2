/**
 * Makers' meters and their habits, from `config/meters/*.yaml` and the administrator's folder: a new meter is
 * a new file.
 *
 * | file | what |
 * |---|---|
 * | `meter_type.ts` | what can be said of a type |
 * | `table.json` | all types, generated |
 * @module
 */
import { nearest } from "../nearest.ts";
import type { Identification } from "../telegram.ts";
import type { MeterType } from "./meter_type.ts";
import table from "./table.json" with { type: "json" };

export type {
  BaudPolicy,
  LineHabits,
  Manners,
  MeterType,
  ProfileHabits,
  RegisterHabits,
  WakeUp,
} from "./meter_type.ts";

/** The program's own types, by file. */
export const METER_TYPES = table as unknown as readonly MeterType[];

/** Meters say the same each time they are asked. */
const KNOWN_LIMIT = 4096;
const known = new Map<string, MeterType | undefined>();

/** In force in this process: habits are asked for from everywhere, and a process has one configuration. */
let inForce = METER_TYPES;
let patterns: readonly Pattern[] | undefined;

/** From now on an administrator's types are known as well as the program's, and win over them. */
export function useMeterTypes(own: readonly MeterType[]): void {
  inForce = withOwn(own);
  patterns = undefined;
  known.clear();
}

/** The program's types and an administrator's in front of them, in place of those of the same name. */
export function withOwn(own: readonly MeterType[]): readonly MeterType[] {
  return [...own, ...METER_TYPES.filter(({ id }) => !own.some((type) => type.id === id))];
}

/** Where a type stands, for a person. */
export function fileOf({ file, id }: MeterType): string {
  return file ?? `config/meters/${id}.yaml`;
}

/** A pattern and the type that it stands for. */
export interface Pattern {
  readonly text: string;
  readonly expression: RegExp;
  readonly type: MeterType;
}

/** The type that was named, else that of a meter that says so of itself; `undefined`: nobody has written a file about it. */
export function meterTypeOf({ line, type: named }: Pick<Identification, "line" | "type">): MeterType | undefined {
  if (named !== undefined) return meterTypeNamed(named);
  if (known.has(line)) return known.get(line);
  if (known.size >= KNOWN_LIMIT) known.clear();
  const type = findType(line, patterns ??= patternsOf(inForce));
  known.set(line, type);
  return type;
}

/** The type of this name; `undefined`: there is none. */
export function meterTypeNamed(id: string | undefined): MeterType | undefined {
  return inForce.find((type) => type.id === id);
}

/** Why a name means no type. */
export function explainType(id: string, types = inForce): string {
  const ids = types.map((type) => type.id);
  const meant = nearest(id, ids);
  return `there is no such type of meter, ${meant ? `did you mean ${meant}?` : `known are ${ids.join(", ")}`}`;
}

/** Patterns in the order in which they are tried: the one that says more wins. */
export function patternsOf(types: readonly MeterType[]): Pattern[] {
  const weight = ({ text }: Pattern) => text.replace(/[?*]/g, "").length;
  return types.flatMap((type) => type.identifications.map((text) => ({ text, expression: expressionOf(text), type })))
    .sort((one, other) => weight(other) - weight(one));
}

/** The type whose pattern fits an identification line best. */
export function findType(line: string, patterns: readonly Pattern[]): MeterType | undefined {
  const text = withCapitals(line.trimEnd()).replaceAll("\x02", "\\2"); // 02 is what some recorders make of "\2"
  return patterns.find(({ expression }) => expression.test(text))?.type;
}

function expressionOf(pattern: string): RegExp {
  const text = withCapitals(pattern).replace(/[^?*]+/g, (plain) => RegExp.escape(plain));
  return new RegExp(`^${text.replaceAll("?", ".").replaceAll("*", ".*")}$`, "s");
}

/** The third letter of a maker may be in lower case, which means its reaction time and not another maker. */
function withCapitals(line: string): string {
  return line.slice(0, 4).toUpperCase() + line.slice(4);
}
