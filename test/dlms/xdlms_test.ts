import assert from "node:assert/strict";
import {
  type AccessSpecification,
  type ActionRequest,
  type ActionResponse,
  array,
  decodeAccessRequest,
  decodeAccessResponse,
  decodeActionRequest,
  decodeActionResponse,
  decodeData,
  decodeDataNotification,
  decodeEventNotification,
  decodeException,
  decodeGetRequest,
  decodeGetResponse,
  decodeReadRequest,
  decodeReadResponse,
  decodeServiceError,
  decodeSetRequest,
  decodeSetResponse,
  decodeTransferBlock,
  decodeWriteRequest,
  decodeWriteResponse,
  encodeAccessRequest,
  encodeAccessResponse,
  encodeActionRequest,
  encodeActionResponse,
  encodeData,
  encodeDataNotification,
  encodeEventNotification,
  encodeException,
  encodeGetRequest,
  encodeGetResponse,
  encodeReadRequest,
  encodeReadResponse,
  encodeServiceError,
  encodeSetRequest,
  encodeSetResponse,
  encodeTransferBlock,
  encodeWriteRequest,
  encodeWriteResponse,
  explainException,
  explainResult,
  explainServiceError,
  type GetResponse,
  integer,
  NULL,
  type SetRequest,
  type SetResponse,
  shortName,
  toHex,
} from "../../src/dlms/mod.ts";
import { ProtocolError } from "../../src/errors.ts";
import { hexOctets, ignore, octets, ofGroup, randomNumbers } from "../support/dlms.ts";

type Recode = (apdu: Uint8Array) => Uint8Array;

/** Decode and encode again, by the first octet of a message. */
const RECODE: Readonly<Record<number, Recode>> = {
  0x05: (apdu) => encodeReadRequest(decodeReadRequest(apdu)),
  0x06: (apdu) => {
    const { variables, data } = decodeWriteRequest(apdu);
    return encodeWriteRequest(variables, data);
  },
  0x0c: (apdu) => encodeReadResponse(decodeReadResponse(apdu)),
  0x0d: (apdu) => encodeWriteResponse(decodeWriteResponse(apdu)),
  0x0e: (apdu) => encodeServiceError(decodeServiceError(apdu)),
  0x0f: (apdu) => encodeDataNotification(decodeDataNotification(apdu)),
  0x13: (apdu) => encodeData(decodeData(apdu)),
  0xc0: (apdu) => encodeGetRequest(decodeGetRequest(apdu)),
  0xc1: (apdu) => encodeSetRequest(decodeSetRequest(apdu)),
  0xc2: (apdu) => encodeEventNotification(decodeEventNotification(apdu)),
  0xc3: (apdu) => encodeActionRequest(decodeActionRequest(apdu)),
  0xc4: (apdu) => encodeGetResponse(decodeGetResponse(apdu)),
  0xc5: (apdu) => encodeSetResponse(decodeSetResponse(apdu)),
  0xc7: (apdu) => encodeActionResponse(decodeActionResponse(apdu)),
  0xd8: (apdu) => encodeException(decodeException(apdu)),
  0xd9: (apdu) => encodeAccessRequest(decodeAccessRequest(apdu)),
  0xda: (apdu) => encodeAccessResponse(decodeAccessResponse(apdu)),
  0xe0: (apdu) => encodeTransferBlock(decodeTransferBlock(apdu)),
};

/** Messages that end where a shorter one may end as well. */
const SHORTER_ALLOWED = new Set(["exc-ic", "action-resp-ok", "action-resp-err"]);

Deno.test("xDLMS: the vectors both ways, and cut short", { ignore }, () => {
  const all = ofGroup("xdlms");
  assert.equal(all.length, 47);
  for (const { name, bytes, hex } of all) {
    const again = toHex(RECODE[bytes[0]!]!(bytes));
    assert.equal(again, name === "action-resp-short" ? hex + "00" : hex, name);
    for (let length = 0; length < bytes.length; length++) {
      if (length === bytes.length - 1 && SHORTER_ALLOWED.has(name)) continue;
      const cut = bytes.subarray(0, length);
      if (name === "exc-ic" && length >= 3) continue;
      if (name === "sn-read-resp") continue;
      assert.throws(() => RECODE[bytes[0]!]!(cut), ProtocolError, `${name} cut to ${length}`);
    }
  }
});

const invoke = 0xc1;
const reference = { classId: 70, name: "0-0:96.3.10*255", id: 1 };
const attributes = [reference, { ...reference, id: 2, selection: { selector: 1, parameters: NULL } }];
const data = [integer("unsigned", 5), array([])];
const block = { last: true, block: 7, raw: hexOctets("0205") };

