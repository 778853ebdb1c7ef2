/** `obisd run` on a machine without a clock of its own, as a Raspberry Pi is after a power cut. @module */
import assert from "node:assert/strict";
import { toBytes } from "../../src/iec62056/characters.ts";
import { parseCaptures, startSimulator } from "../../src/simulator/mod.ts";
import type { Status } from "../../src/status.ts";
import { compileLibrary, NO_COMPILER } from "../support/c_library.ts";
import { temporaryFolder } from "../support/readings.ts";
import { obisd, startRun, until } from "../support/running.ts";

const TELEGRAM = "/OBI5FLAT\r\n\x021.8.0(012345.678*kWh)\r\n!\r\n\x03";

Deno.test({
  name: "run: ten years back, readings wait; once the clock is right, they have the time at which they came (needs cc)",
  ignore: NO_COMPILER,
  async fn() {
    using folder = temporaryFolder();
    const config = `${folder.path}/obisd.yaml`;
    await using meter = await startSimulator({
      meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
      listen: { tcp: "127.0.0.1:0" },
      pacing: false,
    });
    Deno.writeTextFileSync(
      config,
      JSON.stringify({
        lines: { room: { url: `${meter.endpoint}` } },
        meters: [{ name: "flat", line: "room", every: "1s" }],
        sinks: [{ type: "csv", path: "readings.csv" }],
        journal: { path: "journal.db", group_commit: "0s" },
        runtime_directory: "run",
      }),
    );
    const right = `${folder.path}/right`;
    const env = { OBISD_LIBC: await compileLibrary("fake_time", folder.path), FAKE_TIME_RIGHT: right };
    const began = Date.now();
    await using daemon = startRun(config, { env });
    await daemon.told(/^READY=1/);
    await daemon.said(/not synchronised: readings wait/);
    const { clock, sinks } = await until("three readouts", async () => {
      const { stdout, stderr } = await obisd("status", "-c", config, "--format", "json");
      assert.equal(stderr, "");
      const status = JSON.parse(stdout) as Status;
      return (status.clock!.held_readouts as number) >= 3 ? status : undefined;
    });
    assert.deepEqual([clock!.synchronised, clock!.trust, sinks[0]!.delivered], [false, "unknown", 0]);

    Deno.writeTextFileSync(right, "");
    await daemon.said(/set forward by 3652 d/);
    await daemon.said(/host's clock is synchronised/);
    await daemon.said(/have got theirs/);
    const lines = await until("six lines", async () => {
      const text = await Deno.readTextFile(`${folder.path}/readings.csv`).catch(() => "");
      const lines = text.trim().split("\r\n").slice(1);
      return lines.length >= 6 ? lines : undefined;
    });
    const times = lines.map((line) => line.split(",")[0]!);
    assert.ok(times.every((time) => Date.parse(time) >= began && Date.parse(time) <= Date.now()), times.join());
    assert.equal(new Set(times).size, times.length);
    assert.deepEqual(times.toSorted(), times);
    assert.ok(!lines.join().includes("unsynchronised"), "all have waited");
    daemon.kill("SIGTERM");
    assert.equal(await daemon.ended, 0);
  },
});
