/** The InfluxDB sink, against real servers and against one that answers what it is told. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import influxdb, { type InfluxOptions } from "../../sinks/influxdb/mod.ts";
import { Occurrences, toLine } from "../../sinks/influxdb/points.ts";
import { type Reading, SinkError, type SinkRemedy } from "../../src/sink.ts";
import { decodeTelegrams } from "../../src/iec62056/mod.ts";
import { normalise } from "../../src/normalise.ts";
import { isMissing, startInfluxd, startVictoria } from "../support/influx_servers.ts";
import { reading, readout, T0 } from "../support/readings.ts";

const idle = new AbortController().signal;
const common = { measurement: "obis", gzip: true };
const version2 = (url: string): InfluxOptions => ({ ...common, url, org: "home", bucket: "energy", token: () => "t" });

/** Readings that are hard to keep apart, or hard to write. */
const awkward: Reading[] = [
  reading({ address: "1.6.1", text: "3.2", unit: "kW" }),
  reading({ address: "1.6.1", index: 1, text: "2401011230", value: null, unit: "" }),
  reading({ address: "1.6.1", text: "3.3", unit: "kW" }),
  reading({ address: "1.6.1", index: 1, text: "2401011245", value: null, unit: "" }),
  reading({ address: "", obis: "", text: "", value: null, unit: "" }),
  reading({ address: "", obis: "", index: 1, text: 'a "b" \\ c,d=e\nnext', value: null, unit: "" }),
  reading({ address: "", obis: "", index: 2, text: "ends in \\", value: null, unit: "" }),
  reading({ address: "a b,c=d", obis: "", text: "1e300", value: null }),
  reading({ address: "back\\", obis: "", text: "9".repeat(400), value: null }),
  reading({ address: "back\\,slash\\ es\\", obis: "", text: "0.0000001" }),
  reading({ address: "x", labels: { site: "north, wing=2", room: "Küche\\" }, text: "123456789012345678901" }),
  reading({ address: "x", meter: "m² = ½", text: "-0.5", unit: "m³" }),
];

/** A server that answers the requests in turn, the last answer for ever. */
function answering(...answers: (Response | (() => Response))[]) {
  const requests: { url: URL; headers: Headers; body: string }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const stream = request.headers.get("content-encoding") === "gzip"
      ? request.body!.pipeThrough(new DecompressionStream("gzip"))
      : request.body!;
    requests.push({ url: new URL(request.url), headers: request.headers, body: await new Response(stream).text() });
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
    return typeof answer === "function" ? answer() : answer.clone();
  });
  const url = `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}`;
  return { url, requests, [Symbol.asyncDispose]: () => server.shutdown() };
}

async function remedyOf(written: Promise<unknown>): Promise<SinkRemedy> {
  const error = await written.then(() => assert.fail("was taken"), (error) => error);
  assert(error instanceof SinkError, String(error));
  return error.remedy;
}

Deno.test("toLine: tags that say something, one field, the time in ms", () => {
  const line = (its: Partial<Reading>, occurrence = 1) => toLine(reading(its), { measurement: "obis", occurrence });
  const usual = "obis,address=1.8.0,meter=flat-1,obis=1-0:1.8.0*255,unit=kWh";
  assert.equal(line({}), `${usual} value=147238.4 ${T0}`);
  assert.equal(
    line({ index: 1 }, 2),
    `obis,address=1.8.0,index=1,meter=flat-1,obis=1-0:1.8.0*255,occurrence=2,unit=kWh value=147238.4 ${T0}`,
  );
  assert.equal(line({ value: null, text: "", unit: "", obis: "" }), `obis,address=1.8.0,meter=flat-1 text="" ${T0}`);
  assert.equal(line({ value: Infinity, text: "9e999" }), `${usual} text="9e999" ${T0}`);
});

