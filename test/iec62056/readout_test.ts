import assert from "node:assert/strict";
import { LineError, ProtocolError, RefusalError, SilenceError } from "../../src/errors.ts";
import {
  encodeDataMessage,
  MESSAGE_LIMIT_BYTES,
  readout,
  type ReadoutOptions,
  toText,
} from "../../src/iec62056/mod.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";
import { exchange, hasExchanges } from "../support/specs.ts";
import { follow, followAborted } from "../support/follow.ts";

const BLOCK = "0.0.0(12345678)\r\n1.8.0(0001234.5*kWh)\r\n!\r\n";
const DATA = toText(encodeDataMessage(BLOCK));
const WRONG = DATA.replace("1234.5", "1235.5");
const BREAK = "\x01B0\x03q";
const SIGN_ON = ["= 300 7E1", "> /?!\r\n"];
const ACKNOWLEDGED = [...SIGN_ON, "< /LGZ5ZMD\r\n", "~ 200", "> \x06050\r\n", "= 9600 7E1"];
const SIGNED_OFF = ["~ 200", `> ${BREAK}`, "= 300 7E1"];
const READ = ["0.0.0", "1.8.0"];

Deno.test("readout: mode C, from the request to the break, in any pieces", () => {
  for (const chunkBytes of [1, 2, 7, 1000]) {
    const script = [...ACKNOWLEDGED, `< ${DATA}`, ...SIGNED_OFF];
    const telegram = follow(readout(), script, { chunkBytes, startMs: 1_000_000 });
    assert.deepEqual(telegram.block.sets.map((set) => set.address), READ);
    assert.deepEqual(telegram.check, { kind: "bcc", result: "good" });
    assert.equal(telegram.block.complete, true);
    assert.equal(telegram.mode, "C");
    assert.equal(telegram.identification?.line, "/LGZ5ZMD");
    assert.equal(toText(telegram.bytes), `/LGZ5ZMD\r\n${DATA}`);
  }
});

Deno.test("readout: the telegram is taken before the sign-off, whatever becomes of that", () => {
  const modeB = [...SIGN_ON, "< /XYZEMETER\r\n", "= 9600 7E1", `< ${DATA}`];
  const modeC = [...ACKNOWLEDGED, `< ${DATA}`];
  const scripts: [string, string[]][] = [
    ["gone before its break", [...modeC, "~ 200", "lost"]],
    ["gone at once", [...modeC, "lost"]],
    ["gone in mode B", [...modeB, "lost"]],
  ];
  for (const [name, script] of scripts) {
    const taken: string[][] = [];
    const dialogue = readout({}, ({ block }) => taken.push(block.sets.map(({ address }) => address)));
    assert.throws(() => follow(dialogue, script), LineError, name);
    assert.deepEqual(taken, [READ], name);
  }
  const addresses = follow(readout({}, ({ block }) => block.sets.map(({ address }) => address)), [
    ...modeC,
    ...SIGNED_OFF,
  ]);
  assert.deepEqual(addresses, READ);
});

Deno.test("readout: the time is the arrival of STX, not of what was before it", () => {
  const script = [...ACKNOWLEDGED, "< \x06\r\n", `< ${DATA}`, ...SIGNED_OFF];
  const { atMs } = follow(readout(), script, { chunkBytes: 1 });
  const identificationMs = 10 * 1000 / 30;
  const echoAndStxMs = 4 * 1000 / 960;
  assert.ok(Math.abs(atMs - (identificationMs + 200 + echoAndStxMs)) < 0.1, String(atMs));
});

Deno.test("readout: each mode as its identification says", () => {
  const cases: [string, string[]][] = [
    ["mode A stays and sends nothing more", ["< /XYZzMETER\r\n", `< ${DATA}`]],
    ["mode B switches at once", ["< /XYZEMETER\r\n", "= 9600 7E1", `< ${DATA}`, "= 300 7E1"]],
    ["Z=0", ["< /ABC0OLD\r\n", "~ 200", "> \x06000\r\n", `< ${DATA}`, "~ 200", `> ${BREAK}`]],
    ["reserved Z", ["< /ABC9NEW\r\n", "~ 200", "> \x06000\r\n", `< ${DATA}`, "~ 200", `> ${BREAK}`]],
    ["20 ms", ["< /ISk5MT\r\n", "~ 20", "> \x06050\r\n", "= 9600 7E1", `< ${DATA}`, "~ 20", `> ${BREAK}`, "= 300 7E1"]],
    ["E offered", ["< /LGZ5\\2ZMD\r\n", "~ 200", "> \x06050\r\n", "= 9600 7E1", `< ${DATA}`, ...SIGNED_OFF]],
  ];
  for (const [name, script] of cases) {
    const telegram = follow(readout(), [...SIGN_ON, ...script]);
    assert.deepEqual(telegram.block.sets.map((set) => set.address), READ, name);
  }
});

