import assert from "node:assert/strict";
import {
  formatProfileRequest,
  formatStamp,
  instantOf,
  parseDataBlock,
  parseLogBook,
  parseProfile,
  parseStamp,
  type Profile,
  type StampForm,
  toText,
  zoneOf,
} from "../../src/iec62056/mod.ts";
import { exchange, fromHex, hasExchanges, hasVectors, vectors } from "../support/specs.ts";

const berlin = zoneOf("Europe/Berlin");
const utc = zoneOf("UTC");
const blockOf = (name: string) => toText(fromHex(vectors().get(name)!.hex).subarray(1, -2));
const profileOf = (text: string, zone = berlin) => parseProfile(parseDataBlock(text).sets, zone);
/** `08:15Z 0.504 power-failure partial`. */
const shown = ({ rows }: Profile) =>
  rows.map(({ endMs, values, flags }) =>
    [new Date(endMs).toISOString().slice(11, 16) + "Z", values[0]!.text, ...flags].join(" ")
  );
const ends = (profile: Profile) => shown(profile).map((row) => row.slice(0, 6)).join(" ");
const at = (iso: string) => Date.parse(iso);
const ignore = !hasVectors;

Deno.test("parseProfile: two channels, summer", { ignore }, () => {
  const profile = profileOf(blockOf("profile-2ch"));
  assert.deepEqual(shown(profile), ["22:15Z 0.120", "22:30Z 0.124", "22:45Z 0.131", "23:00Z 0.128"]);
  assert.deepEqual(profile.rows[0]!.channels, [{ address: "1-1:1.5", unit: "kW" }, { address: "1-1:2.5", unit: "kW" }]);
  assert.deepEqual(profile.rows[2]!.values.map(({ text }) => text), ["0.131", "0.004"]);
  assert.deepEqual(profile.rows[0]!.startMs, at("2024-05-31T22:00Z"));
  assert.deepEqual([profile.gaps, profile.damaged], [[], []]);
});

Deno.test("parseProfile: a power failure leaves a gap, and partial intervals beside it", { ignore }, () => {
  const profile = profileOf(blockOf("profile-gap"));
  assert.deepEqual(shown(profile), [
    "08:00Z 0.500",
    "08:15Z 0.504",
    "08:30Z 0.110 power-failure partial",
    "09:45Z 0.470 power-return partial",
    "10:00Z 0.468",
  ]);
  assert.deepEqual(profile.gaps, [{ fromMs: at("2024-06-01T08:30Z"), toMs: at("2024-06-01T09:30Z"), missing: 4 }]);
});

Deno.test("parseProfile: both nights of the clock are continuous in UTC", { ignore }, () => {
  const spring = profileOf(blockOf("profile-dst-spring"));
  assert.deepEqual(shown(spring), ["00:30Z 0.100", "00:45Z 0.101", "01:00Z 0.102 season-change", "01:15Z 0.103"]);
  const autumn = profileOf(blockOf("profile-dst-autumn"));
  assert.equal(ends(autumn), "00:30Z 00:45Z 01:00Z 01:15Z 01:30Z");
  assert.deepEqual([...spring.gaps, ...autumn.gaps], []);
});

Deno.test("parseProfile: without season digits the order tells the two passes of the repeated hour apart", () => {
  const header = (stamp: string) => `P.01(${stamp})(00)(15)(1)(1.5)(kW)\r\n`;
  const text = `${header("241027024500")}(1)\r\n(2)\r\n${header("241027021500")}(3)\r\n(4)\r\n`;
  assert.equal(ends(profileOf(text)), "00:45Z 01:00Z 01:15Z 01:30Z");
  const through = profileOf(`${header("241027014500")}${"(1)\r\n".repeat(10)}`);
  assert.equal(
    ends(through),
    "23:45Z 00:00Z 00:15Z 00:30Z 00:45Z 01:00Z 01:15Z 01:30Z 01:45Z 02:00Z",
    "or no header at all",
  );
});