Deno.test("Occurrences: counted within a readout, and kept when the batch comes in halves", () => {
  const batch = [...awkward.slice(0, 4), ...awkward.slice(0, 4).map((its) => ({ ...its, meter: "flat-2" }))];
  const occurrences = new Occurrences();
  occurrences.count(batch);
  assert.deepEqual(batch.map((its) => occurrences.of(its)), [1, 1, 2, 2, 1, 1, 2, 2]);
  occurrences.count(batch.slice(2));
  assert.equal(occurrences.of(batch[2]!), 2);
});

Deno.test("influxdb options: exactly one of the two kinds, complete", () => {
  const url = "http://127.0.0.1:8086";
  const token = { env: "HOME" };
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ url }, /org, bucket and token; InfluxDB 1 needs database/],
    [{ url, org: "o", token }, /bucket missing/],
    [{ url, org: "o", bucket: "b", token, database: "d" }, /exclude each other/],
    [{ url, username: "u" }, /database missing/],
    [{ url, database: "d", password: token }, /password without username/],
    [{ url: "127.0.0.1:8086", database: "d" }, /an address like http/],
    [{ url: "http://u:p@127.0.0.1:8086", database: "d" }, /options of their own/],
    [{ url, org: "o", bucket: "b", token: "secret" }, /a secret does not stand in the configuration/],
  ];
  for (const [options, message] of wrong) {
    assert.match(String(influxdb.options.safeParse(options).error?.message), message);
  }
  for (
    const options of [{ url, database: "d" }, { url, database: "d", username: "u", password: token }, {
      url,
      org: "o",
      bucket: "b",
      token,
    }]
  ) {
    assert.equal(influxdb.options.safeParse(options).success, true);
  }
});

Deno.test("influxdb: the request of each version, secrets read anew each time", async () => {
  await using server = answering(new Response(null, { status: 204 }));
  let token = "old";
  await using two = await influxdb.open({ ...version2(`${server.url}/proxy/`), token: () => token }, undefined, idle);
  await two.write(readout(1), idle);
  token = "new";
  await two.write(readout(2, 100), idle);
  const password = () => "p:w";
  await using one = await influxdb.open(
    { ...common, url: server.url, database: "d&b", username: "ü", password },
    undefined,
    idle,
  );
  await one.write(readout(3), idle);
  assert.deepEqual(
    server.requests.map(({ url, headers }) => [url.pathname + url.search, headers.get("authorization")]),
    [
      ["/proxy/api/v2/write?org=home&bucket=energy&precision=ms", "Token old"],
      ["/proxy/api/v2/write?org=home&bucket=energy&precision=ms", "Token new"],
      ["/write?db=d%26b&precision=ms", "Basic w7w6cDp3"],
    ],
  );
  assert.deepEqual(server.requests.map(({ headers }) => headers.get("content-encoding")), [null, "gzip", null]);
  assert.deepEqual(server.requests.map(({ body }) => body.split("\n").length), [3, 100, 3]);
});

Deno.test("influxdb: what follows from an answer", async () => {
  const data = (...numbers: number[]) =>
    JSON.stringify({
      error: "partial write",
      data: numbers.map((line_number) => ({ line_number, error_message: "bad" })),
    });
  const table: [number, string, Record<string, string>, SinkRemedy][] = [
    ...[408, 425, 500, 502, 504].map((status) =>
      [status, "", {}, { kind: "retry" }] as [number, string, Record<string, string>, SinkRemedy]
    ),
    [429, "", { "retry-after": "30" }, { kind: "retry", afterMs: 30_000 }],
    [503, "", { "retry-after": "0" }, { kind: "retry" }],
    [503, "", {}, { kind: "retry" }],
    [401, "", {}, { kind: "retry", blocked: "auth" }],
    [403, "", {}, { kind: "retry", blocked: "auth" }],
    [404, "no such bucket", {}, { kind: "retry", blocked: "target" }],
    [405, "", {}, { kind: "retry", blocked: "config" }],
    [415, "", {}, { kind: "retry", blocked: "config" }],
    [302, "", { location: "/elsewhere" }, { kind: "retry", blocked: "config" }],
    [200, "<html>a portal</html>", {}, { kind: "retry", blocked: "config" }],
    [413, "", {}, { kind: "split" }],
    [400, '{"error":"partial write: field type conflict dropped=1"}', {}, { kind: "split" }],
    [422, '{"message":"points beyond retention policy"}', {}, { kind: "split" }],
    [500, '{"message":"partial write: points beyond retention"}', {}, { kind: "split" }],
    [400, data(1, 3), {}, { kind: "reject", indices: [0, 2], others: "again" }],
    [400, '{"error":"x","data":{"line_number":2,"error_message":"bad"}}', {}, {
      ...{ kind: "reject", indices: [1], others: "again" },
    }],
    [400, data(4), {}, { kind: "split" }],
    [400, data(), {}, { kind: "split" }],
    [422, '{"data":{"line_number":{"toString":1}}}', {}, { kind: "split" }],
  ];
  for (const [status, body, headers, remedy] of table) {
    await using server = answering(new Response(body, { status, headers }));
    await using sink = await influxdb.open(version2(server.url), undefined, idle);
    assert.deepEqual(await remedyOf(sink.write(readout(1), idle)), remedy, `${status} ${body}`);
  }
});

