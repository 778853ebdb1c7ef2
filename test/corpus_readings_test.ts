/** Real meters' telegrams as readings: what must hold for all of them, and values read off by hand. @module */
import assert from "node:assert/strict";
import { normalise } from "../src/normalise.ts";
import type { Reading } from "../src/reading.ts";
import { normalUnit } from "../src/obis/units.ts";
import { corpus, type CorpusFile } from "./support/telegrams.ts";

const files = await corpus();
const ignore = files === undefined;

function* all(): Generator<{ file: CorpusFile; reading: Reading }> {
  for (const file of files!) for (const reading of normalise(file.telegram)) yield { file, reading };
}

const show = (file: CorpusFile, { address, index, text }: Reading) => `${file.name} ${address}[${index}] "${text}"`;

Deno.test({
  name: "corpus: every text is the meter's own, every set that is no profile has its readings",
  ignore,
  fn() {
    for (const { file, reading } of all()) {
      const plain = file.text.replace(/[\x80-\xff]/g, (byte) => String.fromCharCode(byte.charCodeAt(0) & 0x7f));
      assert.ok(file.text.includes(reading.text) || plain.includes(reading.text), show(file, reading));
    }
    for (const file of files!) {
      const sets = file.telegram.block.sets;
      if (sets.some(({ address }) => address.startsWith("P."))) continue;
      const brackets = sets.reduce((sum, { values }) => sum + values.length, 0);
      assert.ok(normalise(file.telegram).length >= brackets, file.name);
    }
  },
});

Deno.test({
  name: "corpus: codes and units are in their one form, and a number is its text",
  ignore,
  fn() {
    for (const { file, reading } of all()) {
      const { obis, unit, value, text } = reading;
      assert.match(obis, /^$|^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}\*\d{1,3}$/, show(file, reading));
      assert.equal(unit === "1" ? unit : normalUnit(unit), unit, show(file, reading));
      if (value !== null) assert.equal(value, Number(text.replace(",", ".")), show(file, reading));
      else if (unit !== "") assert.doesNotMatch(text, /^ *[+-]?\d+(\.\d+)? *$/, show(file, reading));
    }
  },
});

Deno.test({
  name: "corpus: no number for an identity, a status word, a version, a time",
  ignore,
  fn() {
    const never = /:(0\.[02]\.|0\.9\.[1-7]\*|0\.1\.2\*|96\.(1|3|4|5|10|14)\.|97\.|42\.0\.|24\.[14]\.)/;
    for (const { file, reading } of all()) {
      if (never.test(reading.obis)) assert.equal(reading.value, null, show(file, reading));
      if (/^\d{10,13}[SWs]?$/.test(reading.text) && reading.unit === "") {
        assert.equal(reading.value, null, show(file, reading));
      }
    }
  },
});

