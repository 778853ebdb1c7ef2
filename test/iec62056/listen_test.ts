import assert from "node:assert/strict";
import { Inbox } from "../../src/dialogue.ts";
import { ProtocolError, SilenceError } from "../../src/errors.ts";
import { encodeP1, encodePush, formatCrc16, listen, toBytes, toText } from "../../src/iec62056/mod.ts";
import { follow } from "../support/follow.ts";

const BLOCK = "0.0.0(12345678)\r\n1.8.0(0001234.5*kWh)\r\n!\r\n";
const PUSH = toText(encodePush("/XYZ3METER-D", BLOCK));
const P1 = toText(encodeP1("/KFM5METER", "0-0:96.1.1(31)\r\n1-0:1.8.1(000001.5*kWh)\r\n!\r\n"));
const ON = "= 2400 7E1";

Deno.test("listen: two telegrams back to back, in any pieces", () => {
  for (const chunkBytes of [1, 3, 50, 1000]) {
    const inbox = new Inbox();
    const both = follow(
      function* () {
        return [yield* listen(inbox), yield* listen(inbox)];
      }(),
      chunkBytes < PUSH.length ? [ON, `< ${PUSH}`, ON, `< ${P1}`] : [ON, `< ${PUSH}${P1}`, ON],
      { chunkBytes },
    );
    assert.deepEqual(both.map(({ identification }) => identification!.line), ["/XYZ3METER-D", "/KFM5METER"]);
    assert.deepEqual(both.map(({ check }) => check.result), ["absent", "good"]);
    assert.deepEqual(both.map(({ block }) => block.complete), [true, true]);
  }
});

Deno.test("listen: from any point of the stream the next whole telegram comes", () => {
  for (const text of [PUSH, P1]) {
    for (let from = 1; from < text.length; from++) {
      const telegram = follow(listen(new Inbox()), [ON, `< ${text.slice(from)}${text}`]);
      assert.equal(telegram.block.sets.length, 2, JSON.stringify(text.slice(from)));
      assert.deepEqual(telegram.block.damaged, []);
    }
  }
});

Deno.test("listen: a telegram that breaks off is not merged with the next", () => {
  for (let length = 1; length < PUSH.indexOf("!"); length++) {
    const telegram = follow(listen(new Inbox()), [ON, `< ${PUSH.slice(0, length)}${P1}`]);
    assert.equal(telegram.identification!.line, "/KFM5METER", JSON.stringify(PUSH.slice(0, length)));
    assert.equal(telegram.check.result, "good");
  }
});

Deno.test("listen: the CRC in its odd forms", () => {
  const checked = P1.slice(0, P1.indexOf("!") + 1);
  const crc = formatCrc16(toBytes(checked));
  const cases: [string, "good" | "wrong" | "absent"][] = [
    [`${checked}${crc}\r\n`, "good"],
    [`${checked}${crc}\n`, "good"],
    [`${checked}${crc.toLowerCase()}\r\n`, "good"],
    [`${checked}${crc}\r\n`.replaceAll("\r", ""), "good"],
    [`${checked}\r\n`, "absent"],
    [`${checked}${crc}\r\n`.replace("000001", "000002"), "wrong"],
    [`${checked}0\r\n`, "wrong"],
    [`${checked}%${crc.slice(1)}\r\n`, "wrong"],
  ];
  for (const [text, result] of cases) {
    const { check } = follow(listen(new Inbox()), [ON, `< ${text}`]);
    assert.deepEqual(check, { kind: "crc", result }, JSON.stringify(text));
  }
});

Deno.test("listen: a line that can't be read is reported, and ! in a data set ends nothing", () => {
  const bad = PUSH.replace("1.8.0(", "1.8.0!\r\n2)!(");
  const telegram = follow(listen(new Inbox()), [ON, `< ${bad}`], { chunkBytes: 1 });
  assert.ok(telegram.block.damaged.length > 0);
  const noise = PUSH.replace("(12345678)", "(12345678!)");
  assert.equal(follow(listen(new Inbox()), [ON, `< ${noise}`]).block.sets.length, 2);
});

Deno.test("listen: without an end of line behind ! silence ends it", () => {
  const telegram = follow(listen(new Inbox()), [ON, `< ${PUSH.trimEnd()}`, "silence"]);
  assert.equal(telegram.block.complete, true);
});

Deno.test("listen: noise without end is forgotten, silence is said, an endless telegram is cut", () => {
  const noise = "\xff\x00/\x12(".repeat(100_000);
  const inbox = new Inbox();
  assert.throws(() => follow(listen(inbox), [ON, `< ${noise}`, "silence"], { chunkBytes: 4096 }), (error: Error) => {
    assert.ok(error instanceof SilenceError);
    assert.equal(error.message, "Nothing whole was pushed at 2400 7E1 for 30 s");
    return true;
  });
  assert.equal(inbox.bytes.length, 0);
  const endless = `/XYZ3D\r\n${"1.8.0(1)\r\n".repeat(27_000)}`;
  assert.throws(
    () => follow(listen(new Inbox()), [ON, `< ${endless}`], { chunkBytes: 1 }),
    (error: Error) => error instanceof ProtocolError && error.trouble === "endless",
  );
});
