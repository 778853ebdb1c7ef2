/** The table from which a simulated meter answers, and the list of it that the meter gives. @module */
import type { ActionResult } from "./action.ts";
import { array, type Data, integer, NULL, octetString, structure } from "./data.ts";
import { encodeLogicalName, type LogicalName } from "./logical_name.ts";

/** One object. What a client writes stays in `attributes`. */
export interface MeterObject {
  readonly classId: number;
  readonly version?: number;
  readonly name: LogicalName;
  /** With short names: the number of its first attribute. */
  readonly baseName?: number;
  readonly attributes: Record<number, Data>;
  readonly writable?: readonly number[];
  /** Attributes that no client may read. */
  readonly hidden?: readonly number[];
  /** What its methods do. */
  readonly act?: (method: number, data: Data | undefined) => ActionResult;
}

/** Attribute object_list. */
export function objectListData(objects: readonly MeterObject[], names: "logical" | "short" = "logical"): Data {
  return array(objects.map(names === "short" ? shortElement : element));
}

function element({ classId, version = 0, name, attributes, writable = [], hidden = [], act }: MeterObject): Data {
  const rights = Object.keys(attributes).map(Number).map((id) => {
    const mode = (hidden.includes(id) ? 0 : 1) | (writable.includes(id) ? 2 : 0);
    return structure(integer("integer", id), integer("enum", mode), NULL);
  });
  const methods = act ? [structure(integer("integer", 1), { type: "boolean", value: true })] : [];
  const [object, logicalName] = [integer("long-unsigned", classId), octetString(encodeLogicalName(name))];
  return structure(object, integer("unsigned", version), logicalName, structure(array(rights), array(methods)));
}

function shortElement({ classId, version = 0, name, baseName = 0 }: MeterObject): Data {
  const base = integer("long", baseName << 16 >> 16);
  const object = integer("long-unsigned", classId);
  return structure(base, object, integer("unsigned", version), octetString(encodeLogicalName(name)));
}