/** File, address, index, value, unit, canonical code, name. */
const BY_HAND: [file: string, address: string, index: number, value: number | null, unit: string, ...string[]][] = [
  ["003", "1.8.1", 0, 1846, "kWh", "1-0:1.8.1*255", "active_energy_import_rate_1"],
  ["004", "1.8.0", 0, 13925.5, "", "1-0:1.8.0*255", "active_energy_import_total"],
  ["005", "32.7", 0, 233, "V", "1-0:32.7.0*255", "voltage_l1_instantaneous"],
  ["005", "C.7.0", 0, 4, "", "0-0:96.7.0*255", "number_of_power_failures_all_phases"],
  ["006", "6.8", 0, 29.055, "MWh", "6-0:6.8.0*255", "heat_energy_total"],
  ["006", "9.4", 1, 82, "°C", "6-0:9.4.0*255", "maximum_temperatures_forward_return"],
  ["006", "6.35", 0, 60, "min", "6-0:6.35.0*255", "measurement_period_for_maxima"],
  ["006", "6.33", 0, 1.476, "m³/h", "6-0:6.33.0*255", "flow_rate_maximum"],
  ["009", "31.7.0", 0, 0.8, "A", "1-0:31.7.0*255", "current_l1_instantaneous"],
  ["009", "C.8.1", 0, 24616.21, "h", "0-0:96.8.1*255", "operating_time_rate_1"],
  ["009", "C.13.21", 0, 1, "secs", "0-0:96.13.21*255", ""],
  ["010", "1-0:1.6.0*01", 0, 3.258, "kW", "1-0:1.6.0*1", "active_power_import_maximum_demand_1"],
  ["010", "1-0:1.6.0*01", 1, null, "", "1-0:1.6.0*1", "active_power_import_maximum_demand_1"],
  ["011", "0-0:96.1.255*255", 0, null, "", "0-0:96.1.255*255", "device_id_1"],
  ["013", "8.8.0*12", 0, 75.0837, "kvarh", "1-0:8.8.0*12", "reactive_energy_qiv_total"],
  ["025", "81.7.20", 0, -120, "°", "1-0:81.7.20*255", "phase_angle_u_to_u"],
  ["026", "2.35.0.01", 0, 7, "kW", "", ""],
  ["027", "13.7.0", 0, 0.000315, "1", "1-0:13.7.0*255", "power_factor_total_instantaneous"],
  ["027", "1-0:14.7.0", 0, 0.05, "kHz", "1-0:14.7.0*255", "frequency_instantaneous"],
  ["028", "1-0:21.7.255*255", 0, -73.69, "W", "1-0:21.7.255*255", "active_power_import_l1_instantaneous"],
  ["029", "1-0:41.7.0*255", 0, 26, "W", "1-0:41.7.0*255", "active_power_import_l2_instantaneous"],
  ["030", "0-1:24.2.1", 1, null, "", "0-1:24.2.1*255", "m_bus_channel_last_value_with_capture_time"],
  ["032", "1-0:99.97.0", 3, 267, "s", "1-0:99.97.0*255"],
  ["033", "0-1:24.2.1", 1, 1.001, "m³", "0-1:24.2.1*255", "m_bus_channel_last_value_with_capture_time"],
  ["035", "0-1:24.2.1", 1, 1.16, "m³", "0-1:24.2.1*255"],
  ["057", "0-1:24.2.1", 1, 0, "m³", "0-1:24.2.1*255"],
  ["039", "6.8", 0, 433.65, "GJ", "6-0:6.8.0*255", "heat_energy_total"],
  ["042", "1-0:4.8.0", 0, 757.803, "kvarh", "1-0:4.8.0*255", "reactive_energy_export_total"],
  ["043", "0-1:24.2.1", 1, 240.86, "GJ", "0-1:24.2.1*255"],
  ["044", "1-0:1.6.0", 1, 2.589, "kW", "1-0:1.6.0*255", "active_power_import_maximum_demand_1"],
  ["044", "0-0:98.1.0", 5, 3.695, "kW", "0-0:98.1.0*255", "data_of_billing_period_1"],
  ["045", "1-0:1.8.0*255", 0, 52185.7825309, "kWh", "1-0:1.8.0*255"],
  ["047", "1-0:1.8.0", 0, 6545766, "Wh", "1-0:1.8.0*255"],
  ["051", "0-0:17.0.0", 0, 27.6, "kVA", "0-0:17.0.0*255", "limiter_threshold"],
  ["062", "6.8", 0, null, "GJ", "6-0:6.8.0*255", "heat_energy_total"],
  ["068", "13.7", 0, null, "", "1-0:13.7.0*255"],
  ["068", "131.7", 0, 0, "kvar", "1-0:131.7.0*255", "manufacturer_specific"],
  ["085", "1-0:21.7.0*255", 0, -115.94, "W", "1-0:21.7.0*255"],
  ["094", "1.6.0,5", 0, null, "", "", ""],
  ["096", "5.8.0*2", 0, 14172.85, "kvarh", "1-0:5.8.0*2", "reactive_energy_qi_total"],
  ["096", "33.7.0", 0, 1, "", "1-0:33.7.0*255", "power_factor_l1_instantaneous"],
  ["099", "31.7.1", 0, 200, "%", "1-0:31.7.1*255", "current_l1_harmonic_1"],
  ["103", "ET0PE", 2, 22.88, "", "", ""],
  ["106", "0F0880FF", 0, null, "", "", ""],
  ["111", "81.7.4", 0, -80.7, "°", "1-0:81.7.4*255", "phase_angle_i_to_u"],
];

Deno.test({
  name: "corpus: values read off by hand",
  ignore,
  fn() {
    for (const [number, address, index, value, unit, obis, name] of BY_HAND) {
      const file = files!.find((file) => file.name.startsWith(number))!;
      const found = normalise(file.telegram).find((reading) => reading.address === address && reading.index === index);
      const got = found && [found.value, found.unit, found.obis, found.name];
      assert.deepEqual(got, [value, unit, obis, name ?? found?.name], `${file.name} ${address}[${index}]`);
    }
  },
});
