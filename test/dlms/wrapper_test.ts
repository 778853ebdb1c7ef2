import assert from "node:assert/strict";
import { encodeWrapped, findWrapped, toHex } from "../../src/dlms/mod.ts";
import { join } from "../../src/bytes.ts";
import { ProtocolError } from "../../src/errors.ts";
import { hexOctets, ignore, ofGroup } from "../support/dlms.ts";

Deno.test("findWrapped, encodeWrapped: the vectors both ways, byte by byte, and two in a row", { ignore }, () => {
  for (const { name, bytes, decoded } of ofGroup("tcp-wrapper")) {
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(findWrapped()(bytes.subarray(0, length)), undefined, name);
    }
    const { end, value } = findWrapped()(join(bytes, bytes))!;
    assert.equal(end, bytes.length);
    assert.deepEqual([value.source, value.destination], [decoded!.srcWPort, decoded!.dstWPort]);
    assert.equal(toHex(value.apdu), decoded!.apdu);
    assert.deepEqual(encodeWrapped(value), bytes, name);
  }
});

Deno.test("findWrapped: another version is an error, for there is no way back into step", () => {
  assert.throws(() => findWrapped()(hexOctets("7EA0070341935A64")), ProtocolError);
});
