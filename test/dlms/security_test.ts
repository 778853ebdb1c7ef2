import assert from "node:assert/strict";
import {
  answerChallenge,
  cipheredTag,
  decodeActionRequest,
  decodeActionResponse,
  decodeCiphered,
  decodeGeneralCiphering,
  deriveKey,
  encodeActionRequest,
  encodeActionResponse,
  encodeCiphered,
  encodeGeneralCiphering,
  encodeGeneralHeader,
  FULL_PROTECTION,
  type GeneralHeader,
  isRightAnswer,
  type KeyInfo,
  type Keys,
  type Proof,
  protect,
  publicKeyOf,
  readPush,
  type Secret,
  sharedSecret,
  sign,
  type Suite,
  toHex,
  unprotect,
  unwrapKey,
  verify,
  wrapKey,
} from "../../src/dlms/mod.ts";
import { join } from "../../src/bytes.ts";
import { ProtocolError } from "../../src/errors.ts";
import { type DlmsVector, hexOctets, ignore, octets, ofGroup, vector } from "../support/dlms.ts";

const input = (from: DlmsVector | string, name: string) =>
  hexOctets((typeof from === "string" ? vector(from) : from).inputs![name]!);

const text = (words: string) => new TextEncoder().encode(words);

/** Vectors that are one ciphered message with its plain text in the inputs. */
function ciphered(): DlmsVector[] {
  return ofGroup("security").filter(({ bytes, inputs }) => inputs?.plain && decodeCiphered(bytes));
}

function keysOf({ inputs }: DlmsVector, control: number): Keys {
  const encryption = hexOctets(inputs!.dedicated_key ?? inputs!.EK!);
  return { suite: (control & 0x0f) as Suite, encryption, authentication: hexOctets(inputs!.AK!) };
}

/** Who sent it: the first octets of its initial vector, else what the message itself says. */
function titleOf(from: DlmsVector): Uint8Array {
  const { title } = decodeCiphered(from.bytes)!;
  return from.inputs!.iv ? hexOctets(from.inputs!.iv).subarray(0, 8) : title ?? input(from, "server_title");
}

Deno.test("protect, unprotect: the vectors both ways, suites 0 to 2, global, dedicated and general", { ignore }, () => {
  const all = ciphered();
  assert.equal(all.length, 13);
  for (const each of all) {
    const { kind, title, ciphered } = decodeCiphered(each.bytes)!;
    const keys = keysOf(each, ciphered[0]!);
    const { plain, counter, protection } = unprotect(ciphered, keys, titleOf(each));
    assert.equal(toHex(plain), each.inputs!.plain, each.name);
    const again = protect(plain, keys, { title: titleOf(each), counter }, protection);
    const apdu = encodeCiphered({ kind, ...(title ? { title } : {}), ciphered: again }, plain[0]!);
    assert.equal(toHex(apdu), each.hex, each.name);
  }
});

Deno.test("unprotect: one octet changed in text, tag, counter or control, or another key, and nothing is read", {
  ignore,
}, () => {
  for (const each of ciphered().filter(({ bytes }) => (decodeCiphered(bytes)!.ciphered[0]! & 0x10) !== 0)) {
    const { ciphered } = decodeCiphered(each.bytes)!;
    const keys = keysOf(each, ciphered[0]!);
    for (let at = 1; at < ciphered.length; at++) {
      const changed = ciphered.slice();
      changed[at]! ^= 1;
      assert.throws(() => unprotect(changed, keys, titleOf(each)), ProtocolError, `${each.name} octet ${at}`);
    }
    const suite = ciphered.slice();
    suite[0]! ^= 3;
    assert.throws(() => unprotect(suite, keys, titleOf(each)), ProtocolError);
    const other = { ...keys, authentication: new Uint8Array(keys.authentication.length) };
    assert.throws(() => unprotect(ciphered, other, titleOf(each)), ProtocolError);
    for (let length = 0; length < 17; length++) {
      assert.throws(() => unprotect(ciphered.subarray(0, length), keys, titleOf(each)), ProtocolError);
    }
  }
});

Deno.test("unprotect: a wrong tag, unless whoever asks wants to read it all the same", { ignore }, () => {
  const good = vector("glo-get-resp");
  const { ciphered } = decodeCiphered(octets("neg-glo-get-resp-bad-tag"))!;
  const keys = keysOf(good, ciphered[0]!);
  assert.throws(() => unprotect(ciphered, keys, titleOf(good)), { name: "ProtocolError", trouble: "damaged" });
  const { plain } = unprotect(ciphered, keys, titleOf(good), { withoutCheck: true });
  assert.equal(toHex(plain), good.inputs!.plain);
});

