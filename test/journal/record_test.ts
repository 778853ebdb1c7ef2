/** What goes into the journal comes out as it was. */
import assert from "node:assert/strict";
import { decodeReadout, Encoder, parseForm, type ReadoutBody } from "../../src/journal/record.ts";
import type { Reading } from "../../src/reading.ts";
import { reading, readout } from "../support/readings.ts";

const there = ({ form, atMs, body }: ReadoutBody) =>
  decodeReadout(atMs, form === undefined ? undefined : parseForm(form), body);

Deno.test("Encoder: a usual readout is little more than its digits", () => {
  const encoded = new Encoder().encode(readout(12, 3));
  assert.equal(encoded.body, '[{"site":"north"},[],"flat-1","000012","000012","000012"]');
  assert.deepEqual(there(encoded), readout(12, 3));
});

Deno.test("Encoder: what fits no form is written in full", () => {
  const odd: Reading[] = [
    reading({ value: 1 }), // not what the text says
    reading({ time: "2026-01-15T12:00:00Z" }), // not written as we write it
    reading({ time: "" }),
    reading({ address: "a\tb" }),
    reading({ name: "a\nb" }),
  ];
  for (const one of odd) {
    assert.equal(new Encoder().encode([one]).form, undefined);
    assert.deepEqual(there(new Encoder().encode([one])), [one]);
  }
  for (const its of [{ meter: "flat-2" }, { labels: { a: "b" } }, { flags: ["bcc-unchecked" as const] }]) {
    assert.equal(new Encoder().encode([reading(), reading(its)]).form, undefined);
  }
});

Deno.test("Encoder: any characters in meter, text and labels come back", () => {
  const odd = [reading({ meter: 'a"\n\t\\', text: '\0\t"\n\\', value: null, labels: { 'k"': "v\n" } })];
  assert.notEqual(new Encoder().encode(odd).form, undefined);
  assert.deepEqual(there(new Encoder().encode(odd)), odd);
});

Deno.test("Encoder: a meter's next readout has the form of its last one, unless anything in it is another", () => {
  const encoder = new Encoder();
  const same = encoder.encode(readout(12, 3)).form;
  assert.equal(encoder.encode(readout(13, 3)).form, same);
  const changes: Partial<Reading>[] = [
    ...[{ address: "1.8.9" }, { obis: "" }, { index: 1 }, { unit: "Wh" }, { name: "other" }],
    { value: null, text: "" },
  ];
  for (const change of changes) {
    const [first, ...rest] = readout(14, 3);
    const other = [{ ...first!, ...change }, ...rest];
    const encoded = encoder.encode(other);
    assert.notEqual(encoded.form, same);
    assert.deepEqual(there(encoded), other);
  }
  assert.notEqual(encoder.encode(readout(15, 2)).form, same);
  assert.deepEqual(there(encoder.encode(readout(16, 3))), readout(16, 3));
});
