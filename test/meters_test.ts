/** Makers' habits as data: every file of config/meters/, what it says, and what becomes of it. */
import assert from "node:assert/strict";
import { parseMeterTypes, readMeterTypes } from "../src/config/meter_types.ts";
import { ConfigError } from "../src/errors.ts";
import { decodeTelegrams, modeOf, parseIdentification, presentationOf, toText } from "../src/iec62056/mod.ts";
import { METER_TYPES, meterTypeOf } from "../src/meters/mod.ts";
import { normalise } from "../src/normalise.ts";
import { corpus, exchange, hasCorpus, hasExchanges } from "./support/specs.ts";

const P1 = { push: { baud: 115200, dataBits: 8, parity: "none" } };

/** By file: telegrams of the corpus and exchanges (`x001`) that it is about, and what it changes. */
const TYPES: Record<string, { readonly of: string; readonly says?: object }> = {
  "aidon-7534": { of: "042", says: P1 },
  "apator-norax30": { of: "", says: { manners: { option: "2" } } },
  "easymeter-q3d": { of: "028 045 046 085" },
  "elster-a1700": { of: "", says: { access: "elster-a1700" } },
  "elster-as1440": { of: "093 x007", says: { registers: { command: "R5" } } },
  "emh-ehz": { of: "011" },
  "emh-lzqj": {
    of: "020 x014",
    says: { registers: { command: "R5" }, profile: { address: "P.01", intervalMs: 900_000, stamp: 13 } },
  },
  "energomera-ce": { of: "x002 x003", says: { bcc: "sum7", registers: { command: "R1" } } },
  "energomera-packet": { of: "", says: { bcc: "sum7", registers: { command: "R1", packet: true } } },
  "fluvius": { of: "044 054", says: P1 },
  "hager-ehz": { of: "001 029" },
  "iskra-am550": { of: "031 032 049 050 055", says: P1 },
  "iskra-me162": { of: "081 x001", says: { registers: { command: "R1" } } },
  "iskra-mt174": { of: "010 x006", says: { manners: { wakeUp: { nuls: 40, pauseMs: 1500 } } } },
  "iskra-mt382": { of: "033 034 035 036 057", says: { push: { baud: 9600 } } },
  "itron-ace3000": { of: "004 008 x009" },
  "itron-em214": { of: "009 x008", says: { mode: "A" } },
  "kaifa-ma105": { of: "037", says: P1 },
  "kamstrup-162": { of: "038", says: { push: { baud: 9600 } } },
  "kamstrup-multical": {
    of: "039",
    says: { bcc: "sum7", manners: { wakeUp: { nuls: 21, pauseMs: 1500 } }, line: { stopBits: 2 } },
  },
  "kamstrup-omnipower": { of: "052", says: P1 },
  "kohler-ael": { of: "" },
  "landisgyr-p1": { of: "040 053", says: P1 },
  "landisgyr-ultraheat": {
    of: "059 060 061 062",
    says: { codes: "heat", manners: { wakeUp: { nuls: 40, pauseMs: 1500 }, dataBaud: 2400 } },
  },
  "landisgyr-zxd": { of: "003 005" },
  "luna-lun": { of: "" },
  "makel-c500": { of: "" },
  "metcom-mcs301": {
    of: "x011 x012",
    says: { registers: { command: "R5" }, profile: { address: "P.01", intervalMs: 900_000, stamp: 13 } },
  },
  "nwa-warmtelink": { of: "043" },
  "sagemcom-p1": { of: "048", says: P1 },
  "sagemcom-steiermark": { of: "047", says: P1 },
  "sagemcom-t210": { of: "030", says: P1 },
  "schlumberger-dc3": { of: "x019" },
  "sensus-heat": { of: "", says: { codes: "heat" } },
  "siemens-2wr5": { of: "006 x010", says: { codes: "heat" } },
  "siemens-td3511": { of: "" },
  "smarty": { of: "051", says: P1 },
  "taipit-neva": { of: "x004", says: { registers: { command: "R1", bareErrors: true } } },
  "viko-vemm": { of: "" },
  "ziv-5cta3": { of: "041 058", says: P1 },
  "zpa-am363": { of: "094 x005" },
};

const identified = (line: string) => parseIdentification(line)!;

Deno.test("METER_TYPES: is what the files say, and each file has its line here", async () => {
  assert.deepEqual(METER_TYPES, await readMeterTypes(new URL("../config/meters/", import.meta.url).pathname));
  assert.deepEqual(METER_TYPES.map(({ id }) => id), Object.keys(TYPES).sort());
  for (const { id, name: _, identifications: _patterns, readout: _size, ...says } of METER_TYPES) {
    assert.deepEqual(says, TYPES[id]!.says ?? {}, id);
  }
});

