import assert from "node:assert/strict";
import { Inbox } from "../../src/dialogue.ts";
import { RefusalError } from "../../src/errors.ts";
import { decodeOptionSelect, handOver, toText } from "../../src/iec62056/mod.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";
import { ignore, octets } from "../support/dlms.ts";
import { follow } from "../support/follow.ts";

const run = (script: readonly string[], options: { maxBaud?: number } = {}, chunkBytes = Infinity) =>
  follow(handOver(new Inbox(), { line: SIGN_ON_LINE, ...options }), script, { chunkBytes }).line;

const OPENING = ["= 300 7E1", "> /?!\r\n", "< /LGZ4\\2ZMD4101234.B12\r\n", "~ 200"];
const ACK = "\x06242\r\n";

Deno.test("handOver: the vectors' opening, byte by byte too, and HDLC from there on", { ignore }, () => {
  const names = ["iec-signon", "iec-ident-modeE", "iec-ack-242"].map((name) => toText(octets(name)));
  assert.deepEqual([`> ${names[0]}`, `< ${names[1]}`, ACK], [OPENING[1], OPENING[2], names[2]]);
  assert.deepEqual(decodeOptionSelect(octets("iec-ack-252")), { protocol: "2", baudCharacter: "5", option: "2" });
  assert.deepEqual(decodeOptionSelect(octets("iec-ack-mode-c")), { protocol: "0", baudCharacter: "5", option: "0" });
  const script = [...OPENING, `> ${ACK}`, "= 4800 7E1", `< ${ACK}`, "= 4800 8N1"];
  for (const chunkBytes of [1, Infinity]) assert.equal(run(script, {}, chunkBytes), "/LGZ4\\2ZMD4101234.B12");
});

Deno.test("handOver: a lower speed is obeyed, none or a damaged confirmation is no fault", () => {
  const ends = [
    ["< \x06232\r\n", "= 2400 8N1"],
    ["silence", "= 4800 8N1"],
    ["< \x86\x32", "silence", "= 4800 8N1"],
    [`< ${"\xff".repeat(70)}`, "= 4800 8N1"],
    [`< \xff\x80${ACK}`, "= 4800 8N1"],
  ];
  for (const end of ends) run([...OPENING, `> ${ACK}`, "= 4800 7E1", ...end]);
});

Deno.test("handOver: a converter that can't change stays at 300", () => {
  run([...OPENING, "> \x06202\r\n", "< \x06202\r\n", "= 300 8N1"], { maxBaud: 300 });
});

Deno.test("handOver: a meter without mode E refuses in its own words", () => {
  const script = ["= 300 7E1", "> /?!\r\n", "< /LGZ4ZMD4101234.B12\r\n"];
  assert.throws(() => run(script), (error) => {
    assert.ok(error instanceof RefusalError);
    assert.match(error.message, /offers no mode E: its identification \/LGZ4ZMD4101234.B12 has no "\\2"/);
    return true;
  });
});
