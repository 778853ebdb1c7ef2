/** Attributes as a person writes them: which, and a value in its type. @module */
import assert from "node:assert/strict";
import {
  type Data,
  dateTimeOf,
  encodeDateTime,
  encodeText,
  integer,
  octetString,
  parseAttribute,
  parseDateTime,
  readValue,
} from "../../src/dlms/mod.ts";

Deno.test("parseAttribute: a code, with its class, with its attribute too", () => {
  assert.deepEqual(parseAttribute("1.8.0"), { text: "1.8.0", code: "1.8.0", id: 2 });
  assert.deepEqual(parseAttribute("8/0-0:1.0.0/3"), { text: "8/0-0:1.0.0/3", code: "0-0:1.0.0", classId: 8, id: 3 });
  assert.deepEqual(parseAttribute("3/1-0:1.8.0*255"), {
    text: "3/1-0:1.8.0*255",
    code: "1-0:1.8.0*255",
    classId: 3,
    id: 2,
  });
  for (const none of ["", "1.8.0/2", "1/2/3/4", "1.8.0()"]) assert.equal(parseAttribute(none), undefined, none);
});

const text = (characters: string) => octetString(new TextEncoder().encode(characters));

Deno.test("encodeText: a value in the type that stands there, and back", () => {
  const scaler = (scaler: number) => ({ scaler, unit: "kWh" });
  const moment = octetString(encodeDateTime(dateTimeOf(Date.UTC(2026, 5, 1, 10), -120)));
  const right: [string, Data, ReturnType<typeof scaler> | undefined, Data][] = [
    ["12.5", integer("double-long-unsigned", 0), scaler(-1), integer("double-long-unsigned", 125)],
    ["12.50", integer("long", 0), scaler(-1), integer("long", 125)],
    ["-3", integer("integer", 0), undefined, integer("integer", -3)],
    ["4000", integer("unsigned", 0), scaler(3), integer("unsigned", 4)],
    ["18446744073709551615", { type: "long64-unsigned", value: 0n }, undefined, {
      type: "long64-unsigned",
      value: 2n ** 64n - 1n,
    }],
    ["true", { type: "boolean", value: false }, undefined, { type: "boolean", value: true }],
    ["0.5", { type: "float32", value: 1 }, undefined, { type: "float32", value: 0.5 }],
    ["0101", { type: "bit-string", bits: "1" }, undefined, { type: "bit-string", bits: "0101" }],
    ["abc", text("old"), undefined, text("abc")],
    ["0x6162", text("old"), undefined, text("ab")],
    ["2026-06-01T12:00:00+02:00", moment, undefined, moment],
    ["2026-06-01 12:00:00", text("old"), undefined, text("2026-06-01 12:00:00")], // no moment stands there
  ];
  for (const [written, held, scalerUnit, data] of right) {
    assert.deepEqual(encodeText(written, held, scalerUnit), data, written);
    if (scalerUnit) assert.equal(Number(readValue(data, scalerUnit).text), Number(written));
  }
});

Deno.test("encodeText: what does not fit, and what is allowed", () => {
  const wrong: [string, Data, number, RegExp][] = [
    ["1.23", integer("long", 0), -1, /steps of 0\.1 kWh/],
    ["1500", integer("long", 0), 3, /steps of 1000 kWh/],
    ["256", integer("unsigned", 0), 0, /it holds 0 to 255/],
    ["-1", integer("long-unsigned", 0), 0, /it holds 0 to 65535/],
    ["1e3", integer("long", 0), 0, /it holds a number/],
    ["yes", { type: "boolean", value: true }, 0, /true or false/],
    ["", { type: "float64", value: 1 }, 0, /it holds a number/],
    ["12", { type: "bit-string", bits: "1" }, 0, /bits: 0 and 1/],
    ["1", { type: "structure", items: [] }, 0, /structure, which cannot be written as text/],
    ["1", { type: "null-data" }, 0, /null-data, which cannot/],
  ];
  for (const [written, held, scaler, message] of wrong) {
    assert.throws(() => encodeText(written, held, { scaler, unit: "kWh" }), message, written);
  }
});

Deno.test("parseDateTime: with a zone, without; no day that no calendar has", () => {
  const noon = { year: 2026, month: 6, day: 1, weekday: 1, hour: 12, minute: 0, second: 0, status: 0 };
  assert.deepEqual(parseDateTime("2026-06-01T12:00:00+02:00"), { ...noon, deviationMinutes: -120 });
  assert.deepEqual(parseDateTime("2026-06-01T12:00Z"), { ...noon, deviationMinutes: 0 });
  assert.deepEqual(parseDateTime("2026-06-01 12:00:00-03:30"), { ...noon, deviationMinutes: 210 });
  assert.deepEqual(parseDateTime("2026-06-01 12:00"), noon);
  for (const none of ["2026-02-30T12:00", "2026-06-01T24:00", "2026-06-01", "soon"]) {
    assert.equal(parseDateTime(none), undefined, none);
  }
});