Deno.test("readout: a forced mode wins, an address is asked for, max_baud bounds the acknowledgement", () => {
  const forced = [...SIGN_ON, "< /ITR5EM214\r\n", `< ${DATA}`];
  assert.equal(follow(readout({ mode: "A" }), forced).mode, "A");
  const slow = [
    "= 300 7E1",
    "> /?0815!\r\n",
    "< /LGZ5ZMD\r\n",
    "~ 200",
    "> \x06000\r\n",
    `< ${DATA}`,
    "~ 200",
    `> ${BREAK}`,
  ];
  assert.equal(follow(readout({ address: "0815", maxBaud: 300 }), slow).block.sets.length, 2);
});

Deno.test("readout: a port of another speed than 300 Bd keeps it", () => {
  const script = [
    "= 9600 7E1",
    "> /?!\r\n",
    "< /LGZ4ZMD\r\n",
    "~ 200",
    "> \x06040\r\n",
    `< ${DATA}`,
    "~ 200",
    `> ${BREAK}`,
  ];
  assert.equal(follow(readout({ line: { ...SIGN_ON_LINE, baud: 9600 } }), script).check.result, "good");
});

Deno.test("readout: a prolonged break before the first request alone, at the speed of the sign-on", () => {
  const script = [
    ...["= 300 7E1", "~ 300 at space", "~ 200", "= 300 7E1", "> /?!\r\n", "silence", "> /?!\r\n"],
    ...ACKNOWLEDGED.slice(2),
  ];
  follow(readout({ manners: { prolongedBreakMs: 300 } }), [...script, `< ${DATA}`, ...SIGNED_OFF]);
});

Deno.test("readout: the request is repeated on silence and on an answer that can't be read", () => {
  const script = [
    "= 300 7E1",
    "> /?!\r\n",
    "silence",
    "> /?!\r\n",
    "< \x00/L?\x7f\r\n",
    "silence",
    ...ACKNOWLEDGED.slice(1),
  ];
  const tries = { left: 3 };
  follow(readout({ tries }), [...script, `< ${DATA}`, ...SIGNED_OFF]);
  assert.equal(tries.left, 2);
});

Deno.test("readout: an identification whose parity stands in bit 7 says what to try", () => {
  const asked = ["> /?!\r\n", "< \xaf\xccGZ5Z\x8d\n", "silence"];
  assert.throws(() => follow(readout(), ["= 300 7E1", ...asked, ...asked, ...asked]), /in bit 7: try parity=auto/);
});

Deno.test("readout: what speaks another language, by itself, is named", () => {
  for (
    const [said, named] of [
      ["\x7e\xa0\x07\x03\x21\x93\x0f\x01\x7e", /frames of HDLC, of a DLMS meter: obisd discover/],
      ["\x1b\x1b\x1b\x1b\x01\x01\x01\x01v\x05", /this is SML, a language of its own/],
      ["garbage", /no identification in [^;]*$/],
    ] as const
  ) {
    const asked = ["> /?!\r\n", `< ${said}`, "silence"];
    assert.throws(() => follow(readout(), ["= 300 7E1", ...asked, ...asked, ...asked]), named);
  }
});

Deno.test("readout: nobody answers", () => {
  const script = ["= 300 7E1", "> /?!\r\n", "silence", "> /?!\r\n", "silence", "> /?!\r\n"];
  assert.throws(() => follow(readout(), [...script, "silence"]), (error: Error) => {
    assert.ok(error instanceof SilenceError);
    assert.equal(error.message, "No answer to /?! at 300 7E1 after 3 requests");
    return true;
  });
  const echo = [...script.slice(0, 2), "< /?!\r\n", ...script.slice(2), "silence"];
  assert.throws(() => follow(readout(), echo), SilenceError, "an echo of ours is no answer");
  const garbage = [...script, "< \xf0\x12\x99", "silence"];
  assert.throws(() => follow(readout(), garbage), (error: Error) => {
    assert.ok(error instanceof ProtocolError && error.trouble === "unreadable");
    assert.match(error.message, /F0 12 99/);
    assert.deepEqual([...error.bytes], [0xf0, 0x12, 0x99]);
    return true;
  });
});

