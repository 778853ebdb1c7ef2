/** A power cut leaves what was flushed and nothing else: every acknowledgement has a flush behind it. */
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { openJournal } from "../../src/journal.ts";
import { compileLibrary, NO_COMPILER } from "../support/c_library.ts";
import { assertBalanced, drain } from "../support/journals.ts";
import { readout, temporaryFolder } from "../support/readings.ts";

const CHILD = new URL("../support/power_cut_child.ts", import.meta.url).pathname;

/** Cuts the power of a process that appends, after so many acknowledgements; what was flushed lies in `folder` then. */
async function appendAndDie(
  folder: string,
  { library, from, more, failing }: { library: string; from: number; more: number; failing: number },
): Promise<number> {
  const card = Deno.makeTempDirSync({ dir: folder });
  const names = ["journal.db", "journal.db-wal"];
  for (const name of names) copy(`${folder}/${name}`, `${card}/${name}`);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", "--no-check", CHILD, ...[folder, card, from, failing].map(String)],
    env: { LD_PRELOAD: library, OBISD_CARD: card },
    stdout: "piped",
  }).spawn();
  let [last, rest, cut] = [from - 1, "", false];
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    last = Number(lines.at(-1) ?? last);
    if (last < from + more || cut) continue;
    child.kill("SIGKILL");
    cut = true;
  }
  assert.equal((await child.status).signal, "SIGKILL");
  for (const name of names) copy(`${card}/${name}`, `${folder}/${name}`);
  return last;
}

/** One that is not there is not there afterwards. */
function copy(from: string, to: string): void {
  rmSync(to, { force: true });
  if (existsSync(from)) Deno.copyFileSync(from, to);
}

/** Cuts it a few times, near checkpoints and far from them; then all that was acknowledged is there, in order and once. */
async function cutAgainAndAgain(failing: number): Promise<void> {
  using folder = temporaryFolder();
  const { path } = folder;
  const library = await compileLibrary("power_cut", path);
  let from = 1;
  for (const more of [3, 40, 300]) {
    const acknowledged = await appendAndDie(path, { library, from, more, failing });
    await using journal = await openJournal({ path: `${path}/journal.db`, sinks: ["all", "none"], maxBytes: 1e8 });
    const there = journal.books()[1]!.ingested / 40;
    assert(there >= acknowledged, `${acknowledged} were acknowledged, ${there} are there`);
    await drain(journal, "all");
    assertBalanced(journal);
    await journal.check();
    from = there + 1;
  }
  await using journal = await openJournal({ path: `${path}/journal.db`, sinks: ["all", "none"], maxBytes: 1e8 });
  const batches = [];
  while (journal.books()[1]!.pending > 0) {
    const batch = await journal.next("none", AbortSignal.timeout(5000));
    batches.push(...batch.readings);
    journal.acknowledge("none", batch);
  }
  const all = Array.from({ length: from - 1 }, (_, at) => readout(at + 1, 40)).flat();
  assert.deepEqual(batches, all);
  assertBalanced(journal);
}

Deno.test(
  "Journal: a power cut at any moment loses nothing that was acknowledged",
  { ignore: NO_COMPILER },
  async () => {
    await cutAgainAndAgain(0);
  },
);

Deno.test(
  "Journal: what a failed flush leaves is neither acknowledged nor lost nor doubled, also when the power is cut",
  {
    ignore: NO_COMPILER,
  },
  async () => {
    await cutAgainAndAgain(7);
  },
);

Deno.test("Journal: a log that is deleted under it is found out, and costs nothing", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/journal.db`;
  const options = { path, sinks: ["csv"], maxBytes: 1e8, retryMs: 3_600_000 };
  const said: string[] = [];
  const log = { debug() {}, info() {}, warning() {}, error: (message: string) => void said.push(message) };
  {
    await using journal = await openJournal({ ...options, log });
    assert.equal((await journal.append(readout(1))).durable, true);
    Deno.renameSync(`${path}-wal`, `${path}-away`);
    assert.equal((await journal.append(readout(2))).durable, false);
    Deno.renameSync(`${path}-away`, `${path}-wal`);
    assert.match(said[0]!, /cannot be written: Cannot flush its log: .*readouts are kept in memory/);
    await assert.rejects(
      journal.letters.purge({}),
      /Cannot flush its log/,
      "nothing is written behind what may be lost",
    );
    Deno.removeSync(`${path}-wal`);
  }
  await using journal = await openJournal(options);
  assert.deepEqual(await drain(journal, "csv"), [1, 2]);
  assert.equal((await journal.append(readout(3))).durable, true);
  assertBalanced(journal);
});
