/** `obisd get` in mode E: single objects and attributes of a DLMS meter. @module */
import type { Dialogue } from "../dialogue.ts";
import {
  type AttributeReading,
  type Client,
  dlmsReadout,
  parseAttribute,
  ValueReader,
  type WrittenAttribute,
} from "../dlms/mod.ts";
import { RefusalError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { normalise } from "../normalise.ts";
import { parseObis } from "../obis/code.ts";
import type { DamagedText, DataSet, Telegram } from "../telegram.ts";
import type { Arguments, Context } from "./command.ts";
import { openDlms } from "./dlms_session.ts";
import { type Format, present } from "./present.ts";
import type { Target } from "./target.ts";

/** Reads what is asked for and prints it. Returns the exit code. */
export async function getDlms(
  target: Target,
  asked: readonly string[],
  { args, format }: { readonly args: Arguments; readonly format: Format },
  context: Context,
): Promise<number> {
  const attributes = asked.map(wantedAttribute);
  const meter = await openDlms(target, args, context);
  const telegram = await meter.session(({ client, identification }) => readAll(client, attributes, identification));
  const { name, labels } = target;
  const readings = normalise(telegram, { ...name !== undefined && { meter: name }, ...labels && { labels } });
  context.print(present(readings, format));
  for (const { text, reason } of telegram.block.damaged) {
    context.log.warning(`The meter does not say ${text}: ${reason}`);
  }
  return telegram.block.damaged.length > 0 ? EXIT.refused : EXIT.ok;
}

/** `1.8.0`, `8/0-0:1.0.0/3`, with its code as the meter knows it. @throws {UsageError} */
export function wantedAttribute(text: string): WrittenAttribute {
  const attribute = parseAttribute(text);
  const code = parseObis(attribute?.code ?? "");
  if (attribute && code !== "") return { ...attribute, code };
  throw new UsageError(
    `Cannot ask a DLMS meter for ${
      JSON.stringify(text)
    }: it takes an OBIS code, 1.8.0, or class, code and attribute, 8/0-0:1.0.0/3`,
  );
}

/** Whether its class is said. */
function isExact(attribute: WrittenAttribute): attribute is WrittenAttribute & { readonly classId: number } {
  return attribute.classId !== undefined;
}

/** Those whose class is said with one question, where the meter takes that. */
function* readAll(
  client: Client,
  attributes: readonly WrittenAttribute[],
  identification: Telegram["identification"],
): Dialogue<Telegram> {
  const exact = attributes.filter(isExact);
  const read = yield* new ValueReader(client).readAll(
    exact.map(({ classId, code: name, id }) => ({ classId, name, id })),
  );
  const sets: DataSet[] = [];
  const damaged: DamagedText[] = [];
  let atMs: number | undefined;
  for (const attribute of attributes) {
    const { text, code, id } = attribute;
    if (!isExact(attribute)) {
      const its = yield* dlmsReadout(client, { names: [code] });
      sets.push(...its.block.sets);
      damaged.push(...its.block.damaged);
      if (its.block.sets.length > 0) atMs ??= its.atMs;
      continue;
    }
    const { refused, value, atMs: readMs } = read[exact.indexOf(attribute)]!;
    if (refused !== undefined) damaged.push({ text, offset: 0, reason: refused });
    else {
      atMs ??= readMs;
      sets.push({ address: id === 2 ? code : text, values: [{ text: value.text, unit: value.unit }] });
    }
  }
  return {
    ...{ mode: "E", block: { sets, damaged, complete: true }, check: { kind: "none", result: "good" } },
    ...{ atMs: atMs ?? 0, bytes: new Uint8Array() },
    ...identification && { identification },
  };
}

/** What an attribute holds, its class found out where nobody has said it. @throws {RefusalError} it cannot be read */
export function* attributeHeld(client: Client, { code, classId, id }: WrittenAttribute): Dialogue<AttributeReading> {
  const known = new Map<string, number>();
  if (classId === undefined) {
    const { block } = yield* dlmsReadout(client, { names: [code], known });
    const [refused] = block.damaged;
    if (refused) throw new RefusalError(`The meter does not say ${code}: ${refused.reason}`);
  }
  return yield* new ValueReader(client).read({ classId: classId ?? known.get(code)!, name: code, id });
}
