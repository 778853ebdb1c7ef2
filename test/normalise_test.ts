/** From a meter's words to readings, as the contract says it. @module */
import assert from "node:assert/strict";
import { missingCodes, normalise, profileRows, verifyIdentity } from "../src/normalise.ts";
import type { Reading } from "../src/reading.ts";
import type { Telegram } from "../src/telegram.ts";
import { identified, telegramOf } from "./support/telegrams.ts";

/** A reading as `address[index] value "text" unit`. */
const brief = ({ address, index, value, text, unit }: Reading) =>
  `${address}[${index}] ${value} ${JSON.stringify(text)}${unit && " " + unit}`;

const read = (lines: string[], overrides: Partial<Telegram> = {}) => normalise(telegramOf(lines, overrides)).map(brief);

const TABLE: [lines: string[], readings: string[]][] = [
  [["31.7.1(200.00%)"], ['31.7.1[0] 200 "200.00" %']],
  [["32.7.0(231.15V)"], ['32.7.0[0] 231.15 "231.15" V']],
  [["1.8.0(024562 kWh)"], ['1.8.0[0] 24562 "024562" kWh']],
  [["1.6.1(3.2*kW)(2401011230)"], ['1.6.1[0] 3.2 "3.2" kW', '1.6.1[1] null "2401011230"']],
  [["6.8(032A.871*GJ)", "6.26(1*m3)", "6.8.1()"], [
    '6.8[0] null "032A.871" GJ',
    '6.26[0] 1 "1" m³',
    '6.8.1[0] null ""',
  ]],
  [["6.8(1*GJ)", "6.26(2*m3)", "9.4(088*C&082*C)", "9.4*01(070*C&060*C)", "6.35(60*m)"], [
    '6.8[0] 1 "1" GJ',
    '6.26[0] 2 "2" m³',
    '9.4[0] 88 "088" °C',
    '9.4[1] 82 "082" °C',
    '9.4*01[0] 70 "070" °C',
    '9.4*01[1] 60 "060" °C',
    '6.35[0] 60 "60" min',
  ]],
  [["6.8(1*GJ)", "6.26(2*m3)", "9.6(000&4711&0)", "9.5(1*C&2*C)", "9.1(0&-&3&2.14)"], [
    '6.8[0] 1 "1" GJ',
    '6.26[0] 2 "2" m³',
    '9.6[0] null "000&4711&0"',
    '9.5[0] null "1*C&2*C"',
    '9.1[0] null "0&-&3&2.14"',
  ]],
  [["9.4(088*C&082*C)"], ['9.4[0] null "088*C&082*C"']],
  [["F.F(00)", "0.0.0(0014)", "C.1.0(12345678)"], [
    'F.F[0] null "00"',
    '0.0.0[0] null "0014"',
    'C.1.0[0] null "12345678"',
  ]],
  [["ET0PE(68.42)", "(45.54)", "(22.88)"], [
    'ET0PE[0] 68.42 "68.42"',
    'ET0PE[1] 45.54 "45.54"',
    'ET0PE[2] 22.88 "22.88"',
  ]],
  [["ET0PE(1.5)", "ET0PE(2.5)"], ['ET0PE[0] 1.5 "1.5"', 'ET0PE[0] 2.5 "2.5"']],
  [["X(1.5,2.5,3.5)", "X(1;2)", "X(1,5)"], ['X[0] null "1.5,2.5,3.5"', 'X[0] null "1;2"', 'X[0] 1.5 "1,5"']],
  [["0.0.0( 20000)", "C.1.0(4711 )", "33.7.0( 0.00)"], [
    '0.0.0[0] null " 20000"',
    'C.1.0[0] null "4711 "',
    '33.7.0[0] 0 " 0.00"',
  ]],
  [["1.8.0(*kWh)", "1.8.0(0000.5*kWh*)", "1.8.0(13.5*)", "1.8.0(1*kW*h)", "13.7(-.--)", "13.7(0.9*k)"], [
    '1.8.0[0] null "" kWh',
    '1.8.0[0] 0.5 "0000.5" kWh',
    '1.8.0[0] 13.5 "13.5"',
    '1.8.0[0] 1 "1" kWh',
    '13.7[0] null "-.--"',
    '13.7[0] 0.9 "0.9" 1',
  ]],
  [["C.6.0(12*m)", "0.8.0(15*m)", "0.8.0(15m)", "1.2.99(5*furlong)"], [
    'C.6.0[0] 12 "12" month',
    '0.8.0[0] 15 "15" min',
    '0.8.0[0] 15 "15" min',
    '1.2.99[0] 5 "5" furlong',
  ]],
];

