/**
 * The way of one reading, from the wire to a file, as `src/collector.ts` and `src/delivery.ts` go it all day long:
 * a meter says its telegram → a session hears it → it becomes readings → the journal keeps them → a sink writes them.
 */
import assert from "node:assert/strict";
import csv from "../sinks/csv/mod.ts";
import { toBytes } from "../src/iec62056/characters.ts";
import { readout } from "../src/iec62056/mod.ts";
import { openJournal } from "../src/journal.ts";
import { normalise } from "../src/normalise.ts";
import { converse } from "../src/session.ts";
import { parseCaptures, startSimulator } from "../src/simulator/mod.ts";
import { openTransport, parseEndpoint } from "../src/transport/mod.ts";
import { temporaryFolder } from "./support/readings.ts";

Deno.test("one reading: the digits that the meter says are the digits in the file", async () => {
  const { signal } = new AbortController();
  using folder = temporaryFolder();

  // A meter hangs on a wire.
  const captures = parseCaptures(toBytes("/ABC5METER\r\n1.8.0(0147238.40*kWh)\r\n!\r\n"));
  await using meter = await startSimulator({ meters: [{ captures }], listen: { tcp: "127.0.0.1:0" }, pacing: false });

  // session: a dialogue asks the meter, and brings home a telegram in the meter's own words.
  await using transport = await openTransport(parseEndpoint(meter.endpoint), { signal });
  const telegram = await converse(transport, readout(), { signal });
  assert.deepEqual(telegram.block.sets, [{ address: "1.8.0", values: [{ text: "0147238.40", unit: "kWh" }] }]);
  assert.equal(telegram.check.result, "good");

  // normalise: what it means, beside what it said.
  const readings = normalise(telegram, { meter: "flat-1", labels: { site: "north" } });
  const { obis, value, text, unit, name } = readings[0]!;
  assert.deepEqual([obis, value, text, unit], ["1-0:1.8.0*255", 147238.4, "0147238.40", "kWh"]);
  assert.equal(name, "active_energy_import_total");

  // journal: from here on a power cut loses nothing; each sink has a cursor of its own.
  await using journal = await openJournal({ path: `${folder.path}/journal.db`, sinks: ["csv"], maxBytes: 1e8 });
  await journal.append(readings);
  const batch = await journal.next("csv", signal);

  // sink: writes what the journal hands it, and the journal hears that it arrived.
  await using sink = await csv.open({ path: `${folder.path}/%Y.csv` }, journal.mark("csv"), signal);
  const mark = await sink.write(batch.readings, signal);
  journal.acknowledge("csv", batch, typeof mark === "string" ? { mark } : {});
  assert.equal(journal.books()[0]!.pending, 0);

  const { time } = readings[0]!;
  assert.equal(
    await Deno.readTextFile(`${folder.path}/${time.slice(0, 4)}.csv`),
    "time,meter,obis,address,index,value,text,unit,name,flags,labels\r\n" +
      `${time},flat-1,1-0:1.8.0*255,1.8.0,0,147238.4,0147238.40,kWh,active_energy_import_total,,"{""site"":""north""}"\r\n`,
  );
});
