/** `obisd objects`: a meter's description as a table, for programs, and as a configuration that the daemon serves. @module */
import assert from "node:assert/strict";
import { parseSimulatedDlms } from "../../src/cli/simulate_dlms.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { parseCaptures, startSimulator } from "../../src/simulator/mod.ts";
import { hastyClock } from "../support/hasty_clock.ts";
import { isMissing, startInfluxd } from "../support/influx_servers.ts";
import { runCommand } from "../support/read_meter.ts";
import { temporaryFolder } from "../support/readings.ts";
import { obisd, startRun, until } from "../support/running.ts";

const TELEGRAM =
  "/OBI5X\r\n0.0.0(00471101)\r\n1.8.0(012345.678*kWh)\r\n1.8.0*24(012201.114*kWh)\r\n32.7.0(231.4*V)\r\n!\r\n";
const KEYS = "000102030405060708090a0b0c0d0e0f";

function simulate(values: Record<string, string> = {}) {
  return startSimulator({
    meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
    listen: { tcp: "127.0.0.1:0" },
    dlms: parseSimulatedDlms({ values: { opening: "wrapper", ...values }, positionals: [] }),
    pacing: false,
    clock: hastyClock,
  });
}

const objects = (endpoint: string, ...args: string[]) =>
  runCommand(["objects", endpoint, "--opening", "wrapper", "--client", "1", ...args]);

Deno.test("objects: class, code, rights, value, unit and name, with logical and short names", async () => {
  for (const names of ["logical", "short"]) {
    await using meter = await simulate({ names });
    const { code, out, err } = await objects(meter.endpoint, "--names", names);
    assert.equal(code, 0, err);
    const lines = out.split("\n").map((line) => line.replace(/\s+/g, " ").trim());
    const [readable, writable] = names === "short" ? ["?", "?"] : ["r", "rw"]; // a list of short names has no rights
    assert.equal(lines[0], "class obis value unit name");
    assert.ok(lines.includes(`register 1-0:1.8.0*255 ${readable} 12345678 Wh active_energy_import_total`), out);
    assert.ok(lines.includes(`data 1-0:0.0.0*255 ${writable} 00471101 electricity_meter_identification_1`), out);
    assert.ok(lines.some((line) => line.startsWith(`clock 0-0:1.0.0*255 ${writable} 20`)), out);
  }
});

Deno.test("objects: for programs, with all attributes; without values in one question", async () => {
  await using meter = await simulate();
  const { out } = await objects(meter.endpoint, "--format", "json");
  const energy = out.trim().split("\n").map((line) => JSON.parse(line)).find(({ obis }) => obis === "1-0:1.8.0*255");
  assert.deepEqual(energy, {
    ...{ class: 3, class_name: "register", version: 0, obis: "1-0:1.8.0*255", name: "active_energy_import_total" },
    attributes: [
      { id: 1, name: "logical_name", access: "r" },
      { id: 2, name: "value", access: "r" },
      { id: 3, name: "scaler_unit", access: "r" },
    ],
    ...{ methods: [], text: "12345678", unit: "Wh" },
  });
  const bare = await objects(meter.endpoint, "--format", "json", "--no-values");
  assert.ok(!bare.out.includes('"text"'));
  assert.equal(bare.out.split("\n").length, out.split("\n").length);
});

Deno.test("objects: what is wrong: exit code and words", async () => {
  await using meter = await simulate({ password: "12345678" });
  const cases: [string[], number, RegExp][] = [
    [["--mode", "C"], 64, /objects are of mode E alone/],
    [["--format", "csv"], 64, /--format csv: allowed are table, json, yaml/],
    [["--format", "yaml", "--no-values"], 64, /takes what has a value/],
    [["x"], 64, /objects takes one ENDPOINT or METER/],
    [[], 77, /client 1 has to sign on with a password or key/],
  ];
  for (const [args, code, message] of cases) {
    const outcome = await objects(meter.endpoint, ...args);
    assert.equal(outcome.code, code, `${args}: ${outcome.err}`);
    assert.match(outcome.err, message);
  }
});

Deno.test("objects --format yaml: a configuration that obisd run serves into a real InfluxDB", {
  ignore: isMissing("influxd"),
}, async () => {
  await using server = await startInfluxd();
  const query = async (q: string) => {
    const options = { method: "POST", body: new URLSearchParams({ q }) };
    const answer = await fetch(`${server.url}/query?db=energy`, options);
    return (await answer.json()).results[0].series ?? [];
  };
  await query("CREATE DATABASE energy");
  await using meter = await simulate({ password: "12345678", auth: "sha256", security: "both" });
  using folder = temporaryFolder();
  const secret = (name: string, text: string) => {
    Deno.writeTextFileSync(`${folder.path}/${name}`, text);
    return `file:${folder.path}/${name}`;
  };
  const { code, out, err } = await objects(
    meter.endpoint,
    ...["--format", "yaml", "--name", "flat-7", "--auth", "sha256", "--password", secret("password", "12345678")],
    ...["--security", "both", "--client-title", "4D4D4D0000000001", "--encryption-key", secret("ek", KEYS)],
    ...["--authentication-key", secret("ak", KEYS.replace(/0(.)/g, "d$1"))],
    ...["--counters", `${folder.path}/mine.json`, "--read-counter", "0-0:43.1.0"],
  );
  assert.equal(code, 0, err);
  assert.match(out, /- "1-0:1\.8\.0\*255" # active_energy_import_total, 12345678 Wh/);
  assert.match(out, /expect: \{ "0-0:42\.0\.0\*255": "OBI0000000000001" \}/);
  const sinks =
    `  - { type: influxdb, url: "${server.url}", database: energy }\njournal: { path: journal.db, group_commit: 0s }\n`;
  const file = `${folder.path}/obisd.yaml`;
  const faster = out.replace("every: 15m", "every: 1s").replace(/ {2}- \{ type: stdout \}\n/, sinks);
  Deno.writeTextFileSync(file, faster);
  const checked = await obisd("check", "-c", file);
  assert.equal(checked.code, 0, checked.stderr);
  await using daemon = startRun(file);
  const [series] = await until(() => `readings:\n${daemon.stderr.join("\n")}`, async () => {
    const found = await query("SELECT * FROM obis WHERE unit = 'Wh' AND address = '1-0:1.8.0*24'");
    return found.length > 0 && found;
  });
  const row = Object.fromEntries(series.columns.map((column: string, at: number) => [column, series.values[0][at]]));
  assert.deepEqual([row.meter, row.value], ["flat-7", 12201114]);
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended, 0);
  assert.ok(!daemon.stderr.some((line) => line.includes("does not say")), daemon.stderr.join("\n"));
});