Deno.test("normalise: value, text and unit of each form that meters write", () => {
  for (const [lines, readings] of TABLE) assert.deepEqual(read(lines), readings, lines.join(" "));
});

const GAS = [
  '0-1:24.3.0[0] null "090212160000"',
  '0-1:24.3.0[1] null "00"',
  '0-1:24.3.0[2] 60 "60"',
  '0-1:24.3.0[3] 1 "1"',
  '0-1:24.3.0[4] null "0-1:24.2.1"',
  '0-1:24.3.0[5] null "m3"',
  '0-1:24.3.0[6] 34.124 "00034.124"',
  '0-1:24.2.1[0] null "090212160000"',
  '0-1:24.2.1[1] 34.124 "00034.124" m³',
  '0-1:24.4.0[0] null "1"',
];

Deno.test("normalise: gas of DSMR 2 and 3 comes also as DSMR 4 writes it", () => {
  const header = "0-1:24.3.0(090212160000)(00)(60)(1)(0-1:24.2.1)(m3)";
  assert.deepEqual(read([header, "(00034.124)", "0-1:24.4.0(1)"]), GAS);
  assert.deepEqual(read([header + "(00034.124)", "0-1:24.4.0(1)"]), GAS);
  const cut = normalise(telegramOf([header]));
  assert.equal(cut.filter(({ address }) => address !== "0-1:24.3.0").length, 0);
});

Deno.test("normalise: an M-Bus channel's value and its time", () => {
  assert.deepEqual(read(["0-1:24.2.1(170531201008S)(00000.038*m3)"]), [
    '0-1:24.2.1[0] null "170531201008S"',
    '0-1:24.2.1[1] 0.038 "00000.038" m³',
  ]);
  assert.deepEqual(read(["0-1:24.2.1(150701190000s)(00000000)"]), [
    '0-1:24.2.1[0] null "150701190000s"',
    '0-1:24.2.1[1] 0 "00000000"',
  ]);
  assert.deepEqual(read(["0-1:24.2.1(632525252525S)(00000.000)"]), [
    '0-1:24.2.1[0] null "632525252525S"',
    '0-1:24.2.1[1] null "00000.000"',
  ]);
  assert.deepEqual(read(["0-1:24.2.1(12.5*m3)"]), ['0-1:24.2.1[0] 12.5 "12.5" m³']);
});

Deno.test("normalise: a list of P1 has its count, its times, its durations", () => {
  assert.deepEqual(read(["1-0:99.97.0(1)(0-0:96.7.19)(240102030405W)(0000000301*s)", "1-0:99.97.0()"]), [
    '1-0:99.97.0[0] 1 "1"',
    '1-0:99.97.0[1] null "0-0:96.7.19"',
    '1-0:99.97.0[2] null "240102030405W"',
    '1-0:99.97.0[3] 301 "0000000301" s',
    '1-0:99.97.0[0] null ""',
  ]);
});

Deno.test("normalise: never a number for an identity, a status word or a time", () => {
  const sets = [
    ...[
      "0.0(4711)",
      "0.0.9(4711)",
      "00(4711)",
      "96.1.0(4711)",
      "0-0:96.1.255*255(4711)",
      "0-1:96.1.0(4711)",
      "C.1(4711)",
    ],
    ...["0.2.0(1.03)", "0.2.2(00000001)", "0.2.1*50(20092541)", "1-3:0.2.8(50)", "0-0:96.1.4(50217)", "0.0.0(1234V)"],
    ...["F.F.0(0000000)", "FF(00)", "F(0)", "C.3.0(00110000)", "C.4.0(60)", "C.5.0(1420)", "1-0:96.5.5*255(80)"],
    ...["0-0:96.14.0(0002)", "C.14.1(1)", "0-1:24.1.0(003)", "0-1:24.4.0(1)", "0-0:96.3.10(1)", "1-0:96.50.0*0(45)"],
    ...[
      "0.9.1(201455)",
      "0.9.2(0170318)",
      "0.9.5(5)",
      "0.1.2(2211010000)",
      "0.1.2*12(0000)",
      "0.1.3(241101)",
      "C.2.5(211005)",
    ],
    ...[
      "C.51.2(1140716101053)",
      "C.2.9(202505051121)",
      "1.6.0,5(202601130730)",
      "C.51.6(000000000000)",
      "C.7.10(2401010000)",
    ],
    ...["0-0:96.13.0(3031)", "0-0:96.13.1(3031)", "96.51(06001700220099999999999999999999)", "P(1&2)"],
  ];
  for (const reading of normalise(telegramOf(sets))) assert.equal(reading.value, null, brief(reading));
  const maxima = ["1.6.0(1.2)(2401011230)", "1.6.0(1.2)(0000000000)", "1.6.0(1.2)(00)", "32.3.0(1.2*V)(2401011230)"];
  for (const { index, value } of normalise(telegramOf(maxima))) assert.equal(value, index === 0 ? 1.2 : null);
});

