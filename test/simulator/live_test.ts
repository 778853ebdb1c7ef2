import assert from "node:assert/strict";
import { moved } from "../../src/simulator/live.ts";

const START = Date.UTC(2024, 5, 1, 12, 0, 0);
const HOUR = 3_600_000;

/** The block an hour later, at 14:30:05 of the meter's time zone on the first of June 2024. */
const later = (block: string, summer = true) =>
  moved(block, { startMs: START - HOUR + 1805_000, nowMs: START + 1805_000, offsetMinutes: 120, summer });

const CASES: Record<string, [before: string, after: string]> = {
  "energy grows by the power": ["1.7.0(01.50*kW)\r\n1.8.0(000123.4*kWh)", "1.8.0(000124.9*kWh)"],
  "in its own unit": ["16.7.0(1500*W)\r\n1-0:1.8.0*255(0001234*Wh)", "1-0:1.8.0*255(0002734*Wh)"],
  "the rate in force grows, the other stays": [
    "0-0:96.14.0(0002)\r\n1-0:1.7.0(02.000*kW)\r\n1-0:1.8.1(000001.000*kWh)\r\n1-0:1.8.2(000001.000*kWh)",
    "1-0:1.8.1(000001.000*kWh)\r\n1-0:1.8.2(000003.000*kWh)",
  ],
  "a counter that is full begins again": ["1.7.0(2.0*kW)\r\n1.8.0(9999.5*kWh)", "1.8.0(0001.5*kWh)"],
  "history stays": ["1.8.0*01(000123.4*kWh)", "1.8.0*01(000123.4*kWh)"],
  "the clock runs": ["0.9.1(235959)\r\n0.9.2(991231)", "0.9.1(143005)\r\n0.9.2(240601)"],
  "the clock in its own form": ["0.9.1(23:59:59)\r\n0.9.2(99-12-31)", "0.9.1(14:30:05)\r\n0.9.2(24-06-01)"],
  "a season digit in front stays": ["0.9.1(1235959)", "0.9.1(1143005)"],
  "P1's time": ["0-0:1.0.0(190816125118W)", "0-0:1.0.0(240601143005S)"],
  "what is no value stays": ["0.0.0(12345678)\r\nF.F(00)\r\nC.1.0(7)", "0.0.0(12345678)\r\nF.F(00)\r\nC.1.0(7)"],
};

for (const [name, [before, after]] of Object.entries(CASES)) {
  Deno.test(`moved: ${name}`, () => {
    const said = later(`${before}\r\n!\r\n`);
    assert.ok(said.includes(after), said);
    assert.equal(said.length, before.length + 5);
  });
}

/** Address and unit, the captured value, and how far it may sway. */
const SWAYING: [string, string, number, number][] = [
  ["1.7.0", "kW", 2.4, 0.13],
  ["32.7.0", "V", 231.4, 2.4],
  ["14.7.0", "Hz", 50.01, 0.06],
];

for (const [address, unit, captured, most] of SWAYING) {
  Deno.test(`moved: ${address} sways about what was captured, with its digits`, () => {
    const decimals = String(captured).split(".")[1]!.length;
    const values = Array.from({ length: 60 }, (_, second) => {
      const moment = { startMs: START, nowMs: START + second * 1000, offsetMinutes: 0, summer: false };
      const said = moved(`${address}(${captured}*${unit})\r\n!\r\n`, moment);
      return said.slice(address.length + 1, said.indexOf("*"));
    });
    assert.ok(new Set(values).size > 2, "it moves");
    for (const value of values) {
      assert.equal(value.split(".")[1]!.length, decimals);
      assert.ok(Math.abs(Number(value) - captured) <= most, value);
    }
  });
}
