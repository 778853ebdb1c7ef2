import assert from "node:assert/strict";
import { askDlms } from "../../src/asking_dlms.ts";
import type { MeterConfig } from "../../src/config.ts";
import { Inbox } from "../../src/dialogue.ts";
import {
  type Answering,
  associated,
  type AssociationOptions,
  Client,
  dateTimeOf,
  dlmsReadout,
  type DlmsReadoutOptions,
  encodeDateTime,
  encodeException,
  encodeGetResponse,
  explainResult,
  integer,
  type Meter,
  octetString,
  Server,
  structure,
  wrapperLink,
  wrapperStation,
} from "../../src/dlms/mod.ts";
import type { Telegram } from "../../src/telegram.ts";
import { parseEndpoint } from "../../src/transport/endpoint.ts";
import { cipheringOf, ENERGY, testMeter, type TestMeterOptions } from "../support/dlms_meter.ts";
import { talk } from "../support/talk.ts";

const VOLTAGE = "1-0:32.7.0*255";
const CODES = [ENERGY, "0-0:1.0.0*255", VOLTAGE, "0-0:42.0.0*255", "0-0:96.3.10*255"];
const MISSING = "1-0:9.9.9*255";
const [GET, READ] = [0xc0, 0x05];

/** What a meter hears of GET and READ, and what it does instead of answering: `undefined` is what it always does. */
type Instead = (apdu: Uint8Array, server: Answering) => Uint8Array | "silence" | undefined;

/** A meter on the wrapper that counts its questions. */
function metered(meter: Meter, instead: Instead = () => undefined) {
  const seen = { questions: 0 };
  let silent = false;
  const serve = (client: number): Answering => {
    const server = new Server(meter, client);
    return {
      answer(apdu) {
        seen.questions++;
        const other = instead(apdu, server);
        silent = other === "silence";
        return other === undefined || other === "silence" ? server.answer(apdu) : other;
      },
    };
  };
  const fault = (octets: Uint8Array) => silent ? new Uint8Array() : octets;
  return { seen, station: () => wrapperStation({ port: 1, serve, fault }) };
}

/** Reads twice as the daemon does: what is known from the first time is asked for with lists the second time. */
function readTwice(
  its: TestMeterOptions = {},
  options: Partial<AssociationOptions> = {},
  { instead, names = CODES }: { instead?: Instead; names?: readonly string[] } = {},
) {
  const { seen, station } = metered(testMeter(its), instead);
  const remembered = { known: new Map<string, number>(), lists: { failed: false } };
  const link = () => wrapperLink(new Inbox(), { client: 16, server: 1 });
  const its16: AssociationOptions = { client: 16, credentials: { mechanism: "none" }, ...options };
  const once = (how: DlmsReadoutOptions): [Telegram["block"], number] => {
    const before = seen.questions;
    const dialogue = associated(
      link(),
      its16,
      (association) => dlmsReadout(new Client(association), { names, ...how }),
    );
    const { block } = talk(dialogue, station());
    return [block, seen.questions - before];
  };
  once(remembered); // finds the classes out
  const { known, lists } = remembered;
  const [oneByOne, questions] = once({ known });
  const [block, fewer] = once({ known, lists });
  assert.deepEqual(block, oneByOne);
  return { block, questions, fewer, failed: lists.failed };
}

Deno.test("dlmsReadout: known values and their scalers come with few questions, by names and by numbers, plain and ciphered", () => {
  const { client, meter } = cipheringOf(0);
  const cases: [TestMeterOptions, Partial<AssociationOptions>][] = [
    [{}, {}],
    [{ names: "short" }, { names: "short" }],
    [{ ciphering: meter }, { ciphering: client }],
  ];
  for (const [its, options] of cases) {
    const { block, questions, fewer, failed } = readTwice(its, options);
    assert.deepEqual(block.sets.map(({ address }) => address), CODES);
    assert.deepEqual(block.sets[0]!.values, [{ text: "1000000", unit: "Wh" }]);
    assert.equal(questions - fewer, 6, "one for seven attributes");
    assert.equal(failed, false);
  }
});

Deno.test("dlmsReadout: lists that are answered in blocks, or take more than one question", () => {
  for (const names of ["logical", "short"] as const) {
    for (const blockOctets of [7, 16, 31]) {
      const { block, failed } = readTwice({ names, blockOctets }, { names });
      assert.deepEqual([block.sets.length, failed], [CODES.length, false], `${names} ${blockOctets}`);
    }
    const { questions, fewer } = readTwice({ names, maxPduOctets: 100 }, { names });
    assert.equal(questions - fewer, 5, `${names}: six to a question, and the seventh by itself`);
  }
});

