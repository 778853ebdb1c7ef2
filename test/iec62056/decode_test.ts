import assert from "node:assert/strict";
import { decodeTelegrams, encodeDataMessage, toBytes, toText } from "../../src/iec62056/mod.ts";

const BLOCK = "0.0.0(12345678)\r\n1.8.0(0001234.5*kWh)\r\n!\r\n";
const DATA = toText(encodeDataMessage(BLOCK));

/** `mode identification check sets damaged complete` of each telegram. */
function summary(text: string): string[] {
  return decodeTelegrams(toBytes(text)).map(({ mode, identification, check, block }) =>
    [
      mode,
      identification?.line ?? "-",
      `${check.kind}-${check.result}`,
      block.sets.length,
      block.damaged.length,
      block.complete,
    ].join(" ")
  );
}

Deno.test("decodeTelegrams: what people keep of a telegram", () => {
  const cases: [string, string[]][] = [
    [`/LGZ5ZMD\r\n${DATA}`, ["C /LGZ5ZMD bcc-good 2 0 true"]],
    [`/?!\r\n/LGZ5ZMD\r\n\x06050\r\n${DATA}`, ["C /LGZ5ZMD bcc-good 2 0 true"]],
    [`\x00\x7f/LGZ5ZMD\r\n\xf8\x12${DATA}`, ["C /LGZ5ZMD bcc-good 2 0 true"]],
    [`noise\r\n/LGZ5ZMD\r\n${DATA}`, ["C /LGZ5ZMD bcc-good 2 0 true"]],
    [`/LGZ5ZMD\r\n${DATA.replace("1234.5", "1234.6")}`, ["C /LGZ5ZMD bcc-wrong 2 0 true"]],
    [`/LGZ5ZMD\r\n${DATA.slice(0, -1)}`, ["C /LGZ5ZMD bcc-absent 2 0 true"]],
    [`/LGZ5ZMD\r\n${DATA.slice(0, 30)}`, ["C /LGZ5ZMD bcc-absent 1 1 false"]],
    [`/XYZEB\r\n${DATA}/XYZzA\r\n${DATA}`, ["B /XYZEB bcc-good 2 0 true", "A /XYZzA bcc-good 2 0 true"]],
    [`${DATA}${DATA}`, ["C - bcc-good 2 0 true", "C - bcc-good 2 0 true"]],
    [BLOCK, ["C - bcc-absent 2 0 true"]],
    ["1.8.0(1)", ["C - bcc-absent 1 0 false"]],
    ["\x02(0033402.264*kWh)\x03T", ["C - bcc-good 1 0 true"]],
    [`/XYZ3D\r\n\r\n${BLOCK}`, ["D /XYZ3D none-absent 2 0 true"]],
    [`/XYZ3D\n\n${BLOCK.replaceAll("\r", "")}`, ["D /XYZ3D none-absent 2 0 true"]],
    [`/XYZ3D\r\n\r\n${BLOCK}/XYZ3D\r\n\r\n1.8.0(1`, [
      "D /XYZ3D none-absent 2 0 true",
      "D /XYZ3D none-absent 0 1 false",
    ]],
    [`${BLOCK}  25803103\r\n\xff\xff\r\n`, ["C - bcc-absent 2 0 true"]],
    ["", []],
    ["/?!\r\n", []],
    ["/LGZ5ZMD\r\n", []],
    ["hello", []],
    ["\x00\x01\xff", []],
  ];
  for (const [text, expected] of cases) assert.deepEqual(summary(text), expected, JSON.stringify(text));
});

Deno.test("decodeTelegrams: the bytes of each telegram decode to the same", () => {
  const text = `/?!\r\n/LGZ5ZMD\r\n\x06050\r\n${DATA}/XYZ3D\r\n\r\n${BLOCK}`;
  for (const telegram of decodeTelegrams(toBytes(text))) assert.deepEqual(decodeTelegrams(telegram.bytes), [telegram]);
});

Deno.test("decodeTelegrams: no file takes longer than its length", () => {
  const pieces = ["\x03(", "/ABC5", "!", "\x02!\n", "/?a", "\x06", "a(", "(\n!", ")!", "\x03"];
  for (const piece of pieces) decodeTelegrams(toBytes(`${piece.repeat(60_000)}(1)`));
});

Deno.test("decodeTelegrams: any bytes whatever, and it ends", () => {
  const characters = "/ABC5a1.*()!\r\n\x02\x03\x06?";
  let seed = 7;
  for (let round = 0; round < 5000; round++) {
    let text = "";
    for (let length = round % 40; length > 0; length--) {
      seed = (seed * 48271) % 0x7fffffff;
      text += characters[seed % characters.length];
    }
    decodeTelegrams(toBytes(text));
  }
});
