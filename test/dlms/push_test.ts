import assert from "node:assert/strict";
import { type Dialogue, Inbox } from "../../src/dialogue.ts";
import {
  array,
  captureObjectsData,
  type Data,
  type DataNotification,
  decodeDateTime,
  encodeDataNotification,
  encodeLongFrame,
  encodeWrapped,
  findLongFrame,
  formatDateTime,
  type Framing,
  integer,
  type Keys,
  type LongFrame,
  NULL,
  octetString,
  protect,
  pushedValues,
  type PushingMeter,
  pushTelegram,
  readPush,
  receivePush,
  structure,
  toHex,
} from "../../src/dlms/mod.ts";
import { encodeCiphered } from "../../src/dlms/ciphered_apdu.ts";
import { ProtocolError, SilenceError } from "../../src/errors.ts";
import { toText } from "../../src/iec62056/mod.ts";
import { hexOctets, ignore, octets, randomNumbers, vector } from "../support/dlms.ts";
import { follow } from "../support/follow.ts";

function* next(inbox: Inbox, framing: Framing): Dialogue<Uint8Array> {
  return (yield* receivePush(inbox, framing, { withinMs: 1000 })).value;
}

/** The message in these frames. */
function received(framing: Framing, frames: readonly Uint8Array[], chunkBytes = Infinity): Uint8Array {
  const script = frames.map((frame) => `< ${toText(frame)}`);
  return follow(next(new Inbox(), framing), script, { chunkBytes });
}

const names = (...all: string[]) => all.map(octets);

function meterOf(name: string, meter: Partial<PushingMeter> = {}): PushingMeter {
  const { EK, AK } = vector(name).inputs!;
  const encryption = hexOctets(EK!);
  const keys: Keys = { suite: 0, encryption, authentication: AK ? hexOctets(AK) : encryption };
  return { keys, heard: new Map(), ...meter };
}

/** `name: text unit` of each value. */
function words(body: Data): string[] {
  return pushedValues(body).map(({ name, place, value }) =>
    `${name ?? `#${place}`}: ${value.text} ${value.unit}`.trim()
  );
}

const isData = (notification: unknown) => notification as DataNotification;

Deno.test(
  "receivePush, readPush: the meters of the vectors, whole and byte by byte, to their plain text",
  { ignore },
  () => {
    const unauthenticated = { acceptsUnauthenticated: true };
    const cases: [string, Framing, string[], PushingMeter | undefined][] = [
      ["push-kamstrup-omnipower", "hdlc", ["push-kamstrup-omnipower"], meterOf("push-kamstrup-omnipower")],
      [
        "push-lg-e450-reassembled",
        "hdlc",
        ["push-lg-e450-1", "push-lg-e450-2", "push-lg-e450-3"],
        meterOf("push-lg-e450-reassembled"),
      ],
      [
        "push-kaifa-mbus-reassembled",
        "m-bus",
        ["push-kaifa-mbus-1", "push-kaifa-mbus-2"],
        meterOf("push-kaifa-mbus-reassembled", unauthenticated),
      ],
    ];
    for (const [name, framing, frames, meter] of cases) {
      for (const chunkBytes of [1, Infinity]) {
        const apdu = received(framing, names(...frames), chunkBytes);
        if (name.endsWith("reassembled")) assert.deepEqual(apdu, octets(name));
        const { notification, title } = readPush(apdu, meter && { ...meter, heard: new Map() });
        assert.equal(toHex(encodeDataNotification(isData(notification))), vector(name).plain, name);
        assert.equal(title?.length, 8);
      }
    }
  },
);

Deno.test("pushedValues: names, digits and units of each maker's layout", { ignore }, () => {
  const bodyOf = (framing: Framing, frames: string[], meter?: PushingMeter) =>
    isData(readPush(received(framing, names(...frames)), meter).notification).data;
  const iskra = words(bodyOf("hdlc", ["push-iskra-am550-1", "push-iskra-am550-2", "push-iskra-am550-3"]));
  assert.equal(iskra.length, 16);
  assert.deepEqual(iskra.slice(0, 5), [
    ...["0-0:96.1.0*255: 84895126", "0-0:96.1.1*255: 160456", "1-0:1.7.0*255: 182 W", "1-0:2.7.0*255: 0 W"],
    "1-0:1.8.0*255: 261927 Wh",
  ]);
  assert.ok(iskra.includes("1-0:32.7.0*255: 236.4 V") && iskra.includes("1-0:31.7.0*255: 0.63 A"));
  const kaifa = words(bodyOf("m-bus", ["push-kaifa-mbus-1", "push-kaifa-mbus-2"], {
    ...meterOf("push-kaifa-mbus-reassembled", { acceptsUnauthenticated: true }),
  }));
  assert.ok(kaifa.includes("1-0:1.8.0*255: 12937 Wh") && kaifa.includes("1-0:32.7.0*255: 233.7 V"));
  assert.equal(kaifa[0], "#1: 2021-09-27T09:47:15+02:00");
  assert.equal(kaifa.at(-1), `#${kaifa.length}: 181220000009`);
  const kamstrup = words(bodyOf("hdlc", ["push-kamstrup-omnipower"], meterOf("push-kamstrup-omnipower")));
  assert.deepEqual(kamstrup.slice(0, 2), ["#1: Kamstrup_V0001", "1-1:1.8.0*255: 6307498"]);
  const landis = words(bodyOf("hdlc", ["push-lg-e450-1", "push-lg-e450-2", "push-lg-e450-3"], {
    ...meterOf("push-lg-e450-reassembled"),
  }));
  assert.ok(landis.includes("1-0:1.8.0*255: 4408736") && landis.includes("1-0:1.7.0*255: 2893"));
  const positional = words(bodyOf("hdlc", ["cap-kaifa-push"]));
  assert.deepEqual(positional.slice(0, 4), ["#1: KFM_001", "#2: 7340157011253544", "#3: MA304H4D", "#4: 1103"]);
});