Deno.test("influxdb: Retry-After may be a date", async () => {
  const inAMinute = () =>
    new Response(null, { status: 503, headers: { "retry-after": new Date(Date.now() + 60_000).toUTCString() } });
  await using server = answering(inAMinute);
  await using sink = await influxdb.open(version2(server.url), undefined, idle);
  const remedy = await remedyOf(sink.write(readout(1), idle));
  assert(remedy.kind === "retry" && remedy.afterMs! > 50_000 && remedy.afterMs! <= 60_000, JSON.stringify(remedy));
});

Deno.test("influxdb: nobody listens, a secret that is gone: kept; an abort ends a request", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  const nobody = `http://127.0.0.1:${listener.addr.port}`;
  await using gone = await influxdb.open(version2(nobody), undefined, idle);
  assert.deepEqual(await remedyOf(gone.write(readout(1), idle)), { kind: "retry" });
  await assert.rejects(
    gone.write(readout(1), idle),
    new RegExp(`^SinkError: Cannot reach ${nobody}: [^/]*Connection refused[^/]*$`),
  );
  const token = () => {
    throw new Error("credential influx-token does not exist");
  };
  await using locked = await influxdb.open({ ...version2("http://127.0.0.1:1"), token }, undefined, idle);
  assert.deepEqual(await remedyOf(locked.write(readout(1), idle)), { kind: "retry", blocked: "auth" });
  await using odd = await influxdb.open(
    { ...version2("http://127.0.0.1:1"), token: () => "s€cr\net" },
    undefined,
    idle,
  );
  await assert.rejects(odd.write(readout(1), idle), (error: Error) => {
    assert(error instanceof SinkError && error.remedy.kind === "retry");
    assert.doesNotMatch(error.message, /cr/, "the secret is in no error");
    return true;
  });
  const reason = new SinkError("too slow", { kind: "retry" });
  await assert.rejects(gone.write(readout(1), AbortSignal.abort(reason)), reason);
});

