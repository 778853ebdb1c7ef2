import assert from "node:assert/strict";
import { dateTimeOf, decodeDateTime, encodeDateTime, formatDateTime, instantOf } from "../../src/dlms/mod.ts";
import { hexOctets, ignore, octets } from "../support/dlms.ts";

Deno.test("decodeDateTime, encodeDateTime: both ways, with the moment in UTC", () => {
  const cases: [string, string, string | undefined][] = [
    ["07E40101FF00030000FF8800", "2020-01-01T00:03:00+02:00", "2019-12-31T22:03:00.000Z"],
    ["07E8031EFF0A1E00FFFFC400", "2024-03-30T10:30:00+01:00", "2024-03-30T09:30:00.000Z"],
    ["07E50118FF0E303950FFC400", "2021-01-24T14:48:57.80+01:00", "2021-01-24T13:48:57.800Z"],
    ["07E7090401103400FF800000", "2023-09-04T16:52:00", undefined],
    ["FFFFFFFFFFFFFFFFFF8000FF", "????-??-??T??:??:??", undefined],
    ["07E80000FF0A1E00FFFFC400", "2024-00-00T10:30:00+01:00", undefined],
    ["07E8021EFF0A1E00FFFFC400", "2024-02-30T10:30:00+01:00", undefined],
    ["07E8FEFEFF0A1E00FFFFC400", "2024-254-254T10:30:00+01:00", undefined],
  ];
  for (const [digits, text, instant] of cases) {
    const moment = decodeDateTime(hexOctets(digits))!;
    assert.equal(formatDateTime(moment), text);
    const at = instantOf(moment);
    assert.equal(at === undefined ? undefined : new Date(at).toISOString(), instant);
    assert.deepEqual(encodeDateTime(moment), hexOctets(digits));
  }
});

Deno.test("decodeDateTime: the vectors, and what is no moment", { ignore }, () => {
  for (const name of ["dt-not-specified", "dt-example"]) {
    assert.deepEqual(encodeDateTime(decodeDateTime(octets(name))!), octets(name));
  }
  assert.equal(decodeDateTime(new Uint8Array()), undefined);
  assert.equal(decodeDateTime(new Uint8Array(13)), undefined);
});

Deno.test("instantOf: a clock that tells no deviation is believed to be where its owner says", () => {
  const moment = decodeDateTime(hexOctets("07E7090401103400FF800000"))!;
  assert.equal(new Date(instantOf(moment, { deviationMinutes: -120 })!).toISOString(), "2023-09-04T14:52:00.000Z");
});

Deno.test("dateTimeOf: the other way round", () => {
  const instant = Date.UTC(2024, 2, 31, 23, 30, 5);
  const moment = dateTimeOf(instant, -120);
  assert.equal(formatDateTime(moment), "2024-04-01T01:30:05+02:00");
  assert.equal(moment.weekday, 1);
  assert.equal(instantOf(moment), instant);
});
