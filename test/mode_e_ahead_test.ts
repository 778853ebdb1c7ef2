/** Mode E: no meter but the expected one hears a secret, where the public client sees which it is. @module */
import assert from "node:assert/strict";
import { type Dialogue, Inbox, send } from "../src/dialogue.ts";
import { type Credentials, type Meter, Server } from "../src/dlms/mod.ts";
import { toBytes, toText } from "../src/iec62056/mod.ts";
import { type ModeEOptions, readModeE } from "../src/mode_e.ts";
import type { Telegram } from "../src/telegram.ts";
import { ENERGY, LOGINS, testMeter } from "./support/dlms_meter.ts";
import { signedOn, station } from "./support/dlms_stations.ts";
import { talk } from "./support/talk.ts";

const LINE = { baud: 9600, dataBits: 8, parity: "none", stopBits: 1 } as const;
const NAME = "0-0:42.0.0*255";
const OWN = { [NAME]: "OBI1234567890123" };
const OTHER = { [NAME]: "OBI99" };
const CODES = [ENERGY, NAME];
const LOW = LOGINS.find(({ name }) => name === "low")!;

/** What came, who signed on, and whether the meter is said to hide who it is. */
function read(
  meter: Meter,
  expect: Record<string, string>,
  its: Partial<ModeEOptions> = {},
): { telegram: Telegram; clients: number[]; isHidden: boolean; shut?: Error | undefined } {
  const clients: number[] = [];
  const serve = (client: number) => {
    clients.push(client);
    return new Server(meter, client);
  };
  let isHidden = false;
  let shut: Error | undefined;
  const options: ModeEOptions = {
    ...{ opening: "hdlc", line: LINE, server: { upper: 1 }, frameOctets: 128, expect },
    association: { client: LOW.client, credentials: LOW.credentials as Credentials },
    onHidden: (error) => [isHidden, shut] = [true, error],
    ...its,
  };
  const other = options.opening === "hdlc"
    ? station(meter, { serve })
    : signedOn(meter, "/LGZ5\\2ZMD4101234.B12", undefined, serve);
  return { telegram: talk(readModeE(options, CODES), other), clients, isHidden, shut };
}

const addresses = ({ block }: Telegram) => block.sets.map(({ address }) => address);

Deno.test("modeE: the public client asks who the meter is, then the one with the secret reads it, by each opening", () => {
  for (const opening of ["hdlc", "sign-on"] as const) {
    const { telegram, clients, isHidden } = read(testMeter(), OWN, { opening });
    assert.deepEqual([clients, isHidden], [[16, 17], false], opening);
    assert.deepEqual(addresses(telegram), CODES);
  }
});

Deno.test("modeE: a strange meter hears no password: what it says of itself comes home alone", () => {
  for (const opening of ["hdlc", "sign-on"] as const) {
    const { telegram, clients } = read(testMeter(), OTHER, { opening });
    assert.deepEqual([clients, addresses(telegram)], [[16], [NAME]], opening);
  }
});

Deno.test("modeE: a meter that hides who it is from the public client, or lets it not in, is read all the same", () => {
  const closed = { ...testMeter(), associations: testMeter().associations.filter(({ client }) => client !== 16) };
  for (const [meter, expect] of [[closed, OWN], [testMeter(), { "0-0:96.1.0*255": "1" }]] as const) {
    const { telegram, clients, isHidden, shut } = read(meter, expect);
    assert.deepEqual([clients, isHidden, shut !== undefined], [[16, 17], true, meter === closed]);
    assert.deepEqual(addresses(telegram), CODES);
  }
});

Deno.test("modeE: of a strange meter no counter is taken over", () => {
  const raised: number[] = [];
  const counter = { next: () => 1, raise: (value: number) => raised.push(value) };
  const association = { client: LOW.client, credentials: LOW.credentials as Credentials, counter };
  read(testMeter(), OTHER, { association, readCounter: "0-0:43.1.0*255" });
  assert.deepEqual(raised, []);
  read(testMeter(), OWN, { association, readCounter: "0-0:43.1.0*255" });
  assert.deepEqual(raised, [4712]);
});

Deno.test("modeE: a meter that does not even answer the sign-on of the public client is signed on to no second time", () => {
  const association = { client: LOW.client, credentials: LOW.credentials as Credentials };
  const nobody = function* (): Dialogue<void> {};
  const signOns = (its: Partial<ModeEOptions>) => {
    const options = { opening: "sign-on", line: LINE, server: { upper: 1 }, frameOctets: 128, association } as const;
    let count = 0;
    assert.throws(() => talk(readModeE({ ...options, ...its }, CODES), nobody(), { trace: () => count++ }), {
      name: "SilenceError",
    });
    return count;
  };
  assert.equal(signOns({ expect: OWN }), signOns({}));
});

/** Answers a sign-on, hears no acknowledgement of it, and then as any meter does. */
function* deafOnce(clients: number[], times = 1, requests = Infinity): Dialogue<never> {
  const inbox = new Inbox();
  const patience = { firstMs: 60_000, nextMs: 60_000, limitBytes: 4096 };
  const request = (bytes: Uint8Array) => {
    const end = toText(bytes).indexOf("/?!\r\n") + 5;
    return end < 5 ? undefined : { start: 0, end, value: undefined };
  };
  for (let time = 0; time < times; time++) {
    yield* inbox.take(request, patience);
    yield* send(toBytes("/LGZ5\\2ZMD4101234.B12\r\n"));
  }
  while (times >= requests) yield* inbox.take(request, patience);
  return yield* signedOn(testMeter(), "/LGZ5\\2ZMD4101234.B12", undefined, (client) => {
    clients.push(client);
    return new Server(testMeter(), client);
  });
}

Deno.test("modeE: signs on once more where the meter did not hear its acknowledgement, if that is wanted, and only once", () => {
  const options: ModeEOptions = {
    ...{ opening: "sign-on", line: LINE, server: { upper: 1 }, frameOctets: 128 },
    association: { client: LOW.client, credentials: LOW.credentials as Credentials },
  };
  const clients: number[] = [];
  const again = { ...options, signsOnAgain: true };
  assert.deepEqual(addresses(talk(readModeE(again, CODES), deafOnce(clients))), CODES);
  assert.deepEqual(clients, [17], "its password was said once");
  const gone = { name: "SilenceError", message: /signed on, but did not go over to HDLC/ };
  assert.throws(() => talk(readModeE(options, CODES), deafOnce(clients)), gone);
  assert.throws(() => talk(readModeE(again, CODES), deafOnce(clients, 2)), gone);
  assert.throws(() => talk(readModeE(again, CODES), deafOnce(clients, 1, 1)), gone, "it answers no second sign-on");
});