Deno.test("normalise: never null for a true number", () => {
  const sets = [
    ...[
      "1.8.0*24(2401011230)",
      "1.8.0&12(1)",
      "0.1.0(33)",
      "0.1.3(17)",
      "0.3.3(3000)",
      "0.4.2(100)",
      "0.8.0(15)",
      "0.9.0(00787)",
    ],
    ...[
      "C.2.0(17)",
      "C.7.0(0004)",
      "C.8.1(03713849)",
      "C.6.3(3.20*V)",
      "C.51.1(3)",
      "C.53.1(2)",
      "C.90(00000100)",
      "82.8.1(0000)",
    ],
    ...[
      "0-0:96.7.21(00009)",
      "1-0:32.32.0(00002)",
      "1-0:52.33.0(5*s)",
      "96.77.4(02)",
      "1-0:13.7.0(4.556)",
      "131.7(0.0*kVAr)",
    ],
    ...[
      "VOLTA(230.1)",
      "2.35.0.01(7.0000*kW)",
      "0-0:17.0.0(016*A)",
      "6-0:77.0.0(1)",
      "7-0:3.1.0(5*m3)",
      "1-0:1.6.0(2.5*kW)",
    ],
  ];
  for (const reading of normalise(telegramOf(sets))) assert.notEqual(reading.value, null, brief(reading));
});

Deno.test("normalise: digits are never lost", () => {
  const [long, precise] = normalise(telegramOf(["1.8.0(00052185.78253091234567*kWh)", "1.8.1(9007199254740993*Wh)"]));
  assert.deepEqual([long!.value, long!.text], [Number("52185.78253091234567"), "00052185.78253091234567"]);
  assert.deepEqual([precise!.value, precise!.text], [9007199254740992, "9007199254740993"]);
});

Deno.test("normalise: one time, meter, labels and flags for all readings, keys in the contract's order", () => {
  const telegram = telegramOf(["1.8.0*24(1*kWh)"], identified("/XYZ5MT174-0001  "));
  assert.deepEqual(normalise(telegram, { labels: { flat: "1" } }), [{
    time: "2024-06-01T14:30:00.250Z",
    meter: "MT174-0001",
    obis: "1-0:1.8.0*24",
    address: "1.8.0*24",
    index: 0,
    value: 1,
    text: "1",
    unit: "kWh",
    name: "active_energy_import_total",
    labels: { flat: "1" },
    flags: [],
  }]);
  assert.equal(normalise(telegram, { meter: "flat-1" })[0]!.meter, "flat-1");
});

Deno.test("normalise: the meter's name without a configuration", () => {
  const names: [string, string][] = [
    ["/LGZ52ZMD120APt.G03", "2ZMD120APt.G03"],
    ["/Lux5\\ABCDEFG123_D", "\\ABCDEFG123_D"],
    ["/ADN9 7534", "7534"],
    ["/KAM5", "-"],
    ["/", "-"],
    ["/ISk5\x02MT382-1000", "MT382-1000"],
  ];
  for (const [line, name] of names) assert.equal(normalise(telegramOf(["1.8.0(1)"], identified(line)))[0]!.meter, name);
  assert.equal(normalise(telegramOf(["1.8.0(1)"]))[0]!.meter, "-");
});

Deno.test("normalise: flags say how far the bytes can be trusted", () => {
  const flags = (check: Telegram["check"], complete = true) =>
    normalise(
      telegramOf([], { check, block: { sets: telegramOf(["1.8.0(1)"]).block.sets, damaged: [], complete } }),
    )[0]!.flags;
  assert.deepEqual(flags({ kind: "bcc", result: "good" }), []);
  assert.deepEqual(flags({ kind: "bcc", result: "wrong" }), ["bcc-wrong"]);
  assert.deepEqual(flags({ kind: "bcc", result: "absent" }, false), ["bcc-unchecked", "incomplete"]);
  assert.deepEqual(flags({ kind: "crc", result: "good" }), []);
  assert.deepEqual(flags({ kind: "crc", result: "wrong" }), ["crc-wrong"]);
  assert.deepEqual(flags({ kind: "crc", result: "absent" }), ["crc-unchecked"]);
  assert.deepEqual(flags({ kind: "none", result: "absent" }), ["bcc-unchecked"]);
});

