/** How meters want to be spoken to: wake-up, speed, pauses. */
import assert from "node:assert/strict";
import { approach } from "../../src/approach.ts";
import {
  encodeDataMessage,
  programming,
  readout,
  type ReadoutOptions,
  readRegisters,
  toText,
} from "../../src/iec62056/mod.ts";
import { parseEndpoint } from "../../src/transport/endpoint.ts";
import { follow } from "../support/follow.ts";

const DATA = toText(encodeDataMessage("1.8.0(0001234.5*kWh)\r\n!\r\n"));
const [B0, B1] = ["\x01B0\x03q", "\x01B1\x03p"];
const NULS = (count: number) => `> ${"\0".repeat(count)}`;
const IDLE = "= 300 7E1";

/** What an endpoint and a type make of a readout. */
function read(query: string, script: readonly string[], type?: string, more: ReadoutOptions = {}) {
  const endpoint = parseEndpoint(`/dev/ttyS0?${query}`);
  const telegram = follow(readout({ ...approach({ endpoint, ...type && { type } }), ...more }), script);
  assert.deepEqual(telegram.block.sets.map(({ address }) => address), ["1.8.0"]);
}

/** From the acknowledgement on, for `/LGZ5X`. */
const session = (z: string, baud: number, from = 300, off = B0) => [
  ...["< /LGZ5X\r\n", "~ 200", `> \x060${z}0\r\n`],
  ...(baud === from ? [] : [`= ${baud} 7E1`]),
  ...[`< ${DATA}`, "~ 200", `> ${off}`],
  ...(baud === from ? [] : [`= ${from} 7E1`]),
];

Deno.test("baud_policy: who changes the speed", () => {
  const policies: [query: string, z: string, baud: number, from?: number][] = [
    ["", "5", 9600],
    ["baud_policy=negotiate", "5", 9600],
    ["baud_policy=max:4800", "0", 300],
    ["baud_policy=max:19200", "5", 9600],
    ["max_baud=2400", "0", 300],
    ["baud_policy=none", "0", 300],
    ["baud_policy=fixed", "5", 300],
    ["baud=2400", "5", 2400, 2400],
    ["baud=2400&baud_policy=negotiate", "5", 9600, 2400],
    ["baud=2400&baud_policy=none", "0", 2400, 2400],
  ];
  for (const [query, z, baud, from = 300] of policies) {
    read(query, [`= ${from} 7E1`, "> /?!\r\n", ...session(z, baud, from)]);
  }
});

Deno.test("baud_policy: programming mode has the same", () => {
  const [p0, r1, energy] = ["\x01P0\x02()\x03\x60", "\x01R1\x021.8.0()\x03Z", "\x02(0033402.264*kWh)\x03T"];
  for (const [query, z, change] of [["baud_policy=none", "0", []], ["baud_policy=fixed", "5", []]] as const) {
    const script = [IDLE, "> /?!\r\n", "< /LGZ5X\r\n", "~ 200", `> \x060${z}1\r\n`, ...change, `< ${p0}`];
    const rest = ["~ 200", `> ${r1}`, `< ${energy}`, "~ 200", `> ${B0}`];
    const options = approach({ endpoint: parseEndpoint(`/dev/ttyS0?${query}`) });
    follow(programming(options, (meter) => readRegisters(meter, ["1.8.0"])), [...script, ...rest]);
  }
});

Deno.test("wake_up: a run of NULs and a pause before each request", () => {
  const woken = [NULS(66), "~ 1500", "> /?!\r\n"];
  read("wake_up=66", [IDLE, ...woken, ...session("5", 9600)]);
  read("wake_up=66", [IDLE, ...woken, "silence", ...woken, `< ${"\0".repeat(66)}`, ...session("5", 9600)]);
  read("wake_up=40/1700ms", [IDLE, NULS(40), "~ 1700", "> /?!\r\n", ...session("5", 9600)]);
});

Deno.test("fast_wake_up: a short run first, then the long one; the session ends by B1", () => {
  const long = [NULS(66), "~ 1500", "> /?!\r\n"];
  const short = [NULS(1), "~ 300", "> /?!\r\n"];
  const query = "wake_up=66&fast_wake_up=1/300ms";
  read(query, [IDLE, ...short, ...session("5", 9600, 300, B1)]);
  read(query, [IDLE, ...short, "silence", ...long, ...session("5", 9600, 300, B1)]);
});

Deno.test("approach: a break at each speed at which the meter may still be listening, where that is not certain", () => {
  const script = (query: string, type?: string) => {
    const endpoint = parseEndpoint(query);
    const options = approach({ endpoint, ...type && { type } }, { uncertain: true });
    return options.manners.breakBauds;
  };
  assert.deepEqual(script("/dev/ttyS0"), [9600, 300]);
  assert.deepEqual(script("/dev/ttyS0", "siemens-2wr5"), [2400, 300]);
  assert.deepEqual(script("/dev/ttyS0?max_baud=300"), [300]);
  assert.deepEqual(script("/dev/ttyS0?baud=9600"), [9600]);
  assert.deepEqual(script("tcp://h:1"), [300], "nobody can change its speed");
  const options = approach({ endpoint: parseEndpoint("/dev/ttyS0") }, { uncertain: true });
  follow(readout(options), ["= 9600 7E1", `> ${B0}`, IDLE, `> ${B0}`, IDLE, "> /?!\r\n", ...session("5", 9600)]);
});

Deno.test("ack_delay: pause between the acknowledgement and the change of speed", () => {
  const [identification, reaction, ack, ...rest] = session("5", 9600);
  read("ack_delay=60ms", [IDLE, "> /?!\r\n", identification!, reaction!, ack!, "~ 60", ...rest]);
});

Deno.test("type: what its file says, unless the endpoint says otherwise", () => {
  const b = (...woken: string[]) => [IDLE, ...woken, "> /?!\r\n", "< /LUGCUH50\r\n", "= 2400 7E1", `< ${DATA}`, IDLE];
  read("", b(NULS(40), "~ 1500"), "landisgyr-ultraheat");
  read("wake_up=off", b(), "landisgyr-ultraheat");
  read("", b());
  const slow = ["< /KAM MC\r\n", `< ${DATA}`]; // mode A, two stop bits
  read("", ["= 300 7E2", NULS(21), "~ 1500", "> /?!\r\n", ...slow], "kamstrup-multical");
  read("", [IDLE, NULS(40), "~ 1500", "> /?!\r\n", ...session("3", 2400)], "landisgyr-ultraheat"); // whatever its Z
});

Deno.test("readout: garbled behind the change of speed, or silent twice, it is asked at the speed of the sign-on", () => {
  const ask = [IDLE, "> /?!\r\n", "< /LGZ5X\r\n", "~ 200"];
  const fast = [...ask, "> \x06050\r\n", "= 9600 7E1"];
  const off = ["~ 200", `> ${B0}`, IDLE, "~ 2000"];
  const slow = [...ask, "> \x06000\r\n", `< ${DATA}`, "~ 200", `> ${B0}`];
  read("", [...fast, "< \xff\xfe\x98\x66\x80\xe0\xf8\x18\x66", "silence", ...off, ...slow]);
  read("", [...fast, "silence", ...off, ...fast, "silence", ...off, ...slow]);
});
