/** What `discover --write` makes of a configuration: what stands there stays, what is added fits, or nothing happens. @module */
import assert from "node:assert/strict";
import { type About, about } from "../../src/discovery/about.ts";
import { writeConfiguration } from "../../src/discovery/configuration.ts";
import { loadConfig } from "../../src/config.ts";
import { ConfigError } from "../../src/errors.ts";
import { corpus, identified, telegramOf } from "../support/telegrams.ts";

const OLD = `# My house. Mended by hand in May.
time_zone: Europe/Berlin # the meter's too

lines:
  # in the cellar
  cellar: { url: "tcp://127.0.0.1:8000?max_baud=300" }

meters:
  - name: heat # the old one
    line: cellar
    address: "77"
    every: 1h
    obis: ["6.8", '6.26']

sinks: [{ type: stdout }] # for now
`;

const SETS = ["0.0.0(4711)", "1.8.0(0147238.4*kWh)", "1.8.0*24(1*kWh)", "1.6.0(1.5*kW)(2401011230)", "(00)"];

function found(url: string, its: Partial<About> = {}): About {
  const telegram = telegramOf(SETS, identified("/LGZ5ZMD120"));
  const { identification } = telegram;
  return { ...about({ url, mode: "auto", identification: identification!, telegram, echo: false, tookMs: 1 }), ...its };
}

async function withFile(text: string | undefined, use: (file: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/obisd.yaml`;
    if (text !== undefined) await Deno.writeTextFile(file, text);
    await use(file);
    const left = Array.from(Deno.readDirSync(folder), ({ name }) => name).filter((name) => name !== "obisd.yaml");
    assert.deepEqual(left, [], "nothing is left behind");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("writeConfiguration: a new file, with every code as the meter writes it", async () => {
  await withFile(undefined, async (file) => {
    const written = await writeConfiguration(file, [found("tcp://127.0.0.1:8001")]);
    assert.deepEqual([written.isNew, written.added], [true, ["lgz-4711"]]);
    const { meters: [meter], sinks } = await loadConfig(file);
    assert.deepEqual(meter!.obis, ["0.0.0", "1.8.0", "1.8.0*24", "1.6.0"]);
    assert.deepEqual([meter!.expect, sinks[0]!.type], [{ "0.0.0": "4711" }, "csv"]);
    assert.match(await Deno.readTextFile(file), /- "1\.8\.0" # 0147238\.4 kWh {2}active_energy_import_total\n/);
  });
});

Deno.test("writeConfiguration: what stands there stays to the letter: words, order, comments, rights", async () => {
  await withFile(OLD, async (file) => {
    await Deno.chmod(file, 0o640);
    const first = await writeConfiguration(file, [
      found("tcp://127.0.0.1:8001"),
      found("tcp://127.0.0.1:8000", { address: "4711" }),
    ]);
    assert.deepEqual([first.isNew, first.added, first.known], [false, ["lgz-4711", "lgz-4711-2"], []]);
    const text = await Deno.readTextFile(file);
    let at = 0;
    for (const line of OLD.split("\n")) {
      at = text.indexOf(line, at);
      assert.ok(at >= 0, `${line} is lost or moved:\n${text}`);
    }
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o640);
    const { meters, lines } = await loadConfig(file);
    assert.deepEqual(meters.map(({ name, line, address }) => [name, line, address]), [
      ["heat", "cellar", "77"],
      ["lgz-4711", "line-2", undefined],
      ["lgz-4711-2", "cellar", "4711"],
    ]);
    assert.equal(lines.length, 2);
    const again = await writeConfiguration(file, [found("tcp://127.0.0.1:8001?baud=300")]);
    assert.deepEqual([again.added, again.known], [[], ["lgz-4711"]]);
    assert.equal(await Deno.readTextFile(file), text);
  });
});

Deno.test("writeConfiguration: what does not fit, or would be added to a broken file, changes nothing", async () => {
  for (
    const [text, said] of [
      [OLD, /what would be added does not fit: .*address/], // without an address beside another meter
      [OLD.replace("every: 1h", "evry: 1h"), /obisd\.yaml:12:5: .*every/],
      ["lines: [", /obisd\.yaml:/],
    ] as const
  ) {
    await withFile(text, async (file) => {
      await assert.rejects(writeConfiguration(file, [found("tcp://127.0.0.1:8000")]), (error: Error) => {
        assert.ok(error instanceof ConfigError, String(error));
        assert.match(error.message, said);
        return true;
      });
      assert.equal(await Deno.readTextFile(file), text);
    });
  }
});

Deno.test("writeConfiguration: every meter of the corpus fits into a configuration", async () => {
  const files = await corpus() ?? [];
  await withFile(undefined, async (file) => {
    const meters = files.filter(({ telegram }) => telegram.identification).map(({ telegram }, at) =>
      about({
        url: `tcp://127.0.0.1:${8000 + at}`,
        mode: "auto",
        identification: telegram.identification!,
        telegram,
        echo: false,
        tookMs: 1,
      })
    );
    if (meters.length === 0) return;
    const { added } = await writeConfiguration(file, meters);
    assert.equal(added.length, meters.length);
    const { meters: loaded } = await loadConfig(file);
    for (const [at, { obis = [] }] of loaded.entries()) {
      const said = new Set(meters[at]!.readings.map(({ address }) => address).filter((address) => address !== ""));
      assert.deepEqual(obis, [...said]);
    }
  });
});
