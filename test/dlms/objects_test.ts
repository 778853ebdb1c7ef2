import assert from "node:assert/strict";
import {
  array,
  attributeName,
  captureObjectsData,
  className,
  CLOCK_COLUMN,
  type Data,
  decodeData,
  decodeGetRequest,
  decodeGetResponse,
  decodeLogicalName,
  decodeReadRequest,
  encodeGetRequest,
  encodeLogicalName,
  encodeReadRequest,
  findFrame,
  INVOKE,
  readCaptureObjects,
  readObjectList,
  readRows,
  readRowSelection,
  readScalerUnit,
  readValue,
  scalerUnitAttribute,
  selectEntries,
  selectRange,
  textOf,
  toHex,
  unitName,
  unitNumbers,
} from "../../src/dlms/mod.ts";
import { ProtocolError } from "../../src/errors.ts";
import { normalUnit } from "../../src/obis/units.ts";
import { hexOctets, ignore, octets, vector } from "../support/dlms.ts";

const value = (digits: string) => decodeData(hexOctets(digits));

function dataOf(name: string): Data {
  const response = decodeGetResponse(octets(name));
  assert.ok(response.kind === "normal" && "data" in response.result, name);
  return response.result.data;
}

Deno.test("readValue: exact digits and units, as in the session of the vectors", () => {
  const cases: [data: string, scalerUnit: string, text: string, unit: string][] = [
    ["06000186A0", "02020F01161E", "1000000", "Wh"],
    ["12092102", "02020FFF1623", "233.7", "V"],
    ["10FF88", "02020FFE1621", "-1.20", "A"],
    ["15FFFFFFFFFFFFFFFF", "02020FFD161E", "18446744073709551.615", "Wh"],
    ["1742290000", "02020F00162C", "42.25", "Hz"],
    ["0600000000", "02020F0016FF", "0", ""],
    ["0D42", "02020F00160D", "42", "m³"],
    ["1142", "0200", "66", ""],
  ];
  for (const [data, scalerUnit, text, unit] of cases) {
    assert.deepEqual(readValue(value(data), readScalerUnit(value(scalerUnit))), { text, unit, number: true }, data);
  }
});

Deno.test("readValue, textOf: what is no number", () => {
  const cases: [string, string][] = [
    ["00", ""],
    ["0301", "true"],
    ["0403A0", "101"],
    ["1602", "2"],
    ["0A0548656C6C6F", "Hello"],
    ["0C03E282AC", "€"],
    ["09083834383935313236", "84895126"],
    ["09060100010800FF", "0100010800FF"],
    ["0900", ""],
    ["090C07E8031EFF0A1E00FFFFC400", "2024-03-30T10:30:00+01:00"],
    ["1907E80301FF000000FFFFC400", "2024-03-01T00:00:00+01:00"],
    ["090C313831323230303030303039", "181220000009"],
    ["02020F01161E", "[1, 30]"],
  ];
  for (const [digits, text] of cases) {
    assert.equal(textOf(value(digits)), text, digits);
    assert.equal(readValue(value(digits)).number, false);
  }
});

Deno.test("unitName: every name is in the normal form of readings", () => {
  const coulomb = 34; // in text "C" means degrees
  for (const number of unitNumbers().filter((number) => number !== coulomb)) {
    assert.equal(normalUnit(unitName(number)), unitName(number), String(number));
  }
  const known: [number, string][] = [
    ...[[30, "Wh"], [32, "varh"], [27, "W"], [35, "V"], [33, "A"], [44, "Hz"], [13, "m³"], [14, "m³ (norm)"]],
    ...[[9, "°C"], [8, "°"], [56, "%"], [70, "dBm"], [72, "dB"], [64, "Pa s"], [255, ""], [254, ""], [10, ""]],
    ...[[128, "in"], [137, "ft³"], [151, "ft³"], [166, "gal (US)"], [174, "Btu/d"], [77, "unit-77"]],
  ] as [number, string][];
  for (const [number, name] of known) assert.equal(unitName(number), name);
});

Deno.test("className, attributeName, scalerUnitAttribute: what the classes have", () => {
  assert.equal(className(3), "register");
  assert.equal(className(999), "class_999");
  assert.equal(attributeName(7, 2), "buffer");
  assert.equal(attributeName(5, 4), "scaler_unit");
  assert.equal(attributeName(5, 1), "logical_name");
  assert.equal(attributeName(1, 9), "attribute_9");
  assert.deepEqual([[3, 2], [4, 2], [5, 3], [5, 5], [1, 2]].map(([id, at]) => scalerUnitAttribute(id!, at!)), [
    ...[3, 3, 4, undefined, undefined],
  ]);
});

Deno.test("decodeLogicalName, encodeLogicalName: both ways", () => {
  assert.equal(decodeLogicalName(hexOctets("0100010800FF")), "1-0:1.8.0*255");
  assert.equal(toHex(encodeLogicalName("0-0:96.3.10*255")), "000060030AFF");
  for (const wrong of ["1.8.0", "1-0:1.8.0", "1-0:1.8.0*256", ""]) {
    assert.throws(() => encodeLogicalName(wrong), RangeError);
  }
});

