import assert from "node:assert/strict";
import {
  array,
  type Data,
  decodeData,
  encodeData,
  integer,
  plainDigits,
  readData,
  Reader,
  scaleDecimal,
  toHex,
} from "../../src/dlms/mod.ts";
import { ProtocolError } from "../../src/errors.ts";
import { hexOctets, ignore, octets, ofGroup, randomNumbers } from "../support/dlms.ts";

/** A value in the words of the vectors. */
function words(data: Data): unknown {
  if (data.type === "structure") return { structure: data.items.map(words) };
  if ("items" in data) return data.items.map(words);
  if ("bits" in data) return `bits:${data.bits}`;
  if ("octets" in data) {
    if (data.type === "visible-string" || data.type === "utf8-string") return new TextDecoder().decode(data.octets);
    const prefix = { "octet-string": "octets", "date-time": "dt", date: "date", time: "time" }[data.type];
    return `${prefix}:${toHex(data.octets).toLowerCase()}`;
  }
  if (!("value" in data)) return data.type === "null-data" ? null : "dont-care";
  if (data.type === "enum") return `enum:${data.value}`;
  if (data.type.startsWith("delta-")) return `delta +${data.value}`;
  return typeof data.value === "bigint" ? Number(data.value) : data.value;
}

Deno.test("decodeData, encodeData: the vectors both ways, and cut short", { ignore }, () => {
  for (const { name, bytes, value } of ofGroup("axdr").filter(({ name }) => name.startsWith("axdr-"))) {
    const data = decodeData(bytes);
    assert.deepEqual(words(data), value, name);
    assert.deepEqual(encodeData(data), bytes, name);
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeData(bytes.subarray(0, length)), ProtocolError, `${name} cut to ${length}`);
    }
  }
});

Deno.test("decodeData, encodeData: compact arrays both ways", { ignore }, () => {
  const pair = (at: number) => ({ structure: [at, at * 1000] });
  assert.deepEqual(words(decodeData(octets("compact-array"))), [1, 2, 3].map(pair));
  assert.deepEqual(words(decodeData(octets("compact-array-of-array"))), [[1, 2, 3], [4, 5, 6]]);
  for (const name of ["compact-array", "compact-array-of-array"]) {
    assert.deepEqual(encodeData(decodeData(octets(name))), octets(name));
  }
});

Deno.test("decodeData: every whole number keeps its digits", () => {
  const cases: [string, string][] = [
    ["15FFFFFFFFFFFFFFFF", "18446744073709551615"],
    ["148000000000000000", "-9223372036854775808"],
    ["05 80000000", "-2147483648"],
    ["06 FFFFFFFF", "4294967295"],
    ["1E FFFFFFFF", "-1"],
  ];
  for (const [digits, text] of cases) {
    const data = decodeData(hexOctets(digits));
    assert.equal("value" in data && String(data.value), text);
    assert.deepEqual(encodeData(data), hexOctets(digits));
  }
});

