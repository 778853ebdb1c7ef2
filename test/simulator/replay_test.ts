/** Recordings played back: to the letter, otherwise, and the exchanges of real meters. @module */
import assert from "node:assert/strict";
import type { Dialogue } from "../../src/dialogue.ts";
import { hex } from "../../src/iec62056/characters.ts";
import { programming, readout, readRegisters } from "../../src/iec62056/mod.ts";
import { ProtocolError, SilenceError } from "../../src/errors.ts";
import { parseRecording } from "../../src/recording.ts";
import { Replay } from "../../src/simulator/replay.ts";
import { follow } from "../support/follow.ts";
import { replay } from "../support/replay.ts";
import { exchange, exchanges, hasExchanges } from "../support/specs.ts";

/** A meter of mode C whose first data message is damaged, and that takes a second to repeat it. */
const DAMAGED = `
{"ms":0,"line":"300 7E1"}
{"ms":180,"sent":"/?!\\r\\n"}
{"ms":420,"to":700,"received":"/ABC5METER\\r\\n"}
{"ms":1100,"sent":"\\u0006050\\r\\n"}
{"ms":1100,"line":"9600 7E1"}
{"ms":1400,"received":"\\u00021.8.0(7*kWh)\\r\\n"}
{"ms":1420,"received":"!\\r\\n\\u0003X"}
{"ms":1650,"sent":"\\u0015"}
{"ms":2700,"received":"\\u00021.8.0(1*kWh)\\r\\n!\\r\\n\\u0003U"}
{"ms":2950,"sent":"\\u0001B0\\u0003q"}
{"ms":2950,"line":"300 7E1"}
`;

Deno.test("replay: a recording answers a dialogue, in one line", async () => {
  const { block, atMs } = await replay(DAMAGED, readout());
  assert.deepEqual(block.sets, [{ address: "1.8.0", values: [{ text: "1", unit: "kWh" }] }]);
  assert.ok(atMs > 2300 && atMs < 2900, `the meter's own time: ${atMs} ms`);
});

Deno.test("replay: a meter that falls silent, or speaks too late, is no other when it is played back", async () => {
  const lines = DAMAGED.split("\n");
  const silent = [...lines.slice(0, 6), ...lines.slice(-3)].join("\n");
  await assert.rejects(replay(silent, readout({ tries: { left: 1 } })), SilenceError);
  const late = DAMAGED.replace('"ms":2700', '"ms":6000');
  await assert.rejects(replay(late, readout({ tries: { left: 2 } })), ProtocolError);
});

Deno.test("replay: a dialogue that says something else fails, and is told the row", async () => {
  const said = /recording:3: the client says \/\?77!<CR><LF>; recorded is \/\?!<CR><LF>/;
  await assert.rejects(replay(DAMAGED, readout({ address: "77" })), said);
  await assert.rejects(replay(DAMAGED, readout({ maxBaud: 300 })), /<ACK>000<CR><LF>; recorded is <ACK>050<CR><LF>/);
  const slow = DAMAGED.replace("9600 7E1", "4800 7E1");
  await assert.rejects(replay(slow, readout()), /One end is at 4800 7E1, the other at 9600 7E1/);
});

/** What a meter does and what is told of the client, with a client that does as the script says. */
function play(recording: string, script: readonly string[]) {
  const told: string[] = [];
  const events = parseRecording(recording);
  const meter = new Replay({ name: "r", events, paced: false, onDifference: (message) => told.push(message) });
  assert.throws(() => follow(meter.session(), [...script, "end"]), /waits for bytes/);
  return { told, meter };
}

const HEAD = ["= 300 7E1", "< /?!\r\n", "> /ABC5METER\r\n"];