Deno.test("parseProfile: a day has 96 rows, 92 and 100 in the nights of the clock", () => {
  for (const [day, rows] of [["240601", 96], ["240331", 92], ["241027", 100]] as const) {
    const text = `P.01(${day}001500)(00)(15)(1)(1.5)(kW)\r\n${"(1)\r\n".repeat(rows)}`;
    const last = profileOf(text).rows.at(-1)!.endMs;
    assert.equal(formatStamp(last, berlin, 12).slice(6), "000000", day);
  }
});

Deno.test("parseProfile: partial blocks joined, a row broken over lines, the header in every row", { ignore }, () => {
  const joined = profileOf(blockOf("block-1-eot") + blockOf("block-2-etx"));
  assert.deepEqual(shown(joined), ["22:15Z 0.120", "22:30Z 0.124", "22:45Z 0.131", "23:00Z 0.128"]);
  const head = "P.01(1240601001500)(00000000)(15)(2)(1.5)(kW)(2.5)(kW)";
  assert.deepEqual(profileOf(`${head}\r\n(1)\r\n(2)\r\n(3)\r\n(4)`).rows.map(({ values }) => values.length), [2, 2]);
  const everyRow = [`${head}(1)(2)`, `${head.replace("0015", "0030")}(3)(4)`].join("\r\n");
  assert.deepEqual(shown(profileOf(everyRow)), ["22:15Z 1", "22:30Z 3"]);
});

Deno.test("parseProfile: what breaks off or cannot be read is told, the rest is there", () => {
  const head = "P.01(1240601001500)(00)(15)(2)(1.5)(kW)(2.5)(kW)\r\n";
  const cut = profileOf(`${head}(1)(2)\r\n(3)`);
  assert.deepEqual([shown(cut), cut.damaged.length], [["22:15Z 1"], 1]);
  const lost = profileOf(`P.01(0000000000)(00)(15)(1)(1.5)(kW)\r\n(1)\r\n${head}(1)(2)\r\n`);
  assert.deepEqual([shown(lost), lost.damaged], [["22:15Z 1"], ["the header of P.01 cannot be read"]]);
});

Deno.test("parseProfile: clocks that were set", () => {
  const head = (stamp: string, status = "00") => `P.01(${stamp})(${status})(15)(1)(1.5)(kW)\r\n`;
  const ahead = profileOf(`${head("1240601001500")}(1)\r\n${head("1240601003200", "20")}(2)\r\n(3)\r\n`);
  assert.deepEqual(shown(ahead), ["22:15Z 1", "22:32Z 2 clock-set partial", "22:47Z 3"]);
  assert.deepEqual([ahead.rows[1]!.startMs, ahead.gaps], [at("2024-05-31T22:15Z"), []]);
  const far = profileOf(`${head("1240601001500")}(1)\r\n${head("1240601010000", "20")}(2)\r\n`);
  assert.deepEqual(far.gaps.map(({ missing }) => missing), [2]);
  const back = profileOf(`${head("1240601001500")}(1)\r\n(2)\r\n${head("1240601003000", "20")}(3)\r\n(4)\r\n`);
  assert.deepEqual(shown(back), ["22:15Z 1", "22:30Z 3 clock-set overlap", "22:45Z 4"], "the later row holds");
});

Deno.test("parseProfile: daily values end at midnight, whatever the clock does", () => {
  const text = "P.02(1241026000000)(00)(1440)(1)(1.8.0)(kWh)\r\n(1)\r\n(2)\r\n(3)\r\n";
  const { rows } = profileOf(text);
  assert.deepEqual(rows.map(({ endMs }) => new Date(endMs).toISOString()), [
    "2024-10-25T22:00:00.000Z",
    "2024-10-26T22:00:00.000Z",
    "2024-10-27T23:00:00.000Z",
  ]);
});