Deno.test("readPush: an information report, by the numbers of short names, plain and ciphered, with and without its moment", () => {
  const report = hexOctets("18 00 02 02 1000 02 FD08 02 06 000186A0 09 03 4F4249".replaceAll(" ", ""));
  const said = (apdu: Uint8Array, meter?: PushingMeter) => {
    const { block } = pushTelegram(readPush(apdu, meter), { value: apdu, atMs: 0 });
    return block.sets.map(({ address, values }) => `${address} ${values[0]!.text}`);
  };
  assert.deepEqual(said(report), ["#4096 100000", "#64776 OBI"]);
  const dated = hexOctets(toHex(report).replace("1800", "180114" + "32303236303130313132303030302E30302B3031"));
  assert.deepEqual(said(dated), said(report));
  const keys: Keys = { suite: 0, encryption: new Uint8Array(16), authentication: new Uint8Array(16).fill(1) };
  const title = hexOctets("4D4D4D0000BC614E");
  const ciphered = protect(report, keys, { title, counter: 1 }, { authenticated: true, encrypted: true });
  const sent = encodeCiphered({ kind: "general-global", title, ciphered }, report[0]!);
  assert.deepEqual(said(sent, { keys, heard: new Map() }), said(report));
  assert.throws(() => said(hexOctets("18000202100002FD0801110A")), { message: /2 names and 1 values/ });
  assert.throws(() => said(hexOctets("1800010500010100")), { message: /names a block/ });
  for (let length = 1; length < report.length; length++) {
    assert.throws(() => said(report.subarray(0, length)), ProtocolError, String(length));
  }
});

Deno.test("readPush: the moment of the message, also behind one maker's odd tag", { ignore }, () => {
  const { notification } = readPush(received("hdlc", names("cap-kaifa-push")));
  assert.equal(formatDateTime(decodeDateTime(isData(notification).dateTime!)!), "2023-09-04T16:52:00");
});

Deno.test("pushedValues: values behind the list of their objects, a list of lists, values alone", () => {
  const list = { classId: 40, name: "0-7:25.9.0*255", attribute: 2, index: 0 };
  const energy = { classId: 3, name: "1-0:1.8.0*255", attribute: 2, index: 0 };
  const described = structure(captureObjectsData([list, energy]), integer("double-long-unsigned", 5));
  assert.deepEqual(words(described), ["1-0:1.8.0*255: 5"]);
  const obis = octetString(hexOctets("0100010700FF"));
  const unit = structure(integer("integer", -2), integer("enum", 27));
  assert.deepEqual(words(array([structure(obis, integer("unsigned", 7), unit)])), ["1-0:1.7.0*255: 0.07 W"]);
  assert.deepEqual(words(structure(integer("unsigned", 7), NULL)), ["#1: 7", "#2:"]);
  assert.deepEqual(words(integer("unsigned", 7)), ["#1: 7"]);
});

Deno.test(
  "readPush: a message that was heard before is refused, also an older one; the next is read",
  { ignore },
  () => {
    const title = hexOctets("4B414D4501349083");
    const memory = new Map<string, number>();
    const meter = meterOf("push-kamstrup-omnipower", { heard: memory });
    const plain = encodeDataNotification({ invoke: 1, data: integer("unsigned", 7) });
    const message = (counter: number) =>
      encodeCiphered({ kind: "general-global", title, ciphered: protect(plain, meter.keys, { title, counter }) }, 0x0f);
    assert.equal(readPush(message(0), meter).counter, 0);
    assert.equal(readPush(message(8), meter).counter, 8);
    for (const counter of [8, 7, 0]) {
      assert.throws(() => readPush(message(counter), meter), { message: /it was heard before/ });
    }
    assert.equal(readPush(message(9), meter).counter, 9);
    const forged = message(4711).slice();
    forged[forged.length - 1]! ^= 1;
    assert.throws(() => readPush(forged, meter), ProtocolError);
    assert.equal(memory.get(toHex(title)), 9, "a forged counter shuts nobody out");
  },
);