Deno.test("decodeCiphered, cipheredTag: plain messages are plain, every service has its tags", () => {
  for (const plain of ["C001C1", "61", "D80101", ""]) assert.equal(decodeCiphered(hexOctets(plain)), undefined);
  assert.equal(cipheredTag(0xc0, "global"), 0xc8);
  assert.equal(cipheredTag(0xc7, "dedicated"), 0xd7);
  assert.equal(cipheredTag(0x0f, "global"), undefined);
  assert.throws(() => decodeCiphered(hexOctets("C8820400")), ProtocolError);
});

/** The client answers the meter's challenge; `meter` the other way round. */
function proofs(from: string, server: Uint8Array, stoc: Uint8Array, ctos: Uint8Array): { client: Proof; meter: Proof } {
  const client = vector(from).inputs!.client_title ? input(from, "client_title") : new Uint8Array();
  return {
    client: { ownTitle: client, otherTitle: server, challenge: stoc, counterChallenge: ctos },
    meter: { ownTitle: server, otherTitle: client, challenge: ctos, counterChallenge: stoc },
  };
}

Deno.test("answerChallenge, isRightAnswer: MD5, SHA-1, SHA-256, both sides", { ignore }, () => {
  const [stoc, ctos] = [text("P6wRJ21F"), text("K56iVagY")];
  const twice = (octets: Uint8Array) => hexOctets(toHex(octets).repeat(2));
  const cases: [string, Secret["mechanism"], Uint8Array, Uint8Array][] = [
    ["hls3-md5", "md5", stoc, ctos],
    ["hls4-sha1", "sha1", stoc, ctos],
    ["hls6-sha256", "sha256", twice(stoc), twice(ctos)],
  ];
  for (const [name, mechanism, toClient, toServer] of cases) {
    const secret = { mechanism, secret: text("12345678") } as Secret;
    const server = mechanism === "sha256" ? input("hls6-sha256-fstoc", "server_title") : new Uint8Array();
    const { client, meter } = proofs(`${name}-fstoc`, server, toClient, toServer);
    assert.equal(toHex(answerChallenge(secret, client, 0)), vector(`${name}-fstoc`).hex);
    assert.equal(toHex(answerChallenge(secret, meter, 0)), vector(`${name}-fctos`).hex);
    assert.ok(isRightAnswer(octets(`${name}-fctos`), secret, meter));
    assert.ok(!isRightAnswer(octets(`${name}-fstoc`), secret, meter), "the answer is not a mirror");
    assert.ok(!isRightAnswer(new Uint8Array(), secret, meter));
  }
});

Deno.test("answerChallenge: the variant of mechanism 2 that many makers share", { ignore }, () => {
  const proof = { ownTitle: new Uint8Array(), otherTitle: new Uint8Array(), counterChallenge: new Uint8Array() };
  const secret = { mechanism: "manufacturer", secret: text("12345678") } as const;
  const answer = answerChallenge(secret, { ...proof, challenge: input("hls2-aes-variant", "challenge") }, 0);
  assert.equal(toHex(answer), vector("hls2-aes-variant").hex);
});

Deno.test("answerChallenge, isRightAnswer: GMAC, and inside ACTION, plain and ciphered", { ignore }, () => {
  const from = vector("gb-gmac-fstoc");
  const keys = { ...keysOf(from, 0x10), suite: 0 as Suite };
  const secret: Secret = { mechanism: "gmac", keys };
  const [stoc, ctos] = [input(from, "StoC"), input("gb-gmac-fctos", "CtoS")];
  const { client, meter } = proofs("gb-gmac-fstoc", input(from, "server_title"), stoc, ctos);
  const answer = answerChallenge(secret, client, 1);
  assert.equal(toHex(answer), from.hex);
  assert.equal(toHex(answerChallenge(secret, meter, 0x01234567)), vector("gb-gmac-fctos").hex);
  assert.ok(isRightAnswer(octets("gb-gmac-fctos"), secret, meter));
  for (let at = 1; at < 17; at++) {
    const changed = octets("gb-gmac-fctos").slice();
    changed[at]! ^= 0x80;
    assert.ok(!isRightAnswer(changed, secret, meter), `octet ${at}`);
  }
  for (const name of ["hls5-action-req", "hls6-action-req"]) {
    const request = decodeActionRequest(octets(name));
    assert.equal(request.kind === "normal" && request.method.name, "0-0:40.0.0*255");
    assert.deepEqual(encodeActionRequest(request), octets(name));
  }
  const response = decodeActionResponse(octets("hls5-action-resp"));
  assert.deepEqual(encodeActionResponse(response), octets("hls5-action-resp"));
  const outer = decodeCiphered(octets("hls5-action-req-glo"))!;
  const inner = unprotect(outer.ciphered, keys, input("hls5-action-req-glo", "client_title"));
  assert.deepEqual(inner.plain, octets("hls5-action-req"));
});

