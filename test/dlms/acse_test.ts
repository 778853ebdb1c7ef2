import assert from "node:assert/strict";
import {
  type AssociationResponse,
  CONFORMANCE,
  decodeAssociationRequest,
  decodeAssociationResponse,
  decodeCiphered,
  decodeInitiateRequest,
  decodeInitiateResponse,
  decodeRelease,
  decodeServiceError,
  encodeAssociationRequest,
  encodeAssociationResponse,
  encodeInitiateRequest,
  encodeInitiateResponse,
  encodeRelease,
  explainRejection,
  explainServiceError,
  findFrame,
  stripLlc,
  toHex,
} from "../../src/dlms/mod.ts";
import { ProtocolError } from "../../src/errors.ts";
import { hexOctets, ignore, octets, ofGroup, randomNumbers, vector } from "../support/dlms.ts";

/** ACSE messages of the vectors, those inside captured frames too. */
function messages(tag: number): { name: string; apdu: Uint8Array }[] {
  const framed = ofGroup("hdlc-captured", "hdlc-session-ln-none").map(({ name, bytes }) => {
    const frame = findFrame()(bytes)!.value;
    return { name, apdu: frame.segmented ? new Uint8Array() : stripLlc(frame.information) };
  });
  const bare = [...ofGroup("acse"), vector("gb-aarq-ciphered-lls"), vector("gb-rlrq-ciphered")];
  return [...framed, ...bare.map(({ name, bytes }) => ({ name, apdu: bytes }))].filter(({ apdu }) => apdu[0] === tag);
}

Deno.test("decodeAssociationRequest, encodeAssociationRequest: the vectors both ways", { ignore }, () => {
  const all = messages(0x60);
  assert.equal(all.length, 16);
  for (const { name, apdu } of all) {
    const request = decodeAssociationRequest(apdu);
    assert.deepEqual(encodeAssociationRequest(request), apdu, name);
    const initiate = decodeCiphered(request.initiate);
    assert.equal(initiate !== undefined, request.context.ciphered, name);
    if (!initiate && !name.endsWith("-odd")) {
      assert.deepEqual(encodeInitiateRequest(decodeInitiateRequest(request.initiate)), request.initiate, name);
    }
  }
});

Deno.test("decodeAssociationRequest: what a client says", { ignore }, () => {
  const request = decodeAssociationRequest(octets("acse-aarq-hls6"));
  assert.deepEqual(request.context, { names: "logical", ciphered: false });
  assert.equal(request.mechanism, "sha256");
  assert.equal(toHex(request.title!), "4D4D4D0000000001");
  assert.equal(new TextDecoder().decode(request.authentication), "K56iVagYK56iVagY");
  assert.deepEqual(decodeInitiateRequest(request.initiate), {
    ...{ responseAllowed: true, version: 6, conformance: 0x007e1f, maxPduOctets: 1200 },
  });
});

Deno.test("decodeAssociationResponse, encodeAssociationResponse: the vectors both ways", { ignore }, () => {
  const all = messages(0x61);
  assert.equal(all.length, 10);
  for (const { name, apdu } of all) {
    const response = decodeAssociationResponse(apdu);
    const beyond = ["cap-sn-aare", "cap-lg-aare"].includes(name) ? 1 : 0; // lengths that are one too short
    assert.deepEqual(encodeAssociationResponse(response), apdu.subarray(0, apdu.length - beyond), name);
  }
  const settled = { version: 6, conformance: 0x180220, maxPduOctets: 0x0960, vaaName: 0xfa00 };
  for (const odd of ["cap-4byte-aare-odd", "cap-lg-aare"]) { // the short tag; a length that is one too short
    const { initiate } = decodeAssociationResponse(all.find(({ name }) => name === odd)!.apdu);
    assert.deepEqual(decodeInitiateResponse(initiate!), settled, odd);
  }
});

Deno.test("decodeAssociationResponse: granted, pending, refused", { ignore }, () => {
  const granted = decodeAssociationResponse(octets("acse-aare-ok"));
  assert.equal(granted.result, "accepted");
  const settled = decodeInitiateResponse(granted.initiate!);
  assert.deepEqual(encodeInitiateResponse(settled), granted.initiate);
  assert.ok(settled.conformance & CONFORMANCE.get && settled.conformance & CONFORMANCE.blockTransferWithGet);
  assert.ok(!(settled.conformance & CONFORMANCE.multipleReferences));
  const pending = decodeAssociationResponse(octets("acse-aare-hls"));
  assert.deepEqual([pending.result, pending.diagnostic.code, pending.mechanism], ["accepted", 14, "gmac"]);
  assert.equal(new TextDecoder().decode(pending.authentication), "P6wRJ21F");
  const low = decodeAssociationResponse(octets("acse-aare-version-low"));
  assert.equal(low.result, "rejected-permanent");
  assert.equal(explainServiceError(decodeServiceError(low.initiate!)), "initiate: initiate: DLMS version too low");
});

Deno.test("explainRejection: in words an administrator understands", () => {
  const refused = (code: number, source: "user" | "provider" = "user"): AssociationResponse => ({
    ...{ context: { names: "logical", ciphered: false }, result: "rejected-permanent", diagnostic: { source, code } },
  });
  assert.equal(explainRejection(refused(13), 16), "wrong password or key for client 16");
  assert.match(explainRejection(refused(1), 16), /client 16 may have no association there/);
  assert.match(explainRejection(refused(2), 16), /another kind of association/);
  assert.match(explainRejection(refused(14), 1), /client 1 has to sign on/);
  assert.equal(explainRejection(refused(99), 1), "diagnostic 99 of the user");
  assert.match(explainRejection(refused(2, "provider"), 1), /another version of ACSE/);
});

Deno.test(
  "decodeRelease, encodeRelease: the vectors both ways, the empty and the ciphered ones too",
  { ignore },
  () => {
    for (const [tag, kind] of [[0x62, "request"], [0x63, "response"]] as const) {
      for (const { name, apdu } of messages(tag)) {
        assert.deepEqual(encodeRelease(kind, decodeRelease(kind, apdu)), apdu, name);
      }
    }
    assert.deepEqual(decodeRelease("response", hexOctets("6300")), {});
  },
);

Deno.test("decodeAssociationResponse: longer lengths than needed are read", { ignore }, () => {
  const plain = octets("acse-aare-ok");
  const long = hexOctets(`618200${toHex(plain.subarray(1))}`);
  assert.deepEqual(decodeAssociationResponse(long), decodeAssociationResponse(plain));
});

Deno.test("ACSE: cut short or torn apart it is an error, never a crash (seeded)", { ignore }, () => {
  const random = randomNumbers(5);
  for (const { bytes } of ofGroup("acse")) {
    for (let round = 0; round < 300; round++) {
      const torn = bytes.slice(0, round < bytes.length ? round : bytes.length);
      if (round >= bytes.length) torn[random(torn.length)] = random(256);
      for (const decode of [decodeAssociationRequest, decodeAssociationResponse]) {
        try {
          const { initiate } = decode(torn);
          if (initiate) {
            (decode === decodeAssociationRequest ? decodeInitiateRequest : decodeInitiateResponse)(initiate);
          }
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
        }
      }
    }
  }
});
