/** The daemon, as a process, with DLMS meters (mode E): each opening, into CSV and a real InfluxDB; what is refused, what fails. */
import assert from "node:assert/strict";
import { send } from "../src/dialogue.ts";
import { countFrom, Server } from "../src/dlms/mod.ts";
import { encodeDataMessage } from "../src/iec62056/messages.ts";
import { cipheringOf, CLIENT_TITLE, keys, testMeter } from "./support/dlms_meter.ts";
import { listening, signedOn, station, wrapped } from "./support/dlms_stations.ts";
import { isMissing, startInfluxd } from "./support/influx_servers.ts";
import { temporaryFolder } from "./support/readings.ts";
import { obisd, startRun, until } from "./support/running.ts";
import { servePty, serveTcp } from "./support/serve_dialogue.ts";

const IDENTIFICATION = "/LGZ5\\2ZMD4101234.B12";
const WANTED = ["1.8.0", "1-0:32.7.0*255"];

/** A folder with a configuration, as JSON, and a password. */
function folderWith(config: unknown): Disposable & { readonly path: string; readonly config: string } {
  const folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/password`, "12345678\n");
  const file = `${folder.path}/obisd.yaml`;
  Deno.writeTextFileSync(file, JSON.stringify(config, undefined, 1));
  return { path: folder.path, config: file, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

const read = (path: string) => Deno.readTextFile(path).catch(() => "");

Deno.test(
  "run: DLMS meters by every opening, into CSV and a real InfluxDB",
  { ignore: isMissing("influxd") },
  async () => {
    await using server = await startInfluxd();
    const query = async (q: string) => {
      const options = { method: "POST", body: new URLSearchParams({ q }) };
      const answer = await fetch(`${server.url}/query?db=energy`, options);
      return (await answer.json()).results[0].series ?? [];
    };
    await query("CREATE DATABASE energy");
    const inModeC = () => send(encodeDataMessage("1.8.0(000123.4*kWh)\r\n!\r\n"));
    await using offered = servePty(() => signedOn(testMeter(), IDENTIFICATION));
    await using hdlc = serveTcp(() => station(testMeter()));
    await using wrapper = serveTcp(() => wrapped(testMeter()));
    await using unasked = serveTcp(() => signedOn(testMeter(), IDENTIFICATION, inModeC));
    const meter = (name: string, its: unknown) => ({ name, line: name, every: "2s", ...its as object });
    const password = { file: "password" };
    using folder = folderWith({
      lines: Object.fromEntries(
        Object.entries({ offered, hdlc, wrapper, unasked }).map(([name, { endpoint }]) => [name, { url: endpoint }]),
      ),
      meters: [
        meter("offered", { obis: WANTED, dlms: {} }),
        meter("hdlc", { mode: "E", registers: WANTED, password, dlms: { opening: "hdlc", client: 17 } }),
        meter("wrapper", {
          ...{ mode: "E", timestamp: "meter", expect: { "0-0:42.0.0": "OBI1234567890123" }, password },
          dlms: { opening: "wrapper", client: 20, auth: "sha1" },
        }),
        meter("unasked", { obis: ["1.8.0"] }),
      ],
      sinks: [
        { type: "csv", path: "readings.csv" },
        { type: "influxdb", url: server.url, database: "energy" },
      ],
      journal: { path: "journal.db", group_commit: "0s" },
    });
    await using daemon = startRun(folder.config);
    await until(() => `two readouts of each meter:\n${daemon.stderr.join("\n")}`, async () => {
      const counts = await query("SELECT count(value) FROM obis WHERE obis = '1-0:1.8.0*255' GROUP BY meter");
      return counts.length === 4 && counts.every(({ values }: { values: number[][] }) => values[0]![1]! >= 2) ||
        undefined;
    });
    daemon.kill("SIGTERM");
    assert.equal(await daemon.ended, 0);
    const rows = (await read(`${folder.path}/readings.csv`)).split("\r\n").map((line) => line.split(","));
    const said = (meter: string) =>
      new Set(
        rows.filter(([, name]) => name === meter).map((row) => [2, 6, 7].map((at) => row[at]).join(" ").trim()),
      );
    const energy = "1-0:1.8.0*255 1000000 Wh";
    for (const name of ["offered", "hdlc"]) {
      assert.deepEqual([...said(name)], [energy, "1-0:32.7.0*255 233.7 V"], name);
    }
    assert.deepEqual([...said("unasked")], ["1-0:1.8.0*255 000123.4 kWh"]);
    const all = [...said("wrapper")];
    assert.ok(all.includes(energy) && all.includes("0-0:1.0.0*255 2024-03-30T10:30:00+01:00"), all.join("\n"));
    const log = daemon.stderr.join("\n");
    assert.match(
      log,
      /unasked: it offers mode E \(DLMS\), but has no dlms: in the configuration: it is read in mode C/,
    );
    assert.match(log, /wrapper: timestamp: meter, but its clock shows 2024-03-30T09:30:00Z/);
    assert.equal(log.match(/offers mode E/g)!.length, 1, "said once");
  },
);

Deno.test("run: of a DLMS meter, a wrong password is sent once, a strange one delivers nothing, a refused code is told", async () => {
  let signedOnBy17 = 0;
  const counting = () => {
    const meter = testMeter();
    const wrong = meter.associations.map((its) =>
      its.client !== 17 ? its : {
        ...its,
        get credentials() {
          signedOnBy17++;
          return { mechanism: "low", password: new TextEncoder().encode("another") } as const;
        },
      }
    );
    return station({ ...meter, associations: wrong });
  };
  await using locking = serveTcp(counting);
  await using strange = serveTcp(() => station(testMeter()));
  const swappedClients = new Set<number>();
  const serve = (client: number) => {
    swappedClients.add(client);
    return new Server(testMeter(), client);
  };
  await using swapped = serveTcp(() => station(testMeter(), { serve }));
  await using refusing = serveTcp(() => station(testMeter()));
  const meter = (name: string, its: unknown) => ({ name, line: name, mode: "E", every: "1s", ...its as object });
  using folder = folderWith({
    lines: Object.fromEntries(
      Object.entries({ locking, strange, swapped, refusing }).map(([name, { endpoint }]) => [name, { url: endpoint }]),
    ),
    meters: [
      meter("locking", { password: { file: "password" }, dlms: { opening: "hdlc", client: 17 } }),
      meter("strange", { expect: { "0-0:42.0.0": "OBI99" }, obis: WANTED, dlms: { opening: "hdlc" } }),
      meter("swapped", {
        ...{ expect: { "0-0:42.0.0": "OBI99" }, obis: WANTED, password: { file: "password" } },
        dlms: { opening: "hdlc", client: 17 },
      }),
      meter("refusing", { obis: ["1.8.0", "1.8.9"], dlms: { opening: "hdlc" } }),
    ],
    sinks: [{ type: "csv", path: "readings.csv" }],
    journal: { path: "journal.db", group_commit: "0s" },
  });
  await using daemon = startRun(folder.config);
  await daemon.said(/locking: no reading: Its password is not sent: the meter has refused it, and might lock itself/);
  await daemon.said(/strange: no reading: another meter answers, nothing is delivered/);
  await daemon.said(/swapped: no reading: another meter answers, nothing is delivered/);
  await daemon.said(/refusing: it does not say 1-0:1\.8\.9\*255: the meter has no such object/);
  await until(
    "two readouts",
    async () => (await read(`${folder.path}/readings.csv`)).split(",refusing,").length > 2 || undefined,
  );
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended, 0);
  const log = daemon.stderr.join("\n");
  assert.match(log, /locking: no reading: The meter refuses the association: wrong password or key for client 17/);
  assert.ok(!/\b12345678\b/.test(log));
  assert.equal(log.match(/it does not say/g)!.length, 1, "told once");
  assert.ok(!/,(locking|strange|swapped),/.test(await read(`${folder.path}/readings.csv`)));
  assert.deepEqual([...swappedClients], [16], "it hears no password");
  assert.ok(signedOnBy17 < 8, `${signedOnBy17} looks at the password`); // a few for each association
});

Deno.test("run: keys and GMAC; killed at any moment, the daemon gives no message the number of an earlier one, and believes no old answer", async () => {
  const heard: number[] = [];
  let counter = countFrom(0x100);
  const ciphered = () => testMeter({ ciphering: { ...cipheringOf(0).meter, counter, heard: Math.max(-1, ...heard) } });
  await using meter = serveTcp(() => station(ciphered(), { serve: listening(ciphered, heard) }));
  const { encryption, authentication } = keys(0);
  using folder = folderWith({
    lines: { a: { url: meter.endpoint } },
    runtime_directory: "run",
    meters: [{
      ...{ name: "a", line: "a", mode: "E", every: "1s", obis: WANTED },
      dlms: {
        ...{ opening: "hdlc", client: 22, auth: "gmac", security: "both", client_title: CLIENT_TITLE.toHex() },
        ...{ encryption_key: { file: "ek" }, authentication_key: { env: "AK" } },
      },
    }],
    sinks: [{ type: "csv", path: "readings.csv" }],
    journal: { path: "journal.db", group_commit: "0s" },
  });
  Deno.writeTextFileSync(`${folder.path}/ek`, encryption.toHex());
  for (const more of [1, 6, 11]) {
    const before = heard.length;
    await using daemon = startRun(folder.config, { env: { AK: authentication.toHex() } });
    await until(() => `messages:\n${daemon.stderr.join("\n")}`, () => heard.length >= before + more || undefined);
    daemon.kill("SIGKILL");
    await daemon.ended;
    assert.ok(!/d0d1d2|00010203/i.test(daemon.stderr.join("\n")));
  }
  assert.deepEqual(heard, [...new Set(heard)].sort((one, other) => one - other));
  assert.ok(heard.at(-1)! > 200, "each start skips what the last one had reserved");
  assert.match(await read(`${folder.path}/readings.csv`), /,1-0:1\.8\.0\*255,0,1000000,1000000,Wh,/);
  counter = countFrom(0x100); // what the meter said long ago is said again
  await using restarted = startRun(folder.config, { env: { AK: authentication.toHex() } });
  await restarted.said(
    /a: no reading: .*: invocation counter \d+ after \d+: .*counts anew \(then: obisd forget 4D4D4D0000BC614E\)/,
  );
  const forget = (...args: string[]) => obisd("forget", ...args, "-c", folder.config);
  const listed = await forget();
  assert.match(listed.stdout, /^TITLE +LAST NUMBER\n4D4D4D0000BC614E +\d+\n$/, listed.stderr);
  const unasked = await forget("4D4D4D0000BC614E");
  assert.deepEqual([unasked.code, /say --yes if that is meant/.test(unasked.stderr)], [64, true]);
  const rowsBefore = (await read(`${folder.path}/readings.csv`)).length;
  counter = countFrom(0x100);
  const forgotten = await forget("4d4d4d0000bc614e", "--yes");
  assert.deepEqual([forgotten.code, forgotten.stderr], [0, ""]);
  await until(
    () => `a reading again:\n${restarted.stderr.join("\n")}`,
    async () => (await read(`${folder.path}/readings.csv`)).length > rowsBefore || undefined,
  );
});
