import assert from "node:assert/strict";
import {
  ACKNOWLEDGEMENT,
  checkSml,
  crc16,
  decodeCommand,
  decodeOptionSelect,
  decodeRequest,
  decodeTelegrams,
  encodeBreak,
  encodeCommand,
  encodeDataMessage,
  encodeIdentification,
  encodeOptionSelect,
  encodeP1,
  encodePush,
  encodeRequest,
  errorIn,
  findDataMessage,
  findIdentification,
  findReply,
  formatIdentification,
  identificationIn,
  isSml,
  parseDataBlock,
  REPEAT_REQUEST,
  type Reply,
  toText,
  wake,
} from "../../src/iec62056/mod.ts";
import { crcKermit, crcX25 } from "../../src/crc.ts";
import { encodeFrame, hdlcAddress, toHex } from "../../src/dlms/mod.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";
import {
  corpus,
  exchange,
  exchanges,
  fromHex,
  hasExchanges,
  hasVectors,
  type Vector,
  vectors,
} from "../support/specs.ts";

const ignore = !hasVectors;
const ofKind = (kind: string) => [...vectors().values()].filter((vector) => vector.kind === kind);
const bytesOf = (name: string) => fromHex(vectors().get(name)!.hex);

Deno.test("wake: the vector, and the time that it takes on the wire", { ignore }, () => {
  const step = wake({ nuls: 66, pauseMs: 1500 }, SIGN_ON_LINE).next().value;
  assert.deepEqual(step, { kind: "send", bytes: bytesOf("wakeup-66-nul"), leastMs: 2200 });
});

Deno.test("encodeRequest, decodeRequest: the vectors both ways", { ignore }, () => {
  for (const { name, hex } of ofKind("request")) {
    const request = decodeRequest(fromHex(hex));
    assert.ok(request, name);
    assert.deepEqual(encodeRequest(request), fromHex(hex), name);
  }
  assert.deepEqual(decodeRequest(bytesOf("req-addr-8")), { command: "?", address: "12345678" });
  assert.deepEqual(decodeRequest(bytesOf("req-list-2")), { command: "2" });
});

Deno.test("encodeOptionSelect, decodeOptionSelect: the vectors both ways", { ignore }, () => {
  for (const { name, hex } of ofKind("ack")) {
    if (hex.length === 2) continue;
    const selected = decodeOptionSelect(fromHex(hex));
    assert.ok(selected, name);
    assert.deepEqual(encodeOptionSelect(selected), fromHex(hex), name);
  }
  assert.deepEqual(bytesOf("ack-single"), ACKNOWLEDGEMENT);
  assert.deepEqual(bytesOf("nak-single"), REPEAT_REQUEST);
});

Deno.test(
  "parseIdentification, encodeIdentification: the vectors both ways, noise and echo in front",
  { ignore },
  () => {
    for (const { name, hex } of [...ofKind("ident"), ...ofKind("echo")]) {
      const bytes = fromHex(hex);
      const find = findIdentification();
      for (let length = 1; length < bytes.length; length++) {
        assert.equal(
          find(bytes.subarray(0, length)),
          undefined,
          name,
        );
      }
      const found = find(bytes)!;
      assert.deepEqual(encodeIdentification(found.value), bytes.subarray(found.start), name);
      assert.equal(formatIdentification(found.value), found.value.line.trimEnd(), name);
      assert.equal(found.end, bytes.length);
    }
  },
);

Deno.test("encodeCommand, decodeCommand: the vectors both ways", { ignore }, () => {
  for (const { name, hex } of ofKind("command")) {
    const { good, ...command } = decodeCommand(fromHex(hex))!;
    assert.ok(good, name);
    assert.deepEqual(encodeCommand(command), fromHex(hex), name);
  }
  assert.deepEqual(encodeBreak(), bytesOf("cmd-break"));
  assert.deepEqual(encodeBreak("sum7"), bytesOf("cmd-break-sum7"));
  assert.deepEqual(encodeCommand({ name: "P1", data: "(777777)" }, "sum7"), bytesOf("p1-sum7"));
  const fast = encodeCommand({ name: "R1", data: "VOLTA()" }, "sum7"); // behind a request without its CR LF, in one packet
  assert.deepEqual(Uint8Array.of(...new TextEncoder().encode("/?!"), ...fast), bytesOf("req-energomera-fast"));
  assert.equal(decodeCommand(bytesOf("cmd-break-sum7"))!.good, false);
  assert.equal(decodeCommand(bytesOf("readout-c")), undefined);
});