Deno.test("readObjectList: the vector's two objects and their rights", { ignore }, () => {
  const [clock, register] = readObjectList(dataOf("objlist-resp"));
  assert.equal(clock!.name, "0-0:1.0.0*255");
  assert.deepEqual(clock!.attributes.slice(0, 2).map(({ id, read, write }) => [id, read, write]), [
    [1, true, false],
    [2, true, true],
  ]);
  assert.deepEqual([clock!.methods, register!.methods], [[{ id: 1, allowed: true }], []]);
  const bits = readObjectList(dataOf("objlist-resp"), 3);
  assert.deepEqual(bits[0]!.attributes[1], { id: 2, read: true, write: true });
});

Deno.test("readObjectList: short names, from the captured list that is shorter than it says", { ignore }, () => {
  const raw = ["cap-lg-seg-1", "cap-lg-seg-2"].map((name) => toHex(findFrame()(octets(name))!.value.information));
  const list = decodeData(hexOctets(raw.join("").slice(2 * 6, 2 * 6 + 2 * (4 + 8 * 18))), { mayEndEarly: true });
  const objects = readObjectList(list);
  assert.equal(objects.length, 8);
  assert.ok("announced" in list && list.announced === 0x125);
  assert.deepEqual(objects[0], {
    ...{ classId: 10006, version: 3, name: "0-0:240.13.0*255", baseName: 0x10, attributes: [], methods: [] },
  });
  assert.throws(() => readObjectList(value("1101")), ProtocolError);
});

Deno.test("selectRange, selectEntries: the requests of the vectors", { ignore }, () => {
  const attribute = { classId: 7, name: "1-0:99.1.0*255", id: 2 };
  const moments = (name: string) => {
    const request = decodeGetRequest(octets(name));
    assert.ok(request.kind === "normal");
    return readRowSelection(request.attribute.selection!) as { from: never; to: never };
  };
  const columns = [CLOCK_COLUMN, { classId: 3, name: "1-0:1.8.0*255", attribute: 2, index: 0 }];
  const cases = [
    ["get-profile-range", selectRange(moments("get-profile-range"))],
    ["get-profile-range-cols", selectRange({ ...moments("get-profile-range-cols"), columns })],
    ["get-profile-entry", selectEntries(1, 10)],
  ] as const;
  for (const [name, selection] of cases) {
    const request = encodeGetRequest({ kind: "normal", invoke: INVOKE, attribute: { ...attribute, selection } });
    assert.equal(toHex(request), vector(name).hex);
  }
  const selection = selectRange(moments("get-profile-range"));
  assert.deepEqual(encodeReadRequest([{ name: 0x1234, selection }]), octets("sn-read-param"));
  assert.deepEqual(decodeReadRequest(octets("sn-read-param")), [{ name: 0x1234, selection }]);
  assert.deepEqual(readRowSelection(selectEntries(3, 0)), { first: 3, last: 0 });
});

Deno.test("readRows: a time left out follows from the row before", { ignore }, () => {
  const columns = [CLOCK_COLUMN, { classId: 3, name: "1-0:1.8.0*255", attribute: 2, index: 0 }];
  assert.deepEqual(readCaptureObjects(captureObjectsData(columns)), columns);
  const rows = readRows(dataOf("get-profile-resp"), { columns, periodS: 900 });
  const times = rows.map(({ atMs }) => new Date(atMs!).toISOString());
  assert.deepEqual(times, ["2024-02-29T23:00:00.000Z", "2024-02-29T23:15:00.000Z"]);
  assert.deepEqual(rows.map(({ cells }) => textOf(cells[1]!)), ["100000", "100015"]);
  assert.equal(textOf(rows[1]!.cells[0]!), "2024-03-01T00:15:00+01:00");
});

Deno.test("readRows: seconds since 1970, values left out, no time at all, and what is no profile", () => {
  const columns = [CLOCK_COLUMN, { classId: 3, name: "1-0:1.8.0*255", attribute: 2, index: 0 }];
  const rows = readRows(array([value("0202 0665E1A600 1105".replaceAll(" ", "")), value("02020665E1A98400")]), {
    columns,
  });
  assert.deepEqual(rows.map(({ cells }) => textOf(cells[1]!)), ["5", "5"]);
  assert.equal(rows[1]!.atMs! - rows[0]!.atMs!, 900_000);
  assert.deepEqual(readRows(array([value("02011105")]), { columns: columns.slice(1) }), [{ cells: [value("1105")] }]);
  assert.throws(() => readRows(value("1105"), { columns }), ProtocolError);
  assert.throws(() => readRows(array([value("1105")]), { columns }), ProtocolError);
  for (const row of ["02011105", "0203110511051105"]) { // nobody could say which cell is which
    assert.throws(() => readRows(array([value(row)]), { columns }), /a row of [13] cells has 2 columns/);
  }
  assert.throws(() => readCaptureObjects(array([value("1105")])), ProtocolError);
});
