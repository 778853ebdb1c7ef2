/** A whole daemon whose journal's disk fills up, is set read-only by the kernel and is free again: no exit, no reading lost. */
import assert from "node:assert/strict";
import { toBytes } from "../src/iec62056/characters.ts";
import { parseCaptures, startSimulator } from "../src/simulator/mod.ts";
import { temporaryFolder } from "./support/readings.ts";
import { obisd, startRun, until } from "./support/running.ts";
import { canMount, smallDisk } from "./support/small_disk.ts";

/** Large, so that the room that the log has is soon used up. */
const SETS = 20;
const TELEGRAM = ["/ABC5P", "", ...Array.from({ length: SETS }, (_, at) => `C.86.${at}(${"x".repeat(600)})`), "!", ""];
/** The journal tries its disk again each 30 s; a busy machine needs longer. */
const PATIENCE_MS = 90_000;

/** A database that is away at first, and what it has taken since: a line each. */
function startDatabase() {
  const lines: string[] = [];
  let isAway = true;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.text();
    if (isAway) return new Response("starting", { status: 503 });
    lines.push(...body.trim().split("\n"));
    return new Response(null, { status: 204 });
  });
  const url = `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}`;
  return { url, lines, comeBack: () => void (isAway = false), [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test({
  name: "run: a journal's disk that fills up, is set read-only and is free again ends nothing and loses nothing (root)",
  ignore: !canMount,
  async fn() {
    using disk = smallDisk();
    using folder = temporaryFolder();
    await using database = startDatabase();
    await using meter = await startSimulator({
      meters: [{ captures: parseCaptures(toBytes(TELEGRAM.join("\r\n"))) }],
      ...{ listen: { tcp: "127.0.0.1:0" }, pacing: false, mode: "D", everyMs: 200 },
    });
    const [config, csv] = [`${folder.path}/obisd.yaml`, `${folder.path}/readings.csv`];
    Deno.writeTextFileSync(
      config,
      JSON.stringify({
        runtime_directory: `${folder.path}/run`,
        lines: { a: { url: meter.endpoint } },
        meters: [{ name: "a", line: "a", mode: "D" }],
        sinks: [{ type: "csv", path: csv }, { type: "influxdb", url: database.url, database: "d", gzip: false }],
        journal: { path: `${disk.path}/journal.db`, group_commit: "0s", unsynchronised: "flag" },
      }),
    );
    const times = () =>
      new Set(Deno.readTextFileSync(csv).split("\r\n").slice(1, -1).map((line) => line.split(",")[0]!));
    /** The other sink is served meanwhile, and whoever asks is told what is wrong. */
    const goesOn = async (what: RegExp | undefined) => {
      const before = times().size;
      await until("more readings", () => times().size > before + 3 || undefined);
      const { stdout } = await obisd("status", "-c", config);
      const troubles = stdout.split("\n").filter((line) => /cannot be written/.test(line));
      if (what) assert.match(troubles.join("\n"), what);
      else assert.deepEqual(troubles, []);
    };

    await using daemon = startRun(config);
    await daemon.told(/^READY=1$/);
    await until("readings", () => existing(csv) && times().size > 0 || undefined);
    disk.fill();
    await daemon.said(/error +The disk is full: the journal goes on in the room that was kept/, PATIENCE_MS);
    disk.fill(); // that room, too
    await daemon.said(/error +The journal cannot be written: .*kept in memory until it can/, PATIENCE_MS);
    await goesOn(/disk is full/);
    disk.err();
    await daemon.said(/error +The journal cannot be written: .*(I\/O error|[Rr]ead-?only)/, PATIENCE_MS);
    await goesOn(/I\/O error|[Rr]ead-?only/);
    await until("an unused disk", () => attempt(disk.mountAnew) || undefined, PATIENCE_MS);
    disk.free();
    await daemon.said(/The journal is written again after \d+ s/, PATIENCE_MS);
    await goesOn(undefined);
    daemon.kill("SIGTERM");
    assert.equal(await daemon.ended, 0);
    const [kept, sent] = [times().size, meter.statistics.pushes];
    assert(kept >= sent - 2, `${sent} telegrams, ${kept} kept: one may have come before READY, one at the end`);

    database.comeBack();
    await using again = startRun(config);
    await meter[Symbol.asyncDispose]();
    await until(
      `all to be in the database, but ${again.stderr.join("\n")}`,
      () => new Set(database.lines).size >= times().size * SETS || undefined,
      PATIENCE_MS,
    );
    again.kill("SIGTERM");
    assert.equal(await again.ended, 0);
    const arrived = new Set(database.lines.map((line) => new Date(Number(line.split(" ").at(-1))).toISOString()));
    assert.deepEqual([...times()].filter((time) => !arrived.has(time)), [], "none is in the file alone");
    const said = [...daemon.stderr, ...again.stderr].join("\n");
    assert.doesNotMatch(said, /books are wrong|damaged|dropped|this is a bug/);
  },
});

function existing(path: string): boolean {
  return attempt(() => void Deno.statSync(path));
}

function attempt(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
