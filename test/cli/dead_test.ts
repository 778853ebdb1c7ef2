/** `obisd dead` as an administrator uses it: while the daemon runs, and when none does. */
import assert from "node:assert/strict";
import { toBytes } from "../../src/iec62056/characters.ts";
import { parseCaptures, startSimulator } from "../../src/simulator/mod.ts";
import { temporaryFolder } from "../support/readings.ts";
import { obisd, startRun, until } from "../support/running.ts";

const METER = parseCaptures(toBytes("/ABc5X\r\n0.0.0(00012)\r\n1.8.0(000123.4*kWh)\r\n2.8.0(000001.0*kWh)\r\n!\r\n"));

/** A server that refuses 2.8.0 as long as it is told to. */
function picky() {
  const state = { picky: true, points: 0 };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const text = await request.text();
    if (state.picky && text.includes("address=2.8.0")) {
      return Response.json({ error: "field type conflict on 2.8.0" }, { status: 400 });
    }
    if (text.includes("address=2.8.0")) state.points++;
    return new Response(null, { status: 204 });
  });
  const url = `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}`;
  return { state, url, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("dead: lists, shows, offers again and deletes what a server refused, with and without a daemon", async () => {
  using folder = temporaryFolder();
  await using server = picky();
  await using meter = await startSimulator({
    meters: [{ captures: METER }],
    listen: { tcp: "127.0.0.1:0" },
    pacing: false,
  });
  const config = `${folder.path}/obisd.yaml`;
  await Deno.writeTextFile(
    config,
    JSON.stringify({
      runtime_directory: "run",
      lines: { room: { url: meter.endpoint } },
      meters: [{ name: "flat-1", line: "room", every: "1s" }],
      sinks: [{ type: "influxdb", url: server.url, database: "d", gzip: false }],
      journal: { path: "journal.db", group_commit: "0s" },
    }),
  );
  const dead = (...args: string[]) => obisd("dead", ...args, "-c", config);
  const first = await dead("list");
  assert.deepEqual([first.code, /There is no journal .*: nothing was ever read/.test(first.stderr)], [66, true]);
  {
    await using daemon = startRun(config);
    await daemon.said(/can never take 1 of 3 readings: The server answered 400: field type conflict on 2\.8\.0/);
    const listed = await dead("list", "--sink", "influxdb");
    assert.equal(listed.code, 0, listed.stderr);
    assert.match(
      listed.stdout,
      /^NUMBER +SINK +REFUSED +METER .*\n1 +influxdb +20.*Z +flat-1 +2\.8\.0 +000001\.0 kWh +20.*Z +The server answered 400: field type/,
    );
    const shown = await dead("show", "1", "--json");
    const { number, sink, reading, waits_for_retry } = JSON.parse(shown.stdout);
    assert.deepEqual([number, sink, reading.address, waits_for_retry], [1, "influxdb", "2.8.0", false]);
    server.state.picky = false;
    const retried = await dead("retry", "1");
    assert.deepEqual([retried.code, retried.stdout], [0, "1 letters are offered to influxdb once more\n"]);
    await until("the letter's point", () => server.state.points > 0 || undefined);
    server.state.picky = true;
    const lettersOf = async () => JSON.parse(`[${(await dead("list", "--json")).stdout.trim().replaceAll("\n", ",")}]`);
    await until("another letter", async () => (await lettersOf()).length > 0 || undefined);
    const busy = await obisd("dead", "list", "-c", await elsewhere(config));
    assert.deepEqual([busy.code, new RegExp(`process ${daemon.pid}`).test(busy.stderr)], [75, true], busy.stderr);
    daemon.kill("SIGTERM");
    assert.equal(await daemon.ended, 0);
  }
  const shown = await dead("list");
  const number = /^(\d+) +influxdb/m.exec(shown.stdout)?.[1];
  assert(number, shown.stdout + shown.stderr);
  assert.match(
    (await dead("show", number)).stdout,
    /^letter +\d+ of influxdb, from readout \d+\nrefused .*\nwhy +The server/,
  );
  const refused = await dead("purge", number);
  assert.deepEqual([refused.code, /say --yes/.test(refused.stderr)], [64, true]);
  assert.equal((await dead("purge", number, "--yes")).stdout, "1 letters were deleted\n");
  assert.equal((await dead("show", number)).code, 64, "it is gone");
});

/** The same configuration, but that nobody answers where it says. */
async function elsewhere(config: string): Promise<string> {
  const other = config.replace("obisd.yaml", "other.yaml");
  await Deno.writeTextFile(other, (await Deno.readTextFile(config)).replace('"run"', '"nowhere"'));
  return other;
}

Deno.test("dead: what was not said is asked for, with exit 64", async () => {
  for (
    const [args, wanted] of [
      [[], /list\|show\|retry\|purge: which/],
      [["show"], /show which/],
      [["retry"], /retry which: NUMBER…, --sink NAME, or --all/],
      [["purge", "1", "--all"], /exclude each other/],
      [["retry", "influxdb"], /"influxdb" is no number/],
    ] as const
  ) {
    const { code, stderr } = await obisd("dead", ...args);
    assert.deepEqual([code, wanted.test(stderr)], [64, true], stderr);
  }
});
