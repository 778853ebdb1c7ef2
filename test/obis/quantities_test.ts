/** Names and kinds of quantities. @module */
import assert from "node:assert/strict";
import { readObis } from "../../src/obis/code.ts";
import { type Kind, nameKey, quantityOf } from "../../src/obis/quantities.ts";

const TABLE = new URL("../../../shared/specs/obis.json", import.meta.url);

interface Row {
  readonly pattern: string;
  readonly reduced: string;
  readonly name: string;
  readonly scheme?: string;
}

async function rows(): Promise<Row[] | undefined> {
  const text = await Deno.readTextFile(TABLE).catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

/** An address that means a row: the spelling with letters, the old heat spelling, or the pattern with a channel. */
function addressOf({ pattern, reduced, scheme }: Row): string {
  if (scheme === "letter" || scheme === "old-edis-heat") return reduced;
  return pattern.replace("-x:", "-0:").replace("-n:", "-3:");
}

const found = await rows();

Deno.test({
  name: "quantityOf: every row of the table of codes has its name",
  ignore: found === undefined,
  fn() {
    const general = found!.filter(({ scheme }) => !scheme?.startsWith("region"));
    assert.ok(general.length >= found!.length - 2);
    for (const row of general) {
      const code = readObis(addressOf(row), { heat: row.scheme === "old-edis-heat" });
      assert.ok(code, row.pattern);
      assert.equal(quantityOf(code).name, nameKey(row.name), `${row.pattern} ${row.name}`);
    }
  },
});

Deno.test("nameKey: brackets and what is in them dropped, all but letters and digits to _", () => {
  assert.equal(nameKey("Active energy import (+P, QI+QIV), rate 1"), "active_energy_import_rate_1");
  assert.equal(nameKey("Active energy absolute sum (|+P|+|-P|), total"), "active_energy_absolute_sum_total");
  assert.equal(nameKey("Phase angle U(L1) to U(L1) (reference)"), "phase_angle_u_to_u");
  assert.equal(nameKey("A (b (c) d) e"), "a_e");
});

const NAMES: [address: string, name: string, kind: Kind][] = [
  ["1.8.0", "active_energy_import_total", "number"],
  ["1.8.0*24", "active_energy_import_total", "number"],
  ["1-1:2.8.17", "active_energy_export_rate_17", "number"],
  ["1.6.1", "active_power_import_maximum_demand_1_rate_1", "number"],
  ["1.16.0", "active_power_import_maximum_demand_2", "number"],
  ["62.8.3", "active_energy_export_l3_rate_3", "number"],
  ["16.7", "active_power_net_instantaneous", "number"],
  ["1-0:21.7.255*255", "active_power_import_l1_instantaneous", "number"],
  ["1.7.5", "active_power_import_harmonic_5", "number"],
  ["32.7.124", "voltage_l1_total_harmonic_distortion", "number"],
  ["52.33.0", "voltage_l2_duration_of_sags", "duration"],
  ["11.35.0", "current_any_phase_over_limit_threshold", "number"],
  ["33.7.0", "power_factor_l1_instantaneous", "power factor"],
  ["34.7", "frequency_l1_instantaneous", "number"],
  ["81.7.15", "phase_angle_i_to_u", "number"],
  ["82.8.1", "unitless_quantity_rate_1", "number"],
  ["131.7", "manufacturer_specific", "unknown"],
  ["C.90", "manufacturer_specific", "unknown"],
  ["1.8.0*96", "active_energy_import_total", "number"],
  ["1-0:1.8.0*96", "energy_import_of_the_last_day", "number"],
  ["C.1.0", "serial_number_of_the_meter", "identity"],
  ["C.1", "serial_number_of_the_meter", "identity"],
  ["96.1.0", "device_id_1", "identity"],
  ["0-0:96.1.255*255", "device_id_1", "identity"],
  ["0-1:96.1.0", "m_bus_channel_equipment_id", "identity"],
  ["0.0.0", "electricity_meter_identification_1", "identity"],
  ["0-0:0.0.0", "electricity_meter_identification_1", "identity"],
  ["0.0.77", "", "identity"],
  ["1.0.0", "clock_date_and_time", "time"],
  ["0-0:1.0.0", "clock_date_and_time", "time"],
  ["0.9.1", "local_time", "time"],
  ["0.1.2*05", "time_stamp_of_the_last_billing_period_end", "time"],
  ["F.F", "fatal_error_register", "status"],
  ["0-0:97.97.0", "error_register", "status"],
  ["1-0:96.5.5*255", "status_word", "status"],
  ["C.5.0", "internal_operating_status", "status"],
  ["0-0:96.14.0", "currently_active_tariff", "status"],
  ["0.2.0", "firmware_version_program_version", "text"],
  ["0.2.99", "", "text"],
  ["C.7.0", "number_of_power_failures_all_phases", "number"],
  ["C.8.1", "operating_time_rate_1", "duration"],
  ["1-0:99.97.0", "power_failure_log_count_entry_code_then_time_stamp_and_duration_pairs", "list"],
  ["7-0:3.1.0", "gas_volume_forward_absolute_corrected_temperature_converted", "number"],
  ["8-1:1.0.0", "cold_water_volume_current_value", "number"],
  ["6-0:77.0.0", "", "unknown"],
  ["93.1.1", "", "unknown"],
];

Deno.test("quantityOf: table, rules, and neither", () => {
  for (const [address, name, kind] of NAMES) {
    assert.deepEqual(quantityOf(readObis(address)!), { name, kind }, address);
  }
});

Deno.test("quantityOf: an old heat meter's registers", () => {
  const names: [string, string, Kind][] = [
    ["6.8", "heat_energy_total", "number"],
    ["6.8*01", "heat_energy_total", "number"],
    ["6.35", "measurement_period_for_maxima", "duration"],
    ["9.20", "device_number", "identity"],
    ["0.0", "property_number", "identity"],
    ["F", "error_code", "status"],
    ["9.36", "meter_date_time", "time"],
  ];
  for (const [address, name, kind] of names) {
    assert.deepEqual(quantityOf(readObis(address, { heat: true })!), { name, kind }, address);
  }
});