Deno.test("readout: a wrong check character is answered by NAK, three data messages in all", () => {
  const again = ["~ 200", "> \x15"];
  const good = follow(readout(), [
    ...ACKNOWLEDGED,
    `< ${WRONG}`,
    ...again,
    `< ${WRONG}`,
    ...again,
    `< ${DATA}`,
    ...SIGNED_OFF,
  ]);
  assert.equal(good.block.sets[1]!.values[0]!.text, "0001234.5");
  const tries = { left: 3 };
  const never = [...ACKNOWLEDGED, `< ${WRONG}`, ...again, `< ${WRONG}`, ...again, `< ${WRONG}`, ...SIGNED_OFF];
  assert.throws(() => follow(readout({ tries }), never), (error: Error) => {
    assert.ok(error instanceof ProtocolError && error.trouble === "damaged");
    assert.equal(error.message, "Data message of /LGZ5ZMD damaged: its check character is wrong");
    assert.equal(toText(error.bytes), `/LGZ5ZMD\r\n${WRONG}`);
    return true;
  });
  assert.equal(tries.left, 0);
  assert.throws(() => follow(readout({ tries }), []), ProtocolError, "and no more in this slot");
});

Deno.test("readout: silence after NAK means break and a new sign-on", () => {
  const script = [...ACKNOWLEDGED, `< ${WRONG}`, "~ 200", "> \x15", "silence", ...SIGNED_OFF, "~ 2000"];
  const tries = { left: 3 };
  const telegram = follow(readout({ tries }), [...script, ...ACKNOWLEDGED, `< ${DATA}`, ...SIGNED_OFF]);
  assert.equal(telegram.check.result, "good");
  assert.equal(tries.left, 0);
});

Deno.test("readout: ends by a break once enough has come, unchecked, and only if all of it could be read", () => {
  const [first, second] = ["0.0.0(12345678)\r\n", "1.8.0(0001234.5*kWh)\r\n"];
  const wants = (count: number): ReadoutOptions => ({ enough: (sets) => sets.length >= count });
  const got = follow(readout(wants(1)), [...ACKNOWLEDGED, `< \x02${first}`, ...SIGNED_OFF], { chunkBytes: 4 });
  assert.deepEqual([got.check.result, got.block.sets.map(({ address }) => address)], ["absent", ["0.0.0"]]);
  const modeB = [...SIGN_ON, "< /LGZEZMD\r\n", "= 9600 7E1", `< \x02${first}${second}`, ...SIGNED_OFF];
  assert.equal(follow(readout(wants(2)), modeB).block.sets.length, 2);
  const whole = follow(readout(wants(3)), [...ACKNOWLEDGED, `< ${DATA}`, ...SIGNED_OFF]);
  assert.equal(whole.check.result, "good", "the end comes first");
  const spoilt = [...ACKNOWLEDGED, `< \x020.0.0(1234)5678)\r\n${second}`, "silence", ...SIGNED_OFF];
  assert.throws(() => follow(readout({ ...wants(1), tries: { left: 1 } }), spoilt), ProtocolError);
});

Deno.test("readout: a message that breaks off is never delivered, wherever it does", () => {
  for (let length = 1; length < DATA.length - 1; length++) {
    const cut = DATA.slice(0, length);
    // deno-lint-ignore no-control-regex -- ETX
    const whole = /!\r?\n?\x03?$/.test(cut); // from here on only the check is missing
    const ended = ["~ 200", "> \x15", "silence", ...SIGNED_OFF];
    const script = [
      ...ACKNOWLEDGED,
      `< ${cut}`,
      "silence",
      ...ended,
      "~ 2000",
      ...ACKNOWLEDGED,
      `< ${DATA}`,
      ...SIGNED_OFF,
    ];
    const telegram = follow(readout(), script);
    assert.equal(telegram.check.result, "good", JSON.stringify(cut));
    assert.deepEqual(telegram.block.sets.map((set) => set.address), READ);
    if (!whole) continue;
    const again = [...ACKNOWLEDGED, `< ${cut}`, "silence", "~ 200", "> \x15", `< ${cut}`, "silence", ...SIGNED_OFF];
    assert.equal(follow(readout(), again).check.result, "absent", "twice without a check character");
  }
});

