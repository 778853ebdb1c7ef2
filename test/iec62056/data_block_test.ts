import assert from "node:assert/strict";
import { formatDataBlock, parseDataBlock } from "../../src/iec62056/mod.ts";

/** `address(value)(value)` of each set, as it would be written again. */
const written = (text: string) => formatDataBlock(parseDataBlock(text).sets).split("\r\n").slice(0, -2);

Deno.test("parseDataBlock: everything the meter says, as it says it", () => {
  const cases: [string, string[]][] = [
    ["1.8.0(0001.5*kWh)\r\n!\r\n", ["1.8.0(0001.5*kWh)"]],
    ["6.8(1*MWh)6.26(2*m3)F(0)!\r\n", ["6.8(1*MWh)", "6.26(2*m3)", "F(0)"]],
    ["1.6.1(3.2*kW)(2401011230)\r\n!", ["1.6.1(3.2*kW)(2401011230)"]],
    ["  1.8.0 (1) \n\n 1.8.1(2)\n!", ["1.8.0(1)", "1.8.1(2)"]],
    ["6.8.1()9.4(088*C&082*C)0.5(1*kWh*)8(1*)!", ["6.8.1()", "9.4(088*C&082*C)", "0.5(1*kWh*)", "8(1*)"]],
    ["1.8.0*24(1)\r\n1.8.0&12(2)\r\n*05(3)\r\n!", ["1.8.0*24(1)", "1.8.0&12(2)", "*05(3)"]],
    ["0-1:24.3.0(ts)(m3)\r\n(00034.124)\r\n!\r\n", ["0-1:24.3.0(ts)(m3)", "(00034.124)"]],
    ["0.2.0( a b, c;d/e!f )\r\n!\r\n", ["0.2.0( a b, c;d/e!f )"]],
    ["1.1(12\r\n34)\r\n!", ["1.1(1234)"]],
    ["(0033402.264*kWh)", ["(0033402.264*kWh)"]],
    ["t(20\xb0C)!", ["t(20\xb0C)"]],
    ["a(1)\\\nb(2)\n!", ["a(1)", "b(2)"]],
    ["!\r\n", []],
    ["a(1)\r\n!\r\nb(2)\r\n", ["a(1)"]],
  ];
  for (const [text, sets] of cases) {
    assert.deepEqual(written(text), sets, text);
    assert.deepEqual(parseDataBlock(text).damaged, [], text);
    assert.equal(parseDataBlock(text).complete, text.includes("!"), text);
  }
});

Deno.test("parseDataBlock: a bad line costs that line only, and is reported where it stands", () => {
  const cases: [string, string[], [string, number, string][]][] = [
    ["a(1)\r\nb(2\r\nc(3)\r\n!", ["a(1)", "c(3)"], [["b(2", 6, "closing bracket missing"]]],
    ["a(1)\r\nb2)\r\nc(3)\r\n!", ["a(1)", "c(3)"], [["b2)", 6, "opening bracket missing"]]],
    ["a(1)b(2(3)d(4)\r\nc(3)\r\n!", ["a(1)", "c(3)"], [["b(2(3)d(4)", 4, "closing bracket missing"]]],
    ["a(1)\r\nhello\r\nc(3)\r\n!", ["a(1)", "c(3)"], [["hello", 6, "no brackets"]]],
    ["a(1)\r\nb(\x00)\r\nc(3)\r\n!", ["a(1)", "c(3)"], [["b(\x00)", 6, "control character 00 in it"]]],
    ["a(1)\r\nb\x19(2)\r\nc(3)\r\n!", ["a(1)", "c(3)"], [["b\x19(2)", 6, "control character 19 in it"]]],
    ["a(1)\r\n1!8(2)\r\nc(3)\r\n!", ["a(1)", "c(3)"], [["1!8(2)", 6, "! in its address"]]],
    ["a(1)\r\nb(2!\r\n", ["a(1)"], [["b(2", 6, "closing bracket missing"]]],
    ["a(1)\r\nb(2", ["a(1)"], [["b(2", 6, "closing bracket missing"]]],
  ];
  for (const [text, sets, damaged] of cases) {
    assert.deepEqual(written(text), sets, text);
    const reported = parseDataBlock(text).damaged.map(({ text, offset, reason }) => [text, offset, reason]);
    assert.deepEqual(reported, damaged, text);
  }
});

Deno.test("parseDataBlock: what continues a lost set is not given to another", () => {
  const { sets, damaged } = parseDataBlock("a(1)\r\nb(\x00)\r\n(2)\r\n(3)\r\nc(4)\r\n(5)\r\n!");
  assert.deepEqual(sets.map(({ address }) => address), ["a", "c", ""]);
  assert.deepEqual(damaged.map(({ text }) => text), ["b(\x00)", "(2)", "(3)"]);
  const row = parseDataBlock("P.01(1)\r\n(2)\r\n(\x00)\r\n(4)\r\n!");
  assert.deepEqual(row.sets.map(({ values }) => values[0]!.text), ["1", "2", "4"], "a lost row costs itself");
});

Deno.test("parseDataBlock: any text whatever, and it ends", () => {
  const characters = "a1.*()!\r\n \x02\x00/&";
  let seed = 1;
  for (let round = 0; round < 20_000; round++) {
    let text = "";
    for (let length = round % 24; length > 0; length--) {
      seed = (seed * 48271) % 0x7fffffff;
      text += characters[seed % characters.length];
    }
    const { sets } = parseDataBlock(text);
    for (const { values } of sets) assert.ok(values.length > 0, text);
  }
});