/** Whole, byte by byte and behind noise: the same message. */
function framed({ hex }: Vector) {
  const bytes = fromHex(hex);
  const find = findDataMessage();
  for (let length = 1; length < bytes.length; length++) assert.equal(find(bytes.subarray(0, length)), undefined);
  const slowly = find(bytes)!;
  const behind = findDataMessage()(Uint8Array.from([0x06, 0x0d, 0x0a, 0x20, ...bytes, 0x06]))!;
  assert.deepEqual(behind.value, slowly.value);
  assert.deepEqual([behind.start, behind.end], [4, bytes.length + 4]);
  return slowly.value;
}

Deno.test("findDataMessage: the check character is taken by position, whatever it is", { ignore }, () => {
  for (const vector of ["bcc", "answer", "error", "partial", "readout", "profile"].flatMap(ofKind)) {
    const { xor, block } = framed(vector);
    assert.equal(xor, "good", vector.name);
    const end = fromHex(vector.hex).at(-2)!;
    assert.deepEqual(encodeDataMessage(toText(block), "xor", end), fromHex(vector.hex), vector.name);
  }
});

Deno.test(
  "findReply: every message of a meter in programming mode, byte by byte and behind noise and echo",
  { ignore },
  () => {
    const echo = bytesOf("r1-1.8.0");
    const operands = ["p0-seed-hex", "p0-1234567", "p0-empty", "elster-a1700-p0"].map((name) => vectors().get(name)!);
    const kinds: [Reply["kind"], readonly Vector[]][] = [
      ["block", ["bcc", "answer", "error", "partial", "profile"].flatMap(ofKind)],
      ["operand", operands],
      ["break", ["cmd-break", "cmd-break-b1", "cmd-break-sum7"].map((name) => vectors().get(name)!)],
      ["acknowledgement", [vectors().get("ack-single")!]],
      ["repeat", [vectors().get("nak-single")!]],
    ];
    for (const [kind, list] of kinds) {
      for (const { name, hex } of list) {
        const bytes = fromHex(hex);
        const find = findReply();
        for (let length = 1; length < bytes.length; length++) {
          assert.equal(
            find(bytes.subarray(0, length)),
            undefined,
            name,
          );
        }
        const { value, end } = find(bytes)!;
        assert.deepEqual([value.kind, end], [kind, bytes.length], name);
        assert.deepEqual(findReply(echo)(Uint8Array.from([...echo, ...bytes]))?.value, value, name);
        assert.deepEqual(findReply(echo)(Uint8Array.from([0, 0x7f, 0x20, ...bytes, 1]))?.value, value, name);
        if (value.kind !== "block") continue;
        assert.deepEqual([value.xor, value.last], ["good", name !== "block-1-eot"], name);
      }
    }
    assert.equal(findReply()(bytesOf("p1-zeros")), undefined, "no meter sends P1");
  },
);

Deno.test("errorIn: error messages are told from values", { ignore }, () => {
  const of = (text: string, bare = false) => errorIn(parseDataBlock(text).sets, { bare });
  const said = ofKind("error").map(({ hex }) => of(toText(fromHex(hex).subarray(1, -2))));
  assert.deepEqual(said, [
    "(ER)",
    "(ERROR01), which means: unknown command",
    "(#0004), which means: unknown attribute",
    "(ERROR)",
  ]);
  for (const text of ["(ERR12)", "(Error)", "(ER01)", "(ERR 5)"]) assert.equal(of(text), text);
  for (const text of ["(01)", "(0033402.264*kWh)", "1.8.0(1)", "(ERNA)", "F.F(00)(ERROR)", "()"]) {
    assert.equal(of(text), undefined, text);
  }
  assert.equal(of("(01)", true), "(01)", "NEVA writes the address in every answer but this");
});

