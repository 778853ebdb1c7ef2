import assert from "node:assert/strict";
import {
  type Control,
  decodeAddress,
  decodeControl,
  decodeFrame,
  decodeParameters,
  encodeAddress,
  encodeControl,
  encodeFrame,
  encodeParameters,
  explainFrameReject,
  findFrame,
  type Frame,
  hdlcAddress,
  isIntact,
  isSameStation,
  segment,
  settle,
  stripLlc,
  toHex,
} from "../../src/dlms/mod.ts";
import { checkSequence } from "../../src/dlms/crc.ts";
import { join } from "../../src/bytes.ts";
import { crcX25 } from "../../src/crc.ts";
import { ProtocolError } from "../../src/errors.ts";
import { hexOctets, ignore, octets, ofGroup, randomNumbers } from "../support/dlms.ts";

const PUSHED = ["push-kamstrup-omnipower", "push-lg-e450-1", "push-lg-e450-2", "push-lg-e450-3"];

/** All vectors that are whole frames. */
function frames() {
  const push = ofGroup("push").filter(({ name }) => PUSHED.includes(name) || name.startsWith("push-iskra"));
  return [...ofGroup("hdlc-conformance", "hdlc-captured", "hdlc-session-ln-none"), ...push];
}

/** A control octet in the words of the vectors. */
function words(control: Control): string {
  const poll = control.poll ? (["SNRM", "DISC"].includes(control.kind) ? " P" : " F") : "";
  if (control.kind === "I") return `I N(R)=${control.receive} N(S)=${control.send}${poll && " P/F"}`;
  if ("receive" in control) return `${control.kind} N(R)=${control.receive}${poll && " P/F"}`;
  return control.kind === "UI" ? `UI${poll && " P/F"}` : control.kind + poll;
}

Deno.test("crcX25: the vectors", { ignore }, () => {
  assert.equal(crcX25(octets("crc-x25-check")), 0x906e);
  assert.equal(toHex(checkSequence(octets("crc-033f"))), "5BEC");
  assert.ok(isIntact(join(octets("crc-033f"), hexOctets("5BEC"))));
});

Deno.test("decodeFrame, encodeFrame: the vectors both ways, whole, byte by byte and cut short", { ignore }, () => {
  for (const { name, bytes, decoded } of frames()) {
    const find = findFrame();
    for (let length = 1; length < bytes.length; length++) {
      assert.equal(find(bytes.subarray(0, length)), undefined, `${name} cut to ${length}`);
    }
    const found = find(bytes)!;
    assert.deepEqual([found.start, found.end], [0, bytes.length], name);
    assert.deepEqual(encodeFrame(found.value), bytes, name);
    if (!decoded) continue;
    const { control, destination, source, segmented, information } = found.value;
    assert.equal(words(control), decoded.control_meaning, name);
    assert.deepEqual([toHex(encodeAddress(destination)), toHex(encodeAddress(source))], [decoded.dest, decoded.src]);
    assert.deepEqual([segmented, toHex(information)], [decoded.segmented, decoded.info], name);
  }
});

Deno.test("decodeAddress, encodeAddress: the vectors both ways", { ignore }, () => {
  for (const { name, bytes, decoded } of ofGroup("hdlc-address")) {
    const { width, ...address } = decodeAddress(bytes);
    assert.deepEqual(address, decoded, name);
    assert.deepEqual(encodeAddress({ ...address, width }), bytes, name);
  }
  for (const digits of ["", "00", "000003", "0000000003"]) {
    assert.throws(() => decodeAddress(hexOctets(digits)), ProtocolError, digits);
  }
});

Deno.test("hdlcAddress: as few octets as it needs", () => {
  assert.deepEqual(hdlcAddress(16), { upper: 16, width: 1 });
  assert.deepEqual(hdlcAddress(1, 17), { upper: 1, lower: 17, width: 2 });
  assert.deepEqual(hdlcAddress(1, 17, 4), { upper: 1, lower: 17, width: 4 });
  assert.deepEqual(hdlcAddress(1, 5424), { upper: 1, lower: 5424, width: 4 });
  assert.throws(() => hdlcAddress(1, 16384), RangeError);
});

Deno.test("isSameStation: by value, whatever the width, and everybody answers for himself", () => {
  const asked = hdlcAddress(1, 17);
  assert.ok(isSameStation(asked, hdlcAddress(1, 17, 4)));
  assert.ok(isSameStation(asked, hdlcAddress(1)));
  assert.ok(!isSameStation(asked, hdlcAddress(1, 18)));
  assert.ok(!isSameStation(asked, hdlcAddress(2, 17)));
  assert.ok(isSameStation(hdlcAddress(1, 127), hdlcAddress(1, 42)));
  assert.ok(isSameStation(hdlcAddress(1, 16383), hdlcAddress(1, 4711)));
});

Deno.test("decodeControl, encodeControl: every octet that means something comes back", () => {
  const known = Array.from({ length: 256 }, (_, octet) => octet).filter((octet) => decodeControl(octet));
  for (const octet of known) assert.equal(encodeControl(decodeControl(octet)!), octet);
  assert.equal(known.length, 128 + 3 * 16 + 6 * 2);
});

