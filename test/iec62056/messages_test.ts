import assert from "node:assert/strict";
import {
  acknowledgedCharacter,
  baudCharacterOf,
  baudOf,
  hex,
  isAddressed,
  modeOf,
  offersModeE,
  parseIdentification,
  reactionMs,
  toBytes,
  toText,
  visible,
} from "../../src/iec62056/mod.ts";

Deno.test("parseIdentification: pairs, blanks, lost backslashes, no model, no digit", () => {
  const cases: [string, string, string, string[], string][] = [
    ["/LGZ5\\2ZMD4054407.B14", "LGZ", "5", ["2"], "ZMD4054407.B14"],
    ["/EMH5\\@\\201LZQJ", "EMH", "5", ["@", "2"], "01LZQJ"],
    ["/ACE0\\3k260V01.19", "ACE", "0", ["3"], "k260V01.19"],
    ["/ISk5\x02MT382-1000", "ISk", "5", ["2"], "MT382-1000"],
    ["/ELS5\\@V9.35    ", "ELS", "5", ["@"], "V9.35"],
    ["/KAM MC", "KAM", " ", [], "MC"],
    ["/KAM5", "KAM", "5", [], ""],
    ["/NWA-WARMTELINK", "NWA", "-", [], "WARMTELINK"],
    ["/FLU5\xab769484_A", "FLU", "5", [], "\xab769484_A"],
    ["/KMP5 KA6U001660297912", "KMP", "5", [], " KA6U001660297912"],
  ];
  for (const [line, maker, baudCharacter, escapes, text] of cases) {
    assert.deepEqual(parseIdentification(line), { line, maker, baudCharacter, escapes, text });
  }
  for (const line of ["", "/", "/AB", "/ABC", "/AB15", "ABC5x", "/ABC5x\x00", "/ABC!x"]) {
    assert.equal(parseIdentification(line), undefined, line);
  }
});

Deno.test("isAddressed: leading zeros don't count, an empty address means everybody", () => {
  const cases: [string | undefined, string | undefined, boolean][] = [
    [undefined, "123", true],
    ["", "123", true],
    ["000123", "123", true],
    ["123", "00123", true],
    ["0", "00000000", true],
    ["124", "123", false],
    ["Ab", "AB", false],
    ["123", undefined, false],
  ];
  for (const [asked, own, expected] of cases) assert.equal(isAddressed(asked, own), expected, `${asked} ${own}`);
});

Deno.test("modeOf, baudOf, acknowledgedCharacter: what Z means", () => {
  const cases: [string, "A" | "B" | "C", number | undefined, string][] = [
    ["0", "C", 300, "0"],
    ["5", "C", 9600, "5"],
    ["6", "C", 19200, "6"],
    ["7", "C", undefined, "0"],
    ["A", "B", 600, "0"],
    ["F", "B", 19200, "0"],
    ["G", "A", undefined, "0"],
    [" ", "A", undefined, "0"],
    ["a", "A", undefined, "0"],
  ];
  for (const [character, mode, baud, acknowledged] of cases) {
    const identification = parseIdentification(`/XYZ${character}x`)!;
    assert.equal(modeOf(identification), mode, character);
    assert.equal(baudOf(mode, character), baud, character);
    assert.equal(acknowledgedCharacter(identification), acknowledged, character);
    if (mode !== "A" && baud) assert.equal(baudCharacterOf(mode, baud), character);
  }
  const identification = parseIdentification("/XYZ5\\2x")!;
  assert.equal(acknowledgedCharacter(identification, 9600), "5");
  assert.equal(acknowledgedCharacter(identification, 4800), "0", "no third speed");
  assert.equal(offersModeE(identification), true);
});

Deno.test("reactionMs: 20 ms where the third letter is in lower case", () => {
  assert.equal(reactionMs(parseIdentification("/ISk5x")!), 20);
  for (const line of ["/ISK5x", "/isK5x"]) assert.equal(reactionMs(parseIdentification(line)!), 200);
});

Deno.test("toText, toBytes: every byte there and back", () => {
  const all = Uint8Array.from({ length: 20_000 }, (_, at) => at & 0xff);
  assert.deepEqual(toBytes(toText(all)), all);
  assert.throws(() => toBytes("€"), RangeError);
});

Deno.test("visible, hex: for people", () => {
  assert.equal(visible("\x06050\r\n\x80\x19"), "<ACK>050<CR><LF><80><19>");
  assert.equal(visible(Uint8Array.of(1, 0x42, 0x30, 3, 0x71)), "<SOH>B0<ETX>q");
  assert.equal(hex(Uint8Array.of(0x2f, 0, 255)), "2F 00 FF");
  assert.equal(hex(new Uint8Array(5), 2), "00 00 … (5 bytes)");
});