Deno.test("readout: without a check character once is damaged, twice is how the meter is, also in a second session", () => {
  const bare = DATA.slice(0, -2);
  const one = [...ACKNOWLEDGED, `< ${bare}`, "silence", ...SIGNED_OFF];
  assert.throws(() => follow(readout({ tries: { left: 1 } }), one), /damaged: its check character is missing/);
  const lost = [...ACKNOWLEDGED, `< ${bare}`, "silence", "~ 200", "> \x15", "silence", ...SIGNED_OFF, "~ 2000", ...one];
  assert.equal(follow(readout(), lost).check.result, "absent");
});

Deno.test("readout: unchecked and with a line that can't be read is damaged", () => {
  const script = [...ACKNOWLEDGED, "< \x020.0.0(1)\r\n1.8.0 2)\r\n!\r\n", "silence", ...SIGNED_OFF];
  assert.throws(() => follow(readout({ tries: { left: 1 } }), script), (error: Error) => {
    assert.ok(error instanceof ProtocolError && error.trouble === "damaged");
    assert.match(error.message, /a line cannot be read/);
    return true;
  });
});

Deno.test("readout: a message whose check did not fit is not taken for an unchecked one", () => {
  const wrong = `${DATA.slice(0, -2)}?\x03${DATA.slice(0, -1)}`; // ETX and check character changed places, then again
  const script = [...ACKNOWLEDGED, `< ${wrong}`, "silence", ...SIGNED_OFF];
  assert.throws(() => follow(readout({ tries: { left: 1 } }), script), (error: Error) => {
    assert.ok(error instanceof ProtocolError && error.trouble === "damaged");
    return true;
  });
});

Deno.test("readout: every single wrong bit is found", () => {
  const tries = { left: 1 };
  for (let at = 1; at < DATA.length; at++) {
    for (let bit = 1; bit < 0x80; bit <<= 1) {
      tries.left = 1;
      const flipped = DATA.slice(0, at) + String.fromCharCode(DATA.charCodeAt(at) ^ bit) + DATA.slice(at + 1);
      const dialogue = readout({ tries });
      assert.throws(
        () => {
          try {
            follow(dialogue, [...ACKNOWLEDGED, `< ${flipped}`, ...SIGNED_OFF]);
          } catch (error) {
            if (!/waits for bytes/.test((error as Error).message)) throw error;
            tries.left = 1; // the end is yet to come: then silence
            follow(readout({ tries }), [...ACKNOWLEDGED, `< ${flipped}`, "silence", ...SIGNED_OFF]);
          }
        },
        (error: Error) => error instanceof ProtocolError,
        JSON.stringify(flipped),
      );
    }
  }
});

Deno.test("readout: silent after its identification", () => {
  const tries = { left: 1 };
  assert.throws(() => follow(readout({ tries }), [...ACKNOWLEDGED, "silence", ...SIGNED_OFF]), (error: Error) => {
    assert.ok(error instanceof SilenceError);
    assert.match(error.message, /Silent after its identification \/LGZ5ZMD/);
    return true;
  });
  const script = [...ACKNOWLEDGED, "silence", ...SIGNED_OFF, "~ 2000", ...ACKNOWLEDGED, `< ${DATA}`, ...SIGNED_OFF];
  assert.equal(follow(readout(), script).check.result, "good", "asked again, it answers");
});

Deno.test("readout: only garbage after the switch says what to try", () => {
  const script = [...ACKNOWLEDGED, "< \xff\xfe\x98\x66\x80\xe0\xf8\x18\x66", "silence", ...SIGNED_OFF];
  assert.throws(() => follow(readout({ tries: { left: 1 } }), script), (error: Error) => {
    assert.ok(error instanceof ProtocolError && error.trouble === "unreadable");
    assert.match(error.message, /try max_baud=300/);
    assert.match(error.message, /FF FE 98/);
    return true;
  });
});