Deno.test("sign, verify: ECDSA on both curves, the published signatures and our own", { ignore }, () => {
  for (const name of ["gb-ecdsa-client-1", "gb-ecdsa-client-2", "gb-ecdsa-server-1", "hls7-fstoc", "hls7-fctos"]) {
    const key = { curve: "P-256", point: input(name, "public_key") } as const;
    assert.ok(verify(input(name, "message"), octets(name), key), name);
    assert.ok(!verify(octets(name), octets(name), key), name);
  }
  for (const [name, curve] of [["hls7-fstoc", "P-256"], ["hls7-suite2-p384", "P-384"]] as const) {
    const secret = input(name, "private_key");
    assert.equal(toHex(publicKeyOf({ curve, secret }).point), vector(name).inputs!.public_key);
    const words = input(name, "message");
    const key = { curve, point: input(name, "public_key") };
    assert.ok(verify(words, octets(name), key), name);
    assert.ok(verify(words, sign(words, { curve, secret }), key), name);
    assert.ok(!verify(words, octets(name).subarray(1), key));
  }
});

Deno.test("answerChallenge, isRightAnswer: ECDSA between client and meter", { ignore }, () => {
  const [own, others] = [vector("hls7-fstoc"), vector("hls7-fctos")];
  const message = input(own, "message");
  const [client, server] = [message.subarray(0, 8), message.subarray(8, 16)];
  const [stoc, ctos] = [message.subarray(16, 32), message.subarray(32)];
  const proof: Proof = { ownTitle: server, otherTitle: client, challenge: ctos, counterChallenge: stoc };
  const signing = { curve: "P-256", secret: input(own, "private_key") } as const;
  const verifying = { curve: "P-256", point: input(others, "public_key") } as const;
  assert.ok(isRightAnswer(others.bytes, { mechanism: "ecdsa", signing, verifying }, proof));
  const answer = answerChallenge({ mechanism: "ecdsa", signing, verifying }, {
    ...{ ownTitle: client, otherTitle: server, challenge: stoc, counterChallenge: ctos },
  }, 0);
  assert.ok(verify(message, answer, { curve: "P-256", point: input(own, "public_key") }));
});

Deno.test("deriveKey, sharedSecret, publicKeyOf: key agreement as published", { ignore }, () => {
  for (const name of ["gb-kdf-1", "gb-kdf-2"]) {
    const parties = { initiator: input(name, "u"), responder: input(name, "v") };
    assert.equal(toHex(deriveKey(input(name, "Z"), "AES-GCM-128", parties)), vector(name).hex);
  }
  const ephemeral = { curve: "P-256", secret: input("gb-eph-pub", "private") } as const;
  assert.equal(toHex(publicKeyOf(ephemeral).point), vector("gb-eph-pub").hex);
  const shared = sharedSecret(ephemeral, { curve: "P-256", point: input("ecdh-own", "public") });
  assert.equal(toHex(shared), vector("ecdh-own").hex);
});

Deno.test("wrapKey, unwrapKey: the published key both ways, and a wrong master key", { ignore }, () => {
  const [master, key] = [input("gb-keywrap", "kek"), hexOctets("00112233445566778899AABBCCDDEEFF")];
  assert.equal(toHex(wrapKey(key, master)), vector("gb-keywrap").hex);
  assert.deepEqual(unwrapKey(octets("gb-keywrap"), master), key);
  assert.throws(() => unwrapKey(octets("gb-keywrap"), key), ProtocolError);
  assert.throws(() => unwrapKey(octets("gb-keywrap").subarray(1), master), ProtocolError);
  const long = hexOctets(toHex(master).repeat(2));
  assert.deepEqual(unwrapKey(wrapKey(long, long), long), long);
});

/** A message of general-ciphering, with its tag over this besides. */
function generally(header: Partial<GeneralHeader>, key?: KeyInfo, cover?: (header: GeneralHeader) => Uint8Array) {
  const none = new Uint8Array();
  const whole = {
    transaction: hexOctets("00000001"),
    originator: hexOctets("4B464D6750000009"),
    recipient: hexOctets("4F42490000000001"),
    ...{ dateTime: none, other: none, ...header },
  };
  const keys: Keys = { suite: 0, encryption: new Uint8Array(16), authentication: new Uint8Array(16).fill(1) };
  const origin = { title: whole.originator, counter: 7 };
  const ciphered = protect(octets("data-notif"), keys, origin, FULL_PROTECTION, cover?.(whole));
  return { keys, apdu: encodeGeneralCiphering({ header: whole, ...key && { key }, ciphered }) };
}

