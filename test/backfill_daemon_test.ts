/** `obisd run` after days without it: every quarter hour is in a real InfluxDB, whatever is killed on the way. @module */
import assert from "node:assert/strict";
import { parseSimulatedDlms } from "../src/cli/simulate_dlms.ts";
import { systemClock } from "../src/clock.ts";
import { toBytes } from "../src/iec62056/characters.ts";
import { parseCaptures, startSimulator } from "../src/simulator/mod.ts";
import { compileLibrary, NO_COMPILER } from "./support/c_library.ts";
import { isMissing, startInfluxd } from "./support/influx_servers.ts";
import { temporaryFolder } from "./support/readings.ts";
import { obisd, startRun, until } from "./support/running.ts";

const TELEGRAM = "/OBI5FLAT\r\n\x021.8.0(012345.678*kWh)\r\n!\r\n\x03";
const QUARTER = 900_000;
const DAYS = 4;

/** Asks an InfluxDB by its URL; moments and values. */
function asks(url: string) {
  return async (q: string): Promise<[number, number][]> => {
    const options = { method: "POST", body: new URLSearchParams({ q }) };
    const answer = await fetch(`${url}/query?db=energy&epoch=ms`, options);
    return (await answer.json()).results[0].series?.[0].values ?? [];
  };
}

/** Cells of the readings that arrived in a folder's CSV file. */
async function csvRows(folder: string): Promise<string[][]> {
  const text = await Deno.readTextFile(`${folder}/readings.csv`).catch(() => "");
  return text.trim().split("\r\n").slice(1).map((line) => line.split(","));
}

Deno.test({
  name:
    "run: after days off, and killed while it goes back, no quarter hour is missing and none comes twice (needs cc)",
  ignore: NO_COMPILER || isMissing("influxd"),
  async fn() {
    await using server = await startInfluxd();
    const query = asks(server.url);
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
    const rows = () => csvRows(folder.path);
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
    await until("the gap to be filled", async () => { // the last of it perhaps before the kill
      const { stdout: status } = await obisd("status", "-c", config);
      return /flat gaps: (\d) found, \1 filled, 38\d intervals, \d+ s of its line's time/.test(status) || undefined;
    });
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
    const inFile = await until("all in the file", async () => {
      const found = (await of("1-1:1.5")).filter((ms) => ms < back);
      return found.length >= missing.length ? found : undefined;
    });
    assert.deepEqual(inFile.toSorted(), missing, "none twice");
    assert((await rows()).filter((row) => row[3] === "1-1:1.5").every((row) => row[9] === "backfilled"));
    daemon.kill("SIGTERM");
    assert.equal(await daemon.ended, 0);
  },
});

const BACK = Date.UTC(2026, 9, 25, 12);
const WAYS = [
  {
    way: "mode C, with marks of power failures",
    meter: { mode: "C", backfill: { profile: "P.01" } },
    channels: ["1-1:1.5.0*255", "1-1:2.5.0*255"],
  },
  {
    way: "mode E over the wrapper",
    meter: { mode: "E", dlms: { opening: "wrapper", client: 1 }, obis: ["1.8.0", "2.8.0"], backfill: {} },
    channels: ["1-0:1.8.0*255", "1-0:2.8.0*255"],
    dlms: parseSimulatedDlms({ values: { opening: "wrapper" }, positionals: [] }),
  },
] as const;

for (const { way, meter: its, channels, ...more } of WAYS) {
  Deno.test({
    name: `run: a day off with the night in it on which the clocks go back, two channels, ${way} (needs cc)`,
    ignore: NO_COMPILER || isMissing("influxd"),
    async fn() {
      await using server = await startInfluxd();
      const query = asks(server.url);
      await query("CREATE DATABASE energy");
      using folder = temporaryFolder();
      const shiftS = Math.floor((BACK - Date.now()) / 1000);
      const zone = "Europe/Berlin";
      const telegram = TELEGRAM.replace("!", "2.8.0(000731.902*kWh)\r\n!");
      await using meter = await startSimulator({
        ...{ meters: [{ captures: parseCaptures(toBytes(telegram)) }], listen: { tcp: "127.0.0.1:0" } },
        ...{ profile: zone, blinksMs: [BACK - 11.6 * 3_600_000, BACK - 5.1 * 3_600_000], pacing: false },
        ...{ clock: { ...systemClock, now: () => Date.now() + shiftS * 1000 }, ...more },
      });
      const config = `${folder.path}/obisd.yaml`;
      Deno.writeTextFileSync(
        config,
        JSON.stringify({
          ...{ time_zone: zone, lines: { room: { url: meter.endpoint } } },
          meters: [{ name: "flat", line: "room", every: "5s", ...its }],
          sinks: [
            { type: "influxdb", url: server.url, database: "energy" },
            { type: "csv", path: "readings.csv" },
          ],
          ...{ journal: { path: "journal.db", group_commit: "0s" }, runtime_directory: "run" },
        }),
      );
      const library = await compileLibrary("fake_date", folder.path);
      const run = (life: string, shift: number) =>
        startRun(config, { env: { OBISD_LIBC: library, OBISD_BOOT_ID: life, FAKE_DATE_SHIFT: String(shift) } });
      const rows = () => csvRows(folder.path);
      const live = async () => (await rows()).filter(([, , , , , , , , , flags]) => flags === "");
      {
        await using daemon = run("first", shiftS - 86_400);
        await daemon.told(/^READY=1/);
        await until("a readout", async () => (await live()).length > 0 || undefined);
        daemon.kill("SIGKILL");
      }
      await using daemon = run("second", shiftS);
      await daemon.told(/^READY=1/);
      await daemon.said(/gap filled: 9\d intervals/);
      const moments = (await live()).map(([time]) => Date.parse(time!)).toSorted((a, b) => a - b);
      const back = moments.find((ms) => ms > moments[0]! + 43_200_000)!;
      const before = moments.findLast((ms) => ms < back - 43_200_000)!;
      const missing = Array.from(
        { length: Math.floor(back / QUARTER) - Math.floor(before / QUARTER) },
        (_, at) => (Math.floor(before / QUARTER) + 1 + at) * QUARTER,
      );
      assert(missing.includes(Date.UTC(2026, 9, 25, 0, 30)) && missing.includes(Date.UTC(2026, 9, 25, 1, 30)), "02:30");
      for (const channel of channels) {
        const times = await until(`all of ${channel} in InfluxDB`, async () => {
          const values = await query(`SELECT value FROM obis WHERE obis = '${channel}' AND time < ${back}ms`);
          const found = values.map(([time]) => time).filter((ms) => ms % QUARTER === 0);
          return found.length >= missing.length ? found : undefined;
        });
        assert.deepEqual(times, missing);
        const filled = await until(`all of ${channel} in the file`, async () => {
          const found = (await rows()).filter(([, , obis, , , , , , , flags]) =>
            obis === channel && flags?.startsWith("backfilled")
          );
          return found.length >= missing.length ? found : undefined;
        });
        assert.deepEqual(filled.map(([time]) => Date.parse(time!)).toSorted(), missing, "none twice");
        const marked = filled.flatMap(([, , , , , , , , , flags]) => flags === "backfilled" ? [] : [flags]);
        const [blink, season] = ["backfilled;power-return;power-failure;partial", "backfilled;season-change"];
        assert.deepEqual(marked, its.mode === "C" ? [blink, season, blink] : []);
      }
      daemon.kill("SIGTERM");
      assert.equal(await daemon.ended, 0);
    },
  });
}
