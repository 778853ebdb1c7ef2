/** Long values as their blocks come: each element at once, whatever the cuts. @module */
import assert from "node:assert/strict";
import { array, type Data, Elements, encodeData, integer, octetString, structure } from "../../src/dlms/mod.ts";

const ROWS: readonly Data[] = Array.from(
  { length: 200 },
  (_, at) => structure(octetString(new Uint8Array(at % 9)), integer("double-long-unsigned", at), { type: "null-data" }),
);
const OCTETS = encodeData(array(ROWS));

/** The elements that come of these pieces, and how many there were after each. */
function elementsOf(pieces: readonly Uint8Array[]): { elements: Data[]; counts: number[] } {
  const elements: Data[] = [];
  const intake = new Elements((element) => elements.push(structuredClone(element) as Data));
  const counts = pieces.map((piece, at) => {
    intake.take(piece, at === pieces.length - 1);
    return intake.given;
  });
  return { elements, counts };
}

function cutEvery(octets: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(octets.length / size) }, (_, at) => octets.slice(at * size, (at + 1) * size));
}

Deno.test("Elements: the same rows from pieces of any size, each handed on as soon as it is whole", () => {
  for (const size of [1, 2, 3, 7, 50, 999, OCTETS.length]) {
    const { elements, counts } = elementsOf(cutEvery(OCTETS, size));
    assert.deepEqual(elements, ROWS, `pieces of ${size}`);
    const most = Math.max(...counts.map((count, at) => count - (counts[at - 1] ?? 0)));
    assert.ok(most <= Math.ceil(size / 9), `${most} at once from ${size} octets`);
  }
});

Deno.test("Elements: a compact array, an empty one, and an empty last piece", () => {
  const of = { type: "structure", of: [{ type: "unsigned" }, { type: "unsigned" }] } as const;
  const items = [structure(integer("unsigned", 1), integer("unsigned", 2))];
  assert.deepEqual(elementsOf(cutEvery(encodeData({ type: "compact-array", of, items }), 2)).elements, items);
  assert.deepEqual(elementsOf([encodeData(array([]))]).elements, []);
  assert.deepEqual(elementsOf([OCTETS, new Uint8Array()]).elements, ROWS);
});

Deno.test("Elements: cut short, unknown types, no list at all, elements without end: an error that says so", () => {
  assert.throws(
    () => elementsOf([OCTETS.subarray(0, -1)]),
    /Cannot read the list at octet \d+: 1 octets wanted, 0 left/,
  );
  assert.throws(() => elementsOf([Uint8Array.of(1, 5, 99), new Uint8Array(9)]), /there is no type 99/);
  assert.throws(() => elementsOf([encodeData(integer("unsigned", 5))]), /Cannot read the list: it is unsigned/);
  const endless = [Uint8Array.of(1, 1, 9, 0x84, 0x7f, 0xff, 0xff, 0xff), ...cutEvery(new Uint8Array(80_000), 1000)];
  assert.throws(() => elementsOf(endless), { name: "ProtocolError", message: /No end of an element/ });
});