Deno.test("dlmsReadout: what a list does not bring is asked for by itself; of a meter that takes no lists, all", () => {
  const names = [...CODES.slice(0, 2), MISSING];
  const { block } = readTwice({}, {}, { names });
  assert.deepEqual(block.damaged, [{ text: MISSING, offset: 0, reason: explainResult(4) }]);
  const isList = (apdu: Uint8Array) => apdu[0] === GET && apdu[1] === 3 || apdu[0] === READ && apdu[1]! > 1;
  const refusals: [string, Uint8Array][] = [
    ["an exception", encodeException({ state: 2, error: 2 })],
    ["another reason", encodeGetResponse({ kind: "normal", invoke: 0xc1, result: { error: 250 } })],
    ["a shorter list", encodeGetResponse({ kind: "list", invoke: 0xc1, results: [{ error: 2 }] })],
  ];
  for (const [how, refusal] of refusals) {
    const instead = (apdu: Uint8Array) => isList(apdu) ? refusal : undefined;
    const { questions, fewer, failed } = readTwice({}, {}, { instead });
    assert.deepEqual([fewer - questions, failed], [1, true], how);
  }
  const parts = { error: 2 } as const;
  const { block: partly, failed } = readTwice({}, {}, {
    instead: (apdu) =>
      isList(apdu)
        ? encodeGetResponse({ kind: "list", invoke: 0xc1, results: Array.from({ length: apdu[3]! }, () => parts) })
        : undefined,
  });
  assert.deepEqual([partly.sets.length, failed], [CODES.length, false], "each item refused");
});

Deno.test("askDlms: a meter that falls silent at a list is asked one by one from then on", () => {
  let lists = 0;
  const { seen, station } = metered(testMeter(), (apdu) => {
    if (apdu[0] !== GET || apdu[1] !== 3) return undefined;
    lists++;
    return "silence";
  });
  const meter: MeterConfig = {
    ...{ name: "flat-1", line: "room", mode: "E", timeZone: "UTC", labels: {}, tries: 3, timestamp: "readout" },
    schedule: { kind: "every", ms: 5000, timeZone: "UTC" },
    obis: ["1.8.0", "32.7.0"],
    dlms: {
      ...{ opening: "wrapper", client: 16, server: 1, frameOctets: 128, names: "logical", security: "none", suite: 0 },
      ...{ cipher: "global", signOff: true, generalBlocks: false, acceptUnproven: false, acceptUnauthenticated: false },
    },
  };
  const read = () => {
    const before = seen.questions;
    const tries = { left: 3 };
    const endpoint = parseEndpoint("tcp://127.0.0.1:4059");
    const told: string[] = [];
    const { block } = talk(askDlms(meter, { endpoint, tries, onRefused: (why) => void told.push(why) }), station());
    assert.deepEqual([block.sets.map(({ address }) => address), told], [[ENERGY, VOLTAGE], []]);
    return [lists, tries.left, seen.questions - before];
  };
  const [, , first] = read();
  assert.deepEqual(read(), [1, 1, 2 + 6], "its list is not answered: the session is over, the next one goes without");
  assert.deepEqual(read(), [1, 2, first]);
});

Deno.test("dlmsReadout: extended and demand registers: value and when it was, with unit and exact digits, one by one and in lists", () => {
  const scaler = structure(integer("integer", -2), integer("enum", 27));
  const moment = octetString(encodeDateTime(dateTimeOf(Date.UTC(2024, 1, 29, 9, 45), -60)));
  const [maximum, average] = ["1-0:1.6.0*255", "1-0:1.4.0*255"];
  const extended = {
    2: integer("double-long-unsigned", 4_294_967_295),
    3: scaler,
    4: integer("unsigned", 0),
    5: moment,
  };
  const demand = { 2: integer("long", -7), 3: integer("long", 1250), 4: scaler, 5: integer("unsigned", 0), 6: moment };
  const meter = {
    ...testMeter(),
    objects: [
      { classId: 4, name: maximum, attributes: extended },
      { classId: 5, name: average, attributes: demand },
    ],
  };
  const { station } = metered(meter);
  const known = new Map<string, number>();
  for (const lists of [undefined, undefined, { failed: false }]) {
    const link = wrapperLink(new Inbox(), { client: 16, server: 1 });
    const options: AssociationOptions = { client: 16, credentials: { mechanism: "none" } };
    const how = { names: [maximum, average], known, ...lists && { lists } };
    const dialogue = associated(link, options, (association) => dlmsReadout(new Client(association), how));
    const { sets, damaged } = talk(dialogue, station()).block;
    const said = sets.map(({ values }) => values.map(({ text, unit = "" }) => `${text} ${unit}`.trim()));
    const when = "2024-02-29T10:45:00+01:00";
    assert.deepEqual(said, [["42949672.95 W", when], ["-0.07 W", "12.50 W", when]]);
    assert.deepEqual(damaged, []);
  }
  assert.deepEqual([...known], [[maximum, 4], [average, 5]]);
});
