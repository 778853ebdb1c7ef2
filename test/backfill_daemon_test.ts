/** `obisd run` after days without it: every quarter hour is in a real InfluxDB, whatever is killed on the way. @module */
import assert from "node:assert/strict";
import { toBytes } from "../src/iec62056/characters.ts";
import { parseCaptures, startSimulator } from "../src/simulator/mod.ts";
import { compileLibrary, NO_COMPILER } from "./support/c_library.ts";
import { isMissing, startInfluxd } from "./support/influx_servers.ts";
import { temporaryFolder } from "./support/readings.ts";
import { obisd, startRun, until } from "./support/running.ts";

const TELEGRAM = "/OBI5FLAT\r\n\x021.8.0(012345.678*kWh)\r\n!\r\n\x03";
const QUARTER = 900_000;
const DAYS = 4;

Deno.test({
  name:
    "run: after days off, and killed while it goes back, no quarter hour is missing and none comes twice (needs cc)",
  ignore: NO_COMPILER || isMissing("influxd"),
  async fn() {
    await using server = await startInfluxd();
    const query = async (q: string) => {
      const options = { method: "POST", body: new URLSearchParams({ q }) };
      const answer = await fetch(`${server.url}/query?db=energy&epoch=ms`, options);
      return (await answer.json()).results[0].series?.[0].values as [number, number][] | undefined ?? [];
    };
    await query("CREATE DATABASE energy");
    using folder = temporaryFolder();
    await using meter = await startSimulator({
      ...{ meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }], listen: { tcp: "127.0.0.1:0" } },
      ...{ profile: "UTC", pacing: false },
    });
    const config = `${folder.path}/obisd.yaml`;
    const influxdb = { type: "influxdb", url: server.url, database: "energy" };
    const flat = { name: "flat", line: "room", every: "10s", backfill: { profile: "P.01" } };
    Deno.writeTextFileSync(
      config,
      JSON.stringify({
        ...{ time_zone: "UTC", lines: { room: { url: meter.endpoint } }, meters: [flat] },
        ...{
          sinks: [influxdb, { type: "csv", path: "readings.csv" }],
          journal: { path: "journal.db", group_commit: "0s" },
        },
        runtime_directory: "run",
      }),
    );
    const library = await compileLibrary("fake_date", folder.path);
    const run = (life: string, shift: number) =>
      startRun(config, { env: { OBISD_LIBC: library, OBISD_BOOT_ID: life, FAKE_DATE_SHIFT: String(shift) } });
    const rows = async () => {
      const text = await Deno.readTextFile(`${folder.path}/readings.csv`).catch(() => "");
      return text.trim().split("\r\n").slice(1).map((line) => line.split(","));
    };
    const of = async (address: string) =>
      (await rows()).filter((row) => row[3] === address).map(([time]) => Date.parse(time!));

    {
      await using daemon = run("first", -DAYS * 86_400);
      await daemon.told(/^READY=1/);
      await until("a readout", async () => (await of("1.8.0")).length > 0 || undefined);
      daemon.kill("SIGKILL");
    }
    {
      await using daemon = run("second", 0);
      await daemon.told(/^READY=1/);
      await daemon.said(/gap found: \d+ intervals are fetched from P\.01/);
      await until("the first quarter hours", async () => (await of("1-1:1.5")).length > 0 || undefined);
      daemon.kill("SIGKILL");
    }
    await using daemon = run("third", 0);
    await daemon.told(/^READY=1/);
    await daemon.said(/gap filled: 38\d intervals/);
    const { stdout: status } = await obisd("status", "-c", config);
    assert.match(status, /flat gaps: (\d) found, \1 filled, 38\d intervals, \d+ s of its line's time/);
    const live = await of("1.8.0");
    const back = live.find((ms) => ms > live[0]! + 86_400_000)!;
    const missing: number[] = [];
    for (let ms = Math.ceil(live.findLast((ms) => ms < back)! / QUARTER) * QUARTER; ms < back; ms += QUARTER) {
      missing.push(ms);
    }
    const inInflux = (await until("all in InfluxDB", async () => {
      const values = await query(`SELECT value FROM obis WHERE obis = '1-1:1.5.0*255' AND time < ${back}ms`);
      return values.length >= missing.length ? values : undefined;
    })).map(([time]) => time);
    assert.deepEqual(inInflux, missing);
    assert.deepEqual((await of("1-1:1.5")).filter((ms) => ms < back).toSorted(), missing, "none twice");
    assert((await rows()).filter((row) => row[3] === "1-1:1.5").every((row) => row[9] === "backfilled"));
    daemon.kill("SIGTERM");
    assert.equal(await daemon.ended, 0);
  },
});
