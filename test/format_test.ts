/** Readings as JSON, CSV and a table. @module */
import assert from "node:assert/strict";
import { CSV_HEADER, formatDecimal, toCsv, toJson, toTable } from "../src/format.ts";
import type { Reading } from "../src/reading.ts";

const READING: Reading = {
  time: "2024-06-01T14:30:00.250Z",
  meter: "flat-1",
  obis: "1-0:1.8.0*24",
  address: "1.8.0*24",
  index: 0,
  value: 147238.4,
  text: "0147238.4",
  unit: "kWh",
  name: "active_energy_import_total",
  labels: {},
  flags: [],
};

Deno.test("toJson: one line, keys in the contract's order, nothing a terminal would obey", () => {
  assert.equal(
    toJson(READING),
    '{"time":"2024-06-01T14:30:00.250Z","meter":"flat-1","obis":"1-0:1.8.0*24","address":"1.8.0*24","index":0,' +
      '"value":147238.4,"text":"0147238.4","unit":"kWh","name":"active_energy_import_total","labels":{},"flags":[]}',
  );
  const shuffled = Object.fromEntries(Object.entries(READING).reverse()) as unknown as Reading;
  assert.equal(toJson(shuffled), toJson(READING));
  const nasty = { ...READING, text: '\x1b[2J\r\n\x7f\x9b0m"' };
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(toJson(nasty), /[\x00-\x1f\x7f-\x9f]/);
  assert.equal(JSON.parse(toJson(nasty)).text, nasty.text);
});

Deno.test("toCsv: the header's columns, quoted where needed", () => {
  assert.equal(CSV_HEADER, "time,meter,obis,address,index,value,text,unit,name,flags,labels");
  assert.equal(
    toCsv(READING),
    "2024-06-01T14:30:00.250Z,flat-1,1-0:1.8.0*24,1.8.0*24,0,147238.4,0147238.4,kWh,active_energy_import_total,,{}",
  );
  const odd: Reading = {
    ...{ ...READING, address: "1.6.0,5", value: null, text: ' a "b"\n', labels: { site: "north", flat: "1" } },
    flags: ["bcc-wrong", "incomplete"],
  };
  assert.equal(
    toCsv(odd),
    '2024-06-01T14:30:00.250Z,flat-1,1-0:1.8.0*24,"1.6.0,5",0,," a ""b""\n",kWh,active_energy_import_total,' +
      'bcc-wrong;incomplete,"{""site"":""north"",""flat"":""1""}"',
  );
});

Deno.test("formatDecimal: no exponent, and the same number", () => {
  const numbers: [number, string][] = [
    [0, "0"],
    [-0, "0"],
    [-120.5, "-120.5"],
    [1e-7, "0.0000001"],
    [-1.25e-9, "-0.00000000125"],
    [1e21, "1000000000000000000000"],
    [1.5e300, "15" + "0".repeat(299)],
    [6.00170022e30, "6001700220000000000000000000000"],
  ];
  for (const [value, text] of numbers) {
    assert.equal(formatDecimal(value), text);
    assert.equal(Number(text), value + 0);
  }
});

const TABLE: Reading[] = [
  READING,
  { ...READING, address: "1.6.1", value: 3.2, text: "3.2", unit: "kW", name: "maximum" },
  { ...READING, address: "1.6.1", index: 1, value: null, text: "2401011230", unit: "", name: "maximum" },
  { ...READING, address: "C.1", value: null, text: "4711", unit: "", name: "" },
];

Deno.test("toTable: heading, addresses, digits to the right, units, names", () => {
  assert.equal(
    toTable(TABLE, { colour: false }),
    [
      "flat-1  2024-06-01 14:30:00 UTC",
      "1.8.0*24    0147238.4 kWh  active_energy_import_total",
      "1.6.1             3.2 kW   maximum",
      "1.6.1 [1]  2401011230      maximum",
      "C.1              4711",
    ].join("\n"),
  );
});

Deno.test("toTable: each readout has its heading, with labels and flags", () => {
  const other: Reading = { ...READING, meter: "flat-2", labels: { site: "north" }, flags: ["bcc-unchecked"] };
  const lines = toTable([READING, other], { colour: false }).split("\n");
  assert.deepEqual([lines.length, lines[2], lines[3]], [
    5,
    "",
    "flat-2  2024-06-01 14:30:00 UTC  site=north  bcc-unchecked",
  ]);
  assert.equal(toTable([], { colour: false }), "");
});

Deno.test("toTable: no line is wider than the terminal; digits are never cut", () => {
  const long = { ...READING, value: null, text: "3031".repeat(40), unit: "" };
  for (const width of [40, 60, 80, 120]) {
    for (const line of toTable([...TABLE, long], { colour: false, width }).split("\n")) {
      assert.ok(line.length <= width, `${width}: ${line}`);
    }
  }
  assert.match(toTable(TABLE, { colour: false, width: 20 }), /0147238\.4/);
  assert.ok(toTable([long], { colour: false }).includes(long.text));
});

Deno.test("toTable: colours only where wanted, control characters never", () => {
  const nasty: Reading = {
    ...READING,
    meter: "a\x07",
    address: "1\x1b[2J",
    value: null,
    text: "\x9b2J\r\x7f",
    unit: "k\n",
    name: "n",
  };
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(toTable([nasty], { colour: false }).replaceAll("\n", ""), /[\x00-\x1f\x7f-\x9f]/);
  assert.equal(toTable([nasty], { colour: false }).split("\n").length, 2);
  assert.match(toTable([nasty], { colour: false }), /1␛\[2J/);
  const coloured = toTable(TABLE, { colour: true });
  // deno-lint-ignore no-control-regex
  assert.equal(coloured.replace(/\x1b\[\d*m/g, ""), toTable(TABLE, { colour: false }));
  assert.ok(coloured.startsWith("\x1b[1mflat-1"));
});
