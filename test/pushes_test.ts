/** The daemon hears what real meters have pushed, and a simulated one, at the end of a wire: each message believed once. */
import assert from "node:assert/strict";
import { type Dialogue, pause, send } from "../src/dialogue.ts";
import { parseSimulatedDlms } from "../src/cli/simulate_dlms.ts";
import { toBytes } from "../src/iec62056/characters.ts";
import { exampleKeys, parseCaptures, startSimulator } from "../src/simulator/mod.ts";
import { ignore, octets, vector } from "./support/dlms.ts";
import { isMissing } from "./support/influx_servers.ts";
import { temporaryFolder } from "./support/readings.ts";
import { startRun, until } from "./support/running.ts";
import { ser2net } from "./support/ser2net.ts";
import { servePty, serveTcp } from "./support/serve_dialogue.ts";

/** A meter that says these frames again and again, and is in the middle of something when we come. */
function pushing(names: readonly string[]): () => Dialogue<never> {
  return function* () {
    yield* send(octets(names[0]!).slice(-30));
    while (true) {
      for (const name of names) yield* send(octets(name));
      yield* pause(300);
    }
  };
}

const METERS: Record<string, { frames: string[]; keys?: string; dlms?: unknown; says: string }> = {
  kaifa: { frames: ["cap-kaifa-push"], says: "#1 KFM_001" },
  kamstrup: { frames: ["push-kamstrup-omnipower"], keys: "push-kamstrup-omnipower", says: "1-1:1.8.0*255 6307498" },
  landis: {
    frames: ["push-lg-e450-1", "push-lg-e450-2", "push-lg-e450-3"],
    keys: "push-lg-e450-reassembled",
    says: "1-0:1.8.0*255 4408736",
  },
  iskra: {
    frames: ["push-iskra-am550-1", "push-iskra-am550-2", "push-iskra-am550-3"],
    says: "1-0:1.8.0*255 261927 Wh",
  },
  austria: {
    frames: ["push-kaifa-mbus-1", "push-kaifa-mbus-2"],
    keys: "push-kaifa-mbus-reassembled",
    dlms: { accept_unauthenticated: true },
    says: "1-0:1.8.0*255 12937 Wh",
  },
};

Deno.test(
  "run: pushes of real meters on serial lines and behind converters, ciphered ones believed once",
  { ignore },
  async () => {
    using folder = temporaryFolder();
    await using wires = new AsyncDisposableStack();
    const lines: Record<string, unknown> = {};
    const meters = Object.entries(METERS).map(([name, { frames, keys, dlms }], at) => {
      const served = wires.use((at % 2 === 0 ? servePty : serveTcp)(pushing(frames)));
      lines[name] = { url: name === "austria" ? `${served.endpoint}?parity=even` : served.endpoint };
      const { EK, AK } = keys === undefined ? {} : vector(keys).inputs!;
      const its: Record<string, unknown> = {};
      for (const [option, key] of [["encryption_key", EK], ["authentication_key", AK]]) {
        if (key === undefined) continue;
        Deno.writeTextFileSync(`${folder.path}/${name}-${option}`, key);
        its[option!] = { file: `${name}-${option}` };
      }
      const every = keys === undefined ? { every: "1s" } : {};
      return { name, line: name, mode: "E", ...every, dlms: { opening: "push", ...its, ...dlms as object } };
    });
    const config = `${folder.path}/obisd.yaml`;
    Deno.writeTextFileSync(
      config,
      JSON.stringify({
        ...{ lines, meters, sinks: [{ type: "csv", path: "readings.csv" }] },
        journal: { path: "journal.db", group_commit: "0s", unsynchronised: "flag" },
      }),
    );
    const rows = async () =>
      (await Deno.readTextFile(`${folder.path}/readings.csv`).catch(() => "")).split("\r\n").slice(1)
        .map((row) => row.split(",")).map((row) => [1, 3, 6, 7].map((at) => row[at]).join(" ").trim());
    const countOf = async (name: string) =>
      (await rows()).filter((row) => row === `${name} ${METERS[name]!.says}`).length;
    const once = ["kamstrup", "landis", "austria"];
    for (const start of ["first", "second"]) {
      await using daemon = startRun(config);
      for (const name of once) {
        await daemon.said(
          new RegExp(`${name}: .*invocation counter (\\d+) after \\1: it was heard`),
        );
      }
      const before = await countOf("iskra");
      await until(() => `every meter:\n${daemon.stderr.join("\n")}`, async () => {
        const all = await rows();
        const heard = Object.entries(METERS).every(([name, { says }]) => all.includes(`${name} ${says}`));
        return heard && await countOf("iskra") > before || undefined; // what comes in plain has no number
      });
      daemon.kill(start === "first" ? "SIGKILL" : "SIGTERM");
      await daemon.ended;
    }
    for (const name of once) assert.equal(await countOf(name), 1, name);
  },
);

