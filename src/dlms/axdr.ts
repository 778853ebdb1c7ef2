/**
 * Values to octets and back (A-XDR, Green Book 9.5): one octet says the type, what follows is as long as the type or a
 * length says. Nothing that a peer sends makes this go deep, grow without bound, or run long.
 * @module
 */
import type { Data, IntegerType, OctetsType, Scalar, TypeDescription } from "./data.ts";
import { Reader, Writer } from "./octets.ts";

/** Values within values; real ones have five levels or so. */
const MAX_DEPTH = 16;

const INTEGERS: Readonly<Record<number, readonly [IntegerType, 1 | 2 | 4, signed: boolean]>> = {
  5: ["double-long", 4, true],
  6: ["double-long-unsigned", 4, false],
  13: ["bcd", 1, false],
  15: ["integer", 1, true],
  16: ["long", 2, true],
  17: ["unsigned", 1, false],
  18: ["long-unsigned", 2, false],
  22: ["enum", 1, false],
  28: ["delta-integer", 1, true],
  29: ["delta-long", 2, true],
  30: ["delta-double-long", 4, true],
  31: ["delta-unsigned", 1, false],
  32: ["delta-long-unsigned", 2, false],
  33: ["delta-double-long-unsigned", 4, false],
};

/** Octets of each; 0: a length says it. */
const OCTETS: Readonly<Record<number, readonly [OctetsType, number]>> = {
  9: ["octet-string", 0],
  10: ["visible-string", 0],
  12: ["utf8-string", 0],
  25: ["date-time", 12],
  26: ["date", 5],
  27: ["time", 4],
};

const [ARRAY, STRUCTURE, COMPACT_ARRAY] = [1, 2, 19];

const TAGS: Readonly<Record<Data["type"], number>> = {
  "null-data": 0,
  array: ARRAY,
  structure: STRUCTURE,
  boolean: 3,
  "bit-string": 4,
  "compact-array": COMPACT_ARRAY,
  long64: 20,
  "long64-unsigned": 21,
  float32: 23,
  float64: 24,
  "dont-care": 255,
  ...Object.fromEntries([...Object.entries(INTEGERS), ...Object.entries(OCTETS)].map(([tag, [type]]) => [type, +tag])),
} as Record<Data["type"], number>;

const TYPES = new Map(Object.entries(TAGS).map(([type, tag]) => [tag, type as Data["type"]]));

const NULL_DATA: Scalar = Object.freeze({ type: "null-data" });
const DONT_CARE: Scalar = Object.freeze({ type: "dont-care" });

/** How to read. */
export interface ReadDataOptions {
  /**
   * Whether a message may end before the outermost array has as many elements as it says: some meters' object lists do.
   * The array then tells how many were `announced`.
   */
  readonly mayEndEarly?: boolean;
}

/** What is left to be had: elements of compact arrays may take no octets at all, so they are counted. */
interface Walk {
  readonly reader: Reader;
  readonly mayEndEarly: boolean;
  elements: number;
}

/** Reads one value. @throws {ProtocolError} `unreadable`: cut short, unknown type, too deep, lengths that lie */
export function readData(reader: Reader, { mayEndEarly = false }: ReadDataOptions = {}): Data {
  return readTagged({ reader, mayEndEarly, elements: 1024 + 8 * reader.left }, 0);
}

/** Reads a value that is all of `bytes`; octets behind it are ignored, as some meters fill up. @throws {ProtocolError} */
export function decodeData(bytes: Uint8Array, options: ReadDataOptions = {}): Data {
  return readData(new Reader(bytes, "the value"), options);
}

function readTagged(walk: Walk, depth: number): Data {
  const tag = walk.reader.unsigned(1);
  if (tag === ARRAY || tag === STRUCTURE) return readItems(walk, tag, depth);
  if (tag === COMPACT_ARRAY) return readCompactArray(walk, depth);
  return readScalar(walk.reader, tag);
}

function readItems(walk: Walk, tag: number, depth: number): Data {
  const { reader } = walk;
  const announced = reader.length();
  const early = walk.mayEndEarly && depth === 0 && tag === ARRAY;
  checkDepth(reader, depth);
  if (announced > reader.left && !early) {
    throw reader.short(`${announced} elements announced, ${reader.left} octets left`);
  }
  const items: Data[] = [];
  for (let count = 0; count < announced; count++) {
    if (early && reader.left === 0) return { type: "array", items, announced };
    items.push(readTagged(walk, depth + 1));
  }
  return { type: tag === ARRAY ? "array" : "structure", items };
}

function checkDepth(reader: Reader, depth: number): void {
  if (depth >= MAX_DEPTH) throw reader.error(`values are nested more than ${MAX_DEPTH} deep`);
}