Deno.test("readPush: without keys, with wrong ones, without authentication: said what to do", { ignore }, () => {
  const good = meterOf("push-kamstrup-omnipower");
  const apdu = received("hdlc", names("push-kamstrup-omnipower"));
  assert.throws(() => readPush(apdu), { message: /configure the meter's keys/ });
  const wrong = { ...good, keys: { ...good.keys, encryption: new Uint8Array(16) } };
  assert.throws(() => readPush(apdu, wrong), { message: /authentication tag is wrong/ });
  const kaifa = octets("push-kaifa-mbus-reassembled");
  assert.throws(() => readPush(kaifa, meterOf("push-kaifa-mbus-reassembled")), { message: /it is not authenticated/ });
  const other = meterOf("push-kamstrup-omnipower", { acceptsUnauthenticated: true });
  assert.throws(() => readPush(kaifa, other), { message: /no notification: wrong key/ });
});

Deno.test("receivePush: over the wrapper, after noise, and the rest that never comes", { ignore }, () => {
  const apdu = octets("data-notif");
  const wrapped = encodeWrapped({ source: 1, destination: 103, apdu });
  assert.deepEqual(received("wrapper", [wrapped]), apdu);
  const noisy = Uint8Array.of(0x68, 0x05, 0x68, 0x00, ...octets("push-kaifa-mbus-1"));
  assert.deepEqual(received("m-bus", [noisy, octets("push-kaifa-mbus-2")]), octets("push-kaifa-mbus-reassembled"));
  const half = [`< ${toText(octets("push-iskra-am550-1"))}`, "silence"];
  assert.throws(() => follow(next(new Inbox(), "hdlc"), half), SilenceError);
  const again = names("push-kaifa-mbus-1", "push-kaifa-mbus-1", "push-kaifa-mbus-2"); // the first one's rest was lost
  assert.deepEqual(received("m-bus", again), octets("push-kaifa-mbus-reassembled"));
});

Deno.test(
  "findLongFrame, encodeLongFrame: the vectors both ways, and a length that begins anew at 256",
  { ignore },
  () => {
    for (const name of ["push-kaifa-mbus-1", "push-kaifa-mbus-2"]) {
      const { end, value } = findLongFrame()(octets(name))!;
      assert.equal(end, octets(name).length);
      assert.deepEqual(encodeLongFrame(value), octets(name));
      for (let length = 0; length < end; length++) {
        assert.equal(findLongFrame()(octets(name).subarray(0, length)), undefined);
      }
    }
    const frame: LongFrame = {
      ...{
        control: 0x53,
        address: 0xff,
        piece: 0,
        last: true,
        source: 1,
        destination: 0x67,
        data: new Uint8Array(250),
      },
    };
    const long = Uint8Array.of(0x68, 1, 1, 0x68, 0x53, 0xff, 0x10, 1, 0x67, ...new Uint8Array(252), 0xca, 0x16);
    assert.equal(findLongFrame()(long)?.value.data.length, 252);
    assert.throws(() => encodeLongFrame({ ...frame, data: new Uint8Array(251) }), RangeError);
  },
);

Deno.test("receivePush, readPush: no octets make them crash or hang (seeded)", { ignore }, () => {
  const random = randomNumbers(7);
  const sources = [
    "push-kaifa-mbus-reassembled",
    "push-lg-e450-reassembled",
    "data-notif",
    "event-notif",
    "cap-kaifa-push",
  ];
  for (let round = 0; round < 2000; round++) {
    const torn = octets(sources[round % sources.length]!).slice();
    for (let faults = 0; faults <= random(4); faults++) torn[random(torn.length)] = random(256);
    for (
      const read of [
        () =>
          pushedValues(
            isData(
              readPush(torn, meterOf("push-kaifa-mbus-reassembled", { acceptsUnauthenticated: true })).notification,
            )
              .data,
          ),
        () => findLongFrame()(torn),
      ]
    ) {
      try {
        read();
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
      }
    }
  }
});

Deno.test("receivePush: noise that looks like frames is given up after a few thousand octets", () => {
  const noise: [Framing, readonly number[]][] = [["m-bus", [0x68]], ["m-bus", [0x68, 1, 1]], ["hdlc", [0x7e, 0xa7]]];
  for (const [framing, pattern] of noise) {
    const octets = Uint8Array.from({ length: 9000 }, (_, at) => pattern[at % pattern.length]!);
    assert.throws(() => received(framing, [octets], 1), { name: "ProtocolError", trouble: "endless" });
  }
});
