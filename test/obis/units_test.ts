/** Units and numbers as meters spell them. @module */
import assert from "node:assert/strict";
import { isUnit, normalUnit, parseDecimal, splitGluedUnit } from "../../src/obis/units.ts";

const SPELLINGS: [normal: string, ...spellings: string[]][] = [
  ["Wh", "Wh", "wh"],
  ["kWh", "kWh", "KWh", "kwh", "KWH", "kW*h", "kWh*", "*kWh", " kWh "],
  ["MWh", "MWh", "Mwh"],
  ["varh", "varh", "Varh", "VArh"],
  ["kvarh", "kvarh", "kVArh", "kVarh", "KVARH", "kvar*h", "kVARh", "kvArh", "KVArh"],
  ["Mvarh", "MVArh"],
  ["kVAh", "kVAh", "KVAh"],
  ["kW", "kW", "KW"],
  ["kvar", "kvar", "kVAr", "kVar", "kVAR", "KVAr"],
  ["kVA", "KVA"],
  ["kV", "kV", "KV"],
  ["Hz", "hz"],
  ["kHz", "kHz"],
  ["°", "deg", "Deg", "grad", "°"],
  ["°C", "C", "°C", "degC", "Cel", "oC", "\u00f8C", "\u00b0C"],
  ["K", "K"],
  ["m³", "m3", "m^3", "M3", "cbm", "m³", "m\u00b3"],
  ["m³ (norm)", "Nm3", "m3N", "Sm3"],
  ["L", "l", "dm3", "ltr"],
  ["m³/h", "m3/h", "m3ph", "m3h", "m^3/h", "cbm/h"],
  ["L/h", "l/h", "lph"],
  ["bar", "Bar"],
  ["mbar", "mbar"],
  ["GJ", "GJ"],
  ["Gcal", "Gcal"],
  ["kg/m³", "kg/m3"],
  ["s", "sec"],
  ["h", "hrs", "hr", "Std"],
  ["d", "day", "days"],
  ["Imp/kWh", "imp/kWh", "I/kWh", "P/kWh", "p/kWh", "Imp."],
];

Deno.test("normalUnit: each spelling has one normal form, which is its own", () => {
  for (const [normal, ...spellings] of SPELLINGS) {
    for (const spelling of [normal, ...spellings]) assert.equal(normalUnit(spelling), normal, spelling);
  }
});

Deno.test("normalUnit: case is never folded where it means something", () => {
  for (const unit of ["mW", "MW", "mbar", "Mbar", "K", "k", "m", "M"]) assert.equal(normalUnit(unit), unit);
});

Deno.test("normalUnit: what is in no table is kept as written", () => {
  for (const unit of ["secs", "hour", "furlong", ""]) assert.equal(normalUnit(unit), unit);
  assert.equal(normalUnit("*"), "");
});

Deno.test("normalUnit: m and k mean what the quantity says", () => {
  assert.equal(normalUnit("m", { measure: "duration" }), "min");
  assert.equal(normalUnit("m", { measure: "battery" }), "month");
  assert.equal(normalUnit("k", { measure: "power factor" }), "1");
});

Deno.test("parseDecimal: plain decimals, and nothing else", () => {
  const numbers: [string, number][] = [
    ["0147238.4", 147238.4],
    ["024562", 24562],
    ["+000.8", 0.8],
    ["-120.0", -120],
    ["12,5", 12.5],
    ["12.", 12],
    [" 0.00", 0],
    ["40799390 ", 40799390],
    [".5", 0.5],
    ["-000.0", 0],
    ["00052185.7825309", 52185.7825309],
    ["9007199254740993.5", 9007199254740994],
  ];
  for (const [text, value] of numbers) assert.equal(parseDecimal(text), value, text);
  const others = [
    "",
    " ",
    "-",
    ".",
    ",",
    "---.-",
    "-.--",
    "****",
    "?",
    "..",
    "ERROR",
    "032A.871",
    "12?4.5",
    "1e3",
    "0x1",
  ];
  for (const text of [...others, "1.2.3", "1,2,3", "Infinity", "1 2", "19-05-10", "+-1", "١٢", "9".repeat(400)]) {
    assert.equal(parseDecimal(text), null, text);
  }
});

Deno.test("splitGluedUnit: a number and a unit of the table", () => {
  assert.deepEqual(splitGluedUnit("231.15V"), { text: "231.15", unit: "V" });
  assert.deepEqual(splitGluedUnit("024562 kWh"), { text: "024562", unit: "kWh" });
  assert.deepEqual(splitGluedUnit("200.00%"), { text: "200.00", unit: "%" });
  assert.deepEqual(splitGluedUnit("-1,5 m3/h "), { text: "-1,5", unit: "m3/h" });
  for (const text of ["231.15", "V", "032A.871", "07E501", "1F", "12 34", "0.0S", "", "kWh 5"]) {
    assert.equal(splitGluedUnit(text), undefined, text);
  }
  assert.ok(isUnit("KWh") && !isUnit("furlong"));
});