Deno.test("findFrame: the damaged vectors are dropped, and the next frame is found", { ignore }, () => {
  const next = octets("ses-20-ua");
  for (const { name, bytes } of ofGroup("hdlc-negative")) {
    assert.equal(findFrame()(bytes), undefined, name);
    const found = findFrame()(join(bytes, next))!;
    assert.deepEqual(encodeFrame(found.value), next, name);
  }
});

Deno.test("findFrame: noise, shared flags, flags inside and several frames in a row", { ignore }, () => {
  const [first, second] = [octets("ses-06-get-clock-resp"), octets("ses-20-ua")];
  const flagInside = encodeFrame({ ...findFrame()(first)!.value, information: hexOctets("7E7EA0087E") });
  for (const noise of ["", "00FF", "7E7E7E", "7E41", "7EAFFF7E"]) {
    const found = findFrame()(join(hexOctets(noise), flagInside, new Uint8Array(2100)))!;
    assert.deepEqual(encodeFrame(found.value), flagInside, noise);
  }
  const shared = join(first, second.subarray(1));
  const found = findFrame()(shared)!;
  assert.deepEqual(encodeFrame(found.value), first);
  assert.deepEqual(encodeFrame(findFrame()(shared.subarray(found.end - 1))!.value), second);
});

Deno.test("decodeFrame: one flipped bit anywhere is seen", { ignore }, () => {
  const body = octets("ses-06-get-clock-resp").slice(1, -1);
  for (let bit = 0; bit < 8 * body.length; bit++) {
    const flipped = body.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(decodeFrame(flipped), undefined, `bit ${bit}`);
  }
});

Deno.test("findFrame: no octets make it crash or hang (seeded)", () => {
  const random = randomNumbers(4);
  for (let round = 0; round < 3000; round++) {
    const bytes = Uint8Array.from(
      { length: random(200) },
      () => random(4) === 0 ? 0x7e : random(3) ? random(256) : 0xa0,
    );
    const find = findFrame();
    for (let length = 1; length <= bytes.length; length += 1 + random(20)) find(bytes.subarray(0, length));
  }
});

Deno.test("encodeFrame: what does not fit is not sent", () => {
  const frame: Frame = {
    ...{ destination: hdlcAddress(1), source: hdlcAddress(16), control: { kind: "UI", poll: true }, segmented: false },
    information: new Uint8Array(2040),
  };
  assert.throws(() => encodeFrame(frame), RangeError);
});

Deno.test("decodeParameters, encodeParameters: what meters say, both ways", { ignore }, () => {
  const cases: [string, number, number][] = [
    ["8180140502040006020400070400000001080400000001", 1024, 1024],
    ["818012050180 06013E 070400000001 080400000001", 128, 62],
    ["8180140502008006020080070400000001080400000001", 128, 128],
    ["81801205 01F8 06013E 070400000001 080400000001", 248, 62],
  ];
  for (const [digits, maxSend, maxReceive] of cases) {
    const parameters = { maxSend, maxReceive, windowSend: 1, windowReceive: 1 };
    assert.deepEqual(decodeParameters(hexOctets(digits)), parameters);
    if (!digits.includes("0080")) assert.deepEqual(encodeParameters(parameters), hexOctets(digits));
  }
  assert.deepEqual(decodeParameters(hexOctets("818008050203F2060203F2")).maxSend, 1010);
  assert.deepEqual(decodeParameters(new Uint8Array()).maxSend, 128);
  assert.deepEqual(decodeParameters(hexOctets("81800A 050100 0902FFFF 070103")), {
    ...{ maxSend: 128, maxReceive: 128, windowSend: 3, windowReceive: 1 },
  });
  assert.throws(() => decodeParameters(hexOctets("818014 0502")), ProtocolError);
});

Deno.test("settle: the meter's sending is our receiving", () => {
  const proposed = { maxSend: 1024, maxReceive: 1024, windowSend: 1, windowReceive: 1 };
  const answer = { maxSend: 128, maxReceive: 62, windowSend: 1, windowReceive: 3 };
  assert.deepEqual(settle(proposed, answer), { maxSend: 62, maxReceive: 128, windowSend: 1, windowReceive: 1 });
});

Deno.test("segment, stripLlc: a message in pieces and whole again, at every size", () => {
  const apdu = Uint8Array.from({ length: 100 }, (_, at) => at);
  for (let size = 1; size < 110; size++) {
    const pieces = segment(apdu, size, "request");
    assert.ok(pieces.every((piece) => piece.length <= size));
    assert.deepEqual(stripLlc(join(...pieces)), apdu);
  }
  assert.deepEqual(stripLlc(hexOctets("C401")), hexOctets("C401"), "some meters send none");
});

Deno.test("explainFrameReject: the captured one in words", { ignore }, () => {
  const { information } = findFrame()(octets("cap-frmr"))!.value;
  assert.equal(explainFrameReject(information), "control octet 54 rejected: a sequence number out of turn");
});
