/** Recordings: events ↔ text, cut at every place, and what is none. @module */
import assert from "node:assert/strict";
import { SIGN_ON_LINE } from "../src/line.ts";
import { formatHead, formatRecorded, MASKED_OCTET, parseRecording, type Recorded } from "../src/recording.ts";

const EVENTS: [Recorded, string][] = [
  [{ ms: 0, kind: "open", place: "serial:///dev/ttyUSB0" }, '{"ms":0,"open":"serial:///dev/ttyUSB0"}'],
  [{ ms: 1, kind: "line", settings: SIGN_ON_LINE }, '{"ms":1,"line":"300 7E1"}'],
  [
    { ms: 1, kind: "line", settings: { baud: 115200, dataBits: 8, parity: "none", stopBits: 2 } },
    '{"ms":1,"line":"115200 8N2"}',
  ],
  [{ ms: 180, kind: "sent", text: "/?!\r\n" }, '{"ms":180,"sent":"/?!\\r\\n"}'],
  [{ ms: 420, kind: "received", text: "/ABC5\r\n", toMs: 901 }, '{"ms":420,"to":901,"received":"/ABC5\\r\\n"}'],
  [{ ms: 5, kind: "received", text: "\x02(**)\x03L" }, '{"ms":5,"received":"\\u0002(**)\\u0003L"}'],
  [{ ms: 6, kind: "received", text: "\xff\x00~*" }, '{"ms":6,"received_hex":"FF 00 7E 2A"}'],
  [
    { ms: 7, kind: "sent", text: "\x01P1\x02(***)\x03*", masked: true },
    '{"ms":7,"sent":"\\u0001P1\\u0002(***)\\u0003*","masked":true}',
  ],
  [
    { ms: 8, kind: "sent", text: `~\xa0${MASKED_OCTET}${MASKED_OCTET}~`, masked: true },
    '{"ms":8,"sent_hex":"7E A0 ** ** 7E","masked":true}',
  ],
  [{ ms: 9, kind: "silence", withinMs: 2000 }, '{"ms":9,"silence":2000}'],
  [{ ms: 10, kind: "lost", message: "gone" }, '{"ms":10,"lost":"gone"}'],
  [{ ms: 11, kind: "end", exit: 0 }, '{"ms":11,"exit":0}'],
  [{ ms: 11, kind: "end", exit: 74, message: "x" }, '{"ms":11,"exit":74,"said":"x"}'],
];

const FILE = [formatHead({ command: "read", at: "2026-11-27T21:00:00.000Z" }), ...EVENTS.map(([, row]) => row), ""]
  .join("\n");

Deno.test("formatRecorded, parseRecording: each event both ways", () => {
  for (const [event, row] of EVENTS) assert.equal(formatRecorded(event), row);
  assert.deepEqual(parseRecording(FILE), EVENTS.map(([event], at) => ({ ...event, row: at + 2 })));
  assert.deepEqual(parseRecording(FILE.replaceAll("\n", "\r\n")), parseRecording(FILE), "as a mail program leaves it");
});

Deno.test("parseRecording: a file that was cut anywhere is whole but for its last row", () => {
  const enough = FILE.indexOf('"received"');
  for (let length = enough; length < FILE.length; length++) {
    const cut = FILE.slice(0, length);
    const rows = cut.slice(0, cut.lastIndexOf("\n") + 1).trimEnd().split("\n").length - 1;
    const found = parseRecording(cut);
    assert.ok(found.length === rows || found.length === rows + 1, `${length}: ${found.length} of ${rows}`);
  }
});

Deno.test("parseRecording: what a later version adds is passed over, what is wrong is told with its row", () => {
  const rest = '{"ms":1,"sent":"x"}';
  assert.equal(parseRecording(`{"ms":1,"new":7}\n${rest}\n`).length, 1);
  const wrong: [string, RegExp][] = [
    ["", /nothing was sent and nothing received/],
    ["1.8.0(123)\n", /nothing was sent/],
    [`{"obisd":"recording","version":2}\n${rest}`, /row 1 .*version 1, not 2/],
    [`${rest}\n{"ms":\n${rest}\n`, /Cannot read row 2/],
    ['{"ms":1,"line":"300"}\n', /row 1 .*"300" is no line like 300 7E1/],
    ['{"sent":"x"}\n', /ms, a number, is missing/],
    ['{"ms":1,"sent_hex":"0G"}\n', /"0G" is not two hex digits/],
    ['{"ms":1,"sent":"€"}\n', /not a character of Latin-1/],
  ];
  for (const [text, said] of wrong) assert.throws(() => parseRecording(text), said, text);
});

Deno.test("parseRecording: an exchange in hex digits, with the speeds that are agreed on in it", () => {
  const text = `# A meter\n\n| 1 | > | \`/?!\` |\n\n\`\`\`hex
> 2F 3F 21 0D 0A
< 2f 41 42 43 35 0D 0A
> 06 30 35 30 0D 0A
< 02 21 03 22
> 01 42 30 03 71
\`\`\`\n`;
  assert.deepEqual(
    parseRecording(text).map((
      event,
    ) => [event.row, event.ms, event.kind === "line" ? event.settings.baud : event.kind]),
    [[1, 0, 300], [6, 0, "sent"], [7, 250, "received"], [8, 250, "sent"], [8, 250, 9600], [9, 500, "received"], [
      10,
      500,
      "sent",
    ], [
      10,
      500,
      300,
    ]],
  );
});
