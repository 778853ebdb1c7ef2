/** Each spelling of a meter's clock, and the real ones. @module */
import assert from "node:assert/strict";
import { decodeTelegrams } from "../src/iec62056/mod.ts";
import { meterTime } from "../src/meter_clock.ts";
import type { DataSet, Telegram } from "../src/telegram.ts";

const BERLIN = "Europe/Berlin";
const NEAR = Date.UTC(2024, 5, 1, 12, 30);

function telegram(...sets: [address: string, text: string][]): Telegram {
  const data = sets.map(([address, text]): DataSet => ({ address, values: [{ text }] }));
  return {
    mode: "C",
    block: { sets: data, damaged: [], complete: true },
    check: { kind: "bcc", result: "good" },
    atMs: 0,
    bytes: new Uint8Array(),
  };
}

const shown = (ms: number | undefined) => ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 19);

Deno.test("meterTime: time and date, in all spellings", () => {
  for (const time of ["143000", "14:30:00", "1143000", "14:30", "2123000"]) {
    const dates = ["240601", "1240601", "24-06-01", "24.06.01", "01.06.24", "2024-06-01", "20240601", "24/06/01"];
    for (const date of dates) {
      if (time[0] === "2" && date[0] === "1") continue; // two seasons
      const got = shown(meterTime(telegram(["0.9.1", time], ["0.9.2", date]), BERLIN, NEAR));
      assert.equal(got, "2024-06-01T12:30:00", `${time} ${date}`);
    }
  }
});

Deno.test("meterTime: both in one", () => {
  const spellings: [address: string, text: string][] = [
    ["0-0:1.0.0", "240601143000S"],
    ["0-0:1.0.0", "240601133000W"],
    ["0.9.4", "2406011430"],
    ["0.9.4", "12406011430"],
    ["1-0:0.9.4*255", "240601143000"],
    ["0.9.4", "1240601143000"],
    ["0.9.4", "2024-06-01 14:30:00"],
    ["0.9.4", "20240601143000"],
    ["9.36", "2024-06-01&14:30:00"],
    ["0-0:1.0.0*255", "2024-06-01T14:30:00"],
    ["0-0:1.0.0*255", "2024-06-01T14:30:00+02:00"],
    ["0-0:1.0.0*255", "2024-06-01T12:30:00Z"],
    ["0-0:1.0.0*255", "2024-06-01T09:00:00-03:30"],
    ["0-0:1.0.0*255", "2024-06-02T00:30:00+12:00"],
  ];
  for (const [address, text] of spellings) {
    assert.equal(shown(meterTime(telegram([address, text]), BERLIN, NEAR)), "2024-06-01T12:30:00", text);
  }
});

Deno.test("meterTime: none where there is none that can be read", () => {
  const none: [address: string, text: string][][] = [
    [],
    [["0.9.2", "240601"]],
    [["0.9.1", "253000"], ["0.9.2", "240601"]],
    [["0.9.1", "143000"], ["0.9.2", "000000"]],
    [["0.9.1", "143000"], ["0.9.2", "soon"]],
    [["0-0:1.0.0", "632525252525S"]],
    [["0-0:1.0.0", "0000000000"]],
    [["0-1:24.2.1", "240601143000S"]],
    [["7-0:1.0.0", "240601143000S"]],
    [["0.9.1*01", "143000"]],
    [["0.9.4", "2024-06-01"]],
    [["0.9.4", ""]],
  ];
  for (const sets of none) assert.equal(meterTime(telegram(...sets), BERLIN, NEAR), undefined, JSON.stringify(sets));
});

Deno.test("meterTime: a time without a date is of the nearest day", () => {
  const near = Date.UTC(2024, 5, 1, 22, 5); // 00:05 in Berlin
  assert.equal(shown(meterTime(telegram(["0.9.1", "000500"]), BERLIN, near)), "2024-06-01T22:05:00");
  assert.equal(shown(meterTime(telegram(["0.9.1", "235500"]), BERLIN, near)), "2024-06-01T21:55:00");
});

Deno.test("meterTime: the hour that comes twice, by the season or by our own time", () => {
  const [summer, winter] = [Date.UTC(2024, 9, 27, 0, 30), Date.UTC(2024, 9, 27, 1, 30)];
  const date: [string, string] = ["0.9.2", "241027"];
  for (const near of [summer, winter]) {
    assert.equal(meterTime(telegram(["0.9.1", "023000"], date), BERLIN, near), near);
    assert.equal(meterTime(telegram(["0.9.1", "1023000"], date), BERLIN, near), summer);
    assert.equal(meterTime(telegram(["0.9.1", "0023000"], date), BERLIN, near), winter);
    assert.equal(meterTime(telegram(["0-0:1.0.0", "241027023000S"]), BERLIN, near), summer);
  }
});

Deno.test("meterTime: a season says nothing in a zone without one", () => {
  for (const letter of "SW") {
    const got = meterTime(telegram(["0-0:1.0.0", `240601123000${letter}`]), "UTC", NEAR);
    assert.equal(shown(got), "2024-06-01T12:30:00");
  }
});

const CORPUS = new URL("../../shared/corpus/", import.meta.url);
const missing = !await Deno.stat(CORPUS).then(() => true, () => false);

Deno.test({
  name: "meterTime: the clocks of real meters",
  ignore: missing,
  async fn() {
    const clocks: Record<string, string> = {
      "006-siemens-2wr5-modeb": "2017-01-18T00:36:47",
      "010-iskraemeco-mt174-full-history": "2017-03-18T19:14:55",
      "053": "2015-07-01T17:29:59",
      "076-landisgyr-zmd310-slash-only-ident": "2024-11-29T13:50:51",
      "094-zpa-am363": "2026-01-30T20:11:56",
      "096-luna-lun-tr": "2019-05-10T08:29:08",
    };
    for await (const { name } of Deno.readDir(CORPUS)) {
      const [key, clock] = Object.entries(clocks).find(([key]) => name.startsWith(key)) ?? [];
      if (!key || !name.endsWith(".txt")) continue;
      const [first] = decodeTelegrams(await Deno.readFile(new URL(name, CORPUS)));
      assert.equal(shown(meterTime(first!, BERLIN, Date.parse(`${clock}Z`))), clock, name);
      delete clocks[key];
    }
    assert.deepEqual(clocks, {}, "each has its file");
  },
});
