import assert from "node:assert/strict";
import type { LineSettings } from "../../src/line.ts";
import { fromHex, hasVectors, vectors } from "../support/specs.ts";
import { addParity, PARITY_ERROR, SoftwareParity, stripParity } from "../../src/transport/parity.ts";
import type { Transport } from "../../src/transport/transport.ts";

const bytes = (hex: string) => Uint8Array.from(hex.split(" "), (byte) => parseInt(byte, 16));

/** 7E1 and the same as an 8N1 path carries it. */
const TABLE: readonly (readonly [name: string, plain: string, carried: string])[] = [
  ["/?! CR LF", "2F 3F 21 0D 0A", "AF 3F 21 8D 0A"],
  ["ACK 050 CR LF", "06 30 35 30 0D 0A", "06 30 35 30 8D 0A"],
  ["break", "01 42 30 03 71", "81 42 30 03 71"],
  ["P1(00000000)", "01 50 31 02 28 30 29 03 61", "81 50 B1 82 28 30 A9 03 E1"],
];

Deno.test("addParity, stripParity: even", () => {
  for (const [name, plain, carried] of TABLE) {
    assert.deepEqual(addParity(bytes(plain), "even"), bytes(carried), name);
    assert.deepEqual(stripParity(bytes(carried), "even"), { bytes: bytes(plain), errors: 0 }, name);
  }
});

Deno.test("addParity, stripParity: the vectors", { ignore: !hasVectors }, () => {
  const of = (name: string) => fromHex(vectors().get(name)!.hex);
  for (const name of ["req-general", "ack-readout-9600", "readout-c"]) {
    assert.deepEqual(addParity(of(name), "even"), of(`${name}-7e1-as-8n1`), name);
    assert.deepEqual(stripParity(of(`${name}-7e1-as-8n1`), "even"), { bytes: of(name), errors: 0 }, name);
  }
});

Deno.test("addParity, stripParity: odd parity, every character there and back", () => {
  const all = Uint8Array.from({ length: 128 }, (_, character) => character);
  assert.deepEqual(addParity(bytes("2F 3F 00"), "odd"), bytes("2F BF 80"));
  for (const parity of ["even", "odd"] as const) {
    assert.deepEqual(stripParity(addParity(all, parity), parity), { bytes: all, errors: 0 });
  }
});

Deno.test("stripParity: a bit that flipped never makes another digit", () => {
  for (let bit = 0; bit < 8; bit++) {
    const flipped = addParity(bytes("33"), "even").map((byte) => byte ^ (1 << bit));
    assert.deepEqual(stripParity(flipped, "even"), { bytes: Uint8Array.of(PARITY_ERROR), errors: 1 });
  }
});

Deno.test("SoftwareParity, auto: what comes shows whether the path carries the parity; until then both are read", async () => {
  const said: string[] = [];
  const path = (...arriving: string[]): Transport => ({
    read: () => Promise.resolve(bytes(arriving.shift()!)),
    write: () => Promise.resolve(),
    setLine: () => Promise.resolve(),
    flush: () => {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
  const { signal } = new AbortController();
  const listen = async (...arriving: string[]) => {
    const transport = new SoftwareParity(path(...arriving), (message) => said.push(message), { auto: true });
    let text = "";
    for (const _ of arriving) text += new TextDecoder("latin1").decode(await transport.read(signal));
    return text;
  };
  assert.equal(await listen("AF", "CC 47 5A", "B4 8D 0A", "B1 30"), "/LGZ4\r\n10"); // /LGZ4, then 1 and 0
  assert.equal(
    await listen("AF CC 47 5A B4 8D", "31"),
    "/LGZ4\r\0",
    "a parity bit that is missing is a wrong character",
  );
  assert.equal(await listen("2F", "4C 47 5A", "34 0D 0A", "31 B0"), "/LGZ4\r\n1\xb0", "a degree sign stays");
  assert.match(said[0]!, /parity_in_software=true instead of parity=auto/);
  assert.match(said[2]!, /parity=auto is not needed/);
  assert.equal(said.length, 3);
});

Deno.test("SoftwareParity: 7E1 above is 8N1 below, errors are counted, 8 data bits pass as they are", async () => {
  const said: string[] = [];
  const lines: LineSettings[] = [];
  const written: Uint8Array[] = [];
  const arriving = [bytes("AF 4C B3"), bytes("FF B3")]; // "/L", then 33 with a wrong parity bit
  const inner: Transport = {
    read: () => Promise.resolve(arriving.shift()!),
    write: (sent) => Promise.resolve(void written.push(sent)),
    setLine: (line) => Promise.resolve(void lines.push(line)),
    flush: () => {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const { signal } = new AbortController();
  const transport = new SoftwareParity(inner, (message) => said.push(message));
  await transport.setLine({ baud: 300, dataBits: 7, parity: "even", stopBits: 1 });
  await transport.write(bytes("2F 0D"));
  assert.deepEqual(await transport.read(signal), bytes("2F 00 00"));
  assert.equal(transport.errors, 2);
  await transport.setLine({ baud: 9600, dataBits: 8, parity: "none", stopBits: 1 });
  await transport.write(bytes("2F 0D"));
  assert.deepEqual(await transport.read(signal), bytes("FF B3"));
  await transport[Symbol.asyncDispose]();
  assert.deepEqual(written, [bytes("AF 8D"), bytes("2F 0D")]);
  assert.deepEqual(lines.map(({ dataBits, parity }) => `${dataBits} ${parity}`), ["8 none", "8 none"]);
  assert.deepEqual(said, ["2 of 5 characters came with wrong parity"]);
});
