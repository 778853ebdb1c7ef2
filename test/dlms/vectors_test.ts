/** The opening's vectors, in 7E1 and as an 8N1 port carries them; and no vector at all stands in no test. @module */
import assert from "node:assert/strict";
import { decodeCiphered } from "../../src/dlms/mod.ts";
import {
  decodeOptionSelect,
  decodeRequest,
  encodeIdentification,
  encodeOptionSelect,
  encodeRequest,
  findIdentification,
} from "../../src/iec62056/mod.ts";
import { addParity, stripParity } from "../../src/transport/parity.ts";
import { type DlmsVector, hexOctets, ignore, ofGroup, VECTORS } from "../support/dlms.ts";

/** Bytes → value → bytes. */
const RECODE: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  "iec-signon": (bytes) => encodeRequest(decodeRequest(bytes)!),
  "iec-ident-modeE": (bytes) => encodeIdentification(findIdentification()(bytes)!.value),
  "iec-ack-252": (bytes) => encodeOptionSelect(decodeOptionSelect(bytes)!),
  "iec-ack-242": (bytes) => encodeOptionSelect(decodeOptionSelect(bytes)!),
  "iec-ack-mode-c": (bytes) => encodeOptionSelect(decodeOptionSelect(bytes)!),
};

Deno.test("the opening of mode E: the vectors both ways, and with the parity in bit 7", { ignore }, () => {
  for (const { name, bytes, decoded } of ofGroup("iec-open")) {
    assert.deepEqual(RECODE[name]!(bytes), bytes, name);
    const carried = hexOctets(decoded!.raw_octets_if_port_is_8N1 as string);
    assert.deepEqual(addParity(bytes, "even"), carried, name);
    assert.deepEqual(stripParity(carried, "even"), { bytes, errors: 0 }, name);
  }
});

/** Groups of which a test takes each vector, both ways where there are two. */
const WHOLE = [
  ...["iec-open", "hdlc-conformance", "hdlc-captured", "hdlc-session-ln-none", "hdlc-address", "hdlc-negative"],
  ...["tcp-wrapper", "acse", "xdlms"],
];

/** Vectors that a test finds by what they are. */
function isFound({ name, group, bytes, inputs }: DlmsVector): boolean {
  if (group === "axdr") return name.startsWith("axdr-");
  return group === "security" && inputs?.plain !== undefined && decodeCiphered(bytes) !== undefined;
}

Deno.test("every vector stands in a test", { ignore }, async () => {
  const tests = Array.from(Deno.readDirSync(import.meta.dirname!), ({ name }) => `${import.meta.dirname}/${name}`);
  const text = (await Promise.all(tests.map((file) => Deno.readTextFile(file)))).join("\n");
  const rest = VECTORS.filter((vector) => !WHOLE.includes(vector.group) && !isFound(vector));
  const untested = rest.filter(({ name }) => !text.includes(`"${name}"`) && !/^hls[346]-.*-f(stoc|ctos)$/.test(name));
  assert.deepEqual(untested.map(({ name }) => name), []);
  assert.deepEqual(WHOLE.filter((group) => ofGroup(group).length === 0), [], "no group has another name");
});