Deno.test("meterTypeOf: every meter of the corpus leads to its file", { ignore: !hasCorpus }, () => {
  const found: Record<string, string> = {};
  for (const { name, bytes } of corpus()) {
    for (const { identification } of decodeTelegrams(bytes)) {
      const type = identification && meterTypeOf(identification);
      if (identification) assert.ok(type, `${name}: ${identification.line} has no file`);
      if (type) found[name.slice(0, 3)] = type.id;
    }
  }
  for (const [number, id] of Object.entries(found)) {
    assert.ok(TYPES[id]!.of.split(" ").includes(number) || ["002", "056"].includes(number), `${number} led to ${id}`);
  }
  for (const [id, { of }] of Object.entries(TYPES)) {
    for (const number of of.split(" ").filter((number) => /^\d/.test(number))) assert.equal(found[number], id, number);
  }
});

Deno.test("meterTypeOf: every meter of the exchanges leads to its file", { ignore: !hasExchanges }, () => {
  for (const [id, { of }] of Object.entries(TYPES)) {
    for (const number of of.split(" ").filter((number) => number.startsWith("x"))) {
      const lines = exchange(number.slice(1)).filter(({ direction }) => direction === "<")
        .map(({ bytes }) => identified(/\/[A-Za-z]{3}[^\r\n]*/.exec(toText(bytes))?.[0] ?? "")).filter((line) => line);
      assert.ok(lines.length > 0, number);
      for (const line of lines) assert.equal(meterTypeOf(line)?.id, id, line.line);
    }
  }
});

Deno.test("meterTypeOf: either case of the maker, the pattern that says more, nobody's meter", () => {
  const of = (line: string) => meterTypeOf(identified(line))?.id;
  assert.deepEqual([of("/iSk5MT174-0001"), of("/ISK5ME162-0033")], ["iskra-mt174", "iskra-me162"]);
  assert.deepEqual([of("/KAM5"), of("/KAM5MC")], ["kamstrup-omnipower", "kamstrup-multical"]);
  assert.deepEqual([of("/ISk5\x02MT382-1000"), of("/ABC5METER"), of("/ISk5mt174")], [
    "iskra-mt382",
    undefined,
    undefined,
  ]);
});

Deno.test(
  "a type's habits reach those who need them: mode, check character, challenge, codes",
  { ignore: !hasCorpus },
  () => {
    assert.equal(modeOf(identified("/ITR5EM214")), "A");
    assert.equal(decodeTelegrams(corpus().find(({ name }) => name.startsWith("039"))!.bytes)[0]!.check.result, "good");
    const asked = { identification: identified("/GEC5A1700"), seed: "0102030405060708" };
    assert.deepEqual(presentationOf("12345678", asked), { name: "P2", operand: "6090C0F0205080B0" });
    const [heat] = decodeTelegrams(Uint8Array.from("/SPX5X\r\n6.6(17*kW)\r\n!\r\n", (letter) => letter.charCodeAt(0)));
    assert.equal(normalise(heat!)[0]!.obis, "6-0:6.6.0*255");
  },
);

Deno.test("parseMeterTypes: every fault of every file, where it stands", () => {
  const bad = 'name: X\nidentifications: ["XYZ*"]\nbcc: crc\nregister: { command: R1 }\nprofile: { interval: 15 }\n';
  const other = 'name: Y\nidentifications: ["/XYZ5Y*"]\n';
  const claims = 'name: Z\nidentifications: ["/XYZ*"]\nseen: ["/XYZ5Z1", "/XYZ5Y1", "/ABC5"]\n';
  const files = [["config/meters/x.yaml", bad], ["config/meters/y.yaml", other], [
    "config/meters/z.yaml",
    claims,
  ]] as const;
  assert.throws(() => parseMeterTypes(files), (error) => {
    assert.ok(error instanceof ConfigError);
    const said = error.message.split("\n");
    assert.match(said[0]!, /^config\/meters\/x\.yaml:4:1: register: unknown option, did you mean registers\?/);
    assert.match(
      said[1]!,
      /^config\/meters\/x\.yaml:2:19: identifications\[0\]: a pattern begins as an identification/,
    );
    assert.match(said[2]!, /^config\/meters\/x\.yaml:3:6: bcc: found "crc", allowed are xor, sum7/);
    assert.match(said[3]!, /^config\/meters\/x\.yaml:5:23: profile\.interval: .*a unit is missing|found the number 15/);
    assert.match(said[4]!, /^config\/meters\/z\.yaml:3:19: seen\[1\]: .*config\/meters\/y\.yaml claims it/);
    assert.match(said[5]!, /^config\/meters\/z\.yaml:3:30: seen\[2\]: .*no pattern of identifications fits it/);
    assert.equal(said.length, 6);
    return true;
  });
});