Deno.test("decodeData: what lies is an error, at once and without memory", () => {
  const deep = "0101".repeat(1000) + "00";
  const hostile: [string, RegExp][] = [
    ["01 84 FFFFFFFF", /4294967295 elements announced/],
    ["02 83 FFFFFF 00", /16777215 elements announced/],
    ["09 84 FFFFFFFF 00", /4294967295 octets wanted, 1 left/],
    ["04 84 FFFFFFFF 00", /octets wanted/],
    ["09 85 0000000001 00", /85 is no length/],
    ["09 80", /80 is no length/],
    ["07 00", /there is no type 7/],
    [deep, /nested more than 16 deep/],
    [`13 ${"0101".repeat(0) + "010001".repeat(1000)}00 00`, /nested more than 16 deep/],
    ["13 00 01 00", /take no octets/],
    ["13 01 FFFF 01 FFFF 00 01 00", /more elements than its octets can mean/],
    ["13 13 00", /can't hold type 19/],
    ["13 02 84 FFFFFFFF 00", /4294967295 types announced/],
    ["", /octets wanted/],
  ];
  for (const [digits, message] of hostile) {
    assert.throws(() => decodeData(hexOctets(digits)), (error) => {
      assert.ok(error instanceof ProtocolError);
      assert.match(error.message, message, digits);
      return true;
    });
  }
});

Deno.test("decodeData: an array shorter than it says is kept where that is allowed, and tells so", () => {
  const octets = hexOctets("01 03 1101 1102");
  const kept = { type: "array", items: [integer("unsigned", 1), integer("unsigned", 2)], announced: 3 };
  assert.deepEqual(decodeData(octets, { mayEndEarly: true }), kept);
  assert.throws(() => decodeData(octets), ProtocolError);
  assert.throws(() => decodeData(octets.subarray(0, 5), { mayEndEarly: true }), ProtocolError, "in an element");
  assert.throws(
    () => decodeData(hexOctets("01 01 01 02 1101"), { mayEndEarly: true }),
    ProtocolError,
    "an inner array",
  );
});

Deno.test("readData: stops behind its value", () => {
  const reader = new Reader(hexOctets("1201F4 00"), "a test");
  assert.deepEqual(readData(reader), integer("long-unsigned", 500));
  assert.equal(reader.left, 1);
});

Deno.test("decodeData, encodeData: any value comes back as it was (seeded)", () => {
  const random = randomNumbers(1);
  for (let round = 0; round < 500; round++) {
    const data = randomData(random, 0);
    assert.deepEqual(decodeData(encodeData(data)), data);
  }
});

function randomData(random: (limit: number) => number, depth: number): Data {
  switch (random(depth > 5 ? 4 : 6)) {
    case 0:
      return integer("double-long", random(1000) - 500);
    case 1:
      return { type: "octet-string", octets: Uint8Array.from({ length: random(300) }, () => random(256)) };
    case 2:
      return { type: "bit-string", bits: random(1 << 20).toString(2) };
    case 3:
      return { type: "boolean", value: random(2) === 1 };
    case 4:
      return { type: "structure", items: Array.from({ length: random(5) }, () => randomData(random, depth + 1)) };
    default:
      return array(Array.from({ length: random(5) }, () => randomData(random, depth + 1)));
  }
}

Deno.test("decodeData: no octets make it crash or hang (seeded)", () => {
  const random = randomNumbers(2);
  for (let round = 0; round < 20_000; round++) {
    const octets = Uint8Array.from({ length: random(60) }, () => random(3) === 0 ? random(256) : random(34));
    try {
      decodeData(octets, { mayEndEarly: round % 2 === 0 });
    } catch (error) {
      assert.ok(error instanceof ProtocolError, `${toHex(octets)}: ${error}`);
    }
  }
});

Deno.test("scaleDecimal: digits are moved, never lost", () => {
  const cases: [string, number, string][] = [
    ["100000", 1, "1000000"],
    ["12345", -2, "123.45"],
    ["5", -2, "0.05"],
    ["-5", -3, "-0.005"],
    ["0", 3, "0"],
    ["0", -3, "0.000"],
    ["1500", -3, "1.500"],
    ["42.25", 1, "422.5"],
    ["42.25", 3, "42250"],
    ["42.25", -1, "4.225"],
    ["18446744073709551615", -3, "18446744073709551.615"],
  ];
  for (const [digits, scaler, text] of cases) assert.equal(scaleDecimal(digits, scaler), text);
});

Deno.test("plainDigits: as few digits as the number has, without an exponent", () => {
  assert.equal(plainDigits(Math.fround(0.1), "float32"), "0.1");
  assert.equal(plainDigits(42.25), "42.25");
  assert.equal(plainDigits(1e-9), "0.000000001");
  assert.equal(plainDigits(-1.5e21), "-1500000000000000000000");
  assert.equal(plainDigits(16777217), "16777217");
  assert.equal(plainDigits(-0), "0");
  assert.equal(plainDigits(NaN), undefined);
  const random = randomNumbers(3);
  for (let round = 0; round < 1000; round++) {
    const value = new DataView(Uint32Array.of(random(2 ** 32)).buffer).getFloat32(0);
    if (Number.isFinite(value)) assert.equal(Math.fround(Number(plainDigits(value, "float32"))), value + 0);
  }
});
