import assert from "node:assert/strict";
import type { LineSettings } from "../../src/line.ts";
import { decodeTermios, encodeTermios, lineOf, terminalFlags } from "../../src/transport/termios.ts";

/** Octal as in asm-generic/termbits.h: CREAD 200, CLOCAL 4000, HUPCL 2000 in each. */
const TABLE: readonly (readonly [line: LineSettings, control: number, input: number])[] = [
  [{ baud: 300, dataBits: 7, parity: "even", stopBits: 1 }, 0o6200 | 0o7 | 0o40 | 0o400, 0o20],
  [{ baud: 300, dataBits: 7, parity: "odd", stopBits: 1 }, 0o6200 | 0o7 | 0o40 | 0o400 | 0o1000, 0o20],
  [{ baud: 2400, dataBits: 7, parity: "none", stopBits: 2 }, 0o6200 | 0o13 | 0o40 | 0o100, 0],
  [{ baud: 9600, dataBits: 8, parity: "none", stopBits: 1 }, 0o6200 | 0o15 | 0o60, 0],
  [{ baud: 19200, dataBits: 8, parity: "even", stopBits: 1 }, 0o6200 | 0o16 | 0o60 | 0o400, 0o20],
  [{ baud: 115200, dataBits: 8, parity: "none", stopBits: 1 }, 0o6200 | 0o10002 | 0o60, 0],
  [{ baud: 10400, dataBits: 7, parity: "even", stopBits: 1 }, 0o6200 | 0o10000 | 0o40 | 0o400, 0o20],
];

Deno.test("terminalFlags, lineOf: settings ↔ flags", () => {
  for (const [line, control, input] of TABLE) {
    assert.deepEqual(terminalFlags(line), { control, input, baud: line.baud }, JSON.stringify(line));
    assert.deepEqual(lineOf({ control, baud: line.baud }), line);
  }
});

Deno.test("encodeTermios, decodeTermios: the words stand where the kernel looks for them", () => {
  const struct = encodeTermios(terminalFlags({ baud: 300, dataBits: 7, parity: "even", stopBits: 1 }));
  const expected = new Uint8Array(44);
  expected.set([0x10], 0); // c_iflag: INPCK
  expected.set([0xa7, 0x0d], 8); // c_cflag: HUPCL CLOCAL CREAD PARENB CS7 B300
  expected.set([1], 17 + 6); // c_cc[VMIN]
  expected.set([0x2c, 0x01], 36); // c_ispeed
  expected.set([0x2c, 0x01], 40); // c_ospeed
  assert.deepEqual(struct, expected);
  assert.deepEqual(decodeTermios(struct), { input: 0o20, control: 0xda7, baud: 300 });
  assert.equal(decodeTermios(struct.fill(0, 36)).baud, 300);
  assert.equal(decodeTermios(encodeTermios(terminalFlags({ ...lineOf({ control: 0, baud: 10400 }) }))).baud, 10400);
});
