/** OBIS codes as meters spell them. @module */
import assert from "node:assert/strict";
import { formatObis, parseObis, readObis } from "../../src/obis/code.ts";

const SPELLINGS: [address: string, canonical: string][] = [
  ["1.8.0", "1-0:1.8.0*255"],
  ["1.8.0*24", "1-0:1.8.0*24"],
  ["1.8.0*01", "1-0:1.8.0*1"],
  ["1.8.0&12", "1-0:1.8.0*12"],
  ["1.8.0*101", "1-0:1.8.0*101"],
  ["1-1:2.8.1", "1-1:2.8.1*255"],
  ["1-0:1.8.0*255", "1-0:1.8.0*255"],
  ["01-00:001.08.00*00", "1-0:1.8.0*0"],
  ["0-1:24.2.1", "0-1:24.2.1*255"],
  ["129-129:199.130.3*255", "129-129:199.130.3*255"],
  ["1.8", "1-0:1.8.0*255"],
  ["6.8", "1-0:6.8.0*255"],
  ["81.7.10", "1-0:81.7.10*255"],
  ["C.1.0", "0-0:96.1.0*255"],
  ["C.1", "0-0:96.1.0*255"],
  ["0-0:C.1.0*255", "0-0:96.1.0*255"],
  ["1-1:C.7.0", "1-1:96.7.0*255"],
  ["C.51.2*03", "0-0:96.51.2*3"],
  ["F.F", "0-0:97.97.0*255"],
  ["F.F.0", "0-0:97.97.0*255"],
  ["1-1:F.F", "1-1:97.97.0*255"],
  ["F", "0-0:97.97.0*255"],
  ["FF", "0-0:97.97.0*255"],
  ["L.1", "0-0:98.1.0*255"],
  ["P.01", "0-0:99.1.0*255"],
  ["P.98", "0-0:99.98.0*255"],
  ["0.0", "1-0:0.0.0*255"],
  ["00", "1-0:0.0.0*255"],
  ["000", "1-0:0.0.0*255"],
  ["96.1.0", "1-0:96.1.0*255"],
  ["0100010800FF", "1-0:1.8.0*255"],
];

const NO_CODES = [
  ...["", " ", "0", "8", "ET0PE", "HELLO", "VOLTA", "C003", "1.6.0,5", "2.35.0.01", "1.8.1-01", "3:171.0", "0:1008"],
  ...["0F0880FF", "c.1.0", "f.f", "1.8.256", "256-0:1.8.0", "1.8.0*256", "1.8.0*", "1.8.0*1*2", "1.8.", ".8.0"],
  ...["1-0:", "1-0.1.8.0", "1.8.0 ", " 1.8.0", "1.8.0\n", "1.1000.0", "*05", "K.1.0", "1. 8.0", "-1.8.0", "１.８.０"],
];

Deno.test("parseObis: every spelling has one canonical form, which is its own", () => {
  for (const [address, canonical] of SPELLINGS) {
    assert.equal(parseObis(address), canonical, address);
    assert.equal(parseObis(canonical), canonical);
  }
});

Deno.test("parseObis: what fits no form is no code", () => {
  for (const address of NO_CODES) assert.equal(parseObis(address), "", JSON.stringify(address));
});

Deno.test("parseObis: an old heat telegram means heat, unless letters or the meter say otherwise", () => {
  const heat: [string, string][] = [
    ["6.8", "6-0:6.8.0*255"],
    ["6.26*01", "6-0:6.26.0*1"],
    ["0.0", "6-0:0.0.0*255"],
    ["F", "0-0:97.97.0*255"],
    ["1-0:1.8.0", "1-0:1.8.0*255"],
  ];
  for (const [address, canonical] of heat) assert.equal(parseObis(address, { heat: true }), canonical, address);
});

Deno.test("readObis: remembers how the meter spelled it; formatObis writes it back", () => {
  const code = readObis("C.1.0*7");
  assert.deepEqual(code, { a: 0, b: 0, c: 96, d: 1, e: 0, f: 7, spelling: "letters", medium: false });
  assert.equal(formatObis(code!), "0-0:96.1.0*7");
  assert.equal(readObis("F")!.spelling, "one letter");
  assert.equal(readObis("1-0:1.8.0")!.medium, true);
  assert.equal(readObis("HELLO"), undefined);
});