Deno.test("parseProfile: MetCom's six channels, whose bit 08 stands all summer", { ignore: !hasExchanges }, () => {
  const answer = exchange("011").map(({ bytes }) => toText(bytes)).find((text) => text.startsWith("\x02"))!;
  const profile = profileOf(answer.slice(1, -1), zoneOf("Europe/Moscow"));
  assert.deepEqual([profile.rows.length, profile.rows[0]!.channels.length, profile.damaged], [4, 6, []]);
  assert.deepEqual(profile.rows.flatMap(({ flags }) => flags), []);
});

Deno.test("parseLogBook: clock set, power failure, power return", { ignore }, () => {
  const { entries, damaged } = parseLogBook(parseDataBlock(blockOf("logbook-p98")).sets, berlin);
  assert.deepEqual(entries.map(({ atMs, flags }) => [new Date(atMs).toISOString().slice(0, 19), ...flags]), [
    ["2024-06-01T06:30:15", "clock-set", "before-clock-set"],
    ["2024-06-02T01:15:00", "power-failure"],
    ["2024-06-02T01:27:42", "power-return"],
  ]);
  assert.deepEqual(entries[0]!.values, [
    { address: "0.9.1", unit: "", text: "1083100" },
    { address: "0.9.2", unit: "", text: "1240601" },
  ]);
  assert.deepEqual(damaged, []);
});

Deno.test("parseLogBook: MetCom's codes of events", { ignore: !hasExchanges }, () => {
  const answer = exchange("012").map(({ bytes }) => toText(bytes)).find((text) => text.startsWith("\x02"))!;
  const { entries, damaged } = parseLogBook(parseDataBlock(answer.slice(1, -1)).sets, utc);
  assert.deepEqual([entries.length, damaged], [6, []]);
  assert.deepEqual(entries.map(({ values }) => values[0]!.text), ["1", "2", "4", "5", "1", "2"]);
});

Deno.test("formatProfileRequest: the vectors", { ignore }, () => {
  const range = { fromMs: at("2024-05-31T22:00Z"), toMs: at("2024-05-31T23:00Z") };
  const requests: [string, string][] = [
    ["r5-p01-range", formatProfileRequest("P.01", range, { zone: berlin })],
    ["r6-p01-8", formatProfileRequest("P.01", { ...range, rows: 8 }, { zone: berlin })],
    ["r5-p01-open", formatProfileRequest("P.01", {}, { zone: berlin })],
    ["r5-p01-from", formatProfileRequest("P.01", { fromMs: range.fromMs }, { zone: berlin })],
    ["r5-p98", formatProfileRequest("P.98", { ...range, toMs: at("2024-06-01T22:00Z") }, { zone: berlin })],
  ];
  for (const [name, data] of requests) {
    assert.equal(data, blockOf(name).slice(3), name);
  }
  const short = formatProfileRequest("P.01", range, { zone: berlin, form: 11 }).split(";");
  assert.deepEqual(short, ["P.01(12406010000", "12406010100)"]);
});

Deno.test("parseStamp, formatStamp, instantOf: every form both ways", () => {
  const summer = at("2024-06-01T12:30:00Z");
  for (
    const [form, text] of [[10, "2406011430"], [11, "12406011430"], [12, "240601143000"], [
      13,
      "1240601143000",
    ]] as const
  ) {
    assert.equal(formatStamp(summer, berlin, form as StampForm), text);
    assert.equal(instantOf(parseStamp(text)!, berlin), summer, text);
  }
  assert.equal(instantOf(parseStamp("2240601143000")!, berlin), at("2024-06-01T14:30:00Z"), "season 2 is UTC");
  assert.equal(
    instantOf(parseStamp("0240601143000")!, berlin),
    at("2024-06-01T13:30:00Z"),
    "a meter without summer time",
  );
  assert.equal(instantOf(parseStamp("240531240000")!, utc), at("2024-06-01T00:00:00Z"));
  for (const text of ["0000000000", "240631143000", "240601246000", "2406011", "", "123456"]) {
    assert.equal(parseStamp(text), undefined, text);
  }
});