function readScalar(reader: Reader, tag: number): Scalar {
  const whole = INTEGERS[tag];
  if (whole) return { type: whole[0], value: whole[2] ? reader.signed(whole[1]) : reader.unsigned(whole[1]) };
  const string = OCTETS[tag];
  if (string) return { type: string[0], octets: string[1] === 0 ? reader.octets() : reader.take(string[1]) };
  switch (tag) {
    case 0:
      return NULL_DATA;
    case 3:
      return { type: "boolean", value: reader.unsigned(1) !== 0 };
    case 4:
      return { type: "bit-string", bits: readBits(reader) };
    case 20:
      return { type: "long64", value: reader.signed64() };
    case 21:
      return { type: "long64-unsigned", value: reader.unsigned64() };
    case 23:
      return { type: "float32", value: reader.float(4) };
    case 24:
      return { type: "float64", value: reader.float(8) };
    case 255:
      return DONT_CARE;
  }
  throw reader.error(`there is no type ${tag}`);
}

function readBits(reader: Reader): string {
  const count = reader.length();
  let bits = "";
  for (const octet of reader.take(Math.ceil(count / 8))) bits += octet.toString(2).padStart(8, "0");
  return bits.slice(0, count);
}

function readCompactArray(walk: Walk, depth: number): Data {
  const { reader } = walk;
  checkDepth(reader, depth);
  const of = readDescription(walk, depth + 1);
  const contents = new Reader(reader.octets(), "the contents of a compact array");
  const items: Data[] = [];
  while (contents.left > 0) {
    const before = contents.left;
    items.push(readDescribed({ ...walk, reader: contents }, of, walk));
    if (contents.left === before) throw contents.error("its elements take no octets, but octets are there");
  }
  return { type: "compact-array", of, items };
}

function readDescription(walk: Walk, depth: number): TypeDescription {
  const { reader } = walk;
  checkDepth(reader, depth);
  const tag = reader.unsigned(1);
  if (tag === ARRAY) {
    const count = reader.unsigned(2);
    return { type: "array", count, of: readDescription(walk, depth + 1) };
  }
  if (tag === STRUCTURE) {
    const count = reader.length();
    if (count > reader.left) throw reader.short(`${count} types announced, ${reader.left} octets left`);
    return { type: "structure", of: Array.from({ length: count }, () => readDescription(walk, depth + 1)) };
  }
  const type = TYPES.get(tag);
  if (type === undefined || tag === COMPACT_ARRAY) throw reader.error(`a compact array can't hold type ${tag}`);
  return { type: type as Scalar["type"] };
}

/** `purse` counts the elements of the whole message. */
function readDescribed(walk: Walk, of: TypeDescription, purse: Walk): Data {
  if (--purse.elements < 0) throw walk.reader.error("more elements than its octets can mean");
  if (of.type === "array") {
    const items = [];
    for (let count = 0; count < of.count; count++) items.push(readDescribed(walk, of.of, purse));
    return { type: "array", items };
  }
  if (of.type === "structure") {
    return {
      type: "structure",
      items: of.of.map((each) => readDescribed(walk, each, purse)),
    };
  }
  return readScalar(walk.reader, TAGS[of.type]);
}

/** The octets of a value. */
export function encodeData(data: Data): Uint8Array {
  const writer = new Writer();
  writeData(writer, data);
  return writer.bytes;
}

/** Writes a value with its type. */
export function writeData(writer: Writer, data: Data): void {
  writer.integer(TAGS[data.type], 1);
  switch (data.type) {
    case "array":
    case "structure":
      writer.length(data.announced ?? data.items.length);
      for (const item of data.items) writeData(writer, item);
      return;
    case "compact-array": {
      writeDescription(writer, data.of);
      const contents = new Writer();
      for (const item of data.items) writeDescribed(contents, item);
      writer.octets(contents.bytes);
      return;
    }
    default:
      writeScalar(writer, data);
  }
}

function writeScalar(writer: Writer, data: Scalar): void {
  if ("octets" in data) {
    if (OCTETS[TAGS[data.type]]![1] === 0) writer.length(data.octets.length);
    writer.put(data.octets);
  } else if ("bits" in data) {
    writer.length(data.bits.length);
    for (let at = 0; at < data.bits.length; at += 8) {
      writer.put(parseInt(data.bits.slice(at, at + 8).padEnd(8, "0"), 2));
    }
  } else if ("value" in data) writeValue(writer, data);
}

function writeValue(writer: Writer, { type, value }: Extract<Scalar, { value: unknown }>): void {
  if (typeof value === "bigint") writer.integer64(value);
  else if (typeof value === "boolean") writer.put(value ? 1 : 0);
  else if (type === "float32") writer.float(value, 4);
  else if (type === "float64") writer.float(value, 8);
  else writer.integer(value, INTEGERS[TAGS[type]]![1]);
}

function writeDescription(writer: Writer, of: TypeDescription): void {
  writer.integer(TAGS[of.type], 1);
  if (of.type === "array") {
    writer.integer(of.count, 2);
    writeDescription(writer, of.of);
  } else if (of.type === "structure") {
    writer.length(of.of.length);
    for (const each of of.of) writeDescription(writer, each);
  }
}

function writeDescribed(writer: Writer, data: Data): void {
  if (data.type === "compact-array") throw new TypeError("A compact array can't hold another");
  if ("items" in data) { for (const item of data.items) writeDescribed(writer, item); }
  else writeScalar(writer, data);
}