Deno.test("findDataMessage: without STX the check still tells", { ignore }, () => {
  const bytes = bytesOf("readout-c").subarray(1);
  assert.equal(findDataMessage()(bytes)?.value.xor, "good");
  const echoed = Uint8Array.from([0x06, 0x30, 0x35, 0x30, 0x0d, 0x0a, ...bytes]);
  assert.equal(findDataMessage()(echoed)?.value.xor, "good");
  assert.equal(findDataMessage()(bytes.subarray(1))?.value.xor, "wrong", "a character more is lost");
});

Deno.test("decodeTelegrams: the negative vectors are wrong, but for what xor cannot see", { ignore }, () => {
  for (const name of ["readout-bad-char", "readout-bcc-incl-stx", "readout-bcc-excl-etx"]) {
    assert.equal(decodeTelegrams(bytesOf(name))[0]!.check.result, "wrong", name);
  }
  assert.equal(decodeTelegrams(bytesOf("readout-even-number-flips"))[0]!.check.result, "good");
  const { check, block } = decodeTelegrams(bytesOf("readout-no-etx"))[0]!;
  assert.deepEqual([check.result, block.complete], ["absent", true]);
  assert.deepEqual(decodeTelegrams(bytesOf("p1-v5-tampered"))[0]!.check, { kind: "crc", result: "wrong" });
});

Deno.test("decodeTelegrams: seven bits with their parity", { ignore }, () => {
  const [plain] = decodeTelegrams(bytesOf("readout-c"));
  const [masked] = decodeTelegrams(bytesOf("readout-c-7e1-as-8n1"));
  assert.deepEqual(masked, plain);
  assert.equal(plain!.check.result, "good");
});

Deno.test("crc16, decodeTelegrams: P1 telegrams", { ignore }, () => {
  assert.equal(crc16(bytesOf("crc16-arc-check")), 0xbb3d);
  const bytes = bytesOf("p1-v5");
  const text = toText(bytes);
  const [telegram] = decodeTelegrams(bytes);
  assert.deepEqual(telegram!.check, { kind: "crc", result: "good" });
  assert.equal(telegram!.block.sets.length, 23);
  assert.deepEqual(encodeP1("/XYZ5SIMULATED-P1", text.slice(text.indexOf("\r\n\r\n") + 4, -6) + "\r\n"), bytes);
  for (const name of ["p1-v5", "p1-crc-unpadded"]) {
    const original = toText(bytesOf(name));
    const variants = [original.replaceAll("\r\n", "\n"), original.replace(/![0-9A-F]+/, (crc) => crc.toLowerCase())];
    for (const variant of variants) {
      const result = decodeTelegrams(Uint8Array.from(variant, (character) => character.charCodeAt(0)))[0]!.check;
      assert.deepEqual(result, { kind: "crc", result: "good" }, variant);
    }
  }
  assert.deepEqual(decodeTelegrams(bytesOf("p1-v2"))[0]!.check, { kind: "crc", result: "absent" });
  assert.deepEqual(decodeTelegrams(bytesOf("p1-encrypted")), []);
});

Deno.test("crcX25, crcKermit: the vectors; the first frame of mode E", { ignore }, () => {
  assert.equal(crcX25(bytesOf("crc16-x25-check")), 0x906e);
  assert.equal(crcKermit(bytesOf("crc16-kermit-check")), 0x2189);
  const snrm = { kind: "SNRM", poll: true } as const;
  const first = {
    destination: hdlcAddress(1),
    source: hdlcAddress(16),
    control: snrm,
    segmented: false,
    information: new Uint8Array(),
  };
  assert.deepEqual(encodeFrame(first), bytesOf("hdlc-snrm"));
});