const UNICAST: KeyInfo = { kind: "identified", key: 0 };

Deno.test("encodeGeneralCiphering, decodeGeneralCiphering: each way to tell the key, and cut short", { ignore }, () => {
  const keys: (KeyInfo | undefined)[] = [
    undefined,
    UNICAST,
    { kind: "wrapped", master: 0, wrapped: octets("gb-keywrap") },
    { kind: "agreed", parameters: hexOctets("01"), data: octets("gb-eph-pub") },
  ];
  for (const key of keys) {
    const { apdu } = generally({ dateTime: new Uint8Array(12), other: hexOctets("AABB") }, key);
    const decoded = decodeGeneralCiphering(apdu)!;
    assert.deepEqual(decoded.key, key);
    assert.deepEqual(encodeGeneralCiphering(decoded), apdu);
    for (let length = 1; length < apdu.length; length++) {
      assert.throws(() => decodeGeneralCiphering(apdu.subarray(0, length)), { trouble: "unreadable" }, String(length));
    }
  }
  assert.throws(() => decodeGeneralCiphering(hexOctets("DD 00 00 00 00 00 01 03 00 00")), /told in an unknown way/);
});

Deno.test("readPush: general-ciphering by the global key, whatever its tag covers; changed or replayed it is refused", {
  ignore,
}, () => {
  const covers = [
    encodeGeneralHeader,
    ({ transaction, originator, recipient }: GeneralHeader) => join(transaction, originator, recipient),
    () => new Uint8Array(),
  ];
  for (const cover of covers) {
    for (const key of [undefined, UNICAST]) {
      const { apdu, keys } = generally({}, key, cover);
      const meter = { keys, heard: new Map<string, number>() };
      const { title, counter, notification } = readPush(apdu, meter);
      assert.deepEqual([toHex(title!), counter], ["4B464D6750000009", 7]);
      assert.deepEqual(notification, readPush(octets("data-notif")).notification);
      assert.throws(() => readPush(apdu, meter), /invocation counter 7 after 7: it was heard before/);
      const otherKeys = { ...keys, authentication: new Uint8Array(16) };
      assert.throws(() => readPush(apdu, { keys: otherKeys, heard: new Map() }), /its authentication tag is wrong/);
      for (let at = apdu.length - 30; at < apdu.length; at++) {
        const changed = apdu.with(at, apdu[at]! ^ 1);
        assert.throws(() => readPush(changed, { keys, heard: new Map() }), ProtocolError, `octet ${at}`);
      }
    }
  }
  const { apdu, keys } = generally({}, UNICAST, encodeGeneralHeader);
  const elsewhere = apdu.with(16, apdu[16]! ^ 1); // the recipient, which this tag covers
  assert.throws(() => readPush(elsewhere, { keys, heard: new Map() }), /its authentication tag is wrong/);
});

Deno.test("readPush: what this program cannot undo is refused by its name, whoever asks", () => {
  const header = "04 00000001 08 4B464D6750000009 08 4F42490000000001 00 00";
  const table: [string, RegExp][] = [
    [
      `DD ${header} 01 00 01 05 30 00000001`,
      /of 4B464D6750000009: .*a key that is not the global unicast one \(general-ciphering, DD\)/,
    ],
    [`DD ${header} 01 01 00 00 05 30 00000001`, /a key that comes along, wrapped by another/],
    [
      `DD ${header} 01 02 00 00 05 30 00000001`,
      /a key that both sides agree on for it .*have the meter use its global key/,
    ],
    [`DF ${header} 02 0F00 02 0000`, /it is signed \(general-signing, DF\), and this program cannot verify that/],
    ["DD 04 00", /octets wanted/],
  ];
  for (const [hex, message] of table) {
    assert.throws(() => decodeCiphered(hexOctets(hex)), { name: "ProtocolError", message }, hex);
    assert.throws(() => readPush(hexOctets(hex)), { name: "ProtocolError", message }, hex);
  }
  const compressed = hexOctets("DB 08 4B464D6750000009 0A B0 00000001 0102030405");
  const meter = {
    keys: { suite: 0, encryption: new Uint8Array(16), authentication: new Uint8Array(16) } as const,
    heard: new Map<string, number>(),
  };
  assert.throws(() => readPush(compressed, meter), /it is compressed, which this program cannot undo/);
});
