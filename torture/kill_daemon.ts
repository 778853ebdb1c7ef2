/**
 * The whole daemon killed at any moment while meters speak, beside a real InfluxDB and CSV files: each readout that it
 * said to be kept is in both, once, and both have the same.
 * @module
 */
import assert from "node:assert/strict";
import { askDaemon } from "../src/control.ts";
import { toBytes } from "../src/iec62056/characters.ts";
import { parseCaptures, startSimulator } from "../src/simulator/mod.ts";
import { CSV_HEADER } from "../src/sink.ts";
import type { Status } from "../src/status.ts";
import { startInfluxd } from "../test/support/influx_servers.ts";
import { startRun, until } from "../test/support/running.ts";
import { temporaryBase } from "./model.ts";

const METERS = 4;
const EVERY_MS = 50;
/** Registers of a readout: readings, points, lines. */
const READINGS = 2;
/** A daemon that is ready lives so long, or less. */
const LIFE_MS = 900;

/** How often, and how chance begins. */
export interface KillDaemonOptions {
  readonly kills: number;
  readonly seed: number;
  readonly onProgress?: (kills: number) => unknown;
}

/** Kills daemons, one after the other, at the end of the same journal. Returns how many readouts they said to have kept. */
export async function killDaemons(options: KillDaemonOptions): Promise<number> {
  const base = temporaryBase();
  try {
    await using database = await startInfluxd();
    await query(database.url, "CREATE DATABASE d");
    return await killThem(base, database.url, options);
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
}

async function killThem(base: string, url: string, { kills, seed, onProgress }: KillDaemonOptions): Promise<number> {
  const captures = parseCaptures(toBytes("/ABC5P\r\n\r\n1.8.0(000123.4*kWh)\r\n2.8.0(000001.0*kWh)\r\n!\r\n"));
  const its = { meters: [{ captures }], listen: { tcp: "127.0.0.1:0" }, pacing: false } as const;
  await using meters = new AsyncDisposableStack();
  const endpoints: string[] = [];
  for (let meter = 0; meter < METERS; meter++) {
    endpoints.push(meters.use(await startSimulator({ ...its, mode: "D", everyMs: EVERY_MS })).endpoint);
  }
  const config = `${base}/obisd.yaml`;
  Deno.writeTextFileSync(config, configOf(endpoints, url));
  const kept: string[] = [];
  for (let round = 0; round < kills; round++) {
    await using daemon = startRun(config, { args: ["--log-level", "debug"] });
    await daemon.told(/READY=1/);
    await new Promise((resolve) => setTimeout(resolve, (seed + round * 337) % LIFE_MS));
    daemon.kill("SIGKILL");
    await daemon.ended;
    kept.push(...daemon.stderr.flatMap((line) => new RegExp(`(m\\d): ${READINGS} readings`).exec(line)?.[1] ?? []));
    onProgress?.(round + 1);
  }
  await using last = startRun(config);
  await last.told(/READY=1/);
  await meters.disposeAsync();
  await until("all to be delivered", async () => {
    const { sinks } = await askDaemon<Status>(`${base}/run/control.sock`, { ask: "status" });
    return sinks.every(({ pending, balanced, dead, evicted }) => pending + dead + evicted === 0 && balanced) ||
      undefined;
  });
  last.kill("SIGTERM");
  await last.ended;
  await assertComplete(base, url, kept);
  return kept.length;
}

function configOf(endpoints: readonly string[], url: string): string {
  return JSON.stringify({
    runtime_directory: "run",
    lines: Object.fromEntries(endpoints.map((url, at) => [`l${at}`, { url }])),
    meters: endpoints.map((_, at) => ({ name: `m${at}`, line: `l${at}`, mode: "D" })),
    sinks: [{ type: "influxdb", url, database: "d" }, { type: "csv", path: "readings.csv" }],
    journal: { path: "journal.db", group_commit: "0s", unsynchronised: "flag" },
  });
}

/** Each that was kept is there, nothing is there twice, and the database has what the file has. */
async function assertComplete(base: string, url: string, kept: readonly string[]): Promise<void> {
  const [header, ...lines] = Deno.readTextFileSync(`${base}/readings.csv`).split("\r\n");
  assert.equal(header, CSV_HEADER);
  assert.equal(lines.pop(), "");
  const filed = lines.map((line) => {
    const [time, meter, , address, , value] = line.split(",");
    return `${Date.parse(time!)} ${meter} ${address} ${value}`;
  });
  assert.equal(new Set(filed).size, filed.length, "doubles in the file");
  for (const meter of new Set(kept)) {
    const said = kept.filter((name) => name === meter).length;
    const there = filed.filter((line) => line.split(" ")[1] === meter).length / READINGS;
    assert(there >= said, `${meter}: ${said} readouts were kept, ${there} are there`);
  }
  const { columns, values } = await query(url, "SELECT * FROM obis") as Series;
  const points = values.map((row) => {
    const its = Object.fromEntries(columns.map((name, at) => [name, row[at]]));
    return `${its.time} ${its.meter} ${its.address} ${its.value}`;
  });
  assert.deepEqual(points.toSorted(), filed.toSorted(), "the database has what the file has");
}

interface Series {
  readonly columns: readonly string[];
  readonly values: readonly (readonly unknown[])[];
}

async function query(url: string, text: string): Promise<Series | undefined> {
  const answer = await fetch(`${url}/query?db=d&epoch=ms&q=${encodeURIComponent(text)}`, { method: "POST" });
  const { results } = await answer.json() as { results: { series?: Series[] }[] };
  return results[0]?.series?.[0];
}