Deno.test("encodePush: mode D", { ignore }, () => {
  const bytes = bytesOf("mode-d");
  const [telegram] = decodeTelegrams(bytes);
  assert.deepEqual([telegram!.mode, telegram!.check], ["D", { kind: "none", result: "absent" }]);
  const text = toText(bytes);
  assert.deepEqual(encodePush("/XYZ3METER-D", text.slice(text.indexOf("\r\n\r\n") + 4)), bytes);
});

Deno.test("identificationIn: the last one of a line, no echo, no unit", () => {
  assert.deepEqual(identificationIn("/LG/LGZ5ZMD")?.start, 3);
  for (const line of ["/?!", "/1Bla0!", "1.2.3(5*Imp/kWh)", "/LGZ", "/", "/LGZ5(1)", "/LG\x005Z"]) {
    assert.equal(identificationIn(line), undefined, line);
  }
});

Deno.test("isSml: the files of the vectors are, and no recording of a telegram is", { ignore }, () => {
  const files = [...vectors().values()].filter(({ name }) => /^sml-(file|escape|kermit|bad)/.test(name));
  assert.equal(files.length, 5);
  for (const { name, hex } of files) {
    assert(isSml(fromHex(hex)), name);
    assert.deepEqual(decodeTelegrams(fromHex(hex)), [], name);
    const bytes = fromHex(hex);
    assert.equal(checkSml(bytes), name === "sml-bad" ? "wrong" : "good", name);
    assert.equal(
      checkSml(Uint8Array.of(0, 0x1b, ...bytes, ...bytes)),
      checkSml(bytes),
      "behind noise, and another behind it",
    );
    assert.equal(checkSml(bytes.subarray(0, -1)), "absent", name);
  }
  for (const part of ["open", "getlist", "close"]) { // its messages alone are no file
    const bytes = bytesOf(`sml-msg-${part}`);
    assert(!isSml(bytes), part);
    assert(toHex(bytesOf("sml-file")).includes(toHex(bytes)), part);
  }
  for (const { name, bytes } of corpus()) assert(!isSml(bytes), name);
});

Deno.test("decodeCommand: the messages of exchange 022", { ignore: !hasExchanges }, () => {
  const decoded = exchange("022").map(({ bytes }) => decodeCommand(bytes));
  assert.deepEqual(decoded.map((command) => [command?.name, command?.data, command?.good]), [
    ["P0", "(1234567)", true],
    ["R1", "1.8.0(1)", true],
  ]);
});

Deno.test("every exchange stands in a test", { ignore: !hasExchanges }, async () => {
  const files = ["readout_test.ts", "programming_test.ts", "profile_test.ts", "vectors_test.ts"];
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(new URL(file, import.meta.url))));
  assert.deepEqual([...exchanges().keys()].filter((number) => !texts.some((text) => text.includes(`"${number}"`))), []);
});

Deno.test("every vector stands in a test", { ignore }, async () => {
  const whole = [
    "request",
    "ack",
    "ident",
    "echo",
    "command",
    "bcc",
    "answer",
    "error",
    "partial",
    "readout",
    "profile",
  ];
  const texts = await Promise.all(
    [
      "iec62056/vectors_test.ts",
      "transport/telnet_test.ts",
      "transport/parity_test.ts",
      "simulator/programming_test.ts",
    ]
      .map((file) => Deno.readTextFile(new URL(`../${file}`, import.meta.url))),
  );
  const inLoops = /^(sml-(file|escape|kermit-(msg|all)|bad|msg-(open|getlist|close))|.*-7e1-as-8n1|rfc2217-baud-\d+)$/;
  const untested = [...vectors().values()].filter(({ name, kind }) =>
    !whole.includes(kind) && !inLoops.test(name) &&
    !texts.some((text) => text.includes(`"${name.replace("rfc2217-", "")}"`))
  );
  assert.deepEqual(untested.map(({ name }) => name), []);
});
