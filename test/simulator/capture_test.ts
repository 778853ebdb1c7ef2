import assert from "node:assert/strict";
import { decodeTelegrams } from "../../src/iec62056/mod.ts";
import { toBytes, toText } from "../../src/iec62056/characters.ts";
import { ownAddress, parseCaptures, speak } from "../../src/simulator/capture.ts";

const MESSAGE = "\x021.8.0(000123.4*kWh)\r\n!\r\n\x03j";
const checkOf = (text: string) => String.fromCharCode([...toBytes(text)].reduce((sum, byte) => sum ^ byte, 0) & 0x7f);
const WHOLE = MESSAGE.slice(0, -1) + checkOf(MESSAGE.slice(1, -1));

/** What a file holds → identification, mode, message of modes A to C, push. */
const FILES: Record<string, [file: string, line: string, mode: string, message: string]> = {
  "a whole file is said byte for byte": [`/ABC5X\r\n${WHOLE}`, "/ABC5X", "C", WHOLE],
  "an echo before it is no part of it": [`/?!\r\n/ABC5X\r\n${WHOLE}`, "/ABC5X", "C", WHOLE],
  "a wrong check character is made right": [`/ABC5X\r\n${MESSAGE.slice(0, -1)}\x7e`, "/ABC5X", "C", WHOLE],
  "no control characters, LF alone": ["/ABCEX\n1.8.0(000123.4*kWh)\n!\n", "/ABCEX", "B", WHOLE],
  "no end": ["/ABCxX\r\n1.8.0(000123.4*kWh)", "/ABCxX", "A", WHOLE],
  "no identification": ["1.8.0(000123.4*kWh)\r\n!\r\n", "/OBI5SIMULATED", "C", WHOLE],
  "an empty line behind the identification: mode D": [
    "/ABC5X\r\n\r\n1.8.0(000123.4*kWh)\r\n!\r\n",
    "/ABC5X",
    "D",
    WHOLE,
  ],
};

for (const [name, [file, line, mode, message]] of Object.entries(FILES)) {
  Deno.test(`parseCaptures: ${name}`, () => {
    const [capture, ...more] = parseCaptures(toBytes(file));
    assert.ok(capture);
    assert.deepEqual(more, []);
    assert.deepEqual([capture.identification.line, capture.mode], [line, mode]);
    assert.equal(toText(speak(capture, capture.mode).message), message);
  });
}

Deno.test("parseCaptures: several telegrams, in order", () => {
  const captures = parseCaptures(toBytes("/ABC5X\r\n\r\n1.8.0(1)\r\n!\r\n/ABC5X\r\n\r\n1.8.0(2)\r\n!\r\n"));
  assert.deepEqual(captures.map(({ block }) => block), ["1.8.0(1)\r\n!\r\n", "1.8.0(2)\r\n!\r\n"]);
});

Deno.test("parseCaptures: what is no telegram gives none", () => {
  for (const text of ["", "hello\nworld\n", "/ABC5X\r\n", "{}"]) assert.deepEqual(parseCaptures(toBytes(text)), []);
});

Deno.test("speak: P1 keeps a right CRC and makes a wrong one right", () => {
  const body = "/ABC5X\r\n\r\n1-0:1.8.1(000123.456*kWh)\r\n!";
  const right = toText(speak(parseCaptures(toBytes(`${body}0000\r\n`))[0]!, "D").push);
  assert.match(right, /!(?!0000)[0-9A-F]{4}\r\n$/);
  assert.equal(toText(speak(parseCaptures(toBytes(right))[0]!, "D").push), right);
  assert.equal(decodeTelegrams(toBytes(right))[0]!.check.result, "good");
});

Deno.test("speak: a meter of another mode announces it", () => {
  const [capture] = parseCaptures(toBytes(`/ABC5X\r\n${WHOLE}`));
  const lines = (["A", "B", "C", "D"] as const).map((mode) => speak(capture!, mode).identification.line);
  assert.deepEqual(lines, ["/ABCzX", "/ABCEX", "/ABC5X", "/ABC5X"]);
});

Deno.test("ownAddress: the number in the telegram", () => {
  const of = (block: string) => ownAddress(parseCaptures(toBytes(`/ABC5X\r\n${block}\r\n!\r\n`))[0]!);
  assert.equal(of("1.8.0(1)\r\n0.0.0( 20000)"), "20000");
  assert.equal(of("C.1.0(123)"), "123");
  assert.equal(of("1.8.0(1)"), undefined);
});

const corpus = new URL("../../../shared/corpus/", import.meta.url);
const hasCorpus = await Deno.stat(corpus).then(() => true, () => false);
Deno.test({
  name: "parseCaptures: every real telegram can be said again, with a check that is right",
  ignore: !hasCorpus && Deno.env.get("OBISD_TEST_ALL") !== "1",
  async fn() {
    for await (const { name } of Deno.readDir(corpus)) {
      if (!name.endsWith(".txt")) continue;
      const file = await Deno.readFile(new URL(name, corpus));
      for (const capture of parseCaptures(file)) {
        const { identification, message, push } = speak(capture, "C");
        const [pulled] = decodeTelegrams(Uint8Array.of(...toBytes(`${identification.line}\r\n`), ...message));
        assert.equal(pulled?.check.result, "good", name);
        const [pushed] = decodeTelegrams(push);
        if (capture.p1) assert.deepEqual(pushed?.check, { kind: "crc", result: "good" }, name);
      }
    }
  },
});