Deno.test("readout: a meter that talks for ever is cut and signed off", () => {
  const endless = "1.8.0(1)\r\n".repeat(MESSAGE_LIMIT_BYTES / 10 + 1);
  assert.throws(
    () => follow(readout(), [...ACKNOWLEDGED, `< \x02${endless}`, ...SIGNED_OFF]),
    (error: Error) => error instanceof ProtocolError && error.trouble === "endless",
  );
});

Deno.test("readout: 256 KiB byte by byte take no longer than their bytes", () => {
  const block = "1.8.0(0001234.5*kWh)\r\n".repeat(11_900) + "!\r\n";
  const script = [...ACKNOWLEDGED, `< ${toText(encodeDataMessage(block))}`, ...SIGNED_OFF];
  assert.equal(follow(readout(), script, { chunkBytes: 1 }).block.sets.length, 11_900);
});

Deno.test("readout: a meter that speaks by itself is no answer, is said so at once, and is not asked again", () => {
  for (
    const [data, after] of [["\r\n1.8.0(1*kWh)\r\n!1A2B\r\n", ""], [
      "\r\n1.8.0(1*kWh)\r\n!\r\n",
      "/LGZ5ZMD\r\n\r\n1.8.0",
    ]]
  ) {
    const tries = { left: 3 };
    const script = [...ACKNOWLEDGED, `< ${data}${after}`, "~ 200", `> ${BREAK}`, "= 300 7E1"];
    assert.throws(() => follow(readout({ tries }), script), (error: Error) => {
      assert.ok(error instanceof ProtocolError && error.trouble === "unreadable");
      assert.match(error.message, /^\/LGZ5ZMD sends its data without waiting for an acknowledgement.*--mode D/);
      assert.ok(toText(error.bytes).endsWith(data!), "its telegram, for who keeps it");
      return true;
    });
    assert.equal(tries.left, 2);
  }
  follow(readout(), [...ACKNOWLEDGED, `< \r\n\r\n${DATA}`, ...SIGNED_OFF]); // empty lines before STX are a habit
});

Deno.test("readout: an error message is the meter's refusal", () => {
  const error = toText(encodeDataMessage("(ERROR)"));
  assert.throws(() => follow(readout(), [...ACKNOWLEDGED, `< ${error}`, ...SIGNED_OFF]), RefusalError);
});

Deno.test("readout: aborted, it signs off at the speed it has", () => {
  const places: [string, string[], string[]][] = [
    ["before the first step", [], []],
    ["waiting for the identification", [...SIGN_ON], []],
    ["mode C, before the acknowledgement", [...SIGN_ON, "< /LGZ5ZMD\r\n"], ["~ 200", `> ${BREAK}`]],
    ["mode C, in the switch", ACKNOWLEDGED.slice(0, -1), SIGNED_OFF],
    ["mode C, in the data", [...ACKNOWLEDGED, `< ${DATA.slice(0, 20)}`], SIGNED_OFF],
    ["mode C, in the sign-off", [...ACKNOWLEDGED, `< ${DATA}`], SIGNED_OFF],
    ["mode C, before its break", [...ACKNOWLEDGED, `< ${DATA}`, "~ 200"], SIGNED_OFF],
    ["mode C, behind its break", [...ACKNOWLEDGED, `< ${DATA}`, "~ 200", `> ${BREAK}`], SIGNED_OFF],
    ["mode C, in the sign-off of a failed one", [...ACKNOWLEDGED, "silence"], SIGNED_OFF],
    ["mode C, after NAK", [...ACKNOWLEDGED, `< ${WRONG}`, "~ 200", "> \x15"], SIGNED_OFF],
    ["mode A, in the data", [...SIGN_ON, "< /XYZzA\r\n", `< ${DATA.slice(0, 20)}`], ["~ 200", `> ${BREAK}`]],
    ["mode B, in the data", [...SIGN_ON, "< /XYZEB\r\n", "= 9600 7E1", `< ${DATA.slice(0, 20)}`], SIGNED_OFF],
  ];
  for (const [name, before, after] of places) {
    assert.doesNotThrow(() => followAborted(readout(), [...before, "abort", ...after]), name);
  }
});