Deno.test("xDLMS: kinds that no vector has come back as they were", () => {
  const sets: SetRequest[] = [
    { kind: "list", invoke, attributes, data },
    { kind: "list-first-block", invoke, attributes, ...block },
  ];
  for (const each of sets) assert.deepEqual(decodeSetRequest(encodeSetRequest(each)), each);
  const setAnswers: SetResponse[] = [
    { kind: "list", invoke, results: [0, 3] },
    { kind: "list-last-block", invoke, results: [0, 3], block: 7 },
  ];
  for (const each of setAnswers) assert.deepEqual(decodeSetResponse(encodeSetResponse(each)), each);
  const actions: ActionRequest[] = [
    { kind: "normal", invoke, method: reference },
    { kind: "next", invoke, block: 3 },
    { kind: "list", invoke, methods: [reference, reference], data },
    { kind: "first-block", invoke, method: reference, ...block },
    { kind: "list-first-block", invoke, methods: [reference], ...block },
    { kind: "block", invoke, ...block },
  ];
  for (const each of actions) assert.deepEqual(decodeActionRequest(encodeActionRequest(each)), each);
  const actionAnswers: ActionResponse[] = [
    { kind: "list", invoke, results: [{ result: 0, returned: { data: NULL } }, { result: 3 }] },
    { kind: "block", invoke, ...block },
    { kind: "next", invoke, block: 9 },
  ];
  for (const each of actionAnswers) assert.deepEqual(decodeActionResponse(encodeActionResponse(each)), each);
  const gets: GetResponse[] = [{ kind: "block", invoke, ...block }];
  for (const each of gets) assert.deepEqual(decodeGetResponse(encodeGetResponse(each)), each);
  const specifications: AccessSpecification[] = [
    { kind: "set", reference, selection: { selector: 2, parameters: NULL } },
    { kind: "action", reference },
  ];
  const access = { invoke: 1, dateTime: new Uint8Array(12), specifications, data };
  assert.deepEqual(decodeAccessRequest(encodeAccessRequest(access)), access);
  const answer = { ...access, results: [{ kind: "set", result: 0 }, { kind: "action", result: 250 }] as const };
  assert.deepEqual(decodeAccessResponse(encodeAccessResponse(answer)), answer);
  assert.deepEqual(decodeWriteResponse(encodeWriteResponse([{ block: 2 }])), [{ block: 2 }]);
  assert.deepEqual(decodeReadResponse(encodeReadResponse([{ block: 2 }])), [{ block: 2 }]);
});

Deno.test("decodeGetResponse: values, errors, blocks, lists", { ignore }, () => {
  assert.deepEqual(decodeGetResponse(octets("get-resp-u32")), {
    ...{ kind: "normal", invoke: 0xc1, result: { data: { type: "double-long-unsigned", value: 5009 } } },
  });
  assert.deepEqual(decodeGetResponse(octets("get-resp-err")), { kind: "normal", invoke: 0xc1, result: { error: 4 } });
  const block = { kind: "block", invoke: 0xc1, last: true, block: 0x13, error: 1 };
  assert.deepEqual(decodeGetResponse(octets("get-block-err")), block);
  assert.deepEqual(decodeGetResponse(octets("get-list-resp")), {
    ...{ kind: "list", invoke: 0xc1, results: [{ data: { type: "long-unsigned", value: 0x1234 } }, { error: 4 }] },
  });
});

Deno.test("decodeGetRequest: which attribute, which part", { ignore }, () => {
  const attribute = { classId: 3, name: "1-0:1.8.0*255", id: 2 };
  assert.deepEqual(decodeGetRequest(octets("get-normal")), { kind: "normal", invoke: 0xc1, attribute });
  const entry = decodeGetRequest(octets("get-profile-entry"));
  assert.equal(entry.kind === "normal" && entry.attribute.selection?.selector, 2);
});

Deno.test('decodeActionResponse: the octet that says "a value" may be missing', () => {
  const short = decodeActionResponse(hexOctets("C701C1000109021122"));
  const whole = decodeActionResponse(hexOctets("C701C100010009021122"));
  assert.deepEqual(short, whole);
  const refused = decodeActionResponse(hexOctets("C701C1000101FA"));
  assert.deepEqual(refused, { kind: "normal", invoke: 0xc1, result: 0, returned: { error: 250 } });
});

Deno.test(
  "decodeEventNotification, decodeDataNotification: moments with and without length and tag",
  { ignore },
  () => {
    const whole = octets("event-notif");
    const bare = hexOctets(toHex(whole).replace("C2010C", "C201"));
    assert.deepEqual(decodeEventNotification(bare), decodeEventNotification(whole));
    assert.equal(decodeDataNotification(octets("data-notif-nodt")).dateTime, undefined);
    assert.equal(decodeDataNotification(octets("data-notif")).dateTime?.length, 12);
  },
);

Deno.test("explainException, explainServiceError, explainResult: words", { ignore }, () => {
  const counter = decodeException(octets("exc-ic"));
  assert.equal(explainException(counter, 0x20), "service not allowed: invocation counter too low: 32 < 291");
  assert.equal(explainException(counter), "service not allowed: invocation counter too low: 291 is expected");
  assert.match(explainException(decodeException(octets("exc-service"))), /an earlier one is still open/);
  const words = ["cse-read", "cse-init-pdu"].map((name) => explainServiceError(decodeServiceError(octets(name))));
  assert.deepEqual(words, ["read: application: unreachable", "initiate: initiate: message length too short"]);
  assert.equal(explainResult(4), "the meter has no such object (4)");
  assert.equal(explainResult(77), "refused (77)");
});

Deno.test("shortName: eight for each attribute", () => {
  assert.equal(shortName(0x122c, 2), 0x1234);
  assert.equal(shortName(0xfa00, 2), 0xfa08);
});

Deno.test("xDLMS: torn apart it is an error, never a crash or a hang (seeded)", { ignore }, () => {
  const random = randomNumbers(6);
  for (const { name, bytes } of ofGroup("xdlms")) {
    for (let round = 0; round < 300; round++) {
      const torn = bytes.slice();
      for (let faults = 0; faults <= random(3); faults++) torn[1 + random(torn.length - 1)] = random(256);
      try {
        RECODE[bytes[0]!]!(torn);
      } catch (error) {
        assert.ok(error instanceof ProtocolError, `${name} ${toHex(torn)}: ${error}`);
      }
    }
  }
});
