/** Killed at any moment, the journal has lost nothing that it acknowledged, and the CSV files have each reading once. */
import assert from "node:assert/strict";
import { killJournals } from "../torture/kill.ts";
import { killDaemons } from "../torture/kill_daemon.ts";
import { isMissing } from "./support/influx_servers.ts";

Deno.test("kill -9: 100 open journals, 5 at a time: nothing acknowledged is lost, no double, no half line", async () => {
  const acknowledged = await killJournals({ kills: 20, journals: 5, seed: 1 });
  assert(acknowledged >= 100 * 10, `only ${acknowledged} readouts were acknowledged`);
});

const ignore = isMissing("influxd");
Deno.test(
  "kill -9: the daemon, 4 times beside a real InfluxDB and CSV: what was kept is in both, once",
  { ignore },
  async () => {
    await killDaemons({ kills: 4, seed: 1 });
  },
);
