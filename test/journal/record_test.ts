/** What goes into the journal comes out as it was. */
import assert from "node:assert/strict";
import { decodeReadout, encodeReadout, parseForm } from "../../src/journal/record.ts";
import type { Reading } from "../../src/reading.ts";
import { reading, readout } from "../support/readings.ts";

const there = ({ form, atMs, body }: ReturnType<typeof encodeReadout>) =>
  decodeReadout(atMs, form === undefined ? undefined : parseForm(form), body);

Deno.test("encodeReadout: a usual readout is little more than its digits", () => {
  const encoded = encodeReadout(readout(12, 3));
  assert.equal(encoded.body, '[{"site":"north"},[],"flat-1","000012","000012","000012"]');
  assert.equal(encodeReadout(readout(13, 3)).form, encoded.form);
  assert.deepEqual(there(encoded), readout(12, 3));
});

Deno.test("encodeReadout: what fits no form is written in full", () => {
  const odd: Reading[] = [
    reading({ value: 1 }), // not what the text says
    reading({ time: "2026-01-15T12:00:00Z" }), // not written as we write it
    reading({ time: "" }),
    reading({ address: "a\tb" }),
    reading({ name: "a\nb" }),
  ];
  for (const one of odd) {
    assert.equal(encodeReadout([one]).form, undefined);
    assert.deepEqual(there(encodeReadout([one])), [one]);
  }
  for (const its of [{ meter: "flat-2" }, { labels: { a: "b" } }, { flags: ["bcc-unchecked" as const] }]) {
    assert.equal(encodeReadout([reading(), reading(its)]).form, undefined);
  }
});

Deno.test("encodeReadout: any characters in meter, text and labels come back", () => {
  const odd = [reading({ meter: 'a"\n\t\\', text: '\0\t"\n\\', value: null, labels: { 'k"': "v\n" } })];
  assert.notEqual(encodeReadout(odd).form, undefined);
  assert.deepEqual(there(encodeReadout(odd)), odd);
});