Deno.test(
  "influxdb: InfluxDB 1 keeps each reading as a point of its own",
  { ignore: isMissing("influxd") },
  async () => {
    await using server = await startInfluxd();
    const query = async (q: string) => {
      const answer = await fetch(`${server.url}/query?db=energy&epoch=ms`, {
        method: "POST",
        body: new URLSearchParams({ q }),
      });
      return (await answer.json()).results[0].series?.[0] as { columns: string[]; values: unknown[][] } | undefined;
    };
    await using sink = await influxdb.open({ ...common, url: server.url, database: "energy" }, undefined, idle);
    assert.deepEqual(
      await remedyOf(sink.write(awkward, idle)),
      { kind: "retry", blocked: "target" },
      "no such database",
    );
    await query("CREATE DATABASE energy");
    await sink.write(awkward, idle);
    await sink.write(awkward, idle); // again: the same points

    const { columns, values } = (await query("SELECT * FROM obis"))!;
    const rows = values.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]])));
    assert.equal(rows.length, awkward.length);
    const sent = awkward.map(({ value, text }) => JSON.stringify(value ?? text)).sort();
    assert.deepEqual(rows.map(({ value, text }) => JSON.stringify(value ?? text)).sort(), sent);
    const tags = (its: Record<string, unknown>, name: string) => its[name] ?? "";
    const addresses = awkward.map(({ address }) => address.replaceAll("\\", "＼")).sort();
    assert.deepEqual(rows.map((row) => tags(row, "address")).sort(), addresses);
    const label = rows.find(({ site }) => site !== null)!;
    assert.deepEqual([label["site"], label["room"], label["time"]], ["north, wing=2", "Küche＼", T0]);

    const conflict = reading({ address: "new" });
    await query(`DROP MEASUREMENT obis`);
    await fetch(`${server.url}/write?db=energy&precision=ms`, {
      method: "POST",
      body: `obis,meter=x value="text" ${T0}`,
    });
    assert.deepEqual(await remedyOf(sink.write([conflict, reading({ value: null, text: "good" })], idle)), {
      kind: "split",
    });
  },
);

Deno.test("influxdb: the API of InfluxDB 2 keeps each number", { ignore: isMissing("victoria-metrics") }, async () => {
  await using server = await startVictoria();
  await using sink = await influxdb.open(version2(server.url), undefined, idle);
  const numbers = awkward.filter(({ value }) => value !== null);
  await sink.write([...numbers, ...readout(7, 100)], idle);
  await (await fetch(`${server.url}/internal/force_flush`)).body?.cancel();
  const exported = await (await fetch(`${server.url}/api/v1/export?match[]=obis_value`)).text();
  const series = exported.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(series.length, numbers.length + 100);
  assert(series.every(({ timestamps }) => timestamps.length === 1));
  const values = series.map(({ values }) => values[0]).sort();
  assert.deepEqual(values, [...numbers, ...readout(7, 100)].map(({ value }) => value).sort());
});

const CORPUS = new URL("../../../shared/corpus/", import.meta.url);
const noCorpus = !existsSync(CORPUS);

/** All readings of a captured file; each telegram is a readout of its own, a second later than the one before. */
async function readingsOf(name: string): Promise<Reading[]> {
  const telegrams = decodeTelegrams(await Deno.readFile(new URL(name, CORPUS)));
  return telegrams.flatMap((telegram, at) => normalise({ ...telegram, atMs: T0 + at * 1000 }, { meter: name }));
}

Deno.test("influxdb: every telegram of the corpus gives as many points as readings", {
  ignore: isMissing("influxd") || noCorpus,
}, async () => {
  await using server = await startInfluxd();
  const query = (q: string) =>
    fetch(`${server.url}/query?db=corpus&epoch=ms`, { method: "POST", body: new URLSearchParams({ q }) }).then((its) =>
      its.json()
    );
  await query("CREATE DATABASE corpus");
  await using sink = await influxdb.open({ ...common, url: server.url, database: "corpus" }, undefined, idle);
  const expected = new Map<string, string[]>();
  for (const { name } of Deno.readDirSync(CORPUS)) {
    if (!name.endsWith(".txt")) continue;
    const readings = await readingsOf(name);
    if (readings.length === 0) continue;
    await sink.write(readings, idle);
    expected.set(name, readings.map(({ value, text }) => JSON.stringify(value ?? text)).sort());
  }
  const { series } = (await query("SELECT value, text FROM obis GROUP BY meter")).results[0];
  const found = new Map<string, string[]>(series.map((its: { tags: { meter: string }; values: unknown[][] }) => [
    its.tags.meter,
    its.values.map(([_time, value, text]) => JSON.stringify(value ?? text)).sort(),
  ]));
  assert(expected.size > 50);
  for (const [name, points] of expected) assert.deepEqual(found.get(name), points, name);
});