Deno.test("normalise: heat is known by the maker or by two registers, and never where electricity stands", () => {
  const obis = (lines: string[], line?: string) =>
    normalise(telegramOf(lines, line === undefined ? {} : identified(line)))[0]!.obis;
  assert.equal(obis(["6.8(1*GJ)", "6.26(1*m3)"]), "6-0:6.8.0*255");
  assert.equal(obis(["6.8(1*GJ)"], "/LUGCUH50"), "6-0:6.8.0*255");
  assert.equal(obis(["6.8(1*kvarh)"]), "1-0:6.8.0*255");
  assert.equal(obis(["6.8.0(1*kvarh)", "1.8.0(1*kWh)"], "/LGB5E230"), "1-0:6.8.0*255");
  assert.equal(obis(["6.8(1*kvarh)", "6.26(1)", "1.8(1*kWh)"]), "1-0:6.8.0*255");
});

Deno.test("normalise: a suffix alone belongs to the address before it", () => {
  const readings = normalise(telegramOf(["1.6.1(1*kW)(2401011230)", "*05(2*kW)(2401011230)", "&04(3*kW)", "(4*kW)"]));
  assert.deepEqual(readings.map(({ obis, address, index }) => [obis, address, index]), [
    ["1-0:1.6.1*255", "1.6.1", 0],
    ["1-0:1.6.1*255", "1.6.1", 1],
    ["1-0:1.6.1*5", "*05", 0],
    ["1-0:1.6.1*5", "*05", 1],
    ["1-0:1.6.1*4", "&04", 0],
    ["1-0:1.6.1*4", "&04", 1],
  ]);
});

Deno.test("normalise: rows of profiles and logs are no readings, and are counted", () => {
  const profile = telegramOf([
    ...["0.0.0(4711)", "P.01(1220401010000)(08)(15)(2)(1.5)(kW)(2.5)(kW)", "(0.30499)(0.00000)", "(0.31774)(0.00000)"],
    ...[
      "1.8.0(1*kWh)",
      "(2)",
      "P.98(1041007095703)(00002000)()(0)",
      "P.98(1041007095703)(00002000)()(2)(A)()(B)()",
      "(4)(0)",
    ],
    ...["1-0:99.1.0(ERROR)", "1-0:99.97.0(0)"],
  ]);
  assert.deepEqual(normalise(profile).map(brief), [
    '0.0.0[0] null "4711"',
    '1.8.0[0] 1 "1" kWh',
    '1.8.0[1] 2 "2"',
    '1-0:99.97.0[0] 0 "0"',
  ]);
  assert.equal(profileRows(profile), 5);
  assert.equal(profileRows(telegramOf(["1.8.0(1)", "(2)"])), 0);
});

Deno.test("normalise: obis filters by the exact address or the canonical code, and by nothing else", () => {
  const telegram = telegramOf([
    "1.8.0(1*kWh)",
    "1.8.0*24(2*kWh)",
    "1-0:2.8.0*255(3*kWh)",
    "HELLO(4)",
    "1.6.1(5*kW)",
    "(6)",
  ]);
  const kept = (...obis: string[]) => normalise(telegram, { obis }).map(({ value }) => value);
  assert.deepEqual(kept("1.8.0"), [1]);
  assert.deepEqual(kept("1-0:1.8.0*255"), [1]);
  assert.deepEqual(kept("1.8.0*24"), [2]);
  assert.deepEqual(kept("1-0:1.8.0*24", "HELLO"), [2, 4]);
  assert.deepEqual(kept("1.6.1"), [5, null]);
  assert.deepEqual(kept("2.8.0", "1.8", "1-0:1.8.0"), []);
  assert.deepEqual(kept(), []);
  const wanted = ["1.8.0", "1-0:2.8.0*255", "2.8.0", "9.9.9"];
  assert.deepEqual(missingCodes(normalise(telegram, { obis: wanted }), wanted), ["2.8.0", "9.9.9"]);
});

Deno.test("verifyIdentity: another meter, or one that does not say who it is, is refused", () => {
  const telegram = telegramOf(["0.0.0( 0014 )", "C.1.0(4711)(5)"]);
  assert.equal(verifyIdentity(telegram, { "0.0.0": "0014", "0-0:96.1.0*255": "4711" }), undefined);
  assert.equal(verifyIdentity(telegram, {}), undefined);
  assert.match(verifyIdentity(telegram, { "0.0.0": "14" })!, /register 0\.0\.0 should say "14", but it says "0014"/);
  assert.match(verifyIdentity(telegram, { "C.1.0": "5" })!, /says "4711"/);
  assert.match(verifyIdentity(telegram, { "0.0.1": "0014" })!, /register 0\.0\.1 .* does not send it/);
  assert.match(verifyIdentity(telegramOf(["0.0.0(1)", "0.0.0(2)"]), { "0.0.0": "1" })!, /says "2"/);
  assert.match(verifyIdentity(telegramOf([]), { "0.0.0": "1" })!, /does not send it/);
});