Deno.test("readout: the sum as check character, for makers known for it, for who asks for it, or when it repeats", () => {
  const sum = toText(encodeDataMessage(BLOCK, "sum7"));
  const sumBreak = "\x01B0\x03u";
  const energomera = [...SIGN_ON, "< /EKT5CE301\r\n", "~ 200", "> \x06050\r\n", "= 9600 7E1", `< ${sum}`];
  const off = ["~ 200", `> ${sumBreak}`, "= 300 7E1"];
  assert.equal(follow(readout(), [...energomera, ...off]).check.result, "good");
  assert.equal(follow(readout({ checksum: "sum7" }), [...ACKNOWLEDGED, `< ${sum}`, ...off]).check.result, "good");
  const twice = [...ACKNOWLEDGED, `< ${sum}`, "~ 200", "> \x15", `< ${sum}`, ...off];
  assert.equal(follow(readout(), twice).check.result, "good");
  const never = [...ACKNOWLEDGED, `< ${sum}`, ...SIGNED_OFF];
  assert.throws(() => follow(readout({ checksum: "xor", tries: { left: 1 } }), never), ProtocolError);
  assert.throws(() => follow(readout({ tries: { left: 1 } }), [...ACKNOWLEDGED, `< ${sum}`, ...off]), ProtocolError);
});

Deno.test("readout: real meters' exchanges", { ignore: !hasExchanges }, () => {
  // [exchange, its lines, how it is read, data sets, check]
  const cases: [string, number, number, Parameters<typeof readout>[0], number, string][] = [
    ["001", 1, 5, {}, 9, "good"],
    ["005", 0, 4, {}, 64, "good"],
    ["006", 1, 5, { address: "Bla0" }, 343, "good"],
    ["007", 0, 5, {}, 5, "absent"],
    ["008", 0, 3, {}, 21, "absent"],
    ["009", 0, 4, {}, 5, "absent"],
    ["010", 4, 8, { address: "Bla0" }, 50, "absent"],
  ];
  const speeds: Record<string, string> = { "/SIE32WR5": "2400", "/ACE0": "300", "/ITR5": "300" };
  for (const [number, from, to, options, sets, check] of cases) {
    const said = exchange(number).slice(from, to).map(({ direction, bytes }) => `${direction} ${toText(bytes)}`);
    const identification = said[1]!;
    const baud = Object.entries(speeds).find(([line]) => identification.includes(line))?.[1] ?? "9600";
    const reaction = identification.includes("/ISk") ? "~ 20" : "~ 200";
    const switched = baud === "300" ? [] : [`= ${baud} 7E1`];
    const acknowledged = said[2]!.startsWith(">") ? [reaction, said[2]!, ...switched, ...said.slice(3)] : said.slice(2);
    const data = said.at(-1)!;
    const again = data.startsWith("< \x02") ? [reaction, "> \x15", data, "silence"] : []; // it could have had a check
    const end = check === "absent" ? ["silence", ...again] : [];
    const off = number === "008" ? [] : [reaction, `> ${BREAK}`, ...(baud === "300" ? [] : ["= 300 7E1"])];
    const script = ["= 300 7E1", ...said.slice(0, 2), ...acknowledged, ...end, ...off];
    const telegram = follow(readout(options), script, { chunkBytes: 16 });
    assert.equal(telegram.block.sets.length, sets, number);
    assert.equal(telegram.check.result, check, number);
    assert.deepEqual(telegram.block.damaged, [], number);
  }
});

Deno.test(
  "readout: real meters' data that break off or are spoilt are not delivered",
  { ignore: !hasExchanges },
  () => {
    const [asked, identification, , data] = exchange("019").map(({ bytes }) => toText(bytes));
    const selected = ["= 300 7E1", `> ${asked}`, `< ${identification}`, "~ 200", "> \x06040\r\n", "= 4800 7E1"];
    const breaksOff = [...selected, `< ${data}`, "silence", ...SIGNED_OFF];
    assert.throws(() => follow(readout({ tries: { left: 1 } }), breaksOff), /it broke off/);
    const [list, modeB, spoilt] = exchange("010").map(({ bytes }) => toText(bytes));
    const wrong = ["= 300 7E1", `> ${list}`, `< ${modeB}`, "= 2400 7E1", `< ${spoilt}`, ...SIGNED_OFF];
    const options = { address: "Bla0", manners: { request: "1" }, tries: { left: 1 } };
    assert.throws(() => follow(readout(options), wrong), /its check character is wrong/);
  },
);