Deno.test("Replay: a client that goes its own way is found again, forward, back, and in another session", () => {
  const skipped = play(DAMAGED, [...HEAD, "< \x15", "silence", "> \x021.8.0(1*kWh)\r\n!\r\n\x03U"]);
  assert.deepEqual(skipped.told, ["r:5: the client says <NAK>, which stands at r:9; recorded is <ACK>050<CR><LF>"]);
  const again = play(DAMAGED, [...HEAD, "< /?!\r\n", "silence", "> /ABC5METER\r\n"]);
  assert.match(again.told[0]!, /r:5: the client says \/\?!<CR><LF>, which stands at r:3/);
  const two = `{"ms":0,"open":"x"}${DAMAGED}{"ms":5000,"open":"x"}\n{"ms":5001,"sent":"/?2!\\r\\n"}
{"ms":5002,"received":"/XYZ5\\r\\n"}\n`;
  assert.match(
    play(two, [...HEAD, "< /?2!\r\n", "silence", "> /XYZ5\r\n", "= 300 7E1"]).told[0]!,
    /which stands at r:14/,
  );
  const { told, meter } = play(DAMAGED, HEAD);
  meter.left();
  assert.deepEqual(told, ["r:5: the client has hung up before this"]);
});

Deno.test("Replay: two messages in one piece are two, and a masked password is any password", () => {
  assert.deepEqual(
    play(DAMAGED, [
      "= 300 7E1",
      "< /?!\r\n\x06050\r\n",
      "> /ABC5METER\r\n",
      "= 9600 7E1",
      "> \x021.8.0(7*kWh)\r\n",
      "> !\r\n\x03X",
    ]).told,
    [],
  );
  const masked = '{"ms":1,"sent":"\\u0001P1\\u0002(***)\\u0003*","masked":true}\n{"ms":2,"received":"\\u0006"}\n';
  assert.deepEqual(play(masked, ["< \x01P1\x02(77", "< 77)\x03q", "> \x06"]).told, []);
  assert.equal(play(masked, ["< \x01P2\x02(77)\x03q", "silence", "> \x06"]).told.length, 1);
});

/** How many data sets a readout brings home. */
function* count(options: Parameters<typeof readout>[0] = {}): Dialogue<number> {
  return (yield* readout(options)).block.sets.length;
}

/** How many of these registers a session brings home. */
function registers(addresses: string, options: Omit<Parameters<typeof programming>[0], "tries"> = {}) {
  return programming({ ...options, tries: { left: 1 } }, function* (meter) {
    const { answers } = yield* readRegisters(meter, addresses.split(" "), { command: "R1" });
    return answers.length;
  });
}

/** The exchange, its rows, the dialogue, what comes of it. */
const EXCHANGES: [number: string, from: number, to: number, client: Dialogue<number>, result: number][] = [
  ["001", 1, 5, count(), 9],
  ["001", 6, 16, registers("1.8.0 2.8.0 1.8.0"), 3],
  ["002", 0, 18, registers("HELLO ET0PE ECMPE ENMPE(04.22) EAMPE(04.22) ECDPE", { password: "dummy" }), 6],
  ["003", 0, 15, registers("CURRE FREQU VOLTA ET0PE", { address: "141628345", password: "777777" }), 4],
  ["005", 0, 4, count(), 64],
];

for (const [number, from, to, client, result] of EXCHANGES) {
  Deno.test(
    `Replay: exchange ${number} of a real meter, rows ${from} to ${to}`,
    { ignore: !hasExchanges },
    async () => {
      const said = exchange(number).slice(from, to);
      const again = [{ direction: ">", bytes: Uint8Array.of(0x15) }, said.at(-1)!]; // without a check character
      const rows = ["007", "009"].includes(number) ? [...said, ...again] : said;
      const text = rows.map(({ direction, bytes }) => `${direction} ${hex(bytes, Infinity)}`).join("\n");
      assert.equal(await replay(text, client), result);
    },
  );
}

Deno.test("parseRecording: every exchange can be played as it was written down", { ignore: !hasExchanges }, () => {
  for (const [number, text] of exchanges()) {
    const spoken = parseRecording(text).filter(({ kind, optional }) => kind !== "line" && !optional);
    assert.equal(spoken.length, exchange(number).length, number);
  }
});