const TELEGRAM = "/OBI5X\r\n0.0.0(00471101)\r\n1.8.0(012345.678*kWh)\r\n!\r\n";

/** The simulated meter's keys in files of a folder, as options. */
function writeKeys(folder: string) {
  const { encryption, authentication } = exampleKeys(0);
  Deno.writeTextFileSync(`${folder}/ek`, encryption.toHex());
  Deno.writeTextFileSync(`${folder}/ak`, authentication.toHex());
  return { encryption_key: { file: "ek" }, authentication_key: { file: "ak" } };
}

Deno.test("run: a simulated meter pushes on a pseudo-terminal, by HDLC and by M-Bus, in plain and by each general cipher", async () => {
  const ways = [["hdlc", "both", "general-global"], ["m-bus", "none"], ["m-bus", "both", "general"]] as const;
  for (const [framing, security, cipher] of ways) {
    using folder = temporaryFolder();
    const values = { opening: "push", framing, security, ...cipher && { cipher } };
    await using meter = await startSimulator({
      meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
      ...{ listen: { pty: `${folder.path}/meter` }, everyMs: 300, pacing: false },
      dlms: parseSimulatedDlms({ values, positionals: [] }),
    });
    const dlms = { opening: "push", ...security === "both" && writeKeys(folder.path) };
    const expect = { "0.0.0": "00471101" };
    Deno.writeTextFileSync(
      `${folder.path}/obisd.yaml`,
      JSON.stringify({
        lines: { han: { url: meter.endpoint } },
        meters: [{ name: "flat", line: "han", mode: "E", obis: ["1.8.0"], expect, dlms }],
        sinks: [{ type: "csv", path: "readings.csv" }],
        journal: { path: "journal.db", group_commit: "0s", unsynchronised: "flag" },
      }),
    );
    await using daemon = startRun(`${folder.path}/obisd.yaml`);
    await until(() => `two readings:\n${daemon.stderr.join("\n")}`, async () => {
      const text = await Deno.readTextFile(`${folder.path}/readings.csv`).catch(() => "");
      return text.split(",flat,1-0:1.8.0*255,1-0:1.8.0*255,0,12345678,12345678,Wh,").length > 2 || undefined;
    });
    daemon.kill("SIGTERM");
    assert.equal(await daemon.ended, 0);
  }
});

Deno.test("run: a simulated meter pushes behind Debian's ser2net, whose port had another speed", {
  ignore: isMissing("ser2net"),
}, async () => {
  for (const [framing, format] of [["hdlc", "?baud=2400"], ["m-bus", "?baud=2400&parity=even"]] as const) {
    using folder = temporaryFolder();
    const values = { opening: "push", framing, security: "both" };
    await using meter = await startSimulator({
      meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
      ...{ listen: { pty: `${folder.path}/meter` }, everyMs: 1000 },
      dlms: parseSimulatedDlms({ values, positionals: [] }),
    });
    await using server = ser2net(meter.endpoint, "9600n81", folder.path);
    const config = `${folder.path}/obisd.yaml`;
    Deno.writeTextFileSync(
      config,
      JSON.stringify({
        lines: { han: { url: `${server.endpoint}${format}` } },
        meters: [{ name: "m1", line: "han", mode: "E", dlms: { opening: "push", ...writeKeys(folder.path) } }],
        sinks: [{ type: "csv", path: "readings.csv" }],
        journal: { path: "journal.db", group_commit: "0s", unsynchronised: "flag" },
      }),
    );
    await using daemon = startRun(config);
    await until(
      () => `two pushes (${framing}):\n${daemon.stderr.join("\n")}\n${meter.statistics.complaint}`,
      async () => {
        const text = await Deno.readTextFile(`${folder.path}/readings.csv`).catch(() => "");
        return text.split(",1-0:1.8.0*255,0,12345678,12345678,Wh,").length > 2 || undefined;
      },
    );
    daemon.kill("SIGTERM");
    assert.equal(await daemon.ended, 0);
  }
});
